"""Decoders: from the features of an encoder to class scores; a registry of published ones and two of our own."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, cast

import segmentation_models_pytorch as smp
import torch
from segmentation_models_pytorch.decoders.fpn.decoder import FPNDecoder
from torch import Tensor, nn
from torch.nn import functional

from segstudio.errors import UsageError

DEPTH = 5  # halvings of an encoder
Parts = tuple[nn.Module, nn.Module, nn.Module]


@dataclass(frozen=True, slots=True)
class Decoder:
    """A way from encoder features to class scores.

    Attributes:
        name: how settings and model cards call it.
        title: for menus.
        make: from a timm encoder's name, the number of classes, the channels of the images and `options` to encoder,
            decoder and head, all with random weights. The encoder is made for RGB whatever the channels.
        options: arguments of the decoder; narrower than published where that makes steps on a CPU much faster.
        smallest_batch: below it, its norm layers have nothing to average over.
    """

    name: str
    title: str
    make: Callable[[str, int, int, Mapping[str, Any]], Parts]
    options: Mapping[str, Any] = field(default_factory=dict)
    smallest_batch: int = 1


class FineFpn(nn.Module):
    """FPN features at stride 4, and narrow ones at stride 2 that see edges FPN has lost.

    Where the encoder has nothing at stride 2 (ConvNeXt), a convolution over the image itself takes its place.

    Args:
        channels: of the encoder's features, from stride 1 to 32; 0 where there are none.
        width: channels at stride 2.
        pyramid: channels of the pyramid.
        segmentation: channels at stride 4.

    Source: Lin et al. 2017 (FPN), Kirillov et al. 2019 (its decoder); the finer branch is our own.
    """

    def __init__(self, channels: Sequence[int], width: int, pyramid: int, segmentation: int) -> None:
        super().__init__()
        self.fpn = FPNDecoder(list(channels), pyramid_channels=pyramid, segmentation_channels=segmentation, dropout=0.0)
        self.fpn.merge = _Added()
        use_batch_norm(self.fpn)
        self.narrow = _conv_norm_relu(segmentation, width, 1)
        self._from_image = channels[1] == 0
        self.skip = (
            _conv_norm_relu(channels[0], width, 3, stride=2)
            if self._from_image
            else _conv_norm_relu(channels[1], width, 1)
        )
        self.mix = nn.Sequential(_conv_norm_relu(2 * width, width, 3), _conv_norm_relu(width, width, 3))

    def forward(self, features: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """``(N, segmentation, H/4, W/4)`` and ``(N, width, H/2, W/2)`` of an encoder's features."""
        coarse = self.fpn(list(features))
        skip = self.skip(features[0] if self._from_image else features[1])
        return coarse, self.mix(torch.cat([_enlarge(self.narrow(coarse)), skip], dim=1))


class _Added(nn.Module):
    """Adds up scales of one size; published decoders stack them first, which takes memory and time."""

    def forward(self, scales: Sequence[Tensor]) -> Tensor:
        total = scales[0]
        for scale in scales[1:]:
            total = total + scale
        return total


class Light(nn.Module):
    """The sum of all scales, each mapped to a few channels; many times cheaper than FPN.

    Meant for feature transfer, where nearly all that is computed in a step is the decoder.

    Args:
        channels: of the encoder's features, from stride 1 to 32; 0 where there are none.
        width: channels of the sum.
    """

    def __init__(self, channels: Sequence[int], width: int) -> None:
        super().__init__()
        self.maps = nn.ModuleList(nn.Conv2d(depth, width, 1, bias=False) for depth in channels[2:])
        self.norm = nn.Sequential(nn.BatchNorm2d(width), nn.ReLU(inplace=True))
        self.mix = _conv_norm_relu(width, width, 3)

    def forward(self, features: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """``(N, width, H/4, W/4)``, and the encoder's own features at stride 2."""
        coarser: Tensor | None = None
        for convolution, feature in zip(reversed(self.maps), reversed(features[2:]), strict=True):
            mapped = convolution(feature)
            coarser = mapped if coarser is None else mapped + _enlarge(coarser)
        return self.mix(self.norm(coarser)), features[1]


class TwoScales(nn.Module):
    """Class scores at stride 4, and what is to be added to them at stride 2; brought to the size of the image.

    The second part starts at zero, so that the network learns the rough picture as fast as without it.

    Args:
        coarse: channels at stride 4.
        fine: channels at stride 2; with 0 there is no second part.
        classes: number of classes K.
    """

    def __init__(self, coarse: int, fine: int, classes: int) -> None:
        super().__init__()
        self.coarse = nn.Conv2d(coarse, classes, 1)
        self.fine = nn.Conv2d(fine, classes, 1) if fine else None
        if self.fine is not None:
            nn.init.zeros_(self.fine.weight)
            nn.init.zeros_(cast(Tensor, self.fine.bias))

    def forward(self, scales: tuple[Tensor, Tensor]) -> Tensor:
        """``(N, K, H, W)`` of what stands at stride 4 and at stride 2."""
        if self.fine is None:
            return _enlarge(self.coarse(scales[0]), 4)
        return _enlarge(self.half_size(scales))

    def half_size(self, scales: tuple[Tensor, Tensor]) -> Tensor:
        """The same, ``(N, K, H/2, W/2)``: a loss there costs a quarter."""
        scores = _enlarge(self.coarse(scales[0]))
        return scores if self.fine is None else scores + self.fine(scales[1])


def use_batch_norm(module: nn.Module) -> None:
    """Put batch norm where FPN has group norm, whose statistics are those of the tile and not of the training.

    It learns faster, and an empty tile is not blown up to look like a full one.
    """
    for name, child in module.named_children():
        if isinstance(child, nn.GroupNorm):
            setattr(module, name, nn.BatchNorm2d(child.num_channels))
        else:
            use_batch_norm(child)


def find_decoder(name: str) -> Decoder:
    """The decoder of that name.

    Raises:
        UsageError: when there is none; the line lists the names there are.
    """
    if name not in DECODERS:
        raise UsageError(f"there is no decoder '{name}'", remedy=f"Choose one of {', '.join(DECODERS)}")
    return DECODERS[name]


def _conv_norm_relu(channels: int, width: int, size: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, width, size, stride=stride, padding=size // 2, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(inplace=True),
    )


def _enlarge(scores: Tensor, factor: int = 2) -> Tensor:
    return functional.interpolate(scores, scale_factor=factor, mode="bilinear")


def _encoder(encoder: str) -> nn.Module:
    return cast(nn.Module, smp.encoders.get_encoder(f"tu-{encoder}", depth=DEPTH, weights=None))


def _from_smp(architecture: str) -> Callable[[str, int, int, Mapping[str, Any]], Parts]:
    def make(encoder: str, classes: int, _channels: int, options: Mapping[str, Any]) -> Parts:
        whole = getattr(smp, architecture)(f"tu-{encoder}", encoder_weights=None, classes=classes, **options)
        use_batch_norm(whole.decoder)
        return whole.encoder, whole.decoder, whole.segmentation_head

    return make


def _fine_fpn(encoder: str, classes: int, channels: int, options: Mapping[str, Any]) -> Parts:
    body = _encoder(encoder)
    decoder = FineFpn(_depths(body, channels), **options)
    return body, decoder, TwoScales(int(options["segmentation"]), int(options["width"]), classes)


def _light(encoder: str, classes: int, channels: int, options: Mapping[str, Any]) -> Parts:
    body = _encoder(encoder)
    depths = _depths(body, channels)
    decoder = Light(depths, **options)
    return body, decoder, TwoScales(int(options["width"]), depths[1], classes)


def _depths(encoder: nn.Module, channels: int) -> list[int]:
    """Channels of its features from stride 1 on; the first are the image's own where the encoder gives the image."""
    found = [int(depth) for depth in cast(Any, encoder).out_channels]
    return [channels, *found[1:]] if found[1] == 0 else found


# Without dropout, which is meant for longer runs than those of a few minutes. Of what segmentation_models_pytorch has,
# PAN is missing since it fails on crops below 128 pixels, DPT since it wants a vision transformer.
_ALL = (
    Decoder(
        "fpn",
        "FPN",
        _from_smp("FPN"),
        {"decoder_pyramid_channels": 128, "decoder_segmentation_channels": 64, "decoder_dropout": 0.0},
    ),
    Decoder("unet", "U-Net", _from_smp("Unet")),
    Decoder("fpnfine", "Fine FPN", _fine_fpn, {"width": 24, "pyramid": 128, "segmentation": 64}),
    Decoder("light", "Light", _light, {"width": 32}),
    Decoder(
        "deeplabv3plus",
        "DeepLabV3+",
        _from_smp("DeepLabV3Plus"),
        {"decoder_channels": 128, "decoder_aspp_dropout": 0.0},
        smallest_batch=2,
    ),
    Decoder("segformer", "SegFormer head", _from_smp("Segformer"), {"decoder_segmentation_channels": 128}),
    Decoder("unetplusplus", "U-Net++", _from_smp("UnetPlusPlus")),
    Decoder("linknet", "LinkNet", _from_smp("Linknet")),
    Decoder(
        "pspnet",
        "PSPNet",
        _from_smp("PSPNet"),
        {"encoder_depth": 4, "upsampling": 16, "psp_out_channels": 256, "psp_dropout": 0.0},
    ),
    Decoder("upernet", "UPerNet", _from_smp("UPerNet"), {"decoder_channels": 64}, smallest_batch=2),
    Decoder("manet", "MA-Net", _from_smp("MAnet"), {"decoder_channels": (128, 64, 32, 24, 16)}),
)
DECODERS: Mapping[str, Decoder] = MappingProxyType({decoder.name: decoder for decoder in _ALL})
