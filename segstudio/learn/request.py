"""What a training run is asked to do: frozen, picklable, free of torch."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from segstudio.core.augmentation import Augmentation
from segstudio.core.classes import ClassTable
from segstudio.core.labels import LabelledImage

Transfer = Literal["parameter", "feature", "structure", "none"]
TRANSFERS: tuple[Transfer, ...] = ("parameter", "feature", "structure", "none")
LossKind = Literal["ce", "ce_dice", "focal", "ce_lovasz", "ce_tversky"]
LOSSES: tuple[LossKind, ...] = ("ce", "ce_dice", "focal", "ce_lovasz", "ce_tversky")
OptimizerName = Literal["adamw", "adam", "sgd"]
OPTIMIZERS: tuple[OptimizerName, ...] = ("adamw", "adam", "sgd")
Regulariser = Literal["decay", "l2sp"]
REGULARISERS: tuple[Regulariser, ...] = ("decay", "l2sp")
Schedule = Literal["auto", "cosine", "poly", "constant"]
SCHEDULES: tuple[Schedule, ...] = ("auto", "cosine", "poly", "constant")
Unfreezing = Literal["gradual", "at once", "from the start"]
UNFREEZINGS: tuple[Unfreezing, ...] = ("gradual", "at once", "from the start")


@dataclass(frozen=True, slots=True)
class LossSettings:
    """What the network is told is wrong.

    Attributes:
        kind: ``ce`` cross-entropy; ``ce_dice``, ``ce_lovasz``, ``ce_tversky`` with a term for overlap; ``focal``.
        balance: 0 counts every labelled pixel alike, 1 every class alike.
        smoothing: share of the target that goes to the other classes.
    """

    kind: LossKind = "ce_dice"
    balance: float = 0.0
    smoothing: float = 0.0


@dataclass(frozen=True, slots=True)
class Optimisation:
    """How weights move.

    Attributes:
        optimizer: ``adamw``, ``adam`` or ``sgd`` with momentum.
        rate: full learning rate of what starts new; None for one that suits the optimiser.
        encoder_share: learning rate of the pretrained part, as a share of `rate`; earlier stages get less of it.
        regulariser: ``decay`` pulls kernels toward zero, ``l2sp`` toward where the transfer started.
        strength: of the regulariser; it means the same whatever the optimiser and its rate.
        schedule: ``auto`` is a half cosine where an end is known, else long constant, then slowly falling.
        unfreezing: when the pretrained part of a parameter transfer starts to learn: stage by stage from the deepest,
            all of it at once after a while, or from the first step.
        clip: largest norm of a step's gradient; None does not clip.
        accumulation: batches whose gradients make one step.
        average: whether a running average of the weights competes for promotion too.
    """

    optimizer: OptimizerName = "adamw"
    rate: float | None = None
    encoder_share: float = 0.1
    regulariser: Regulariser = "decay"
    strength: float = 0.01
    schedule: Schedule = "auto"
    unfreezing: Unfreezing = "at once"
    clip: float | None = 5.0
    accumulation: int = 1
    average: bool = True


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """How to train.

    Attributes:
        backbone: name in `segstudio.learn.backbones.registry`; with ``structure`` that of `start` counts.
        transfer: ``parameter`` (encoder starts pretrained, all trained), ``feature`` (encoder frozen), ``structure``
            (a whole segmentation network moves in, see `start`) or ``none`` (random).
        start: with ``structure``, where from: name of a published network in `segstudio.learn.networks.structures`, or
            the folder of an earlier model, whatever its classes.
        decoder: name in `segstudio.learn.networks.decoders`; ``auto`` is good at scenes and thin things.
        minutes: time spent training, validation included; None trains until stopped.
        steps: stop after this many optimiser steps; None for no such limit.
        plateau: stop when the score has not risen for several rounds.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
        seed: of weights, crops and augmentation.
        deterministic: repeat bit for bit on one device, at whatever cost; on a CPU also in float32 throughout.
        crop: side of the square training crops, in pixels; None chooses by the images.
        batch: crops a step; on a CPU, more small steps learn faster than fewer large ones.
        cache_bytes: of decoded images kept in memory.
        cache_features: with ``feature``, train on stored encoder features.
        optimisation, loss, augmentation: see there.
    """

    backbone: str = "efficientnet_lite0"
    transfer: Transfer = "parameter"
    start: str | None = None
    decoder: str = "auto"
    minutes: float | None = None
    steps: int | None = None
    plateau: bool = False
    device: str = "auto"
    seed: int = 0
    deterministic: bool = False
    crop: int | None = None
    batch: int = 4
    cache_bytes: int = 1 << 30
    cache_features: bool = True
    optimisation: Optimisation = field(default_factory=Optimisation)
    loss: LossSettings = field(default_factory=LossSettings)
    augmentation: Augmentation = field(default_factory=Augmentation)


@dataclass(frozen=True, slots=True)
class Pace:
    """When and on how much a run is scored, where the rounds of several runs are to be compared.

    Attributes:
        seconds: between rounds, as long as they take no more than a tenth of the time.
        pixels: about how many an interim round scores.
    """

    seconds: float
    pixels: int


@dataclass(frozen=True, slots=True)
class TrainRequest:
    """Settings and labels, snapshotted, so that the run depends on nothing that can move.

    Attributes:
        settings: how to train.
        classes: the classes of the project.
        images: every labelled image of both splits.
        models: folder in which the run makes a folder for each model it promotes.
        in_use: folder of the model in use, or None.
        indices: of the classes by the names that the model in use may have for them; None when it has the same.
        resume: whether to go on where a run that was stopped or cut off in `models` stood, with its own settings but
            for the limits.
        pace: of the rounds; None for few and ever rarer ones, by the speed of the run.
    """

    settings: TrainSettings
    classes: ClassTable
    images: tuple[LabelledImage, ...]
    models: Path
    in_use: Path | None = None
    indices: Mapping[str, int] | None = None
    resume: bool = False
    pace: Pace | None = None
