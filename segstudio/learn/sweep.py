"""Prediction of every image of a project; command line and window both come here."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from segstudio.errors import Cancelled, ModelError, SegStudioError
from segstudio.learn.device import pick_device
from segstudio.learn.prediction import predict
from segstudio.learn.saving import load_model
from segstudio.storage.project import Project


@dataclass(frozen=True, slots=True)
class Predicted:
    """One image of a project has been looked at.

    Attributes:
        key: of the image.
        done, total: images so far and in all.
        problem: one line when the image could not be read, else empty; it then has no new proposal.
    """

    key: str
    done: int
    total: int
    problem: str = ""


def predict_project(
    project: Project,
    keys: Sequence[str] | None = None,
    progress: Callable[[Predicted], None] | None = None,
    cancel: threading.Event | None = None,
    *,
    device: str = "auto",
) -> list[str]:
    """Save a proposal of the model in use for images of a project. No class can be moved or removed meanwhile.

    Args:
        project: whose model in use is asked.
        keys: of the images; None for all.
        progress: called after each image.
        cancel: when set, the call ends within a layer of the network; proposals saved so far stay.
        device: see `segstudio.learn.device.pick_device`.

    Returns:
        One line for each image that could not be read.

    Raises:
        ModelError: no model is in use, or it cannot be loaded.
        ProjectError: the classes of the project are being changed.
        Cancelled: `cancel` was set.
    """
    folder = project.model_in_use
    if folder is None:
        raise ModelError("the project has no model yet", remedy="Train one first", path=project.folder)
    model = load_model(folder, pick_device(device))
    chosen = [record.key for record in project.images()] if keys is None else list(keys)
    problems: list[str] = []
    with project.reclassing.steady():
        for number, key in enumerate(chosen, 1):
            if cancel is not None and cancel.is_set():
                raise Cancelled
            problem = ""
            try:
                pixels, indices = project.read_image(key).display(), project.class_indices()
                project.save_proposal(key, predict(model, pixels, indices=indices, cancel=cancel))
            except SegStudioError as error:
                problem = str(error)
                problems.append(problem)
            if progress is not None:
                progress(Predicted(key, number, len(chosen), problem))
    return problems
