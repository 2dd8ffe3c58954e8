"""Datasets, simulated strokes, and our own training with copies of its candidate at fixed moments."""

import json
import math
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from unittest import mock

import cv2
import numpy as np
from torch import Tensor

from segstudio.core.arrays import U8
from segstudio.core.classes import VOID, ClassTable
from segstudio.core.labels import LabelledImage, Split
from segstudio.errors import SegStudioError
from segstudio.learn import events
from segstudio.learn.backbones.registry import Backbone
from segstudio.learn.crops.data import ImageCache
from segstudio.learn.judging.scoring import score
from segstudio.learn.networks.saving import LoadedModel, class_entries, load_model
from segstudio.learn.request import TrainRequest, TrainSettings
from segstudio.learn.training.loop import fit
from segstudio.learn.training.stepping import Stepper
from segstudio.storage.cards import ModelCard
from segstudio.storage.headers import read_header
from segstudio.storage.masks import read_mask

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
_BRUSHES = 200  # widths of the brush that make the diagonal of an image
_THINNEST = 3  # pixels
_LONGEST = 10  # widths of the brush: a stroke, at most
_FRUITLESS = 30  # strokes in a row that labelled next to nothing
State = dict[str, Tensor]
Row = dict[str, object]


def say(line: str) -> None:
    """One line of progress."""
    print(line, file=sys.stderr, flush=True)


@dataclass(frozen=True, eq=False)
class Case:
    """A dataset.

    Attributes:
        name: of its folder.
        classes: its classes.
        images: labelled images with the split the dataset comes with.
        cache: its decoded images, for scoring.
    """

    name: str
    classes: ClassTable
    images: tuple[LabelledImage, ...]
    cache: ImageCache = field(default_factory=lambda: ImageCache(1 << 30))

    def of(self, split: Split) -> list[LabelledImage]:
        """Its images of one split."""
        return [image for image in self.images if image.split == split]


def load_case(name: str) -> Case:
    """A dataset by the name of its folder, or by the folder.

    Raises:
        SegStudioError, OSError: its images or masks cannot be read.
    """
    folder = Path(name) if Path(name).is_dir() else DATA / name
    described = json.loads((folder / "dataset.json").read_text())
    classes = ClassTable.of(item["name"] for item in described["classes"])
    images = []
    parts: tuple[tuple[str, Split], ...] = (("train", "train"), ("val", "validation"))
    for key, split in parts:
        for relative in described["splits"][key]:
            path = folder / relative
            read_header(path)
            mask = read_mask(folder / "masks" / f"{path.stem}.png", classes=len(classes))
            images.append(LabelledImage.pack(key=path.stem, path=path, split=split, revision=1, annotation=mask))
    return Case(folder.name, classes, tuple(images))


def try_case(name: str) -> Case | str:
    """The dataset, or why there is none."""
    try:
        return load_case(name)
    except (SegStudioError, OSError) as error:
        return f"{error}"


def with_strokes(case: Case, share: float, seed: int) -> Case:
    """The same images, but of each training image only strokes of a brush are labelled.

    Args:
        case: with whole annotations.
        share: of the pixels that get a label, over all classes together.
        seed: of the strokes.
    """
    rng = np.random.default_rng(seed)

    def stroked(image: LabelledImage) -> LabelledImage:
        labels = strokes(image.annotation(), share, rng)
        return LabelledImage.pack(key=image.key, path=image.path, split=image.split, revision=1, annotation=labels)

    return replace(case, images=tuple(stroked(image) if image.split == "train" else image for image in case.images))


def strokes(truth: U8, share: float, rng: np.random.Generator) -> U8:
    """What a hurried person labels: short strokes inside the regions of every class in turn.

    They are seen at a size at which the image fits the window, so the brush goes by the size of the image: some forty
    strokes label one percent of it.

    Args:
        truth: ``uint8 (H, W)`` class indices and void.
        share: of the pixels of the image to label; classes that are too small for their part leave it to the others.
        rng: of places and directions.

    Returns:
        ``uint8 (H, W)``: `truth` within the strokes, else void.
    """
    labelled = np.full_like(truth, VOID)
    places = {int(index): np.flatnonzero(truth == index) for index in np.unique(truth) if index != VOID}
    fruitless = dict.fromkeys(places, 0)
    brush = max(_THINNEST, round(math.hypot(*truth.shape) / _BRUSHES))
    left = max(1, round(share * truth.size))
    while left > 0 and places:
        for index in list(places):
            at = divmod(int(rng.choice(places[index])), truth.shape[1])
            gained = _stroke(truth, labelled, index, at, rng, brush=brush, most=left)
            left -= gained
            fruitless[index] = 0 if gained > brush else fruitless[index] + 1
            if fruitless[index] > _FRUITLESS:
                del places[index]
            if left <= 0:
                break
    return labelled


def _stroke(
    truth: U8, labelled: U8, index: int, at: tuple[int, int], rng: np.random.Generator, *, brush: int, most: int
) -> int:
    """Label a short, slightly bent line of one class in place; how many pixels that were."""
    reach = (_LONGEST + 1) * brush
    top, left = (max(0, place - reach) for place in at)
    window = np.s_[top : at[0] + reach, left : at[1] + reach]
    inside = truth[window] == index
    painted: U8 = np.zeros(inside.shape, np.uint8)
    y, x, angle = at[0] - top, at[1] - left, rng.uniform(0, 2 * np.pi)
    for _ in range(int(rng.integers(2, _LONGEST // 2 + 1))):
        angle += rng.normal(0, 0.3)
        to = int(y + 2 * brush * np.sin(angle)), int(x + 2 * brush * np.cos(angle))
        if not (0 <= to[0] < inside.shape[0] and 0 <= to[1] < inside.shape[1] and inside[to]):
            break
        cv2.line(painted, (x, y), (to[1], to[0]), 1, brush)
        y, x = to
    cv2.circle(painted, (x, y), brush // 2, 1, -1)
    fresh = (painted > 0) & inside & (labelled[window] == VOID)
    fresh.ravel()[np.flatnonzero(fresh.ravel())[most:]] = False
    labelled[window][fresh] = index
    return int(fresh.sum())


@dataclass(eq=False)
class Trained:
    """What a run of ours left.

    Attributes:
        model: as loaded from the folder the run left; None when it left none.
        copies: seconds and weights of candidates, the running average first, at the moments asked for.
        ending: of the run.
        rounds: seconds and mean IoU the gate saw.
        notes: what the run had to say.
        steps: optimiser steps.
        intervals: seconds from one step to the next, where no round came between.
    """

    model: LoadedModel | None = None
    copies: list[tuple[float, list[State]]] = field(default_factory=list)
    ending: events.Ending | None = None
    rounds: list[tuple[float, float]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    steps: int = 0
    intervals: list[float] = field(default_factory=list)


class _Watch:
    """Listens to a run and copies weights at the moments asked for."""

    def __init__(self, marks: Sequence[float]) -> None:
        self.trained = Trained()
        self.folder: Path | None = None
        self._marks = sorted(marks)
        self._began = time.perf_counter()
        self._last: float | None = None

    def emit(self, event: events.Event) -> None:
        if isinstance(event, events.Started):
            self._began = time.perf_counter()
        elif isinstance(event, events.StepDone):
            if self._last is not None:
                self.trained.intervals.append(event.seconds - self._last)
            self._last, self.trained.steps = event.seconds, event.step
        elif isinstance(event, events.RoundDone):
            self._last = None
            if event.candidate is None:
                return
            self.trained.rounds.append((round(event.seconds, 1), round(event.candidate.miou, 4)))
            say(f"  ours: {event.seconds:.0f} s, step {event.step}, mean IoU {event.candidate.miou:.3f}")
        elif isinstance(event, events.Noted):
            self.trained.notes.append(event.line)
        elif isinstance(event, events.Promoted | events.Offered):
            self.folder = event.folder
        elif isinstance(event, events.Done | events.Failed | events.Cancelled):
            self.trained.ending = event

    def stepped(self, stepper: Stepper) -> None:
        """Called after each step."""
        seconds = time.perf_counter() - self._began
        if not self._marks or seconds < self._marks[0]:
            return
        self._marks = [mark for mark in self._marks if mark > seconds]
        networks = [*([stepper.average.network] if stepper.average is not None else []), stepper.network]
        self.trained.copies.append((round(seconds, 1), [copied(network.state_dict()) for network in networks]))


def train_ours(case: Case, settings: TrainSettings, models: Path, marks: Sequence[float] = ()) -> Trained:
    """Our training on a dataset.

    Args:
        case: what to train on.
        settings: of the run.
        models: folder for the model it leaves.
        marks: seconds at which the candidate is copied, so that its score then costs no training time.
    """
    watch = _Watch(marks)
    step = Stepper.step

    def observed(self: Stepper, *arguments: object, **named: object) -> float:
        loss: float = step(self, *arguments, **named)  # type: ignore[arg-type]
        watch.stepped(self)
        return loss

    with mock.patch.object(Stepper, "step", observed):
        fit(TrainRequest(settings, case.classes, case.images, models), watch.emit, threading.Event())
    if isinstance(watch.trained.ending, events.Failed):
        raise SystemExit(f"our training failed: {watch.trained.ending.message}\n{watch.trained.ending.details}")
    if watch.folder is not None:
        watch.trained.model = load_model(watch.folder)
    return watch.trained


def copied(state: State) -> State:
    """The weights of this moment."""
    return {name: value.detach().clone() for name, value in state.items()}


def card_for(case: Case, backbone: Backbone, decoder: str) -> ModelCard:
    """A card just complete enough to predict with."""
    return ModelCard(
        name="benchmark",
        created="",
        backbone=backbone.name,
        transfer="parameter",
        decoder=decoder,
        classes=class_entries(case.classes),
        normalisation={"mean": list(backbone.mean), "std": list(backbone.std)},
    )


def score_of(model: LoadedModel, case: Case, state: State | None = None) -> float:
    """Mean IoU on all validation pixels, of the model as it is or with other weights."""
    if state is not None:
        model.network.load_state_dict(state)
    model.network.eval()
    return score(model, case.of("validation"), classes=len(case.classes), cache=case.cache).miou


def reached(trained: Trained, case: Case, goal: float) -> tuple[float | None, list[tuple[float, float]]]:
    """Seconds until a candidate scored `goal`, None if never, and the curve so far: seconds, mean IoU."""
    curve: list[tuple[float, float]] = []
    if trained.model is None:
        return None, curve
    own = copied(trained.model.network.state_dict())
    for seconds, states in trained.copies:
        best = 0.0
        for state in states:
            best = max(best, score_of(trained.model, case, state))
            if best >= goal:
                break
        curve.append((seconds, round(best, 4)))
        if best >= goal:
            break
    trained.model.network.load_state_dict(own)
    return (curve[-1][0] if curve and curve[-1][1] >= goal else None), curve


def rounded(value: float) -> float | None:
    """For a report: JSON knows no numbers that are none."""
    return round(value, 4) if math.isfinite(value) else None
