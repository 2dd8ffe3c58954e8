"""Published segmentation networks one can start from whole; data only, torch is not imported."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from segstudio.errors import UsageError, WeightsError
from segstudio.learn.backbones.registry import WEIGHT_SUFFIXES, weights_folder

VOC = (
    "background",
    "aeroplane",
    "bicycle",
    "bird",
    "boat",
    "bottle",
    "bus",
    "car",
    "cat",
    "chair",
    "cow",
    "diningtable",
    "dog",
    "horse",
    "motorbike",
    "person",
    "pottedplant",
    "sheep",
    "sofa",
    "train",
    "tvmonitor",
)


@dataclass(frozen=True, slots=True)
class Structure:
    """A segmentation network that was published with its weights.

    Attributes:
        name: how settings and model cards call it, and how torchvision does.
        title: for menus.
        backbone: its encoder, as torchvision calls it.
        parameters: with its own classes, without the auxiliary classifier.
        stride: of the class scores before they are brought to the size of the image.
        file: name it was published under; after the hyphen, the first digits of its SHA-256.
        classes: names of the classes it was trained on, by index.
        normalised_as: the backbone in the registry whose normalisation it was pretrained with.
        source: who published the weights, and what they were trained on.
        licence: what is known of it.
        smallest_batch: below it, its norm layers have nothing to average over.
    """

    name: str
    title: str
    backbone: str
    parameters: int
    stride: int
    file: str
    classes: tuple[str, ...] = VOC
    normalised_as: str = "resnet18"
    source: str = "torchvision, COCO 2017 images with the classes of Pascal VOC"
    licence: str = "BSD-3-Clause (torchvision); the terms of its training images may reach the weights"
    smallest_batch: int = 1

    @property
    def stem(self) -> str:
        """Of the file its weights are kept in."""
        return self.name

    @property
    def url(self) -> str:
        """Where the weights can be downloaded."""
        return f"https://download.pytorch.org/models/{self.file}"

    @property
    def checksum(self) -> str:
        """The first digits of the file's SHA-256."""
        return self.file.removesuffix(".pth").rpartition("-")[2]


_ALL = (
    Structure(
        "deeplabv3_mobilenet_v3_large",
        "DeepLabV3, MobileNetV3 Large",
        "mobilenet_v3_large",
        11_025_477,
        16,
        "deeplabv3_mobilenet_v3_large-fc3c493d.pth",
        smallest_batch=2,
    ),
    Structure(
        "deeplabv3_resnet50",
        "DeepLabV3, ResNet-50",
        "resnet50",
        39_638_869,
        8,
        "deeplabv3_resnet50_coco-cd0a2569.pth",
        smallest_batch=2,
    ),
    Structure(
        "deeplabv3_resnet101",
        "DeepLabV3, ResNet-101",
        "resnet101",
        58_630_997,
        8,
        "deeplabv3_resnet101_coco-586e9e4e.pth",
        smallest_batch=2,
    ),
    Structure("fcn_resnet50", "FCN, ResNet-50", "resnet50", 32_957_013, 8, "fcn_resnet50_coco-1167a1af.pth"),
    Structure("fcn_resnet101", "FCN, ResNet-101", "resnet101", 51_949_141, 8, "fcn_resnet101_coco-7ecb50ca.pth"),
    Structure(
        "lraspp_mobilenet_v3_large",
        "LR-ASPP, MobileNetV3 Large",
        "mobilenet_v3_large",
        3_221_538,
        8,
        "lraspp_mobilenet_v3_large-d234d4ea.pth",
    ),
)
STRUCTURES: Mapping[str, Structure] = MappingProxyType({structure.name: structure for structure in _ALL})


def find_structure(name: str) -> Structure:
    """The published network of that name.

    Raises:
        UsageError: when there is none; the line lists the names there are.
    """
    if name not in STRUCTURES:
        raise UsageError(f"there is no published network '{name}'", remedy=f"Choose one of {', '.join(STRUCTURES)}")
    return STRUCTURES[name]


def structure_file(structure: Structure, folder: Path | None = None) -> Path | None:
    """The file with its weights, or None when it is not on this machine.

    Args:
        structure: whose weights.
        folder: where to look; None for `segstudio.learn.backbones.registry.weights_folder`. A file may have the name it
            was published under.
    """
    folder = folder or weights_folder()
    names = [f"{structure.name}{suffix}" for suffix in WEIGHT_SUFFIXES]
    for name in (*names, structure.file):
        if (folder / name).is_file():
            return folder / name
    return None


def need_structure_file(structure: Structure, folder: Path | None = None) -> Path:
    """As `structure_file`, but a missing file is an error.

    Raises:
        WeightsError: with what to do about it.
    """
    path = structure_file(structure, folder)
    if path is None:
        raise WeightsError(
            f"the weights of {structure.title} are not on this machine",
            remedy=f"Get them by 'segstudio backbones --fetch {structure.name}', or bring {structure.url} "
            f"and take it in by 'segstudio weights import FILE --backbone {structure.name}'",
            path=folder or weights_folder(),
        )
    return path


def fetch_structure(
    name: str,
    folder: Path | None = None,
    *,
    progress: Callable[[int, int | None], None] | None = None,
    cancel: threading.Event | None = None,
) -> Path:
    """Download the weights of a published network; call only when a person asked for it.

    Args:
        name: of the network.
        folder: where to put the file; None for `segstudio.learn.backbones.registry.weights_folder`.
        progress: called with the bytes that are there, and those of the whole file where they are known.
        cancel: set it to stop; what is there already is kept for another try.

    Returns:
        The file, which `structure_file` finds from then on.

    Raises:
        UsageError: there is no such network.
        WeightsError, ProjectError: as `segstudio.learn.backbones.hub.download`.
    """
    from segstudio.learn.backbones.hub import download

    structure = find_structure(name)
    present = structure_file(structure, folder)
    if present is not None:
        return present
    path = (folder or weights_folder()) / f"{name}.pth"
    download(structure.url, path, sha256=structure.checksum, progress=progress, cancel=cancel)
    return path
