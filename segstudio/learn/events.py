"""What a training run tells while it works: frozen, picklable, free of torch."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from segstudio.core.metrics import Scores

Outcome = Literal["better", "not better", "too few labels", "no numbers"]
NoteKind = Literal["memory", "numbers", "plateau", "resumed", "labels", "device", "disk"]


@dataclass(frozen=True, slots=True)
class Difference:
    """Mean IoU of a candidate minus that of the model in use, on the same pixels.

    Attributes:
        mean: over the pooled images.
        low, high: bounds of the 90 % bootstrap interval over images; nan with too few images.
    """

    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Started:
    """The run begins; everything it needs is loaded.

    Attributes:
        device: ``cpu``, ``cuda:0`` or ``mps``.
        train_images, validation_images: labelled images of each split.
        note: anything a person should know, in one line; may be empty.
    """

    device: str
    train_images: int
    validation_images: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class StepDone:
    """One optimiser step.

    Attributes:
        step: counted from 1.
        loss: mean loss of the batch.
        images_per_second: crops trained a second, averaged over the last steps.
        seconds: since the run began.
        remaining: seconds until the limit, or None when there is none.
    """

    step: int
    loss: float
    images_per_second: float
    seconds: float
    remaining: float | None


@dataclass(frozen=True, slots=True)
class RoundDone:
    """The candidate was scored on the validation labels.

    Attributes:
        round: counted from 1.
        step: steps so far.
        seconds: since the run began.
        candidate: its scores; None when no image validates.
        in_use: scores of the model in use on the same pixels; None when there is none or no image validates.
        verdict: one line saying whether the candidate is promoted, and why.
        outcome: the same in a word: only ``better`` promotes. ``too few labels`` is no verdict at all.
        difference: candidate against model in use; None where there is nothing to compare.
        averaged: whether the candidate is the running average of the weights; else the weights themselves.
    """

    round: int
    step: int
    seconds: float
    candidate: Scores | None
    in_use: Scores | None
    verdict: str
    outcome: Outcome = "not better"
    difference: Difference | None = None
    averaged: bool = True


@dataclass(frozen=True, slots=True)
class Noted:
    """Something a person should know while the run goes on: less memory, a step back, a plateau.

    Attributes:
        kind: what it is about.
        line: one line for a person.
        step, seconds: when.
    """

    kind: NoteKind
    line: str
    step: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Offered:
    """A model was saved that nobody can judge yet; only a person can put it in use.

    Attributes:
        folder: the model folder, complete on disk.
        why: one line: what is missing for a verdict.
    """

    folder: Path
    why: str


@dataclass(frozen=True, slots=True)
class Promoted:
    """A model was saved and is to become the one in use.

    Attributes:
        folder: the model folder, complete on disk.
        miou: mean IoU on the validation labels, nan when nothing validates.
        replaces: folder of the model that the same run promoted before, which nobody needs any more; None for none.
    """

    folder: Path
    miou: float
    replaces: Path | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """The run reached its limit.

    Attributes:
        model: folder of the last model this run promoted; None when none was better than the one in use.
        scores: validation scores of the run's best candidate; None when nothing validates.
        steps, seconds, images_per_second: of the whole run.
    """

    model: Path | None
    scores: Scores | None
    steps: int
    seconds: float
    images_per_second: float


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The run was stopped by a person; what it had promoted stays. Fields as in `Done`."""

    model: Path | None
    scores: Scores | None
    steps: int
    seconds: float
    images_per_second: float


@dataclass(frozen=True, slots=True)
class Failed:
    """The run ended by an error.

    Attributes:
        message: one line for a person.
        details: traceback when nobody foresaw the error, else empty.
    """

    message: str
    details: str = ""


Ending = Done | Cancelled | Failed
Event = Started | StepDone | RoundDone | Noted | Offered | Promoted | Done | Cancelled | Failed
