"""Superpixels by k-means in colour and place, each pixel choosing among the nine cells around it.

Source: Achanta et al. 2012, "SLIC Superpixels Compared to State-of-the-Art Superpixel Methods"; the choice among nine
cells of a fixed grid is that of Ren and Reid 2011, "gSLIC". Unlike either, the weight of place against colour follows
the contrast around a cell, so that faint outlines are found as well as strong ones.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from segstudio.core.arrays import F32, I64, U8, Bool

I32 = NDArray[np.int32]

ITERATIONS = 5
_COMPACTNESS = 0.8  # weight of place: a whole cell's width counts like this many standard deviations of colour
_LEAST_SPREAD, _MOST_SPREAD = 5.0, 20.0  # of colour, 0..255: below is noise, above place would rule alone
_NOWHERE = 1e12  # squared distance to a centre beyond the rim; infinity times zero would be no number
_AROUND = tuple((dy, dx) for dy in (0, -1, 1) for dx in (0, -1, 1))  # the own cell first: it wins ties


def segments(image: U8, cell: int) -> I32:
    """Divide an image into segments that grow around the cells of a square grid and follow its colours.

    A segment is 4-connected but for stray pixels, and stays within its cell and the eight around it, short of their
    outermost pixels.

    Args:
        image: ``(h, w)`` grey or ``(h, w, 3)`` RGB; both sides multiples of `cell`.
        cell: side of a grid cell in pixels, 3 or more.

    Returns:
        ``int32 (h, w)``: row-major number of the cell whose segment a pixel belongs to.

    Raises:
        ValueError: when a side is no multiple of `cell`.
    """
    if image.shape[0] % cell or image.shape[1] % cell:
        raise ValueError(f"an image of {image.shape[:2]} has no whole cells of {cell}")
    rows, columns = image.shape[0] // cell, image.shape[1] // cell
    features = _blocks(_features(image), cell)
    numbers = _Clusters(features, cell).settle()
    flat: I32 = numbers.reshape(rows, columns, cell, cell).transpose(0, 2, 1, 3).reshape(image.shape[:2])
    return _connected(flat, cell, columns)


def _features(image: U8) -> F32:
    """``float32 (C, h, w)``: light and colour, slightly smoothed as noise makes ragged outlines.

    Not CIELAB as in the paper: on real images YCrCb found outlines as well, and OpenCV's first conversion to CIELAB
    takes a third of a second.
    """
    smooth = cv2.GaussianBlur(image, (3, 3), 0)
    if image.ndim == 3:
        return np.moveaxis(np.asarray(cv2.cvtColor(smooth, cv2.COLOR_RGB2YCrCb), np.float32), 2, 0)
    return np.asarray(smooth, np.float32)[None]


def _blocks(planes: F32, cell: int) -> F32:
    """``(C, h, w)`` as ``(rows, columns, C, cell * cell)``: the pixels of a cell side by side."""
    count, height, width = planes.shape
    cut = planes.reshape(count, height // cell, cell, width // cell, cell).transpose(1, 3, 0, 2, 4)
    return np.ascontiguousarray(cut.reshape(height // cell, width // cell, count, cell * cell))


class _Clusters:
    """The k-means, as products of small matrices, one a cell.

    Colours count from the mean of a pixel's cell and places from its middle, so that the squared lengths that are
    expanded below stay small.

    Args:
        colours: ``float32 (rows, columns, C, cell * cell)``.
        cell: side of a cell.
    """

    def __init__(self, colours: F32, cell: int) -> None:
        self._rows, self._columns, self._channels, area = colours.shape
        self._cell = cell
        self._mean: F32 = colours.mean(axis=3)
        inside = np.arange(area)
        x, y = inside % cell, inside // cell
        self._out_of_reach = np.stack([self._far(x, y, dy, dx) for dy, dx in _AROUND])
        self._pixels: F32 = np.empty((self._rows, self._columns, self._channels + 3, area), np.float32)
        self._pixels[:, :, :-3] = colours - self._mean[:, :, :, None]
        self._pixels[:, :, -3:] = np.stack([x - (cell - 1) / 2, y - (cell - 1) / 2, np.ones(area)])
        self._weight = self._place_weight()
        self._centre: F32 = np.zeros((self._rows, self._columns, self._channels + 2), np.float32)
        self._centre[:, :, :-2] = self._mean

    def settle(self) -> I32:
        """``int32 (rows, columns, cell * cell)``: the cell each pixel belongs to."""
        for _ in range(ITERATIONS - 1):
            self._update(self._assign())
        steps = np.array([dy * self._columns + dx for dy, dx in _AROUND], np.int32)
        own = np.arange(self._rows * self._columns, dtype=np.int32).reshape(self._rows, self._columns, 1)
        numbers: I32 = own + steps[self._assign()]
        return numbers

    def _far(self, x: I64, y: I64, dy: int, dx: int) -> Bool:
        """The pixels of a cell that are outermost for the one at `dy`, `dx`."""
        last = self._cell - 1
        far: Bool = (dx != 0) & (x == (last if dx < 0 else 0)) | (dy != 0) & (y == (last if dy < 0 else 0))
        return far

    def _place_weight(self) -> F32:
        """``(rows, columns)``: of a squared distance in pixels against one of colour, from the contrast around."""
        variance = self._pixels[:, :, :-3].var(axis=3).sum(axis=2)
        around = cv2.blur(variance, (3, 3), borderType=cv2.BORDER_REPLICATE).reshape(variance.shape)
        spread = np.clip(np.sqrt(around), _LEAST_SPREAD, _MOST_SPREAD)
        weight: F32 = ((_COMPACTNESS * spread / self._cell) ** 2).astype(np.float32)
        return weight

    def _assign(self) -> U8:
        """``uint8 (rows, columns, cell * cell)``: which of the nine cells around is nearest to each pixel."""
        lines = np.empty((self._rows, self._columns, len(_AROUND), self._channels + 3), np.float32)
        for number, (dy, dx) in enumerate(_AROUND):
            lines[:, :, number] = self._distance_line(dy, dx)
        distance = lines @ self._pixels
        np.copyto(distance, np.float32(np.inf), where=self._out_of_reach)
        best = distance[:, :, 0].copy()
        chosen = np.zeros(best.shape, np.uint8)
        for number in range(1, len(_AROUND)):
            np.copyto(chosen, np.uint8(number), where=distance[:, :, number] < best)
            np.minimum(best, distance[:, :, number], out=best)
        return chosen

    def _distance_line(self, dy: int, dx: int) -> F32:
        """``(rows, columns, C + 3)``: its product with a pixel is the squared distance less what all nine share."""
        centre = _shifted(self._centre, dy, dx)
        centre[:, :, :-2] -= self._mean
        centre[:, :, -2] += dx * self._cell
        centre[:, :, -1] += dy * self._cell
        weighted = centre.copy()
        weighted[:, :, -2:] *= self._weight[:, :, None]
        length = (weighted * centre).sum(axis=2)
        length[~_has_neighbour(self._rows, self._columns, dy, dx)] = _NOWHERE
        return np.concatenate([-2 * weighted, length[:, :, None]], axis=2)

    def _update(self, chosen: U8) -> None:
        """Move every centre to the mean of its pixels; one that lost them all stays."""
        member = (chosen[:, :, None] == np.arange(len(_AROUND), dtype=np.uint8)[:, None]).astype(np.float32)
        sums = member @ self._pixels.transpose(0, 1, 3, 2)
        total = np.zeros((self._rows, self._columns, self._channels + 3), np.float32)
        for number, (dy, dx) in enumerate(_AROUND):
            given = sums[:, :, number]
            count = given[:, :, -1:]
            given[:, :, :-3] += self._mean * count
            given[:, :, -3:-1] -= np.array([dx * self._cell, dy * self._cell], np.float32) * count
            # Pixels never choose beyond the rim, so what is rolled around it is zero.
            total += _shifted(given, -dy, -dx)
        count = total[:, :, -1:]
        np.divide(total[:, :, :-1], count, out=self._centre, where=count > 0)


def _shifted(cells: F32, dy: int, dx: int) -> F32:
    """Of each cell the values of the one `dy` down and `dx` right, as a copy; beyond the rim whatever comes."""
    return np.roll(cells, (-dy, -dx), axis=(0, 1))


def _has_neighbour(rows: int, columns: int, dy: int, dx: int) -> Bool:
    down, right = np.arange(rows) + dy, np.arange(columns) + dx
    there: Bool = ((down >= 0) & (down < rows))[:, None] & ((right >= 0) & (right < columns))
    return there


def _connected(numbers: I32, cell: int, columns: int) -> I32:
    """Keep the largest 4-connected piece of each segment; other pixels join the nearest kept one, if in its reach."""
    pieces = _pieces(numbers)
    area = np.bincount(pieces.ravel())
    owner = np.full(area.size, -1, np.int64)
    owner[pieces.ravel()] = numbers.ravel()
    order = np.lexsort((np.arange(area.size), -area, owner))
    first = np.ones(area.size, np.bool_)
    first[1:] = owner[order][1:] != owner[order][:-1]
    kept = np.zeros(area.size, np.bool_)
    kept[order[first]] = True
    stray = ~kept[pieces]
    if not stray.any():
        return numbers
    _, nearest = cv2.distanceTransformWithLabels(
        stray.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    joined = np.zeros(int(nearest.max()) + 1, np.int32)
    joined[nearest[~stray]] = numbers[~stray]
    y, x = np.nonzero(stray)
    owners = joined[nearest[y, x]]
    row, column = owners // columns, owners % columns
    near = (abs(2 * y + 1 - (2 * row + 1) * cell) < 3 * cell - 2) & (
        abs(2 * x + 1 - (2 * column + 1) * cell) < 3 * cell - 2
    )
    out = numbers.copy()
    out[y[near], x[near]] = owners[near]
    return out


def _pieces(numbers: I32) -> I32:
    """Number the 4-connected pieces of equal values, from 1, on a grid with room between pixels for what joins them."""
    height, width = numbers.shape
    grid = np.zeros((2 * height - 1, 2 * width - 1), np.uint8)
    grid[::2, ::2] = 1
    grid[::2, 1::2] = numbers[:, 1:] == numbers[:, :-1]
    grid[1::2, ::2] = numbers[1:] == numbers[:-1]
    _, pieces = cv2.connectedComponents(grid, connectivity=4)
    return np.ascontiguousarray(pieces[::2, ::2], np.int32)
