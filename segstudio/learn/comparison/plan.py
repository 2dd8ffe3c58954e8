"""Which transfers are compared on which backbones, what is told meanwhile and what comes out; free of torch."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from segstudio.core.metrics import Scores
from segstudio.errors import ModelError, UsageError, WeightsError
from segstudio.learn.backbones.registry import find_backbone, how_to_get, weights_file
from segstudio.learn.events import Difference
from segstudio.learn.networks.structures import STRUCTURES, need_structure_file, structure_file
from segstudio.learn.request import TRANSFERS, TrainSettings, Transfer
from segstudio.storage.cards import read_card

DEFAULT_TRANSFERS: tuple[Transfer, ...] = ("none", "feature", "parameter", "structure")
DEFAULT_MINUTES = 2.0
NEAR_BEST = 0.9  # share of its best score that a row is timed to


@dataclass(frozen=True, slots=True)
class Row:
    """One training of a comparison.

    Attributes:
        transfer: see `segstudio.learn.request.TrainSettings`.
        backbone: name in the registry; of a structure transfer, what it starts from decides, and this says nothing.
        start: of a structure transfer, name of a published network or folder of a model; else None.
    """

    transfer: Transfer
    backbone: str
    start: str | None = None

    @property
    def origin(self) -> str:
        """What it starts from, by name: the backbone, the published network or the model."""
        return self.backbone if self.start is None else Path(self.start).name

    @property
    def label(self) -> str:
        """For legends, e.g. ``parameter, resnet18``."""
        return f"{self.transfer}, {self.origin}"

    def settings(self, base: TrainSettings) -> TrainSettings:
        """Those of the comparison, with what this row is about."""
        return replace(base, transfer=self.transfer, backbone=self.backbone, start=self.start)


@dataclass(frozen=True, slots=True)
class ComparisonPlan:
    """What is trained one after the other, each on the same budget, labels, split and seed.

    Attributes:
        rows: in their order; baselines come first.
        settings: of every row but for its transfer and what it starts from; `minutes` and `steps` are for each row.
        notes: lines for a person: what is left out, and what is not quite fair.
    """

    rows: tuple[Row, ...]
    settings: TrainSettings
    notes: tuple[str, ...] = ()

    @property
    def minutes(self) -> float | None:
        """Of training altogether; None when only steps limit it."""
        return None if self.settings.minutes is None else self.settings.minutes * len(self.rows)


@dataclass(frozen=True, slots=True)
class Point:
    """The score of a round: mean IoU on images that are the same in all rows.

    Attributes:
        seconds, step: since the row began to train.
        miou: in 0..1.
    """

    seconds: float
    step: int
    miou: float


@dataclass(frozen=True, slots=True)
class RowResult:
    """How a row went.

    Attributes:
        row: which one.
        scores: of its best model on all validation pixels; None when it failed.
        gain: mean IoU minus that of the baseline, on the same pixels; None for a baseline and when it failed.
        against: label of the baseline; empty without one.
        curve: the scores of its rounds.
        steps, seconds, images_per_second: of the training; crops count as images.
        device: that it was trained on.
        notes: what a person should know of it, in lines.
        error: why it failed, in one line; else empty.
    """

    row: Row
    scores: Scores | None = None
    gain: Difference | None = None
    against: str = ""
    curve: tuple[Point, ...] = ()
    steps: int = 0
    seconds: float = 0.0
    images_per_second: float = 0.0
    device: str = ""
    notes: tuple[str, ...] = ()
    error: str = ""

    @property
    def seconds_to_near_best(self) -> float | None:
        """Seconds of training to the first round with 90 % of its best score; None without rounds."""
        best = max((point.miou for point in self.curve), default=0.0)
        return next((point.seconds for point in self.curve if point.miou >= NEAR_BEST * best), None)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a comparison found.

    Attributes:
        plan: what was asked for.
        rows: those that ended, failed ones included, in the order of the plan.
        stopped: whether a person ended it early.
        labels: fingerprint of the labels, see `segstudio.core.labels.fingerprint`.
        classes: names, in index order.
        train_images, validation_images: labelled images of each split.
        curve_images: of the validating ones, how many the curves are scored on.
    """

    plan: ComparisonPlan
    rows: tuple[RowResult, ...]
    stopped: bool
    labels: str
    classes: tuple[str, ...]
    train_images: int
    validation_images: int
    curve_images: int


@dataclass(frozen=True, slots=True)
class RowStarted:
    """A row begins; its network is about to be made.

    Attributes:
        number: counted from 1.
        rows: how many there are.
        row: which one.
    """

    number: int
    rows: int
    row: Row


@dataclass(frozen=True, slots=True)
class RowStepped:
    """One step of a row; `done` is the share of its budget that is used. The others as in `events.StepDone`."""

    number: int
    step: int
    loss: float
    seconds: float
    images_per_second: float
    done: float


@dataclass(frozen=True, slots=True)
class RowScored:
    """A round of a row: the next point of its curve."""

    number: int
    point: Point


@dataclass(frozen=True, slots=True)
class RowDone:
    """A row has ended, well or not; `so_far` can be written as a report already."""

    number: int
    result: RowResult
    so_far: Comparison


@dataclass(frozen=True, slots=True)
class ComparisonDone:
    """The last event: all rows have ended, or a person stopped it."""

    comparison: Comparison


Event = RowStarted | RowStepped | RowScored | RowDone | ComparisonDone


def plan_comparison(
    settings: TrainSettings,
    *,
    transfers: Sequence[Transfer] = DEFAULT_TRANSFERS,
    backbones: Sequence[str] = (),
    starts: Sequence[str] = (),
    in_use: Path | None = None,
    folder: Path | None = None,
) -> ComparisonPlan:
    """What there is to train: every backbone with every transfer, and structure once for each start.

    Args:
        settings: of every row, with its budget; their backbone counts when `backbones` is empty.
        transfers: which.
        backbones: names in the registry.
        starts: of structure transfers: names of published networks, or folders of models; when empty, the model in use,
            or else a published network that is on this machine, or else structure is left out with a note.
        in_use: folder of the model in use, or None.
        folder: where weights that are not bundled lie; None for `segstudio.learn.backbones.registry.weights_folder`.

    Raises:
        UsageError: an unknown name, no limit, or nothing to compare.
        WeightsError: weights are not on this machine; one line for all of them.
        ModelError: a model to start from is none.
    """
    if settings.minutes is None and settings.steps is None:
        raise UsageError("a comparison needs a limit", remedy="Give each row some minutes or steps")
    for transfer in transfers:
        if transfer not in TRANSFERS:
            raise UsageError(f"there is no transfer '{transfer}'", remedy=f"Choose from {', '.join(TRANSFERS)}")
    names = list(dict.fromkeys(find_backbone(name).name for name in backbones or [settings.backbone]))
    wanted = sorted(dict.fromkeys(transfers), key=lambda transfer: transfer != "none")
    _need_weights(names if {"feature", "parameter"} & set(wanted) else [], folder)
    rows = [Row(transfer, name) for name in names for transfer in wanted if transfer != "structure"]
    rows.sort(key=lambda row: row.transfer != "none")
    notes: list[str] = []
    if "structure" in wanted:
        found = _checked(starts, folder) if starts else _default_start(in_use, folder, notes)
        rows += [Row("structure", names[0], start) for start in found]
        notes += [_ahead(start) for start in found if start not in STRUCTURES]
    elif starts:
        raise UsageError("only structure starts from a whole network", remedy="Add structure to the transfers")
    if not rows:
        raise UsageError(notes[0].rstrip(".") if notes else "nothing is to be compared", remedy="Choose a transfer")
    return ComparisonPlan(tuple(rows), settings, tuple(notes))


def _need_weights(names: Sequence[str], folder: Path | None) -> None:
    missing = [backbone for backbone in map(find_backbone, names) if weights_file(backbone, folder) is None]
    if missing:
        titles = " and ".join(backbone.title for backbone in missing)
        others = f"; the same for {len(missing) - 1} more" if len(missing) > 1 else ""
        raise WeightsError(
            f"the weights of {titles} are not on this machine", remedy=f"{how_to_get(missing[0])}{others}"
        )


def _checked(starts: Sequence[str], folder: Path | None) -> list[str]:
    for start in starts:
        if start in STRUCTURES:
            need_structure_file(STRUCTURES[start], folder)
        elif Path(start).is_dir():
            read_card(Path(start))
        else:
            raise UsageError(
                f"'{start}' is no published network and no folder of a model",
                remedy=f"Choose from {', '.join(STRUCTURES)}, or a model",
            )
    return list(dict.fromkeys(starts))


def _default_start(in_use: Path | None, folder: Path | None, notes: list[str]) -> list[str]:
    if in_use is not None:
        try:
            read_card(in_use)
            return [str(in_use)]
        except ModelError as error:
            notes.append(f"The model in use is left out: {error}")
    published = [name for name, structure in STRUCTURES.items() if structure_file(structure, folder)]
    if not published:
        notes.append("Structure is left out: no model is in use, and no published network is on this machine.")
    return published[:1]


def _ahead(start: str) -> str:
    return f"{Path(start).name} was trained before, perhaps on these labels: its row has a head start."
