"""What a run begins with: settings that can work, labels that can be read, and what a stopped run left."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from segstudio.core.labels import LabelledImage
from segstudio.errors import ModelError, TrainingError, UsageError
from segstudio.learn.backbones.registry import find_backbone
from segstudio.learn.crops.data import ImageCache, TrainingSet
from segstudio.learn.device import pick_device
from segstudio.learn.group.group import ALONE, Group
from segstudio.learn.judging.gate import SECOND_IMAGE
from segstudio.learn.networks.decoders import find_decoder
from segstudio.learn.networks.inheriting import check_start
from segstudio.learn.networks.structures import STRUCTURES
from segstudio.learn.request import TrainRequest, TrainSettings
from segstudio.learn.training.checking import check_values
from segstudio.learn.training.curve import Curve
from segstudio.learn.training.progress import Progress
from segstudio.learn.training.resuming import StoppedRun, load_run


@dataclass(frozen=True, slots=True)
class Lineage:
    """Where the models of a run come from.

    Attributes:
        before: folder of the model in use when the run began, or None.
        own: folder of the model this run promoted last, or None.
    """

    before: Path | None
    own: Path | None = None


def check_settings(settings: TrainSettings) -> None:
    """Refuse at once what no labels could make work; `fit` would fail with the same line.

    Raises:
        UsageError: an unknown name, a number out of range, crops or batches that do not fit the network, or a device
            that is not there.
        WeightsError, ModelError: what a structure transfer starts from is missing or damaged.
    """
    find_backbone(settings.backbone)
    pick_device(settings.device)
    check_start(settings)
    if settings.transfer != "structure" and settings.decoder != "auto":
        require_batch(settings, find_decoder(settings.decoder).smallest_batch)
    check_values(settings)


def require_batch(settings: TrainSettings, smallest: int) -> None:
    """Refuse batches of fewer crops than a decoder can learn from.

    Raises:
        UsageError: they are too small.
    """
    if settings.batch < smallest:
        raise UsageError(f"batches of {settings.batch} are too small", remedy=f"Use {smallest} crops or more")


def read_labels(
    images: tuple[LabelledImage, ...],
    classes: int,
    cache: ImageCache,
    *,
    settings: TrainSettings,
    channels: int,
    stopped: Callable[[], bool],
    group: Group = ALONE,
) -> TrainingSet:
    """What a run draws crops from, its images decoded as far as the cache holds them.

    Args:
        images: labelled images of both splits.
        classes: number of classes K.
        cache: of decoded images.
        settings: of the run.
        channels: of the network.
        stopped: true ends the decoding early.
        group: the processes among which crops are dealt out.

    Raises:
        TrainingError: there is nothing to learn from.
    """
    part, augmentation = (group.rank, group.size), settings.augmentation
    labels = TrainingSet(images, classes, cache, augmentation=augmentation, channels=channels, part=part)
    if not images:
        raise TrainingError("nothing is labelled yet", remedy="Paint two classes in an image, then train")
    if not labels.counts.any():
        raise TrainingError("no image of the training split is labelled", remedy="Label an image, then train")
    if (labels.counts > 0).sum() < 2:
        raise TrainingError("the labels hold one class only", remedy="Label pixels of a second class, then train")
    labels.decode(stopped)
    if not len(labels) and not stopped():
        raise TrainingError(
            f"no labelled image can be read, the first problem: {labels.problems[0].rstrip('.')}",
            remedy="Put the image files back",
        )
    return labels


def came_or_went(before: Sequence[LabelledImage], now: Sequence[LabelledImage]) -> str:
    """One line when the number of images that train, or that validate, is another one; else empty."""
    old, new = (Counter(image.split for image in images) for images in (before, now))
    if old == new:
        return ""
    return f"Labels came or went: {new['train']} images train now, {new['validation']} validate."


def stopped_run(request: TrainRequest) -> tuple[StoppedRun | None, str]:
    """The run that is to go on; None, and a line for a person, when it was asked for and cannot.

    Raises:
        TrainingError: its classes are no longer those of the request.
    """
    if not request.resume:
        return None, ""
    try:
        stopped = load_run(request.models)
    except ModelError as error:
        return None, f"{error} Training starts from the beginning."
    if stopped.info.classes != request.classes.names:
        raise TrainingError(
            "the classes have changed since the run was stopped",
            remedy="Start a new run from its model, with structure transfer",
        )
    return stopped, ""


def changed(before: Sequence[LabelledImage], now: Sequence[LabelledImage]) -> bool:
    """Whether labels came, went, or are others."""
    first, second = ([(image.key, image.revision, image.split) for image in images] for images in (before, now))
    return first != second


def resumed_settings(stopped: StoppedRun, asked: TrainSettings) -> TrainSettings:
    """Those of the stopped run, with the limits that are asked for now; the device too, when its own is gone."""
    settings = replace(stopped.info.settings, minutes=asked.minutes, steps=asked.steps, plateau=asked.plateau)
    try:
        pick_device(settings.device)
    except UsageError:
        settings = replace(settings, device=asked.device)
    return settings


def at_hand(settings: TrainSettings, own: Path | None) -> TrainSettings:
    """The settings, starting from a model of their own run where the one they start from is gone.

    Both are of one architecture; a run that goes on takes its weights from elsewhere anyway.

    Args:
        settings: of the run.
        own: folder of the model it promoted last, or None.
    """
    if settings.transfer != "structure" or own is None or not settings.start or settings.start in STRUCTURES:
        return settings
    return settings if Path(settings.start).is_dir() else replace(settings, start=str(own))


def opening(problems: Sequence[str], validating: int, start: str) -> str:
    """What a person should know when a run begins, in one line; may be empty.

    Args:
        problems: why images are left out.
        validating: how many images validate.
        start: what there is to say of the network.
    """
    notes = []
    if problems:
        others = f" and {len(problems) - 1} more" if len(problems) > 1 else ""
        notes.append(f"Left out: {problems[0]}{others}")
    if not validating:
        notes.append(SECOND_IMAGE)
    return " ".join([*notes, start] if start else notes)


def take_up(stopped: StoppedRun, request: TrainRequest, curve: Curve) -> tuple[Progress, Lineage]:
    """Counters and ancestors of a run that goes on; its curve is put into `curve`.

    Raises:
        TrainingError: what was kept of it makes no sense.
    """
    content = stopped.content
    try:
        curve.restore(content["curve"])
        progress = Progress(
            steps=stopped.info.steps,
            crops=int(content["crops"]),
            rounds=int(content["rounds"]),
            seconds=stopped.info.seconds,
        )
        before, own = (_model(request.models, content[name]) for name in ("before", "own"))
    except (KeyError, TypeError, ValueError) as error:
        raise TrainingError("the stopped run is damaged", remedy="Train anew") from error
    if own is not None and request.in_use in (own, None):
        return progress, Lineage(before, own)
    return progress, Lineage(request.in_use)  # a person has chosen another model since


def _model(models: Path, name: object) -> Path | None:
    folder = models / str(name) if name else None
    return folder if folder is not None and folder.is_dir() else None
