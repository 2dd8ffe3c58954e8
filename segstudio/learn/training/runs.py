"""Training on a whole project; command line and window both come here."""

import contextlib
import logging
import threading
from dataclasses import replace
from pathlib import Path

from segstudio.errors import SegStudioError
from segstudio.learn import events
from segstudio.learn.group.group import ALONE, Group
from segstudio.learn.judging.rounds import Emit, Images
from segstudio.learn.request import TrainRequest, TrainSettings
from segstudio.learn.training.loop import fit
from segstudio.storage.project import Project

_log = logging.getLogger(__name__)


def train_project(
    project: Project,
    settings: TrainSettings,
    emit: Emit,
    cancel: threading.Event,
    *,
    background: bool = False,
    resume: bool = False,
    group: Group = ALONE,
) -> events.Ending:
    """Train on the labels of a project; a better model is the one in use by the time `Promoted` is emitted.

    Arguments and events as for `segstudio.learn.training.loop.fit`; labels that change meanwhile join at the next
    round. As long as it goes on, no class of the project can be removed, merged or moved. Of the models one run
    promotes the last one stays, and those that somebody chose or asked to keep; with every model that comes, others are
    pruned by the rule of the project.
    """

    def register(event: events.Event) -> None:
        match event:
            case events.Promoted():
                event = replace(event, folder=project.add_model(event.folder, use=True).folder)
                if event.replaces is not None:
                    _retire(project, event.replaces)
                project.prune_models()
            case events.Offered():
                event = replace(event, folder=project.add_model(event.folder, use=False).folder)
                project.prune_models()
        emit(event)

    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(project.reclassing.steady())
            request = group.once(lambda: _request(project, settings, resume=resume))
        except SegStudioError as error:
            failed = events.Failed(str(error))
            emit(failed)
            return failed
        return fit(request, register, cancel, project.labelled, background=background, group=group)


def train_along(group: Group, cancel: threading.Event) -> events.Ending:
    """Take part in a run that another process of the group begins with `train_project`.

    The project is not opened here: request and labels come from there, images and models are read where it has them.

    Args:
        group: the processes that share the run.
        cancel: set it to stop all of them within one batch.

    Raises:
        SegStudioError: the run could not begin there.
    """
    request = group.once(_request_from_first)
    return fit(request, lambda _: None, cancel, _labels_from_first, group=group)


def _request_from_first() -> TrainRequest:
    raise AssertionError("only the first process has the project")


def _labels_from_first() -> Images:
    raise AssertionError("only the first process has the project")


def _request(project: Project, settings: TrainSettings, *, resume: bool) -> TrainRequest:
    return TrainRequest(
        settings=settings,
        classes=project.classes,
        images=project.labelled(),
        models=project.models_folder,
        in_use=project.model_in_use,
        indices=project.class_indices(),
        resume=resume,
    )


def _retire(project: Project, folder: Path) -> None:
    """Remove a model that a later one of its run has replaced, unless somebody chose it or asked to keep it."""
    try:
        if not any(model.name == folder.name and (model.kept or model.chosen) for model in project.models()):
            project.remove_model(folder.name)
    except SegStudioError as error:  # it stays, and does no harm
        _log.info("%s", error)
