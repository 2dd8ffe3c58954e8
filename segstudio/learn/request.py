"""What a training run is asked to do: frozen, picklable, free of torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from segstudio.core.classes import ClassTable
from segstudio.core.labels import LabelledImage

Transfer = Literal["parameter", "feature", "none"]
TRANSFERS: tuple[Transfer, ...] = ("parameter", "feature", "none")


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """How to train.

    Attributes:
        backbone: name in the registry, see `segstudio.learn.backbones`.
        transfer: ``parameter`` (encoder starts pretrained, all trained), ``feature`` (encoder frozen) or ``none``.
        decoder: name in `segstudio.learn.networks.DECODERS`.
        minutes: time spent training, validation included; None trains until stopped.
        steps: stop after this many optimiser steps; None for no such limit.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
        seed: of weights, crops and augmentation.
        crop: side of the square training crops, in pixels.
        batch: crops a step; on a CPU, more small steps learn faster than fewer large ones.
    """

    backbone: str = "efficientnet_lite0"
    transfer: Transfer = "parameter"
    decoder: str = "fpn"
    minutes: float | None = None
    steps: int | None = None
    device: str = "auto"
    seed: int = 0
    crop: int = 256
    batch: int = 4


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
    """

    settings: TrainSettings
    classes: ClassTable
    images: tuple[LabelledImage, ...]
    models: Path
    in_use: Path | None = None
    indices: Mapping[str, int] | None = None
