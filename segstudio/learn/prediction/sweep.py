"""Prediction of every image of a project; command line and window both come here."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from segstudio.core.arrays import U8
from segstudio.errors import Cancelled, ModelError, SegStudioError, UsageError
from segstudio.learn.device import pick_device
from segstudio.learn.networks.saving import LoadedModel, load_model
from segstudio.learn.prediction.ahead import read_ahead
from segstudio.learn.prediction.predicting import predict
from segstudio.learn.prediction.tta import Tta
from segstudio.storage.cards import WEIGHTS
from segstudio.storage.project import Project
from segstudio.storage.proposals import proposal_paths


@dataclass(frozen=True, slots=True)
class Predicted:
    """One image of a project has been looked at.

    Attributes:
        key: of the image.
        done, total: images so far and in all.
        problem: one line when the image could not be read, else empty; it then has no new proposal.
        skipped: it had a proposal of this model already.
        per_second: images predicted a second, those skipped left out; 0 until one is.
        remaining: seconds until the end at that rate; None until it is known.
    """

    key: str
    done: int
    total: int
    problem: str = ""
    skipped: bool = False
    per_second: float = 0.0
    remaining: float | None = None


def predict_project(
    project: Project,
    keys: Sequence[str] | None = None,
    progress: Callable[[Predicted], None] | None = None,
    cancel: threading.Event | None = None,
    *,
    device: str = "auto",
    skip_done: bool = False,
    shard: tuple[int, int] = (0, 1),
    tta: Tta = "none",
) -> list[str]:
    """Save a proposal of the model in use for images of a project. No class can be moved or removed meanwhile.

    Args:
        project: whose model in use is asked.
        keys: of the images; None for all.
        progress: called after each image.
        cancel: when set, the call ends within a layer of the network; proposals saved so far stay.
        device: see `segstudio.learn.device.pick_device`.
        skip_done: leave out images whose proposal is of this model, and younger than the image file.
        shard: ``(number, count)``: of several processes, this one takes every `count`-th image from `number` on.
        tta: see `segstudio.learn.prediction.predicting.predict`.

    Returns:
        One line for each image that could not be read.

    Raises:
        ModelError: no model is in use, or it cannot be loaded.
        ProjectError: the classes of the project are being changed.
        UsageError: there is no such shard.
        Cancelled: `cancel` was set.
    """
    folder = project.model_in_use
    if folder is None:
        raise ModelError("the project has no model yet", remedy="Train one first", path=project.folder)
    number, count = shard
    if not 0 <= number < count:
        raise UsageError(f"there is no part {number} of {count}", remedy="Count the parts from 0")
    model = load_model(folder, pick_device(device))
    chosen = [record.key for record in project.images()] if keys is None else list(keys)
    with project.reclassing.steady():
        sweep = _Sweep(project, model, folder, progress, cancel, tta)
        sweep.run(chosen[number::count], skip_done=skip_done)
    return sweep.problems


class _Sweep:
    """See `predict_project`.

    Attributes:
        problems: one line for each image left out.
    """

    def __init__(
        self,
        project: Project,
        model: LoadedModel,
        folder: Path,
        progress: Callable[[Predicted], None] | None,
        cancel: threading.Event | None,
        tta: Tta,
    ) -> None:
        self.problems: list[str] = []
        self._project, self._model, self._folder, self._tta = project, model, folder, tta
        self._progress, self._cancel = progress, cancel
        self._done = self._total = self._predicted = 0
        self._began = time.perf_counter()

    def run(self, keys: list[str], *, skip_done: bool) -> None:
        self._total = len(keys)
        wanted = []
        for key in keys:
            self._stop_if_cancelled()
            if skip_done and self._is_done(key):
                self._tell(key, skipped=True)
            else:
                wanted.append(key)
        self._began = time.perf_counter()
        for key, pixels in read_ahead(wanted, lambda key: self._project.read_image(key).network()):
            self._stop_if_cancelled()
            problem = self._one(key, pixels)
            if problem:
                self.problems.append(problem)
            self._predicted += 1
            self._tell(key, problem)

    def _one(self, key: str, pixels: U8 | SegStudioError) -> str:
        if isinstance(pixels, SegStudioError):
            return str(pixels)
        try:
            indices = self._project.class_indices()
            proposal = predict(self._model, pixels, indices=indices, cancel=self._cancel, tta=self._tta)
            self._project.save_proposal(key, proposal)
        except SegStudioError as error:
            line = str(error)
            return line if error.path is not None else f"{self._project.image(key).path}: {line}"
        return ""

    def _is_done(self, key: str) -> bool:
        """Whether the proposal is of this model, whose name may have been another's before, and of this file."""
        record = self._project.image(key)
        path, _ = proposal_paths(self._project.folder / "proposals", key)
        try:
            image, weights = record.path.stat(), (self._folder / WEIGHTS).stat()
            # A file that was copied or moved here has an old time of its content, but not of its entry.
            if path.stat().st_mtime_ns <= max(image.st_mtime_ns, image.st_ctime_ns, weights.st_mtime_ns):
                return False
        except OSError:
            return False
        proposal = self._project.load_proposal(key)
        return proposal is not None and proposal.model == self._model.card.name

    def _tell(self, key: str, problem: str = "", *, skipped: bool = False) -> None:
        self._done += 1
        if self._progress is None:
            return
        rate, remaining = 0.0, None
        if self._predicted:
            rate = self._predicted / max(time.perf_counter() - self._began, 1e-9)
            remaining = (self._total - self._done) / rate
        self._progress(Predicted(key, self._done, self._total, problem, skipped, rate, remaining))

    def _stop_if_cancelled(self) -> None:
        if self._cancel is not None and self._cancel.is_set():
            raise Cancelled
