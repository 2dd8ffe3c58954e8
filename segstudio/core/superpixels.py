"""An image's superpixels, tile by tile: they depend on the image and the size of a cell, never on what is looked at.

Segments have numbers that hold across tiles, so one that lies on a seam is put together from its parts. Large cells
are found on a reduced image and their outlines interpolated, so the cost of a tile is the same for every size.
"""

from collections import OrderedDict

import cv2
import numpy as np
from numpy.typing import NDArray

from segstudio.core.arrays import F32, Bool
from segstudio.core.geometry import EMPTY, Rect
from segstudio.core.picture import Picture
from segstudio.core.reduction import reduced, reduced_bounds
from segstudio.core.slic import segments

I32 = NDArray[np.int32]

MIN_CELL, MAX_CELL = 4, 256
UNKNOWN = -1
_WIDEST = 32  # a cell is narrower on the image it is looked for in
_TILE = 256  # pixels of that image, at most
_MOST_CELLS = 32  # a side: tiny cells cost by their number
_HALO = 2  # cells around a tile that are looked at too, so that parts of a segment meet at the seam
_CACHE_BYTES = 2**26


class SuperpixelMap:
    """The superpixels of one image for one size of cell.

    Everything but `compute` belongs to one thread; a `copy` may belong to another.

    Args:
        picture: the image.
        cell: width of a superpixel in pixels, 4..256; rounded to what the reduced image allows.

    Attributes:
        tile_side: side of a whole tile in pixels of the image.

    Raises:
        ValueError: when `cell` is out of its range.
    """

    def __init__(self, picture: Picture, cell: int) -> None:
        if not MIN_CELL <= cell <= MAX_CELL:
            raise ValueError(f"cells of {cell} px; {MIN_CELL} to {MAX_CELL} are possible")
        self.picture, self.cell = picture, cell
        self._level = 0
        while cell >> self._level >= _WIDEST:
            self._level += 1
        self._side = max(MIN_CELL, round(cell / (1 << self._level)))
        self._size = reduced_bounds(picture.bounds, self._level)
        self._columns = -(-self._size.width // self._side)
        self._rows = -(-self._size.height // self._side)
        self.tile_side = min(_MOST_CELLS, _TILE // self._side) * self._side << self._level
        self._tiles: OrderedDict[Rect, I32] = OrderedDict()
        self._bytes = 0

    def copy(self) -> "SuperpixelMap":
        """Another map that knows the same tiles, and costs no more than a list of them."""
        other = SuperpixelMap(self.picture, self.cell)
        other.learn(self)
        return other

    def learn(self, other: "SuperpixelMap") -> None:
        """Take the tiles that a map of the same image and cell knows."""
        for tile, numbers in other._tiles.items():
            self.keep(tile, numbers)

    def tile_at(self, x: int, y: int) -> Rect:
        """The tile that holds a pixel of the image."""
        side = self.tile_side
        column, row = x // side, y // side
        whole = Rect(column * side, row * side, (column + 1) * side, (row + 1) * side)
        return whole.intersect(self.picture.bounds)

    def tiles(self, rect: Rect) -> list[Rect]:
        """The tiles that overlap a rectangle, row by row."""
        rect = rect.intersect(self.picture.bounds)
        side = self.tile_side
        rows = range(rect.y0 // side * side, rect.y1, side) if not rect.empty else range(0)
        return [self.tile_at(x, y) for y in rows for x in range(rect.x0 // side * side, rect.x1, side)]

    def ready(self, tile: Rect) -> bool:
        """Whether a tile's segments are known."""
        return tile in self._tiles

    def missing(self, rect: Rect) -> list[Rect]:
        """The tiles that overlap a rectangle and are not ready."""
        return [tile for tile in self.tiles(rect) if tile not in self._tiles]

    def compute(self, tile: Rect) -> I32:
        """The segments of a tile, for `keep`; changes nothing, so any thread may call it."""
        inner = self._inner(tile)
        side = self._side
        first_column, first_row = max(0, inner.x0 // side - _HALO), max(0, inner.y0 // side - _HALO)
        last_column = min(self._columns, -(-inner.x1 // side) + _HALO)
        last_row = min(self._rows, -(-inner.y1 // side) + _HALO)
        cells = Rect(first_column * side, first_row * side, last_column * side, last_row * side)
        seen = cells.intersect(self._size)
        image = reduced(self.picture, seen, self._level)
        bottom, right = cells.height - seen.height, cells.width - seen.width
        image = np.asarray(cv2.copyMakeBorder(image, 0, bottom, 0, right, cv2.BORDER_REPLICATE), np.uint8)
        local = segments(image, side)[inner.shift(-cells.x0, -cells.y0).slices]
        row, column = np.divmod(local, np.int32(last_column - first_column))
        numbers: I32 = (row + first_row) * np.int32(self._columns) + column + first_column
        return numbers

    def keep(self, tile: Rect, numbers: I32) -> None:
        """Take what `compute` gave; the tiles not used for longest make room."""
        if tile in self._tiles:
            return
        self._tiles[tile] = numbers
        self._bytes += numbers.nbytes
        while self._bytes > _CACHE_BYTES and len(self._tiles) > 1:
            self._bytes -= self._tiles.popitem(last=False)[1].nbytes

    def prepare(self, rect: Rect) -> None:
        """Compute here and now what is missing of a rectangle."""
        for tile in self.missing(rect):
            self.keep(tile, self.compute(tile))

    def around(self, x: int, y: int) -> Rect:
        """What must be ready for `number_at`."""
        return Rect(x, y, x + 1, y + 1) if self._level == 0 else self._fine(self._corners(Rect(x, y, x + 1, y + 1)))

    def number_at(self, x: int, y: int) -> int:
        """Number of the segment that holds a pixel of the image; -1 while that is not known."""
        if self.missing(self.around(x, y)):
            return UNKNOWN
        return int(self.numbers(Rect(x, y, x + 1, y + 1))[0, 0])

    def reach(self, number: int) -> Rect:
        """What must be ready for the whole of a segment; it lies inside."""
        return self._fine(self._reach(number))

    def segment(self, number: int) -> tuple[Rect, Bool]:
        """The pixels of a segment, as far as tiles are ready.

        Returns:
            Bounding box and ``bool (h, w)`` inside it; an empty rectangle when nothing of it is known.
        """
        reach = self._reach(number)
        box = _box(self._window(reach) == number).shift(reach.x0, reach.y0)
        if not box.empty and self._level:
            box = Rect(box.x0 - 1, box.y0 - 1, box.x1 + 1, box.y1 + 1).intersect(self._size)
        rect = self._fine(box)
        where = self.numbers(rect) == number
        tight = _box(where)
        return (tight.shift(rect.x0, rect.y0), where[tight.slices]) if not tight.empty else (EMPTY, where[:0, :0])

    def segment_at(self, x: int, y: int) -> tuple[Rect, Bool]:
        """The pixels of the segment that holds a pixel of the image; computes the tiles that are missing.

        Returns:
            Bounding box and ``bool (h, w)`` inside it.
        """
        self.prepare(self.around(x, y))
        number = self.number_at(x, y)
        self.prepare(self.reach(number))
        return self.segment(number)

    def numbers(self, rect: Rect) -> I32:
        """The segments of a rectangle inside the image: ``int32 (h, w)``, -1 where a tile is not ready."""
        if rect.empty:
            return np.zeros((rect.height, rect.width), np.int32)
        if self._level == 0:
            return self._window(rect)
        coarse = self._corners(rect)
        left, along = self._positions(rect.x0, rect.x1)
        top, down = self._positions(rect.y0, rect.y1)
        window = self._window(coarse)
        columns = [np.clip(left + step, 0, self._size.width - 1) - coarse.x0 for step in (0, 1)]
        rows = [np.clip(top + step, 0, self._size.height - 1) - coarse.y0 for step in (0, 1)]
        corners = [window[row][:, column] for row in rows for column in columns]
        numbers = corners[0]
        mixed = np.nonzero(np.logical_or.reduce([corner != numbers for corner in corners[1:]]))
        y, x = down[mixed[0]], along[mixed[1]]
        weights = [(1 - y) * (1 - x), (1 - y) * x, y * (1 - x), y * x]
        numbers[mixed] = _vote([corner[mixed] for corner in corners], weights)
        return numbers

    def _reach(self, number: int) -> Rect:
        row, column = divmod(number, self._columns)
        side = self._side
        wide = Rect((column - 1) * side, (row - 1) * side, (column + 2) * side, (row + 2) * side)
        return wide.intersect(self._size)

    def _inner(self, tile: Rect) -> Rect:
        """A tile, or what must be aligned like one, in pixels of the reduced image."""
        step = 1 << self._level
        return Rect(tile.x0 // step, tile.y0 // step, -(-tile.x1 // step), -(-tile.y1 // step))

    def _fine(self, rect: Rect) -> Rect:
        """A rectangle of the reduced image in pixels of the image."""
        level = self._level
        whole = Rect(rect.x0 << level, rect.y0 << level, rect.x1 << level, rect.y1 << level)
        return whole.intersect(self.picture.bounds)

    def _positions(self, start: int, stop: int) -> tuple[I32, F32]:
        """Of pixels of the image: the reduced pixel whose centre is before theirs, and how far they are past it."""
        step = 1 << self._level
        at = (np.arange(start, stop, dtype=np.float64) + 0.5) / step - 0.5
        before = np.floor(at)
        return before.astype(np.int32), (at - before).astype(np.float32)

    def _corners(self, rect: Rect) -> Rect:
        """The reduced pixels that the segments of a rectangle are interpolated from."""
        left, top = self._positions(rect.x0, rect.x1)[0], self._positions(rect.y0, rect.y1)[0]
        return Rect(int(left[0]), int(top[0]), int(left[-1]) + 2, int(top[-1]) + 2).intersect(self._size)

    def _window(self, rect: Rect) -> I32:
        """Segments of a rectangle of the reduced image, as far as known."""
        out = np.full((rect.height, rect.width), UNKNOWN, np.int32)
        for tile in self.tiles(self._fine(rect)):
            if (numbers := self._tiles.get(tile)) is not None:
                self._tiles.move_to_end(tile)
                inner = self._inner(tile)
                part = inner.intersect(rect)
                out[part.shift(-rect.x0, -rect.y0).slices] = numbers[part.shift(-inner.x0, -inner.y0).slices]
        return out


def _box(where: Bool) -> Rect:
    rows, columns = np.flatnonzero(where.any(axis=1)), np.flatnonzero(where.any(axis=0))
    if not rows.size:
        return EMPTY
    return Rect(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)


def _vote(corners: list[I32], weights: list[F32]) -> I32:
    """Of each pixel's four reduced neighbours the segment that weighs most; the first of equals.

    This is bilinear interpolation of each segment's indicator, whose maxima leave neither gaps nor overlaps.
    """
    best = np.zeros(corners[0].shape, np.float32)
    chosen = np.full(corners[0].shape, UNKNOWN, np.int32)
    for corner in corners:
        total = np.zeros(best.shape, np.float32)
        for other, weight in zip(corners, weights, strict=True):
            total += weight * (other == corner)
        np.copyto(chosen, corner, where=total > best)
        np.maximum(best, total, out=best)
    return chosen
