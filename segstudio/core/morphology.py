"""What can be done to the pixels of a region or a class: grow, shrink, smooth, fill its holes, drop its islands.

An operation asks for membership a rectangle at a time and answers in small rectangles, so its memory follows a window
of fixed size, never the image, and the answer is the same however the image is cut.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from segstudio.core.arrays import I64, U8, Bool
from segstudio.core.geometry import EMPTY, Rect

Member = Callable[[Rect], Bool]  # whether each pixel of a rectangle inside the image belongs: ``bool (h, w)``
_SMALL_DISC = 12  # up to this radius OpenCV's dilation is faster than a distance transform
_WINDOW = 1024  # side of the squares that local operations work in
_AT_ONCE = 2**22  # pixels whose components are numbered at a time
_PIECE = 256  # side of the squares in which changes are told, as a gesture keeps them


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """Pixels that join or leave.

    Attributes:
        rect: inside the image.
        where: ``bool (h, w)`` of `rect`.
        gains: whether they join; otherwise they leave.
    """

    rect: Rect
    where: Bool
    gains: bool


def padded(rect: Rect, by: int) -> Rect:
    """A rectangle wider by `by` pixels on each side."""
    return Rect(rect.x0 - by, rect.y0 - by, rect.x1 + by, rect.y1 + by)


def tiles(box: Rect, side: int) -> Iterator[Rect]:
    """The squares of a grid of `side` pixels that meet `box`, cut to it, row by row."""
    for row in range(box.y0 // side * side, box.y1, side):
        for column in range(box.x0 // side * side, box.x1, side):
            yield Rect(column, row, column + side, row + side).intersect(box)


def cropped(rect: Rect, where: Bool) -> tuple[Rect, Bool]:
    """The part of ``bool (h, w)`` at `rect` that its true pixels span; empty when there are none."""
    rows, columns = np.flatnonzero(where.any(axis=1)), np.flatnonzero(where.any(axis=0))
    if not rows.size:
        return EMPTY, where[:0, :0]
    box = Rect(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
    return box.shift(rect.x0, rect.y0), where[box.slices]


def members_of(box: Rect, inside: Bool) -> Member:
    """Membership in a region that is known as ``bool (h, w)`` of its box."""

    def member(rect: Rect) -> Bool:
        found = np.zeros((rect.height, rect.width), np.bool_)
        common = rect.intersect(box)
        if not common.empty:
            found[common.shift(-rect.x0, -rect.y0).slices] = inside[common.shift(-box.x0, -box.y0).slices]
        return found

    return member


def extent(member: Member, bounds: Rect) -> Rect:
    """Bounding box of all members inside `bounds`; empty when there are none."""
    box = EMPTY
    for tile in tiles(bounds, _WINDOW):
        box = box.union(cropped(tile, member(tile))[0])
    return box


def dilated(inside: Bool, radius: int) -> Bool:
    """The pixels within `radius` pixels, Euclidean, of a pixel of ``bool (h, w)``; nothing comes from outside."""
    if radius <= _SMALL_DISC:
        return cv2.dilate(_bytes(inside), _disc(radius)).astype(np.bool_)
    if not inside.any():
        return inside.copy()
    distance = cv2.distanceTransform(_bytes(~inside), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    # Distances are roots of integers: the next one above a radius is half a part in `radius` away.
    return np.asarray(distance <= radius + 0.2 / (radius + 1))


def eroded(inside: Bool, radius: int) -> Bool:
    """The pixels farther than `radius` pixels from every pixel outside; the rim of the array is no outside."""
    return ~dilated(~inside, radius)


def majority(inside: Bool, radius: int) -> Bool:
    """The pixels in whose surroundings more than half the weight is inside.

    The weight is three box means in a row, nearly a Gaussian, that together reach `radius` pixels far. Repeated, this
    moves an outline by its mean curvature: corners are rounded, straight edges stay. Beyond the array the values of
    its rim go on.

    Args:
        inside: ``bool (h, w)``.
        radius: in pixels, up to 400, so that the sums stay exact in float64.

    Source: Merriman, Bence, Osher 1992, "Diffusion generated motion by mean curvature"; boxes for a Gaussian: Wells
    1986, "Efficient synthesis of Gaussian filters by cascaded uniform filters".
    """
    sides = [2 * ((radius + part) // 3) + 1 for part in range(3)]
    whole = math.prod(side * side for side in sides)
    # Whole numbers take half the time, as long as they hold the sums.
    depth = cv2.CV_32S if whole < 2**31 else cv2.CV_64F
    weight: NDArray[Any] = _bytes(inside)
    for side in sides:
        weight = np.asarray(
            cv2.boxFilter(weight, depth, (side, side), normalize=False, borderType=cv2.BORDER_REPLICATE)
        )
    return np.asarray(weight > whole // 2)  # half of it is no whole number: sides are odd


def remove(member: Member, box: Rect) -> Iterator[Change]:
    """All members leave.

    Args:
        member: may change in a rectangle once that rectangle was told.
        box: holds all members.
    """
    for tile in tiles(box, _WINDOW):
        yield from _changes(tile, member(tile), gains=False)


def grow(member: Member, box: Rect, bounds: Rect, radius: int, *, window: int = _WINDOW) -> Iterator[Change]:
    """Pixels that join when a region grows by a disc of `radius` pixels.

    Args:
        member: must give the same answers until the last change was taken; see `settled`.
        box: holds all members.
        bounds: the image.
        radius: in pixels, 0 or more.
        window: side in pixels of the squares worked in; the answer does not depend on it.
    """
    for rect, inner, inside in _surroundings(member, box, bounds, radius, window):
        yield from _changes(rect, (dilated(inside, radius) & ~inside)[inner.slices], gains=True)


def shrink(member: Member, box: Rect, bounds: Rect, radius: int, *, window: int = _WINDOW) -> Iterator[Change]:
    """Pixels that leave when a rim of `radius` pixels is taken off; where the image ends there is no rim.

    Args: as for `grow`.
    """
    for rect, inner, inside in _surroundings(member, box, bounds, radius, window):
        yield from _changes(rect, (inside & ~eroded(inside, radius))[inner.slices], gains=False)


def smooth(member: Member, box: Rect, bounds: Rect, radius: int, *, window: int = _WINDOW) -> Iterator[Change]:
    """Pixels that join and leave when an outline follows the `majority` within `radius` pixels.

    Args: as for `grow`.
    """
    for rect, inner, inside in _surroundings(member, box, bounds, radius, window):
        smoothed = majority(inside, radius)
        yield from _changes(rect, (smoothed & ~inside)[inner.slices], gains=True)
        yield from _changes(rect, (inside & ~smoothed)[inner.slices], gains=False)


def fill_holes(member: Member, box: Rect, *, at_once: int = _AT_ONCE) -> Iterator[Change]:
    """Pixels that join when everything a region encloses becomes part of it.

    A hole is an 8-connected group of other pixels that does not reach the outside of `box`: the counterpart of
    4-connected regions, so a gap that only touches at a corner is open for both.

    Args:
        member: may change in a rectangle once that rectangle was told.
        box: the bounding box of all members.
        at_once: pixels numbered at a time; the answer does not depend on it.
    """
    groups = _Components(lambda rect: ~member(rect), box, 8, at_once)
    for rect, where in groups.where(~groups.open):
        yield Change(rect, where, gains=True)


def drop_islands(member: Member, box: Rect, smaller_than: int, *, at_once: int = _AT_ONCE) -> Iterator[Change]:
    """Pixels that leave when 4-connected components of fewer than `smaller_than` pixels are dropped.

    Args: as for `fill_holes`.
    """
    groups = _Components(member, box, 4, at_once)
    for rect, where in groups.where(groups.area < smaller_than):
        yield Change(rect, where, gains=False)


def settled(changes: Iterable[Change]) -> Iterator[Change]:
    """Find all changes before the first is given away, for an operation that looks beyond the rectangle it tells.

    Costs one bit for each pixel of the rectangles until they are taken.
    """
    kept = [(c.rect, np.packbits(c.where), c.gains) for c in changes]
    for rect, bits, gains in kept:
        where = np.unpackbits(bits, count=rect.width * rect.height).view(np.bool_)
        yield Change(rect, where.reshape(rect.height, rect.width), gains)


class _Components:
    """Components of members in a box too large to number at once: numbered band by band and joined at the seams.

    Attributes:
        area: ``int64 (n,)``: pixels of the component that number belongs to.
        open: ``bool (n,)``: whether it touches the rim of the box.
    """

    def __init__(self, member: Member, box: Rect, connectivity: Literal[4, 8], at_once: int) -> None:
        self._member, self._connectivity = member, connectivity
        rows = max(1, at_once // max(1, box.width))
        self._bands = [Rect(box.x0, y, box.x1, min(y + rows, box.y1)) for y in range(box.y0, box.y1, rows)]
        self._kept: NDArray[np.int32] | None = None
        self._first: list[int] = []  # number of the first component of each band, and one behind the last
        areas, rims, seams = self._number(box)
        root = _roots(self._first[-1], seams)
        self.area: I64 = np.bincount(root, weights=areas, minlength=root.size).astype(np.int64)[root]
        reaches = np.zeros(root.size, np.bool_)
        reaches[root[rims]] = True
        self.open: Bool = reaches[root]

    def where(self, chosen: Bool) -> Iterator[tuple[Rect, Bool]]:
        """The pixels of some components: small rectangles with ``bool (h, w)`` each."""
        for number, band in enumerate(self._bands):
            mine = chosen[self._first[number] : self._first[number + 1]]
            if not mine.any():
                continue
            labels = self._kept if self._kept is not None else self._labels(band)[0]
            yield from _pieces(band, np.concatenate([[False], mine])[labels])

    def _labels(self, band: Rect) -> tuple[NDArray[np.int32], I64]:
        """Number of each pixel's component in a band, 0 outside, and their areas."""
        inside = _bytes(self._member(band))
        _, labels, stats, _ = cv2.connectedComponentsWithStats(inside, connectivity=self._connectivity)
        return np.asarray(labels, np.int32), stats[1:, cv2.CC_STAT_AREA].astype(np.int64)

    def _number(self, box: Rect) -> tuple[I64, I64, I64]:
        """Areas, numbers at the rim, and ``(m, 2)`` pairs of numbers that are one component."""
        areas: list[I64] = []
        rims: list[I64] = []
        seams: list[I64] = [np.zeros((0, 2), np.int64)]
        above: I64 | None = None
        first = 0
        for band in self._bands:
            labels, sizes = self._labels(band)
            self._first.append(first)
            top, bottom, left, right = (_numbered(line, first) for line in _rim(labels))
            seams.append(_touching(above, top, self._connectivity))
            rims += [left, right, *([top] if band.y0 == box.y0 else []), *([bottom] if band.y1 == box.y1 else [])]
            areas.append(sizes)
            above, first = bottom, first + sizes.size
            self._kept = labels if len(self._bands) == 1 else None
        self._first.append(first)
        rim = np.concatenate([np.zeros(0, np.int64), *rims])
        return np.concatenate([np.zeros(0, np.int64), *areas]), rim[rim >= 0], np.concatenate(seams)


def _rim(labels: NDArray[np.int32]) -> tuple[NDArray[np.int32], ...]:
    return labels[0], labels[-1], labels[:, 0], labels[:, -1]


def _numbered(line: NDArray[np.int32], first: int) -> I64:
    """Numbers over all bands, -1 where there is no component."""
    return np.where(line > 0, line.astype(np.int64) + (first - 1), -1)


def _touching(above: I64 | None, below: I64, connectivity: int) -> I64:
    """``(m, 2)`` pairs of numbers that touch across a seam, each once."""
    if above is None:
        return np.zeros((0, 2), np.int64)
    pairs = [np.stack([above, below], axis=1)]
    if connectivity == 8:
        pairs += [np.stack([above[1:], below[:-1]], axis=1), np.stack([above[:-1], below[1:]], axis=1)]
    both = np.concatenate(pairs)
    both = both[(both >= 0).all(axis=1)]
    once = np.unique(both[:, 0] << 32 | both[:, 1])  # NumPy sorts numbers faster than rows
    return np.stack([once >> 32, once & 0xFFFFFFFF], axis=1)


def _roots(count: int, seams: I64) -> I64:
    """For each of `count` numbers the least number it is joined to."""
    parent = list(range(count))

    def find(number: int) -> int:
        while parent[number] != number:
            parent[number] = parent[parent[number]]
            number = parent[number]
        return number

    for one, other in seams.tolist():
        low, high = sorted((find(one), find(other)))
        parent[high] = low
    root = np.array(parent, np.int64)
    while not np.array_equal(root, root[root]):
        root = root[root]
    return root


def _surroundings(
    member: Member, box: Rect, bounds: Rect, radius: int, window: int
) -> Iterator[tuple[Rect, Rect, Bool]]:
    """Squares around a region's outline: where each lies, where in its surroundings, and membership in those."""
    for rect in tiles(padded(box, radius).intersect(bounds), window):
        wide = padded(rect, radius).intersect(bounds)
        inside = member(wide)
        # A window that is all inside or all outside has no outline near.
        if inside.any() and not inside.all():
            yield rect, rect.shift(-wide.x0, -wide.y0), inside


def _changes(rect: Rect, where: Bool, *, gains: bool) -> Iterator[Change]:
    for piece, part in _pieces(rect, where):
        yield Change(piece, part, gains)


def _pieces(rect: Rect, where: Bool) -> Iterator[tuple[Rect, Bool]]:
    """Cut into small rectangles, leaving out those without a pixel: a gesture keeps every rectangle it is told."""
    for piece in tiles(rect, _PIECE):
        part = where[piece.shift(-rect.x0, -rect.y0).slices]
        box, pixels = cropped(piece, part)
        if not box.empty:
            yield box, pixels


def _bytes(inside: Bool) -> U8:
    return np.ascontiguousarray(inside).view(np.uint8)


def _disc(radius: int) -> U8:
    y, x = np.ogrid[-radius : radius + 1, -radius : radius + 1]
    return np.asarray(x * x + y * y <= radius * radius, np.uint8)
