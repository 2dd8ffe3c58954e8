"""What commands do to an annotation, each as one stroke that can be undone; large images are changed away.

All take a `background`, where a large image is worked on, and `done`, which gets what changed; see `Document.edit`.
"""

from collections.abc import Callable

import numpy as np

from segstudio.core.arrays import U8, Bool
from segstudio.core.background import Background, Immediately
from segstudio.core.classes import VOID
from segstudio.core.document import Document
from segstudio.core.geometry import Rect
from segstudio.core.gesture import Done, Gesture, nobody
from segstudio.core.morphology import cropped, tiles
from segstudio.core.regions import component_at, pieces
from segstudio.errors import UsageError

_TILE = 256  # as a gesture keeps pixels
_HERE = Immediately()


def copy_labels(document: Document, other: U8, *, background: Background = _HERE, done: Done = nobody) -> None:
    """Take over another image's labels where this one has none.

    Pixels of classes that the document does not know are left out.

    Args:
        document: to be changed, on void pixels only.
        other: ``uint8 (H, W)`` annotation of the other image; nobody may change it any more.
        background, done: see above.

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

    _everywhere(document, "Copy labels", wanted, background, done)


def fill_void(document: Document, value: int, *, background: Background = _HERE, done: Done = nobody) -> None:
    """Give every void pixel to one class.

    Raises:
        UsageError: when there is no such class.
    """
    _check(document, value)
    _replace(document, f"Fill void with {document.classes[value].name}", VOID, value, background, done)


def delete_class(document: Document, value: int, *, background: Background = _HERE, done: Done = nobody) -> None:
    """Make every pixel of a class void.

    Raises:
        UsageError: when there is no such class.
    """
    _check(document, value)
    _replace(document, f"Delete all {document.classes[value].name}", value, VOID, background, done)


def replace_class(
    document: Document, old: int, new: int, *, background: Background = _HERE, done: Done = nobody
) -> None:
    """Give every pixel of one class to another.

    Raises:
        UsageError: when there is no such class.
    """
    _check(document, old)
    _check(document, new)
    label = f"Replace {document.classes[old].name} by {document.classes[new].name}"
    _replace(document, label, old, new, background, done)


def delete_region(document: Document, x: int, y: int, *, background: Background = _HERE, done: Done = nobody) -> None:
    """Make the 4-connected region of one class void that holds a pixel of the image; nothing where that is void."""
    document.settle()
    labels = document.annotation
    value = int(labels[y, x])

    def member(rect: Rect) -> Bool:
        return np.asarray(labels[rect.slices] == value)

    def write(gesture: Gesture) -> None:
        if value != VOID:
            box, where = component_at(gesture.checked(member), document.bounds, x, y)
            for rect, part in pieces(box, where):
                gesture.fill(rect, part, VOID)

    document.edit("Delete region", write, document.bounds, background=background, done=done)


def _check(document: Document, value: int) -> None:
    if not 0 <= value < len(document.classes):
        raise UsageError(f"there is no class with index {value}", remedy="Choose one of the panel of classes")


def _replace(document: Document, label: str, old: int, new: int, background: Background, done: Done) -> None:
    def wanted(rect: Rect) -> tuple[Bool, int]:
        return np.asarray(document.annotation[rect.slices] == old), new

    _everywhere(document, label, wanted, background, done)


def _everywhere(
    document: Document,
    label: str,
    wanted: Callable[[Rect], tuple[Bool, int | U8]],
    background: Background,
    done: Done,
) -> None:
    """Write a tile at a time what `wanted` says of it."""

    def write(gesture: Gesture) -> None:
        for tile in tiles(document.bounds, _TILE):
            gesture.check()
            where, values = wanted(tile)
            box, inside = cropped(tile, where)
            if not box.empty:
                part = values if isinstance(values, int) else values[box.shift(-tile.x0, -tile.y0).slices]
                gesture.fill(box, inside, part)

    document.edit(label, write, document.bounds, background=background, done=done)
