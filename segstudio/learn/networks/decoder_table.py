"""The decoders one can choose, in words; `segstudio.learn.networks.decoders` builds them. Free of torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class DecoderEntry:
    """What is known of a decoder without building it.

    Attributes:
        name, title, smallest_batch: as of `segstudio.learn.networks.decoders.Decoder`.
        about: one line: what it is good for.
    """

    name: str
    title: str
    about: str
    smallest_batch: int = 1


_ALL = (
    DecoderEntry("fpnfine", "Fine FPN", "FPN with a branch at half resolution: for scenes and for thin things."),
    DecoderEntry("fpn", "FPN", "A pyramid of features: much context, coarse edges. For scenes."),
    DecoderEntry("unet", "U-Net", "Goes back to full resolution step by step: for thin things."),
    DecoderEntry("light", "Light", "A sum of all scales, very cheap: for feature transfer."),
    DecoderEntry("deeplabv3plus", "DeepLabV3+", "Looks near and far at once, then sharpens the edges.", 2),
    DecoderEntry("segformer", "SegFormer head", "A few linear layers over all scales."),
    DecoderEntry("unetplusplus", "U-Net++", "U-Net with more links between its scales; slow."),
    DecoderEntry("linknet", "LinkNet", "U-Net that adds where the other one stacks; fast."),
    DecoderEntry("pspnet", "PSPNet", "Context of the whole crop; coarse edges."),
    DecoderEntry("upernet", "UPerNet", "Context of the whole crop and a pyramid; slow.", 2),
    DecoderEntry("manet", "MA-Net", "U-Net with attention; slow."),
)
DECODER_TABLE: Mapping[str, DecoderEntry] = MappingProxyType({entry.name: entry for entry in _ALL})
