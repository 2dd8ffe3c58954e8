"""How large images and labelled objects are: what crop and decoder are chosen by."""

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from segstudio.core.arrays import I64, U8
from segstudio.core.classes import VOID
from segstudio.core.labels import LabelledImage

_CROP = 256  # enough context for most things, and small enough for many steps
_GRAIN = 32  # networks halve crops five times
_ENOUGH = 1 << 25  # pixels looked at for the widths of objects
_BAND = 1 << 22  # pixels looked at at a time


def suggest_crop(images: Iterable[LabelledImage]) -> int:
    """A side for the square training crops, in pixels: a multiple of 32, at most 256.

    Smaller when all images are: what lies outside of an image teaches nothing.
    """
    longest = max((max(image.shape) for image in images), default=_CROP)
    return min(_CROP, max(2, -(-longest // _GRAIN)) * _GRAIN)


def object_widths(images: Sequence[LabelledImage], classes: int) -> npt.NDArray[np.float64]:
    """How wide regions of each class typically are, in pixels: twice their area over the length of their borders.

    For a line that is its width, for a disc its radius. Only a border with another class counts, not one with void:
    where a stroke ends, no object does. Of many images, a fair sample is looked at.

    Args:
        images: labelled images.
        classes: number of classes K.

    Returns:
        ``(K,)``; infinite where a class touches no other one, not-a-number where it has no labels.
    """
    area, border = np.zeros(classes, np.int64), np.zeros(classes, np.int64)
    seen = 0
    for image in sorted(images, key=lambda one: hashlib.sha256(one.key.encode()).digest()):
        if seen >= _ENOUGH:
            break
        seen += image.shape[0] * image.shape[1]
        labels = image.annotation()
        rows = max(1, _BAND // max(1, labels.shape[1]))
        for top in range(0, labels.shape[0], rows):
            band = labels[top : top + rows + 1]  # with the first row of the next one, for the border between them
            area += _counts(band[:rows], classes)
            for one, other in ((band[:rows, :-1], band[:rows, 1:]), (band[:-1], band[1:])):
                meets = (one != other) & (one != VOID) & (other != VOID)
                border += _counts(one[meets], classes) + _counts(other[meets], classes)
    with np.errstate(divide="ignore", invalid="ignore"):
        widths: npt.NDArray[np.float64] = 2 * area / border
    return widths


def _counts(labels: U8, classes: int) -> I64:
    return np.bincount(labels.ravel(), minlength=256)[:classes].astype(np.int64)
