"""Tiles of an image of any size, and how what is said of each becomes one seamless whole in bounded memory."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from segstudio.core.arrays import F32
from segstudio.learn.networks.network import STRIDE

_OVERLAP = 6 * STRIDE  # of two tiles; what a network sees further off hardly changes its mind
_STRIP_BYTES = 128 << 20  # of scores that wait for the next row of tiles
_LONGEST = 2  # sides of a tile, as a multiple of those of the square of its area
_FADE = 4  # overlaps are this many times as long as the ramp in their middle


@dataclass(frozen=True, slots=True)
class Axis:
    """How tiles lie along one side of an image.

    Tiles start on multiples of the network's stride, so that each sees the grid that one pass over the image would.

    Attributes:
        length: of the image, in pixels.
        side: of every tile; the last one ends with the image.
        starts: of the tiles, ascending, the first is 0.
    """

    length: int
    side: int
    starts: tuple[int, ...]

    @staticmethod
    def of(length: int, side: int) -> "Axis":
        """The fewest tiles of at most `side` pixels that overlap enough, all of one size.

        Args:
            length: of the image, 1 or more.
            side: 64 or more.
        """
        if length <= side:
            return Axis(length, length, (0,))
        side, full = side // STRIDE * STRIDE, _rounded(length)
        overlap = overlap_of(side)
        count = -(-(full - overlap) // (side - overlap))
        even = _rounded(-(-(full + (count - 1) * overlap) // count))
        spare = (full - even) // STRIDE
        return Axis(length, even, tuple(spare * place // (count - 1) * STRIDE for place in range(count)))

    def span(self, place: int) -> slice:
        """The pixels of a tile."""
        return slice(self.starts[place], min(self.starts[place] + self.side, self.length))

    def seam(self, place: int) -> int:
        """The middle of what a tile shares with the one before it."""
        return (self.starts[place] + self.starts[place - 1] + self.side) // 2

    def ramp(self, longest: int) -> int:
        """Length of the fade around each seam: even, at most `longest`; 0 without seams."""
        if len(self.starts) == 1:
            return 0
        shared = [self.starts[place - 1] + self.side - self.starts[place] for place in range(1, len(self.starts))]
        return min(longest, min(shared) // _FADE) // 2 * 2


def overlap_of(side: int) -> int:
    """How many pixels two tiles of that side share at least."""
    return max(STRIDE, min(_OVERLAP, side // 4 // STRIDE * STRIDE))


def cut(height: int, width: int, side: int) -> tuple[Axis, Axis]:
    """Rows and columns of tiles with an area of at most ``side * side`` each, so that the least is computed twice.

    Args:
        height, width: of the image.
        side: 64 or more.
    """
    if height * width <= side * side:
        return Axis.of(height, height), Axis.of(width, width)
    best: tuple[int, Axis, Axis] | None = None
    for count in range(1, -(-width // STRIDE) + 1):
        widest = _rounded(-(-width // count)) + overlap_of(side) * (count > 1)
        if widest > _LONGEST * side:
            continue
        columns = Axis.of(width, widest)
        highest = min(side * side // columns.side // STRIDE * STRIDE, _LONGEST * side)
        if highest < side // _LONGEST:
            continue
        rows = Axis.of(height, highest)
        work = rows.side * columns.side * len(rows.starts) * len(columns.starts)
        if best is None or work < best[0]:
            best = work, rows, columns
        if columns.side < side // _LONGEST:
            break
    assert best is not None
    return best[1], best[2]


def _rounded(length: int) -> int:
    return -(-length // STRIDE) * STRIDE


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """A finished part of an image; pieces cover it without overlapping.

    Attributes:
        rows, columns: where it lies.
        scores: ``float32 (K, h, w)`` probabilities; the receiver's own.
    """

    rows: slice
    columns: slice
    scores: F32


def blend(rows: Axis, columns: Axis, compute: Callable[[slice, slice], F32]) -> Iterator[Piece]:
    """What tiles say, faded over into each other around their seams.

    Args:
        rows, columns: how the tiles lie.
        compute: from the rows and columns of a tile to its ``float32 (K, h, w)`` scores, which may be written to.

    Yields:
        The pieces, in rows from the top and from the left. Only the fades wait for other tiles: next to one tile's
        scores at most 128 MB are held, however many classes there are and however wide the image is.
    """
    fade_x, fade_y = columns.ramp(columns.length), 0
    waiting: F32 | None = None  # across the image, around the seam below this row of tiles
    for row in range(len(rows.starts)):
        beside: F32 | None = None  # around the seam to the right of this tile
        for column in range(len(columns.starts)):
            down, across = rows.span(row), columns.span(column)
            scores = compute(down, across)
            if waiting is None and len(rows.starts) > 1:
                fade_y = rows.ramp(_STRIP_BYTES // (4 * scores.shape[0] * columns.length))
                waiting = np.empty((scores.shape[0], fade_y, columns.length), np.float32)
            scores, top, end = _faded(scores, rows, row, fade_y, 1)
            scores, left, right = _faded(scores, columns, column, fade_x, 2)
            if beside is not None:
                scores[:, :, :fade_x] += beside
            # Copied, or a few columns would keep the whole tile in memory.
            beside = scores[:, :, right - left :].copy()
            scores = scores[:, :, : right - left]
            if waiting is not None:
                held = waiting[:, :, left:right]
                if row:
                    scores[:, :fade_y] += held
                if row + 1 < len(rows.starts):
                    held[:] = scores[:, end - top :]
            yield Piece(slice(top, end), slice(left, right), scores[:, : end - top])


def _faded(scores: F32, axis: Axis, place: int, ramp: int, dimension: int) -> tuple[F32, int, int]:
    """Trim a tile along one axis to what counts of it, and weight its fades.

    Returns:
        The scores, where they start, and where the fade into the next tile starts.
    """
    span, half = axis.span(place), ramp // 2
    first, last = place == 0, place + 1 == len(axis.starts)
    start = span.start if first else axis.seam(place) - half
    stop = span.stop if last else axis.seam(place + 1) + half
    scores = np.moveaxis(scores, dimension, 0)[start - span.start : stop - span.start]
    if ramp:
        rising = ((np.arange(ramp, dtype=np.float32) + 0.5) / ramp)[:, None, None]
        if not first:
            scores[:ramp] *= rising
        if not last:
            scores[-ramp:] *= 1 - rising
    return np.moveaxis(scores, 0, dimension), start, stop if last else stop - ramp
