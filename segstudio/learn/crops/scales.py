"""How large images are: what the crop is chosen by."""

from collections.abc import Iterable

from segstudio.core.labels import LabelledImage

_CROP = 256  # enough context for most things, and small enough for many steps
_GRAIN = 32  # networks halve crops five times


def suggest_crop(images: Iterable[LabelledImage]) -> int:
    """A side for the square training crops, in pixels: a multiple of 32, at most 256.

    Smaller when all images are: what lies outside of an image teaches nothing.
    """
    longest = max((max(image.shape) for image in images), default=_CROP)
    return min(_CROP, max(2, -(-longest // _GRAIN)) * _GRAIN)
