"""How a network starts: from a backbone, from a published network, or from an earlier model of whatever classes."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from segstudio.core.classes import ClassTable
from segstudio.errors import UsageError
from segstudio.learn.backbones.adapting import RGB, adapt_kernel, first_convolution, normalisation_for
from segstudio.learn.backbones.registry import find_backbone
from segstudio.learn.networks.decoders import find_decoder
from segstudio.learn.networks.network import SegmentationNetwork, adapted, build_network
from segstudio.learn.networks.published import build_structure
from segstudio.learn.networks.saving import load_model, rebuild
from segstudio.learn.networks.structures import STRUCTURES, Structure, need_structure_file
from segstudio.learn.request import TrainSettings, Transfer
from segstudio.storage.cards import ModelCard, read_card

_SHOWN = 5  # names of classes in a line
_LOWER = math.log(2)


@dataclass(frozen=True, slots=True)
class InheritReport:
    """Which classes a network kept when it was given others.

    Attributes:
        kept: names of the classes that have their weights from before, in the order of the new ones.
        new: names of those that start anew.
        dropped: names of those that are gone.
    """

    kept: tuple[str, ...]
    new: tuple[str, ...]
    dropped: tuple[str, ...]

    @property
    def line(self) -> str:
        """All of it in one line."""
        said = ((self.kept, "kept"), (self.new, "new"), (self.dropped, "dropped"))
        return f"Classes: {'; '.join(f'{_listed(names)} {word}' for names, word in said if names)}."


@dataclass(frozen=True, eq=False)
class StartedNetwork:
    """A network ready to train, with what its card must say for it to be built again.

    Attributes:
        network: in training mode, on the CPU.
        backbone, decoder: names in the registries; of a published network, its encoder's and its own.
        options: the decoder's arguments.
        start: for the card: name of the published network or model that moved in; else empty.
        normalisation: ``{"mean": [...], "std": [...]}`` for values in 0..1, one number a channel.
        note: how the input was adapted and which classes were kept, one line; may be empty.
        smallest_batch: below it, norm layers of the decoder have nothing to average over.
    """

    network: SegmentationNetwork
    backbone: str
    decoder: str
    options: Mapping[str, Any]
    start: str
    normalisation: dict[str, list[float]]
    note: str
    smallest_batch: int = 1


def start_network(
    settings: TrainSettings, classes: ClassTable, *, channels: int, folder: Path | None = None
) -> StartedNetwork:
    """The network that a run with these settings starts from.

    Args:
        settings: their decoder chosen already, see `segstudio.learn.training.planning.settle`.
        classes: that it shall tell apart.
        channels: of the images.
        folder: where weights that are not bundled lie; None for `segstudio.learn.backbones.registry.weights_folder`.

    Raises:
        UsageError: an unknown name, or a structure transfer from nowhere.
        WeightsError: pretrained weights are missing, truncated or of another network.
        ModelError: the model to start from is incomplete, damaged or of another version.
    """
    if settings.transfer == "structure":
        origin = _origin(settings)
        if isinstance(origin, Structure):
            return _from_structure(origin, classes, channels, folder)
        return _from_model(origin, classes, channels)
    backbone, decoder = find_backbone(settings.backbone), find_decoder(settings.decoder)
    network = build_network(backbone, decoder.name, len(classes), settings.transfer, channels=channels, folder=folder)
    return StartedNetwork(
        network,
        backbone.name,
        decoder.name,
        decoder.options,
        "",
        normalisation_for(backbone, channels),
        network.input_note,
        decoder.smallest_batch,
    )


def check_start(settings: TrainSettings, folder: Path | None = None) -> None:
    """Refuse at once, without building anything, what `start_network` would refuse of names, folders and files.

    Raises:
        UsageError, WeightsError, ModelError: as `start_network`.
    """
    if settings.transfer != "structure":
        return
    origin = _origin(settings)
    if isinstance(origin, Structure):
        need_structure_file(origin, folder)
    else:
        read_card(origin)


def build_from_model(
    folder: Path, classes: ClassTable, *, transfer: Transfer = "structure", channels: int | None = None
) -> tuple[SegmentationNetwork, ModelCard, InheritReport]:
    """An earlier model with other classes, ready to train.

    Args:
        folder: of the model.
        classes: that it shall tell apart.
        transfer: ``feature`` freezes the encoder.
        channels: of the images; None for those of the model.

    Returns:
        The network, the card of the model it was, and which classes it kept.

    Raises:
        ModelError: as `load_model`.
        UsageError: its input cannot be adapted to so many channels.
    """
    model = load_model(folder)
    card, network = model.card, model.network
    if channels is not None and channels != card.channels:
        network = _with_channels(network, card, channels)
    report = inherit(network, [item["name"] for item in card.classes], [item.name for item in classes])
    network.pin_norm(transfer != "none")
    network.freeze(transfer == "feature")
    return network.train(), card, report


def inherit(network: SegmentationNetwork, donors: Sequence[str], own: Sequence[str]) -> InheritReport:
    """Give a network other classes, in place; classes of one name keep their weights.

    Names are the same when they differ in case and outer spaces at most. A new class scores the mean of the classes
    that are kept, less log 2. At first it is so never the highest at any pixel, and with n kept classes has at most
    1 / 2n of the probability, since exp of a mean is at most the mean of the exps; but it has its share wherever the
    others are unsure. When no class is kept all start equal.

    Args:
        network: whose score layers tell `donors` apart.
        donors: names of its classes, by index.
        own: names of the classes it shall have, by index.
    """
    places: dict[str, int] = {}
    for place, name in enumerate(donors):
        places.setdefault(_folded(name), place)
    sources = [places.get(_folded(name)) for name in own]
    kept = sorted({source for source in sources if source is not None})
    lower = _LOWER if kept else 0.0
    for layer in network.score_layers():
        _reassign(layer, sources, kept or list(range(len(donors))), lower)
        if layer.bias is not None:
            lower = 0.0  # scores of several layers are added: once is enough
    taken = {_folded(name) for name in own}
    return InheritReport(
        tuple(name for name, source in zip(own, sources, strict=True) if source is not None),
        tuple(name for name, source in zip(own, sources, strict=True) if source is None),
        tuple(name for name in donors if _folded(name) not in taken),
    )


def _reassign(layer: nn.Conv2d, sources: Sequence[int | None], kept: list[int], lower: float) -> None:
    """Give a score layer one row for each of `sources`: that row of before, or for None the mean of those `kept`."""

    def rows(old: Tensor, less: float) -> nn.Parameter:
        fresh = old[kept].mean(0) - less
        return nn.Parameter(torch.stack([fresh if source is None else old[source] for source in sources]))

    layer.weight = rows(layer.weight.detach(), 0.0)
    if layer.bias is not None:
        layer.bias = rows(layer.bias.detach(), lower)
    layer.out_channels = len(sources)


def _origin(settings: TrainSettings) -> Structure | Path:
    """What a structure transfer starts from."""
    choices = f"one of {', '.join(STRUCTURES)}, or the folder of a model"
    if not settings.start:
        raise UsageError("a structure transfer has to start from something", remedy=f"Choose {choices}")
    if settings.start in STRUCTURES:
        return STRUCTURES[settings.start]
    folder = Path(settings.start)
    if not folder.is_dir():
        raise UsageError(
            f"'{settings.start}' is no published network and no folder of a model", remedy=f"Choose {choices}"
        )
    return folder


def _from_structure(structure: Structure, classes: ClassTable, channels: int, folder: Path | None) -> StartedNetwork:
    network = build_structure(structure, channels=channels, folder=folder)
    report = inherit(network, structure.classes, [item.name for item in classes])
    return StartedNetwork(
        network.train(),
        structure.backbone,
        structure.name,
        {},
        structure.name,
        normalisation_for(find_backbone(structure.normalised_as), channels),
        _joined(network.input_note, report.line),
        structure.smallest_batch,
    )


def _from_model(folder: Path, classes: ClassTable, channels: int) -> StartedNetwork:
    network, card, report = build_from_model(folder, classes, channels=channels)
    options = card.settings.get("decoder_options")
    normalisation = card.normalisation
    if channels != card.channels:
        normalisation = normalisation_for(find_backbone(_normalised_as(card)), channels)
    if card.decoder in STRUCTURES:
        smallest = STRUCTURES[card.decoder].smallest_batch
    else:
        decoder = find_decoder(card.decoder)
        smallest, options = decoder.smallest_batch, options if isinstance(options, dict) else decoder.options
    return StartedNetwork(
        network,
        card.backbone,
        card.decoder,
        options if isinstance(options, dict) else {},
        card.name,
        normalisation,
        _joined(network.input_note, report.line),
        smallest,
    )


def _normalised_as(card: ModelCard) -> str:
    return STRUCTURES[card.decoder].normalised_as if card.decoder in STRUCTURES else card.backbone


def _with_channels(network: SegmentationNetwork, card: ModelCard, channels: int) -> SegmentationNetwork:
    """The same weights in a network for other images; only the first convolution is made anew."""
    if card.channels == RGB:
        network.input_note = adapted(network.encoder, channels, find_backbone(_normalised_as(card)))
        network.channels = channels
        return network
    other = rebuild(replace(card, channels=channels))
    name, first = first_convolution(other.encoder)
    kernel, how = adapt_kernel(first_convolution(network.encoder)[1].weight.detach(), channels)
    # A bias that only one of the two has made up for a normalisation that the other has not.
    state = {key: value for key, value in network.state_dict().items() if key != f"encoder.{name}.bias"}
    state |= {f"encoder.{name}.weight": kernel}
    if first.bias is not None:
        before = network.state_dict().get(f"encoder.{name}.bias")
        state[f"encoder.{name}.bias"] = torch.zeros(first.out_channels) if before is None else before
    other.load_state_dict(state)
    other.input_note = f"The first convolution takes {channels} channels instead of {card.channels}: {how}."
    return other


def _folded(name: str) -> str:
    return name.strip().casefold()


def _listed(names: Sequence[str]) -> str:
    others = len(names) - _SHOWN
    return ", ".join(names) if others <= 1 else f"{', '.join(names[:_SHOWN])} and {others} more"


def _joined(*lines: str) -> str:
    return " ".join(line for line in lines if line)
