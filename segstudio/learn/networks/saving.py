"""Models on disk: a card and safetensors, nothing that could run code."""

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from segstudio.core.classes import ClassTable
from segstudio.errors import ModelError, ProjectError, UsageError
from segstudio.learn.backbones.registry import find_backbone
from segstudio.learn.networks.network import SegmentationNetwork, build_network, on_device
from segstudio.learn.networks.published import build_structure, difference
from segstudio.learn.networks.structures import STRUCTURES
from segstudio.learn.request import TRANSFERS
from segstudio.storage.atomic import replacing_folder
from segstudio.storage.cards import WEIGHTS, ModelCard, read_card, write_card

_REMEDY = "Train the model again or restore its folder from a backup"


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A network with what is needed to use it.

    Attributes:
        network: in eval mode, on `device`.
        card: what it is and how it came to be.
        device: where it computes.
    """

    network: SegmentationNetwork
    card: ModelCard
    device: torch.device

    @property
    def classes(self) -> int:
        """Number of classes K it tells apart."""
        return len(self.card.classes)


def class_entries(table: ClassTable) -> list[dict[str, object]]:
    """The classes as model cards hold them."""
    return [{"index": item.index, "name": item.name, "color": item.color} for item in table]


def save_model(network: SegmentationNetwork, card: ModelCard, folder: Path) -> None:
    """Write weights and card into `folder`, complete or not at all.

    Raises:
        ProjectError: when the folder cannot be written.
    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    with replacing_folder(folder) as temporary:
        try:
            save_file(tensors, temporary / WEIGHTS)
        except SafetensorError as error:  # its word for what the disk refuses
            remedy = "Check the free space, then train again"
            raise ProjectError("the weights cannot be written", remedy=remedy, path=folder) from error
        write_card(temporary, card)


def load_model(folder: Path, device: torch.device | None = None) -> LoadedModel:
    """Read a model folder; every call gives weights of its own.

    Args:
        folder: as `save_model` wrote it.
        device: where to put the network; None for the CPU.

    Raises:
        ModelError: card or weights are missing, damaged, of a newer version, or do not fit each other.
    """
    device = device or torch.device("cpu")
    card = read_card(folder)
    path = folder / WEIGHTS
    try:
        tensors = load_file(path)
    except FileNotFoundError as error:
        raise ModelError("the weights of the model are missing", remedy=_REMEDY, path=path) from error
    except (OSError, SafetensorError) as error:
        raise ModelError("is no safetensors file or is truncated", remedy=_REMEDY, path=path) from error
    if card.transfer not in TRANSFERS:
        raise ModelError(f"is of the unknown transfer '{card.transfer}'", remedy="Update SegStudio", path=folder)
    try:
        network = rebuild(card)
        problem = difference(network.state_dict(), tensors)
        if problem:
            raise ModelError(f"the weights do not fit the card, {problem}", remedy=_REMEDY, path=folder)
        network.load_state_dict(tensors)
    except UsageError as error:
        raise ModelError(error.problem, remedy="Update SegStudio", path=folder) from error
    except (RuntimeError, TypeError, ValueError) as error:
        raise ModelError("the weights do not fit the card", remedy=_REMEDY, path=folder) from error
    return LoadedModel(on_device(network, device).eval(), card, device)


def rebuild(card: ModelCard) -> SegmentationNetwork:
    """The network a card describes, with random weights, on the CPU.

    Raises:
        UsageError: the card names a backbone or a decoder that is unknown.
        RuntimeError, TypeError, ValueError: the decoder's options are others than it takes.
    """
    if card.decoder in STRUCTURES:
        structure = STRUCTURES[card.decoder]
        return build_structure(structure, classes=len(card.classes), channels=card.channels, pretrained=False)
    options = card.settings.get("decoder_options")
    return build_network(
        find_backbone(card.backbone),
        card.decoder,
        len(card.classes),
        card.transfer,  # type: ignore[arg-type]
        channels=card.channels,
        options=options if isinstance(options, dict) else None,
        pretrained=False,
    )
