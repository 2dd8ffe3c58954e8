"""Networks of torchvision as a `SegmentationNetwork`, behind the same three parts as all the others."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import torch
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models import segmentation

from segstudio.errors import WeightsError
from segstudio.learn.backbones.matching import MatchReport
from segstudio.learn.backbones.registry import find_backbone, weights_folder
from segstudio.learn.backbones.weights import plain, read_weights
from segstudio.learn.networks.network import SegmentationNetwork, adapted
from segstudio.learn.networks.structures import Structure, need_structure_file
from segstudio.storage.atomic import write_bytes

_RESNET_ENDS = ("relu", "layer1", "layer2", "layer3", "layer4")
_AGAIN = "Delete the file and bring or download it again"
_AUXILIARY = "aux_classifier."  # helped the pretraining along; nothing is predicted with it


def build_structure(
    structure: Structure,
    *,
    classes: int | None = None,
    channels: int = 3,
    pretrained: bool = True,
    folder: Path | None = None,
) -> SegmentationNetwork:
    """A published network, ready to train.

    Args:
        structure: which one.
        classes: number of classes K; None for its own. With `pretrained` it has its own in any case.
        channels: of the images; the first convolution is adapted to other ones than RGB.
        pretrained: False leaves the weights random because the caller fills them in.
        folder: where its weights lie; None for `segstudio.learn.backbones.registry.weights_folder`.

    Raises:
        WeightsError: one line naming the file and the remedy, when the weights are missing, truncated or others.
    """
    whole: Any = _whole(structure, None if pretrained else classes)
    if pretrained:
        whole.load_state_dict(read_structure(structure, need_structure_file(structure, folder)))
    for module in whole.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0  # is meant for longer runs than those of a few minutes
    encoder = _Encoder(whole.backbone)
    note = adapted(encoder, channels, find_backbone(structure.normalised_as))
    decoder: nn.Module
    if structure.name.startswith("lraspp"):
        decoder, head = _LrAspp(whole.classifier, encoder), _Scores(_lraspp_scores(whole.classifier), structure.stride)
    else:
        layers = list(whole.classifier)
        decoder, head = _Deepest(layers[:-1]), _Scores(layers[-1:], structure.stride)
    network = SegmentationNetwork(encoder, decoder, head, channels=channels, input_note=note)
    network.pin_norm(True)
    return network


class _Encoder(nn.Module):
    """torchvision's backbone; gives the image and what stands at the end of every stage."""

    def __init__(self, body: nn.ModuleDict) -> None:
        super().__init__()
        self.body = nn.ModuleDict(OrderedDict(body.items()))
        self.lows = [str(place) for place, block in enumerate(body.values()) if getattr(block, "_is_cn", False)]
        last = list(body)[-1]
        self.ends = list(dict.fromkeys(("0", *self.lows, last))) if self.lows else list(_RESNET_ENDS)

    def forward(self, images: Tensor) -> list[Tensor]:
        features, x = [images], images
        for name, layer in self.body.items():
            x = layer(x)
            if name in self.ends:
                features.append(x)
        return features


class _Deepest(nn.Module):
    """All of a classifier but its last convolution, on the deepest features."""

    def __init__(self, layers: Iterable[nn.Module]) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        return [self.layers(features[-1])]


class _LrAspp(nn.Module):
    """What LR-ASPP computes before its class scores: features at stride 8, and the deepest ones brought there.

    Source: Howard et al. 2019, section 6.4.
    """

    def __init__(self, classifier: nn.Module, encoder: _Encoder) -> None:
        super().__init__()
        self.cbr, self.scale = cast(nn.Module, classifier.cbr), cast(nn.Module, classifier.scale)
        self._low = 1 + encoder.ends.index(encoder.lows[1])

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        low, high = features[self._low], features[-1]
        x = cast(Tensor, self.cbr(high) * self.scale(high))
        return [low, functional.interpolate(x, scale_factor=2, mode="bilinear")]


class _Scores(nn.Module):
    """Class scores of each input, added and brought to the size of the image."""

    def __init__(self, layers: Iterable[nn.Module], stride: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self._stride = stride

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        scores = sum(layer(x) for layer, x in zip(self.layers, inputs, strict=True))
        return functional.interpolate(cast(Tensor, scores), scale_factor=self._stride, mode="bilinear")


def _lraspp_scores(classifier: nn.Module) -> list[nn.Module]:
    return [cast(nn.Module, classifier.low_classifier), cast(nn.Module, classifier.high_classifier)]


def import_structure(
    structure: Structure, file: Path, folder: Path | None = None, *, source: str | None = None
) -> MatchReport:
    """Take the weights of a published network from a file that a person brought, whole or not at all.

    Args:
        structure: whose weights they are.
        file: see `segstudio.learn.backbones.weights.read_weights`.
        folder: where they are kept; None for `segstudio.learn.backbones.registry.weights_folder`.
        source: where the file is from, stored with it; None for its name.

    Returns:
        What fitted; always complete.

    Raises:
        WeightsError: the file cannot be used, or has the weights of another network.
        ProjectError: the folder cannot be written.
    """
    remedy = f"Bring {structure.file}, or choose the network they belong to"
    state = read_weights(file, remedy=remedy)
    kept = _checked(structure, state, file, remedy)
    path = (folder or weights_folder()) / f"{structure.name}.safetensors"
    write_bytes(path, pack_structure(structure, kept, source or file.name))
    left_out = tuple(name for name in state if name not in kept)
    return MatchReport(structure.title, fitted=tuple(kept), unexpected=left_out)


def read_structure(structure: Structure, path: Path) -> dict[str, Tensor]:
    """The tensors of a published network's file, by torchvision's names.

    Args:
        structure: whose weights the file should have.
        path: of the file.

    Raises:
        WeightsError: see `import_structure`.
    """
    return _checked(structure, read_weights(path, remedy=_AGAIN), path, _AGAIN)


def pack_structure(structure: Structure, tensors: Mapping[str, Tensor], source: str) -> bytes:
    """Tensors of a published network as a safetensors file.

    Args:
        structure: whose they are.
        tensors: by torchvision's names.
        source: where they are from.
    """
    return bytes(save(plain(tensors), {"structure": structure.name, "source": source}))


def _checked(structure: Structure, state: Mapping[str, Tensor], path: Path, remedy: str) -> dict[str, Tensor]:
    kept = {name: tensor for name, tensor in state.items() if not name.startswith(_AUXILIARY)}
    with torch.device("meta"):
        wanted = _whole(structure, None).state_dict()
    if problem := difference(wanted, kept):
        raise WeightsError(f"the weights are not those of {structure.title}, {problem}", remedy=remedy, path=path)
    return kept


def _whole(structure: Structure, classes: int | None) -> nn.Module:
    network: nn.Module = getattr(segmentation, structure.name)(
        weights=None, weights_backbone=None, num_classes=classes or len(structure.classes), aux_loss=False
    )
    return network


def difference(wanted: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> str:
    """In a few words what keeps the tensors of a file from being those of a network; empty when nothing does."""
    missing = [name for name in wanted if name not in given]
    extra = [name for name in given if name not in wanted]
    for names, word in ((missing, "missing"), (extra, "too many")):
        if names:
            others = f" and {len(names) - 1} more are" if len(names) > 1 else " is"
            return f"'{names[0]}'{others} {word}"
    for name, tensor in wanted.items():
        if tensor.shape != given[name].shape:
            return f"'{name}' is {_size(given[name])} instead of {_size(tensor)}"
    return ""


def _size(tensor: Tensor) -> str:
    return "x".join(str(length) for length in tensor.shape) or "a number"
