"""What an array was before a change: copies of small tiles, of uniform ones no more than their value."""

from collections.abc import Callable, Iterator

import cv2
import numpy as np

from segstudio.core.arrays import U8
from segstudio.core.geometry import Rect
from segstudio.core.history import Piece, is_uniform, uniform

_SIDE = 256


def tiles(rect: Rect) -> Iterator[Rect]:
    """The parts of a rectangle in each tile of the grid, row by row."""
    for row in range(rect.y0 // _SIDE * _SIDE, rect.y1, _SIDE):
        for column in range(rect.x0 // _SIDE * _SIDE, rect.x1, _SIDE):
            yield Rect(column, row, column + _SIDE, row + _SIDE).intersect(rect)


def single(values: U8) -> int | None:
    """The value that all of ``uint8 (h, w)`` have, neither of which is 0; None when they differ."""
    if values[0, 0] != values[-1, -1]:
        return None
    least, most, _, _ = cv2.minMaxLoc(values)
    return int(least) if least == most else None


class Before:
    """Remembers the values of an array that is about to change.

    Args:
        array: ``uint8 (H, W)``; not copied.

    Attributes:
        array: the same.
    """

    def __init__(self, array: U8) -> None:
        self.array = array
        self._kept: dict[tuple[int, int], U8] = {}  # by row and column of a tile's first pixel

    def keep(self, rect: Rect) -> None:
        """Remember what lies under `rect`, unless it is remembered already; the array must not have changed there."""
        for row in range(rect.y0 // _SIDE * _SIDE, rect.y1, _SIDE):
            for column in range(rect.x0 // _SIDE * _SIDE, rect.x1, _SIDE):
                if (row, column) not in self._kept:
                    tile = self.array[row : row + _SIDE, column : column + _SIDE]
                    value = single(tile)
                    self._kept[row, column] = tile.copy() if value is None else uniform(value, tile.shape)

    def restore(self) -> list[Rect]:
        """Put everything back, and forget it; returns where."""
        rects = []
        for (row, column), old in self._kept.items():
            rects.append(Rect(column, row, column + old.shape[1], row + old.shape[0]))
            self.array[rects[-1].slices] = old
        self._kept.clear()
        return rects

    def pieces(self, check: Callable[[], None] = lambda: None) -> list[Piece]:
        """What has changed since; uniform neighbours in a row are one piece.

        Args:
            check: called for each tile, and may raise to have no more of it.
        """
        found: list[Piece] = []
        for tile in sorted(self._kept):
            check()
            piece = self._piece(tile, self._kept[tile])
            if piece is not None:
                found[-1:] = _joined(found[-1], piece) if found else (piece,)
        return found

    def _piece(self, tile: tuple[int, int], old: U8) -> Piece | None:
        row, column = tile
        rect = Rect(column, row, column + old.shape[1], row + old.shape[0])
        new = self.array[rect.slices]
        value = single(new)
        if value is not None and is_uniform(old):
            return Piece(rect, old, uniform(value, old.shape)) if value != old[0, 0] else None
        x, y, width, height = cv2.boundingRect((old != new).view(np.uint8))
        if not width:
            return None
        box = Rect(x, y, x + width, y + height)
        before = old[box.slices]
        after = new[box.slices].copy() if value is None else uniform(value, before.shape)
        return Piece(box.shift(column, row), before if is_uniform(old) else before.copy(), after)


def _joined(first: Piece, second: Piece) -> tuple[Piece, ...]:
    """Two pieces as one, where they lie side by side and each is uniform in the same way; else both."""
    a, b = first.rect, second.rect
    if (a.x1, a.y0, a.y1) != (b.x0, b.y0, b.y1):
        return first, second
    sides = ((first.old, second.old), (first.new, second.new))
    if not all(is_uniform(one) and is_uniform(other) and one[0, 0] == other[0, 0] for one, other in sides):
        return first, second
    shape = a.height, b.x1 - a.x0
    old, new = (uniform(int(one[0, 0]), shape) for one, _ in sides)
    return (Piece(Rect(a.x0, a.y0, b.x1, a.y1), old, new),)
