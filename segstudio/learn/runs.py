"""Training on a whole project; command line and window both come here."""

import contextlib
import threading
from dataclasses import replace

from segstudio.errors import SegStudioError
from segstudio.learn import events
from segstudio.learn.request import TrainRequest, TrainSettings
from segstudio.learn.training import Emit, fit
from segstudio.storage.project import Project


def train_project(
    project: Project, settings: TrainSettings, emit: Emit, cancel: threading.Event, *, background: bool = False
) -> events.Ending:
    """Train on the labels of a project; a better model is the one in use by the time `Promoted` is emitted.

    Arguments and events as for `segstudio.learn.training.fit`; labels that change meanwhile join at the next round.
    As long as it goes on, no class of the project can be removed, merged or moved.
    """

    def register(event: events.Event) -> None:
        if isinstance(event, events.Promoted):
            event = replace(event, folder=project.add_model(event.folder, use=True).folder)
        emit(event)

    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(project.reclassing.steady())
            request = TrainRequest(
                settings=settings,
                classes=project.classes,
                images=project.labelled(),
                models=project.models_folder,
                in_use=project.model_in_use,
                indices=project.class_indices(),
            )
        except SegStudioError as error:
            failed = events.Failed(str(error))
            emit(failed)
            return failed
        return fit(request, register, cancel, project.labelled, background=background)
