"""Halved copies: what makes drawing at any scale cost the same.

Level ``n`` has one pixel for each ``2**n x 2**n`` pixels of the original. Images are averaged. Labels are not: of four
label pixels the first that is not void stands for all, so that the thinnest stroke is still seen when a huge image is
zoomed out.
"""

from collections.abc import Iterator
from functools import reduce

import cv2
import numpy as np
from numpy.typing import NDArray

from segstudio.core.arrays import U8, Pixels
from segstudio.core.classes import VOID
from segstudio.core.geometry import Rect
from segstudio.core.view import View

_SMALLEST = 256  # the last level's longer side is no larger
_FIRST_COPY = 3  # levels below are views: their cache lines are shared by enough samples
_BAND_ROWS = 32
_MOST_PENDING = 64  # rectangles remembered one by one


def level_for(view: View, count: int) -> int:
    """Which of `count` levels to sample: its pixels are at most as large as the view's, and more than half of that."""
    number = 0
    while number < count - 1 and view.scale * 2 ** (number + 1) <= 1 + 1e-9:
        number += 1
    return number


class Pyramid:
    """An image with averaged halved copies of itself.

    Args:
        image: ``(H, W)`` or ``(H, W, 3)`` RGB, in its own depth; not copied.
    """

    def __init__(self, image: Pixels) -> None:
        self.levels: list[Pixels] = [image]
        while max(self.levels[-1].shape[:2]) > _SMALLEST:
            height, width = self.levels[-1].shape[:2]
            half = (max(1, (width + 1) // 2), max(1, (height + 1) // 2))
            reduced = cv2.resize(self.levels[-1], half, interpolation=cv2.INTER_AREA)
            self.levels.append(np.asarray(reduced, image.dtype))

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the full image."""
        height, width = self.levels[0].shape[:2]
        return width, height


class LabelPyramid:
    """A label array that changes, with halved copies that follow.

    Args:
        labels: ``uint8 (H, W)`` of class indices and void; not copied, and read again where it was touched.
    """

    def __init__(self, labels: U8) -> None:
        self._levels: list[U8] = [labels]
        while max(self._levels[-1].shape) > _SMALLEST:
            height, width = self._levels[-1].shape
            self._levels.append(np.empty(((height + 1) // 2, (width + 1) // 2), np.uint8))
        self._pending: list[list[Rect]] = [[] for _ in self._levels]  # of each level, what the finer one has outdated
        self.touch(Rect.of_shape(labels.shape))
        self.level(self.count - 1)

    @property
    def count(self) -> int:
        """Number of levels."""
        return len(self._levels)

    def touch(self, rect: Rect) -> None:
        """Pixels of `rect` have changed; nothing is done until a copy is asked for."""
        self._outdate(1, rect.intersect(Rect.of_shape(self._levels[0].shape)))

    def level(self, number: int, part: Rect | None = None) -> U8:
        """``uint8 (ceil(H / 2**n), ceil(W / 2**n))``; read only.

        Args:
            number: of the level.
            part: where it must be up to date, in its own pixels; None: everywhere.
        """
        self._freshen(number, Rect.of_shape(self._levels[number].shape) if part is None else part)
        return self._levels[number]

    def _freshen(self, level: int, part: Rect) -> None:
        """Bring a rectangle of a level up to date, and of the finer ones what lies below it."""
        if level == 0:
            return
        below = Rect(2 * part.x0, 2 * part.y0, 2 * part.x1, 2 * part.y1)
        self._freshen(level - 1, below.intersect(Rect.of_shape(self._levels[level - 1].shape)))
        pending, self._pending[level] = self._pending[level], []
        for rect in pending:
            common = rect.intersect(part)
            if common.empty:
                self._pending[level].append(rect)
                continue
            self._update(level, common)
            self._outdate(level + 1, common)
            self._pending[level] += _rest(rect, common)

    def _outdate(self, level: int, finer: Rect) -> None:
        """Remember that a level is out of date where the finer one has changed."""
        if level == self.count or finer.empty:
            return
        rect = Rect(finer.x0 // 2, finer.y0 // 2, (finer.x1 + 1) // 2, (finer.y1 + 1) // 2)
        pending = self._pending[level]
        if pending:
            both = pending[-1].union(rect)
            if _area(both) <= _area(pending[-1]) + _area(rect):  # as one dab of a stroke after the other
                pending[-1] = both
                return
        pending.append(rect)
        if len(pending) > _MOST_PENDING:
            pending[:] = [reduce(Rect.union, pending)]

    def _update(self, level: int, rect: Rect) -> None:
        finer, coarser = self._levels[level - 1], self._levels[level]
        for band in _bands(rect):
            source = Rect(2 * band.x0, 2 * band.y0, 2 * band.x1, 2 * band.y1)
            coarser[band.slices] = _first_labelled(finer[source.slices])


class NearestPyramid:
    """A label array that never changes, reduced by leaving pixels out.

    Args:
        labels: ``uint8 (H, W)``; not copied.
    """

    def __init__(self, labels: U8) -> None:
        self._levels: list[U8] = [labels]
        while max(self._levels[-1].shape) > _SMALLEST:
            half = self._levels[-1][::2, ::2]
            self._levels.append(half.copy() if len(self._levels) >= _FIRST_COPY else half)

    def level(self, number: int) -> U8:
        """``uint8 (ceil(H / 2**n), ceil(W / 2**n))``; read only."""
        return self._levels[number]


def _bands(rect: Rect) -> Iterator[Rect]:
    for top in range(rect.y0, rect.y1, _BAND_ROWS):
        yield Rect(rect.x0, top, rect.x1, min(rect.y1, top + _BAND_ROWS))


def _area(rect: Rect) -> int:
    return rect.width * rect.height


def _rest(whole: Rect, part: Rect) -> list[Rect]:
    """What is left of a rectangle without a part of it."""
    rest = (
        Rect(whole.x0, whole.y0, whole.x1, part.y0),
        Rect(whole.x0, part.y1, whole.x1, whole.y1),
        Rect(whole.x0, part.y0, part.x0, part.y1),
        Rect(part.x1, part.y0, whole.x1, part.y1),
    )
    return [rect for rect in rest if not rect.empty]


def _first_labelled(finer: U8) -> U8:
    """Each 2 x 2 block's upper left value, or when that is void the least of the others, void being the largest."""
    height, width = finer.shape
    least = finer.min(initial=VOID)
    if least == VOID or least == finer.max():
        return np.broadcast_to(least, ((height + 1) // 2, (width + 1) // 2))
    if height % 2 or width % 2:  # blocks at an odd rim have fewer
        finer = np.asarray(cv2.copyMakeBorder(finer, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE), np.uint8)
    upper, lower = np.ascontiguousarray(finer[::2]), finer[1::2]
    corner = _pairs(upper).astype(np.uint8)
    holes = corner == VOID
    if holes.any():
        pairs = _pairs(np.asarray(cv2.min(upper, lower), np.uint8))
        least_of = np.asarray(cv2.min(pairs.astype(np.uint8), np.right_shift(pairs, 8).astype(np.uint8)), np.uint8)
        cv2.copyTo(least_of, holes.view(np.uint8), corner)
    return corner


def _pairs(rows: U8) -> NDArray[np.uint16]:
    """Neighbours in a row as one number, the left one in its lower byte: to take every other pixel is slow."""
    return rows.view("<u2")
