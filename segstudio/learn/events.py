"""What a training run tells while it works: frozen, picklable, free of torch."""

from dataclasses import dataclass
from pathlib import Path

from segstudio.core.metrics import Scores


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
    """

    round: int
    step: int
    seconds: float
    candidate: Scores | None
    in_use: Scores | None
    verdict: str


@dataclass(frozen=True, slots=True)
class Promoted:
    """A model was saved and is to become the one in use.

    Attributes:
        folder: the model folder, complete on disk.
        miou: mean IoU on the validation labels, nan when nothing validates.
    """

    folder: Path
    miou: float


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
Event = Started | StepDone | RoundDone | Promoted | Done | Cancelled | Failed
