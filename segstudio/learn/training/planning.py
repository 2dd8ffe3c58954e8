"""What a run leaves open is settled by the images and labels it has."""

from collections.abc import Sequence
from dataclasses import replace

from segstudio.core.labels import LabelledImage
from segstudio.learn.crops.scales import suggest_crop
from segstudio.learn.request import TrainSettings

_DECODER = "fpnfine"  # good at scenes and at thin things (ADR 15)
_ON_FEATURES = "light"  # steps on stored features are as fast as the decoder is


def settle(settings: TrainSettings, images: Sequence[LabelledImage]) -> TrainSettings:
    """The settings with a decoder and a crop size in them, whatever was left to be chosen.

    Args:
        settings: as a person gave them.
        images: labelled images of both splits.
    """
    decoder = settings.decoder
    if decoder == "auto":
        decoder = _ON_FEATURES if settings.transfer == "feature" else _DECODER
    return replace(settings, decoder=decoder, crop=suggest_crop(images) if settings.crop is None else settings.crop)
