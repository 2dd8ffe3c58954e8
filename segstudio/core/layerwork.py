"""What is done to a whole annotation at once, each as one stroke that can be undone."""

from collections.abc import Callable

import numpy as np

from segstudio.core.arrays import U8, Bool
from segstudio.core.classes import VOID
from segstudio.core.document import Document
from segstudio.core.geometry import Rect
from segstudio.core.history import Patch
from segstudio.core.morphology import cropped, tiles
from segstudio.errors import UsageError

_TILE = 256  # as a gesture keeps pixels


def copy_labels(document: Document, other: U8) -> Patch | None:
    """Take over another image's labels where this one has none.

    Pixels of classes that the document does not know are left out.

    Args:
        document: to be changed, on void pixels only.
        other: ``uint8 (H, W)`` annotation of the other image.

    Returns:
        What changed; None when nothing did.

    Raises:
        UsageError: when the images differ in size.
    """
    if other.shape != document.annotation.shape:
        (height, width), (here_height, here_width) = other.shape[:2], document.annotation.shape
        raise UsageError(
            f"labels of {width} x {height} pixels do not fit an image of {here_width} x {here_height}",
            remedy="Copy between images of one size",
        )
    known = np.arange(256) < len(document.classes)

    def wanted(rect: Rect) -> tuple[Bool, U8]:
        values = other[rect.slices]
        return (document.annotation[rect.slices] == VOID) & known[values], values

    return _everywhere(document, "Copy labels", wanted)


def fill_void(document: Document, value: int) -> Patch | None:
    """Give every void pixel to one class; returns what changed, None when nothing did.

    Raises:
        UsageError: when there is no such class.
    """
    _check(document, value)
    return _replace(document, f"Fill void with {document.classes[value].name}", VOID, value)


def delete_class(document: Document, value: int) -> Patch | None:
    """Make every pixel of a class void; returns what changed, None when nothing did.

    Raises:
        UsageError: when there is no such class.
    """
    _check(document, value)
    return _replace(document, f"Delete all {document.classes[value].name}", value, VOID)


def replace_class(document: Document, old: int, new: int) -> Patch | None:
    """Give every pixel of one class to another; returns what changed, None when nothing did.

    Raises:
        UsageError: when there is no such class.
    """
    _check(document, old)
    _check(document, new)
    label = f"Replace {document.classes[old].name} by {document.classes[new].name}"
    return _replace(document, label, old, new)


def _check(document: Document, value: int) -> None:
    if not 0 <= value < len(document.classes):
        raise UsageError(f"there is no class with index {value}", remedy="Choose one of the panel of classes")


def _replace(document: Document, label: str, old: int, new: int) -> Patch | None:
    def wanted(rect: Rect) -> tuple[Bool, int]:
        return np.asarray(document.annotation[rect.slices] == old), new

    return _everywhere(document, label, wanted)


def _everywhere(document: Document, label: str, wanted: Callable[[Rect], tuple[Bool, int | U8]]) -> Patch | None:
    """Write a tile at a time what `wanted` says of it."""
    gesture = document.begin(label)
    for tile in tiles(document.bounds, _TILE):
        where, values = wanted(tile)
        box, inside = cropped(tile, where)
        if not box.empty:
            part = values if isinstance(values, int) else values[box.shift(-tile.x0, -tile.y0).slices]
            gesture.fill(box, inside, part)
    return gesture.finish()
