"""Segmentation networks: a timm encoder under a decoder of segmentation_models_pytorch."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

import segmentation_models_pytorch as smp
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from segstudio.errors import UsageError
from segstudio.learn.backbones import Backbone
from segstudio.learn.request import Transfer
from segstudio.learn.weights import load_encoder_weights

STRIDE = 32  # both sides of an input must be multiples of it


@dataclass(frozen=True, slots=True)
class Decoder:
    """A way from encoder features to class scores.

    Attributes:
        name: how settings and model cards call it.
        title: for menus.
        architecture: class name in segmentation_models_pytorch.
        options: its arguments; narrower than published where that makes steps on a CPU much faster.
        smallest_batch: below it, its norm layers have nothing to average over.
    """

    name: str
    title: str
    architecture: str
    options: Mapping[str, Any] = field(default_factory=dict)
    smallest_batch: int = 1


# Without dropout, which is meant for longer runs than those of a few minutes.
_ALL = (
    Decoder(
        "fpn",
        "FPN",
        "FPN",
        {"decoder_pyramid_channels": 128, "decoder_segmentation_channels": 64, "decoder_dropout": 0.0},
    ),
    Decoder("unet", "U-Net", "Unet"),
    Decoder(
        "deeplabv3plus",
        "DeepLabV3+",
        "DeepLabV3Plus",
        {"decoder_channels": 128, "decoder_aspp_dropout": 0.0},
        smallest_batch=2,
    ),
    Decoder("segformer", "SegFormer head", "Segformer", {"decoder_segmentation_channels": 128}),
)
DECODERS: Mapping[str, Decoder] = MappingProxyType({decoder.name: decoder for decoder in _ALL})


def find_decoder(name: str) -> Decoder:
    """The decoder of that name.

    Raises:
        UsageError: when there is none; the line lists the names there are.
    """
    if name not in DECODERS:
        raise UsageError(f"there is no decoder '{name}'", remedy=f"Choose one of {', '.join(DECODERS)}")
    return DECODERS[name]


class SegmentationNetwork(nn.Module):
    """Encoder, decoder and head; norm layers of the encoder can be pinned to their pretrained statistics.

    Attributes:
        encoder, decoder, head: the three parts, run in this order.
        frozen: the encoder takes no gradient and its norm layers stay in eval mode.
    """

    def __init__(self, encoder: nn.Module, decoder: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.head = head
        self.frozen = False
        self._norm_pinned = False

    def forward(self, images: Tensor) -> Tensor:
        """Class scores of normalised images.

        Args:
            images: ``(N, 3, H, W)`` float, H and W multiples of 32.

        Returns:
            ``(N, K, H, W)`` float, unnormalised.
        """
        return cast(Tensor, self.head(self.decoder(self.encoder(images))))

    def train(self, mode: bool = True) -> "SegmentationNetwork":
        """As in torch, but pinned norm layers stay in eval mode, or running statistics would drift."""
        super().train(mode)
        if self._norm_pinned:
            for module in self.encoder.modules():
                if isinstance(module, _BatchNorm):
                    module.eval()
        if self.frozen:
            self.encoder.eval()
        return self

    def pin_norm(self, pinned: bool) -> None:
        """Keep the encoder's norm layers at their running statistics, also in training mode."""
        self._norm_pinned = pinned
        self.train(self.training)

    def freeze(self, frozen: bool) -> None:
        """Switch gradients of the whole encoder off or on."""
        self.frozen = frozen
        self.encoder.requires_grad_(not frozen)
        self.train(self.training)


def build_network(
    backbone: Backbone,
    decoder: str,
    classes: int,
    transfer: Transfer,
    *,
    options: Mapping[str, Any] | None = None,
    pretrained: bool = True,
    folder: Path | None = None,
) -> SegmentationNetwork:
    """A network ready to train; its decoder starts from torch's random state.

    Args:
        backbone: the encoder.
        decoder: name in `DECODERS`.
        classes: number of classes K.
        transfer: ``feature`` freezes the encoder for good; ``parameter`` and ``feature`` pin its norm layers, since a
            handful of crops gives worse statistics than the pretraining; ``none`` leaves everything random.
        options: the decoder's arguments, when a stored model used others than today's.
        pretrained: False leaves the weights random because the caller fills them in.
        folder: where weights that are not bundled lie.

    Raises:
        UsageError: unknown decoder.
        WeightsError: see `load_encoder_weights`.
    """
    chosen = find_decoder(decoder)
    whole = getattr(smp, chosen.architecture)(
        f"tu-{backbone.encoder}",
        encoder_weights=None,
        classes=classes,
        **(chosen.options if options is None else options),
    )
    _use_batch_norm(whole.decoder)
    network = SegmentationNetwork(whole.encoder, whole.decoder, whole.segmentation_head)
    if transfer != "none":
        if pretrained:
            load_encoder_weights(whole.encoder.model, backbone, folder=folder)
        network.pin_norm(True)
    if transfer == "feature":
        network.freeze(True)
    return network


def _use_batch_norm(module: nn.Module) -> None:
    """Put batch norm where FPN has group norm, whose statistics are those of the tile and not of the training.

    It learns faster, and an empty tile is not blown up to look like a full one.
    """
    for name, child in module.named_children():
        if isinstance(child, nn.GroupNorm):
            setattr(module, name, nn.BatchNorm2d(child.num_channels))
        else:
            _use_batch_norm(child)


def on_device(network: SegmentationNetwork, device: torch.device) -> SegmentationNetwork:
    """Move it there, in place, with channels last in memory: a third faster on a CPU, and what tensor cores want."""
    network.to(device)
    return network.to(memory_format=torch.channels_last)
