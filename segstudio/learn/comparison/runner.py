"""Trains the rows of a comparison one after the other; nothing of it is put in use, and no model of it stays."""

import hashlib
import logging
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from segstudio.core.bootstrap import difference
from segstudio.core.classes import ClassTable
from segstudio.core.labels import LabelledImage, fingerprint
from segstudio.errors import Cancelled, SegStudioError, TrainingError
from segstudio.learn import events
from segstudio.learn.comparison import plan as comparison
from segstudio.learn.comparison.plan import Comparison, ComparisonPlan, Point, Row, RowResult
from segstudio.learn.crops.data import ImageCache, known_labels, readable_pixels
from segstudio.learn.device import pick_device
from segstudio.learn.judging.scoring import ImageScore, confusions_of, pooled, score_images
from segstudio.learn.judging.verdicts import FEWEST_IMAGES
from segstudio.learn.networks.saving import load_model
from segstudio.learn.request import Pace, TrainRequest
from segstudio.learn.training.loop import fit
from segstudio.learn.training.memory import free
from segstudio.learn.training.starting import check_settings
from segstudio.learn.turns import lower_priority
from segstudio.storage.atomic import write_error
from segstudio.storage.headers import read_header

_log = logging.getLogger(__name__)
_CURVE_PIXELS = 1 << 20  # of the images that rounds are scored on: a round then takes about a second on a CPU
_CURVE_POINTS = 12
_CURVE_SECONDS, _SHORTEST_PAUSE = 10.0, 2.0

Emit = Callable[[comparison.Event], None]
Images = tuple[LabelledImage, ...]


def compare(
    plan: ComparisonPlan,
    images: Images,
    classes: ClassTable,
    emit: Emit,
    cancel: threading.Event,
    *,
    background: bool = False,
) -> Comparison:
    """Train every row of a plan from the same labels, and score what comes out on the same validation pixels.

    As in any run, the best round gives a row its model. Rounds are scored on a few of the validation images, the same
    in all rows, the models on all of them. Models live in a temporary folder until they are scored. A row that fails
    says so in its result, and the next one begins.

    Args:
        plan: see `segstudio.learn.comparison.plan.plan_comparison`.
        images: labelled images of both splits; a snapshot, whatever happens to the project meanwhile.
        classes: of the project.
        emit: called on this thread with every event, the last one a `ComparisonDone`.
        cancel: set it to stop within one batch; the row at work is dropped, those that have ended stay.
        background: lower this thread's priority for good, see `segstudio.learn.training.loop.fit`.

    Returns:
        What the last event carries.

    Raises:
        UsageError, WeightsError, ModelError: settings of a row cannot work, or what it starts from is missing.
        TrainingError: no labelled image trains, or none validates.
        ProjectError: there is no place for temporary files.
    """
    for row in plan.rows:
        check_settings(row.settings(plan.settings))
    if background:
        lower_priority()
    return _Comparing(plan, images, classes, emit, cancel).run()


@dataclass(frozen=True, slots=True)
class _Finished:
    """A row that has a score, with what paired differences need."""

    row: Row
    scored: list[ImageScore]


class _Comparing:
    """One comparison; see `compare`."""

    def __init__(
        self, plan: ComparisonPlan, images: Images, classes: ClassTable, emit: Emit, cancel: threading.Event
    ) -> None:
        self._classes, self._emit, self._cancel = classes, emit, cancel
        self._labels = fingerprint(images)
        self._cache = ImageCache(plan.settings.cache_bytes // 4)  # a run has its own beside it
        self._training = tuple(image for image in images if image.split == "train")
        self._validating = tuple(image for image in images if image.split == "validation")
        if not self._training:
            raise TrainingError("no image of the training split is labelled", remedy="Label an image, then compare")
        self._sample = _sample(self._validating, len(classes), self._cache)
        if self._validating and not self._sample:
            raise TrainingError("none of the images that validate can be read", remedy="Put the image files back")
        if not self._sample:
            raise TrainingError(
                "no image validates, so nothing can be compared", remedy="Label more images: one in five validates"
            )
        self._plan = replace(plan, notes=(*plan.notes, *_remarks(self._validating)))
        self._finished: list[_Finished] = []

    def run(self) -> Comparison:
        results: list[RowResult] = []
        stopped = False
        for number, row in enumerate(self._plan.rows, 1):
            if self._cancel.is_set():
                stopped = True
                break
            self._emit(comparison.RowStarted(number, len(self._plan.rows), row))
            try:
                result = self._row(number, row)
            except Cancelled:
                stopped = True
                break
            results.append(result)
            self._emit(comparison.RowDone(number, result, self._so_far(results)))
        done = replace(self._so_far(results), stopped=stopped)
        self._emit(comparison.ComparisonDone(done))
        return done

    def _so_far(self, results: Sequence[RowResult]) -> Comparison:
        return Comparison(
            self._plan,
            tuple(results),
            False,
            self._labels,
            self._classes.names,
            len(self._training),
            len(self._validating),
            len(self._sample),
        )

    def _row(self, number: int, row: Row) -> RowResult:
        """Train and score a row; Cancelled when a person stops it."""
        watch = _Watch(number, self._plan, len(self._sample), self._emit)
        settings = row.settings(self._plan.settings)
        with _temporary() as place:
            images = (*self._training, *self._sample)
            request = TrainRequest(settings, self._classes, images, Path(place) / "models", pace=self._pace())
            result = self._ended(row, fit(request, watch.take, self._cancel), watch)
        free(pick_device(settings.device))
        return result

    def _pace(self) -> Pace:
        """Rounds at the same moments in all rows, each on the whole sample."""
        minutes = self._plan.settings.minutes
        seconds = _CURVE_SECONDS if minutes is None else minutes * 60 / _CURVE_POINTS
        pixels = sum(image.shape[0] * image.shape[1] for image in self._sample)
        return Pace(max(seconds, _SHORTEST_PAUSE), pixels)

    def _ended(self, row: Row, ending: events.Ending, watch: "_Watch") -> RowResult:
        told = RowResult(row, curve=tuple(watch.curve), device=watch.device, notes=tuple(watch.notes))
        if isinstance(ending, events.Failed):
            return replace(told, error=ending.message)
        if isinstance(ending, events.Cancelled):
            raise Cancelled
        told = replace(told, steps=ending.steps, seconds=ending.seconds, images_per_second=ending.images_per_second)
        if ending.model is None:
            return replace(told, error=watch.notes[-1] if watch.unsaved else "The network does not give numbers.")
        try:
            return self._scored(told, ending.model)
        except SegStudioError as error:
            return replace(told, error=str(error))
        except (RuntimeError, MemoryError, ValueError) as error:
            _log.exception("scoring failed")
            line = f"Scoring failed unexpectedly: {type(error).__name__}: {error}."
            return replace(told, error=" ".join(line.split()))

    def _scored(self, told: RowResult, folder: Path) -> RowResult:
        model = load_model(folder, pick_device(self._plan.settings.device))
        count = len(self._classes)
        scored = score_images(model, self._validating, classes=count, cache=self._cache, cancel=self._cancel)
        baseline = baseline_of(told.row, [finished.row for finished in self._finished])
        told = replace(told, scores=pooled(scored, count))
        if baseline is not None:
            other = next(finished.scored for finished in self._finished if finished.row == baseline)
            told = replace(told, gain=_gain(scored, other, count), against=baseline.label)
        self._finished.append(_Finished(told.row, scored))
        return told


def _temporary() -> "tempfile.TemporaryDirectory[str]":
    try:
        return tempfile.TemporaryDirectory(prefix="segstudio-compare-", ignore_cleanup_errors=True)
    except OSError as error:
        raise write_error(error, Path(tempfile.gettempdir())) from error


class _Watch:
    """Follows the run of a row: passes on what people see, and keeps its curve."""

    def __init__(self, number: int, plan: ComparisonPlan, sample: int, emit: Emit) -> None:
        self._number, self._sample, self._emit = number, sample, emit
        self._minutes, self._steps = plan.settings.minutes, plan.settings.steps
        self.curve: list[Point] = []
        self.notes: list[str] = []
        self.device = ""
        self.unsaved = False

    def take(self, event: events.Event) -> None:
        match event:
            case events.Started():
                self.device = event.device
                if event.note:
                    self.notes.append(event.note)
            case events.StepDone():
                by_time = event.seconds / (60 * self._minutes) if self._minutes else 0.0
                by_step = event.step / self._steps if self._steps else 0.0
                done = min(1.0, max(by_time, by_step))
                speed = event.images_per_second
                self._emit(comparison.RowStepped(self._number, event.step, event.loss, event.seconds, speed, done))
            case events.RoundDone():
                # A round that was short of time saw fewer images, and cannot be compared.
                if event.candidate is not None and event.candidate.images == self._sample:
                    self._add(Point(event.seconds, event.step, event.candidate.miou))
            case events.Noted():
                self.notes.append(event.line)
                self.unsaved = event.kind == "disk"
            case _:
                pass

    def _add(self, point: Point) -> None:
        self.curve.append(point)
        self._emit(comparison.RowScored(self._number, point))


def baseline_of(row: Row, finished: Sequence[Row]) -> Row | None:
    """What a row is compared with: random start of its backbone, else the first random start, else the first row.

    Args:
        row: a random start has no baseline.
        finished: rows that have a score, in their order.
    """
    if row.transfer == "none" or not finished:
        return None
    random = [other for other in finished if other.transfer == "none"]
    own = [other for other in random if row.start is None and other.backbone == row.backbone]
    return [*own, *random, *finished][0]


def _gain(first: list[ImageScore], second: list[ImageScore], classes: int) -> events.Difference | None:
    """Of the images that both could read; None when there are none."""
    keys = {image.key for image in first} & {image.key for image in second}
    if not keys:
        return None
    pair = [confusions_of([image for image in scored if image.key in keys], classes) for scored in (first, second)]
    gain = difference(pair[0], pair[1])
    return events.Difference(gain.mean, gain.low, gain.high)


def _sample(images: Images, classes: int, cache: ImageCache) -> Images:
    """The images that rounds are scored on: a fair choice by hash, readable, with one of each kind of channels."""
    chosen: list[LabelledImage] = []
    kinds: set[int] = set()
    pixels = 0
    for image in sorted(images, key=lambda item: hashlib.sha256(item.key.encode()).digest()):
        height, width = image.shape
        try:
            bands = read_header(image.path).bands
            if chosen and pixels + height * width > _CURVE_PIXELS and bands in kinds:
                continue
            readable_pixels(image, cache)
        except SegStudioError as error:
            _log.warning("left out of validation: %s", error)
            continue
        if not (known_labels(image, classes) < classes).any():
            continue
        chosen.append(image)
        kinds.add(bands)
        pixels += height * width
    return tuple(chosen)


def _remarks(validating: Images) -> list[str]:
    count = len(validating)
    if count >= FEWEST_IMAGES:
        return []
    subject = "1 image validates" if count == 1 else f"{count} images validate"
    return [f"Only {subject}: differences may be chance. Label more images to know."]
