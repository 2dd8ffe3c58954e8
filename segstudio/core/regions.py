"""Connected regions, found without looking at the whole image."""

from collections.abc import Callable, Iterator

import cv2
import numpy as np

from segstudio.core.arrays import U8, Bool
from segstudio.core.geometry import EMPTY, Rect

_Tile = tuple[int, int]  # row and column of a tile

_TILE = 512
_MEMBER, _REACHED = 1, 2
_BLOCK = 256  # the tiles a gesture keeps for undo: parts that respect them are kept once, and only where needed


def component_at(member: Callable[[Rect], Bool], bounds: Rect, x: int, y: int) -> tuple[Rect, Bool]:
    """The 4-connected region of member pixels that holds pixel ``(x, y)``.

    The image is flooded tile by tile, and only tiles the region enters are looked at, so the cost follows the region,
    not the image: about a byte and a few nanoseconds a pixel, ten times as long where it is as ragged as noise.

    Args:
        member: gives ``bool (h, w)`` for a rectangle inside `bounds`; asked once for each tile of 512 pixels.
        bounds: the image.
        x, y: column and row of a pixel.

    Returns:
        Bounding box of the region and ``bool (h, w)`` inside it; an empty rectangle when the pixel is no member.
    """
    if not bounds.contains(x, y):
        return EMPTY, np.zeros((0, 0), np.bool_)
    flood = _Flood(lambda rect: member(rect.shift(bounds.x0, bounds.y0)), bounds.width, bounds.height)
    box = flood.run(x - bounds.x0, y - bounds.y0)
    part = flood.state[box.slices]
    where = part.view(np.bool_)
    np.equal(part, _REACHED, out=where)  # in place: a region may be as large as the image
    return box.shift(bounds.x0, bounds.y0) if not box.empty else EMPTY, where


class _Flood:
    """A flood that goes on from tile to tile.

    Attributes:
        state: ``uint8 (H, W)``: neither, member or reached. Memory is taken only where tiles are looked at.
    """

    def __init__(self, member: Callable[[Rect], Bool], width: int, height: int) -> None:
        self.state = np.zeros((height, width), np.uint8)
        self._bounds = Rect(0, 0, width, height)
        self._member = member
        self._known: set[_Tile] = set()
        self._solid: set[_Tile] = set()  # tiles with nothing but members, most of a large region

    def run(self, x: int, y: int) -> Rect:
        """Flood from a pixel; returns the bounding box of what it reached."""
        first = y // _TILE, x // _TILE
        self._look(first)
        if self.state[y, x] != _MEMBER:
            return EMPTY
        box = self._pour(first, x, y)
        pending = set(self._beyond(first))
        while pending:
            tile = pending.pop()
            self._look(tile)
            for own, across, _ in self._sides(tile):
                # What does not connect within the tile is entered pocket by pocket.
                while (entry := _entry(self.state[own.slices], self.state[across.slices])) is not None:
                    box = box.union(self._pour(tile, own.x0 + entry[1], own.y0 + entry[0]))
            pending.update(self._beyond(tile))
        return box

    def _look(self, tile: _Tile) -> None:
        if tile not in self._known:
            self._known.add(tile)
            rect = self._rect(tile)
            inside = self._member(rect)
            self.state[rect.slices] = inside
            if inside.all():
                self._solid.add(tile)

    def _pour(self, tile: _Tile, x: int, y: int) -> Rect:
        """Flood one tile from a member pixel; returns the bounding box of what that added."""
        rect = self._rect(tile)
        if tile in self._solid:
            self.state[rect.slices] = _REACHED
            return rect
        # Without a mask and without tolerance OpenCV takes its fastest way, and needs no memory of its own.
        added = cv2.floodFill(self.state[rect.slices], None, (x - rect.x0, y - rect.y0), _REACHED, flags=4)[3]
        left, top, width, height = (int(v) for v in added)
        return Rect(left, top, left + width, top + height).shift(rect.x0, rect.y0)

    def _beyond(self, tile: _Tile) -> Iterator[_Tile]:
        """The tiles around into which the flood goes on from this one."""
        for own, across, other in self._sides(tile):
            if other not in self._known:
                if (self.state[own.slices] == _REACHED).any():
                    yield other
            elif _entry(self.state[across.slices], self.state[own.slices]) is not None:
                yield other

    def _sides(self, tile: _Tile) -> Iterator[tuple[Rect, Rect, _Tile]]:
        """For each tile around: the line of pixels on this side of the border, the one across, and the tile."""
        rect, (row, column) = self._rect(tile), tile
        for dy, dx in ((-1, 0), (1, 0), (0, -1), (0, 1)):
            own = Rect(
                rect.x1 - 1 if dx > 0 else rect.x0,
                rect.y1 - 1 if dy > 0 else rect.y0,
                rect.x0 + 1 if dx < 0 else rect.x1,
                rect.y0 + 1 if dy < 0 else rect.y1,
            )
            across = own.shift(dx, dy)
            if across.intersect(self._bounds) == across:
                yield own, across, (row + dy, column + dx)

    def _rect(self, tile: _Tile) -> Rect:
        y, x = tile[0] * _TILE, tile[1] * _TILE
        return Rect(x, y, x + _TILE, y + _TILE).intersect(self._bounds)


def _entry(near: U8, far: U8) -> tuple[int, int] | None:
    """Row and column, in a line of pixels, of a member beside a pixel of the other line that was reached."""
    entries = (near == _MEMBER) & (far == _REACHED)
    at = int(entries.argmax())
    return divmod(at, entries.shape[1]) if entries.flat[at] else None


def pieces(box: Rect, where: Bool) -> Iterator[tuple[Rect, Bool]]:
    """Cut a mask into rectangles that leave out most of what is empty, for a gesture to fill.

    Args:
        box: anywhere in an image.
        where: ``bool (h, w)`` of `box`; the parts are views of it.

    Yields:
        Rectangles of at most 256 rows, disjoint, that together hold every true pixel.
    """
    for top in range(box.y0 // _BLOCK * _BLOCK, box.y1, _BLOCK):
        y0, y1 = max(top, box.y0), min(top + _BLOCK, box.y1)
        band = where[y0 - box.y0 : y1 - box.y0]
        for x0, x1 in _occupied(box, band):
            yield Rect(x0, y0, x1, y1), band[:, x0 - box.x0 : x1 - box.x0]


def _occupied(box: Rect, band: Bool) -> Iterator[tuple[int, int]]:
    """Columns of the runs of blocks in which a band has a true pixel."""
    edges = [box.x0, *range((box.x0 // _BLOCK + 1) * _BLOCK, box.x1, _BLOCK), box.x1]
    if box.empty:
        return
    filled = np.logical_or.reduceat(band.any(axis=0), np.asarray(edges[:-1]) - box.x0)
    steps = np.flatnonzero(np.diff(np.concatenate([[False], filled, [False]]).astype(np.int8)))
    for first, after in zip(steps[::2], steps[1::2], strict=True):
        yield edges[first], edges[after]
