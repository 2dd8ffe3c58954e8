"""The object in a box: GrabCut at a bounded size, its edge carried to full resolution.

GrabCut is that of Rother, Kolmogorov and Blake, "GrabCut: interactive foreground extraction using iterated graph cuts"
(SIGGRAPH 2004), as OpenCV has it. Its answer on reduced cells reaches single pixels through the fast guided filter of
He and Sun (2015, arXiv:1505.00996): linear models of the mask in the colour, fitted on cells along the edge, are
applied to the colours of the pixels there. So any box costs about the same.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from segstudio.core.arrays import F32, I64, U8, Bool
from segstudio.core.background import Stop
from segstudio.core.classes import VOID
from segstudio.core.geometry import Rect
from segstudio.core.picture import Picture

# What is known of a cell, in OpenCV's values.
OUTSIDE, INSIDE, PERHAPS_OUTSIDE, PERHAPS_INSIDE = 0, 1, 2, 3
FINE, ROUGH = 240, 128  # cells along the longer side: for the answer, and for a preview
UNKNOWN = 255  # a mark that says nothing

_SEED = 20040808  # GrabCut clusters colours from random starts: the same start, the same mask
_MARGIN = 0.12  # of a box's side: what is looked at round it, to learn the surroundings
_LEAST_MARGIN = 6
_LEAST_SIDE = 4  # a narrower box holds no edge
_LEAST_CONTRAST = 3  # of 255: below it there is nothing to tell apart
_MOST_ZOOM = 6
_NEAR, _ALIKE = 5, 40.0  # bilateral filter at pixel size, width and range of colours: noise makes edges everywhere
_SPECK = 0.02  # of the largest part: smaller parts and holes are noise
_RADIUS = 2  # of the guided filter, in cells
_EPSILON = 1e-3  # its regularisation, of squared colours in 0..1
_NO_RECT = (0, 0, 1, 1)  # only looked at when GrabCut starts from a rectangle
_BAND_PIXELS = 2**20
_BLOCK = 512


@dataclass(frozen=True, slots=True)
class Grid:
    """Square cells over a part of an image.

    Attributes:
        window: part of the image; the last row and column of cells may stick out.
        factor: side of a cell in pixels.
    """

    window: Rect
    factor: int

    @staticmethod
    def over(window: Rect, longest: int) -> "Grid":
        """The finest grid with at most `longest` cells along the longer side."""
        return Grid(window, max(1, math.ceil(max(window.width, window.height) / longest)))

    @staticmethod
    def round_box(box: Rect, bounds: Rect, longest: int) -> "Grid":
        """A grid over a box and as much of the image round it as tells what the surroundings look like."""
        across = max(_LEAST_MARGIN, math.ceil(box.width * _MARGIN))
        down = max(_LEAST_MARGIN, math.ceil(box.height * _MARGIN))
        window = Rect(box.x0 - across, box.y0 - down, box.x1 + across, box.y1 + down)
        return Grid.over(window.intersect(bounds), longest)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of cells."""
        return -(-self.window.height // self.factor), -(-self.window.width // self.factor)

    def cells(self, rect: Rect) -> Rect:
        """The cells that touch a rectangle of the image."""
        near = rect.intersect(self.window).shift(-self.window.x0, -self.window.y0)
        f = self.factor
        return Rect(near.x0 // f, near.y0 // f, -(-near.x1 // f), -(-near.y1 // f))

    def colours(self, picture: Picture) -> U8:
        """Mean colour of each cell: ``uint8 (rows, columns, 3)``. Reads the picture in bands."""
        if self.factor == 1:
            return np.ascontiguousarray(picture.rgb(self.window))
        rows, columns = self.shape
        out = np.empty((rows, columns, 3), np.uint8)
        step = max(1, _BAND_PIXELS // (columns * self.factor * self.factor))
        for row in range(0, rows, step):
            top = self.window.y0 + row * self.factor
            band = Rect(self.window.x0, top, self.window.x1, top + step * self.factor).intersect(self.window)
            seen = picture.region(band)
            many = -(-band.height // self.factor)
            down, across = many * self.factor - band.height, columns * self.factor - band.width
            seen = cv2.copyMakeBorder(seen, 0, down, 0, across, cv2.BORDER_REPLICATE).astype(np.uint8, copy=False)
            small = cv2.resize(seen, (columns, many), interpolation=cv2.INTER_AREA)
            out[row : row + many] = small if small.ndim == 3 else small[:, :, None]
        return out

    def samples(self, annotation: U8) -> U8:
        """What `marks` needs of an annotation ``uint8 (H, W)`` of the whole image: at most 16 pixels a cell, copied."""
        rows, columns = self.shape
        y = self._sampled(rows, self.window.y0, self.window.y1)
        x = self._sampled(columns, self.window.x0, self.window.x1)
        return np.asarray(annotation[np.ix_(y, x)], np.uint8)

    def marks(self, samples: U8, meaning: U8) -> U8:
        """What an annotation says of each cell.

        Args:
            samples: by `samples`.
            meaning: ``uint8 (256,)``: for each value of the annotation INSIDE, OUTSIDE or UNKNOWN.

        Returns:
            ``uint8 (rows, columns)`` of INSIDE, OUTSIDE and, where neither prevails, UNKNOWN.
        """
        rows, columns = self.shape
        said = meaning[samples].reshape(rows, samples.shape[0] // rows, columns, samples.shape[1] // columns)
        inside = (said == INSIDE).sum(axis=(1, 3))
        outside = (said == OUTSIDE).sum(axis=(1, 3))
        marks = np.full(self.shape, UNKNOWN, np.uint8)
        marks[inside > outside] = INSIDE
        marks[outside > inside] = OUTSIDE
        return marks

    def at_centres(self, values: U8) -> U8:
        """The middle pixel of each cell, of ``uint8 (h, w)`` over the window."""
        rows, columns = self.shape
        y = np.minimum(np.arange(rows) * self.factor + self.factor // 2, self.window.height - 1)
        x = np.minimum(np.arange(columns) * self.factor + self.factor // 2, self.window.width - 1)
        return np.ascontiguousarray(values[np.ix_(y, x)])

    def _sampled(self, many: int, first: int, end: int) -> I64:
        if self.factor == 1:
            return np.arange(first, end, dtype=np.int64)
        within = np.array([1, 3, 5, 7], np.int64) * self.factor // 8
        at = first + np.arange(many, dtype=np.int64)[:, None] * self.factor + within
        return np.asarray(np.minimum(at, end - 1).ravel(), np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class CutOut:
    """A mask known on cells, and how its edge runs between pixels. Immutable: any thread may read it.

    Attributes:
        picture: the image.
        grid: the cells.
        mask: ``bool (rows, columns)``.
        slope, offset: at each cell the mask as a linear function of the colour, ``float32 (rows, columns, 3)`` of
            RGB 0..255 and ``float32 (rows, columns)``; None without models.
    """

    picture: Picture
    grid: Grid
    mask: Bool
    slope: F32 | None = None
    offset: F32 | None = None

    def part(self, rect: Rect) -> Bool:
        """The mask in a rectangle inside the grid's window: ``bool (h, w)``, one for each pixel."""
        out = np.empty((rect.height, rect.width), np.bool_)
        origin = self.grid.window
        side = max(1, _BLOCK // self.grid.factor)
        near = self.grid.cells(rect)
        for cells in tiles(near, side):
            f = self.grid.factor
            pixels = Rect(cells.x0 * f, cells.y0 * f, cells.x1 * f, cells.y1 * f).shift(origin.x0, origin.y0)
            pixels = pixels.intersect(rect)
            out[pixels.shift(-rect.x0, -rect.y0).slices] = self._block(cells, pixels)
        return out

    def _block(self, cells: Rect, pixels: Rect) -> Bool:
        """The mask at the pixels of some cells; `pixels` may leave some of theirs out at the rim."""
        f, origin = self.grid.factor, self.grid.window
        rows, columns = self.mask.shape
        halo = _RADIUS + 1
        wide = Rect(cells.x0 - halo, cells.y0 - halo, cells.x1 + halo, cells.y1 + halo)
        wide = wide.intersect(Rect(0, 0, columns, rows))
        left, top = origin.x0 + wide.x0 * f, origin.y0 + wide.y0 * f
        inner = pixels.shift(-left, -top)
        if self.slope is None or self.offset is None or not self.slope[wide.slices].any():
            whole = np.repeat(np.repeat(self.mask[wide.slices], f, axis=0), f, axis=1)
            return whole[inner.slices]
        size = (wide.width * f, wide.height * f)
        seen = Rect(left, top, left + size[0], top + size[1]).intersect(origin)
        colour = self.picture.rgb(seen).astype(np.float32)
        slope = cv2.resize(self.slope[wide.slices], size, interpolation=cv2.INTER_LINEAR)[: seen.height, : seen.width]
        offset = cv2.resize(self.offset[wide.slices], size, interpolation=cv2.INTER_LINEAR)[: seen.height, : seen.width]
        likely = np.einsum("hwc,hwc->hw", slope, colour) + offset
        # The noise of single pixels would fray the edge.
        smooth = cv2.GaussianBlur(likely, (0, 0), min(2.0, max(0.7, f / 3)))
        return np.asarray(smooth > 0.5)[inner.slices]


def box_marks(value: int, *, over: int | None, reverse: bool) -> U8:
    """What a box tool takes the values of an annotation for: ``uint8 (256,)``, see `Grid.marks`.

    Args:
        value: the class in hand: surely inside; in reverse it is what is looked for, so it says nothing.
        over: a class that may be written over says nothing either.
        reverse: whether the object is taken away.
    """
    meaning = np.full(256, OUTSIDE, np.uint8)
    meaning[VOID] = UNKNOWN
    if over is not None:
        meaning[over] = UNKNOWN
    meaning[value] = UNKNOWN if reverse else INSIDE
    return meaning


def cut_out(
    picture: Picture, box: Rect, grid: Grid, marks: U8, *, stop: Stop, rounds: int = 2, longest: int = FINE
) -> CutOut:
    """The object in a box.

    Args:
        picture: the image, grey or colour.
        box: inside the image and the grid's window.
        grid: the cells it is worked out on, by `Grid.round_box`.
        marks: what is known of the cells, by `Grid.marks`.
        stop: when it says so the answer is worthless, and early.
        rounds, longest: see `solve`.

    Returns:
        The mask; of use inside `box` only. A box in which nothing can be told apart counts as a whole.
    """
    inside = np.zeros(grid.shape, np.bool_)
    inside[grid.cells(box).slices] = True
    trimap = np.where(inside, np.uint8(PERHAPS_INSIDE), np.uint8(OUTSIDE))
    if inside.all():
        # The box is the image: what lies along its rim stands for the surroundings.
        trimap[[0, -1], :] = OUTSIDE
        trimap[:, [0, -1]] = OUTSIDE
    said = inside & (marks != UNKNOWN)
    trimap[said] = marks[said]
    corner = _corners(grid.cells(box), grid.shape) & (trimap == PERHAPS_INSIDE)
    trimap[corner] = PERHAPS_OUTSIDE
    whole = CutOut(picture, grid, inside & ~(said & (marks == OUTSIDE)))
    if min(box.width, box.height) < _LEAST_SIDE:
        return whole
    # What is labelled across an object, or beside it and of its class, looks like it: to cut there would cost too much,
    # and its colours would be learnt as those of the surroundings.
    hidden = (said & (marks == OUTSIDE)) | (~inside & (marks == INSIDE))
    cut = solve(picture, grid, trimap, stop=stop, rounds=rounds, longest=longest, hidden=hidden)
    if cut is None or np.count_nonzero(cut.mask) * 200 < np.count_nonzero(inside):
        return whole
    return cut


def solve(
    picture: Picture,
    grid: Grid,
    trimap: U8,
    *,
    stop: Stop,
    rounds: int = 2,
    longest: int = FINE,
    attached: bool = False,
    hidden: Bool | None = None,
) -> CutOut | None:
    """Divide cells into inside and outside by colour and edges.

    Args:
        picture: the image.
        grid: the cells.
        trimap: ``uint8 (rows, columns)`` of OUTSIDE, INSIDE, PERHAPS_OUTSIDE, PERHAPS_INSIDE.
        stop: asked before each round.
        rounds: of learning colours and cutting, 1 or more.
        longest: a smaller grid is worked on enlarged, up to this many cells along its longer side.
        attached: whether parts without an INSIDE cell are dropped, however large.
        hidden: ``bool (rows, columns)``: cells whose own colours mislead; they take those of other OUTSIDE cells.

    Returns:
        None when there is nothing to tell apart: one side is empty, or all is of one colour.
    """
    colours = grid.colours(picture)
    is_inside = (trimap & 1) == 1
    if stop() or not is_inside.any() or is_inside.all() or int(np.ptp(colours, axis=(0, 1)).max()) < _LEAST_CONTRAST:
        return None
    rows, columns = grid.shape
    zoom = max(1, min(_MOST_ZOOM, longest // max(rows, columns)))
    seen = colours if hidden is None else _disguised(colours, hidden, trimap)
    if grid.factor == 1:
        seen = np.asarray(cv2.bilateralFilter(seen, _NEAR, _ALIKE, _NEAR / 4), np.uint8)
    # A cut costs by its length, colours count by area: at pixel size small faint objects would be given up.
    labels = _repeat(trimap, zoom)
    is_inside = _grab_cut(_repeat(seen, zoom), labels, rounds, stop)
    if zoom > 1:
        share = cv2.resize(is_inside.astype(np.float32), (columns, rows), interpolation=cv2.INTER_AREA)
        is_inside = np.asarray(share > 0.5)
    mask = _tidy(is_inside, trimap, attached=attached)
    slope, offset = _models(colours, mask)
    known = trimap < PERHAPS_OUTSIDE
    slope[known], offset[known] = 0, mask[known]
    return CutOut(picture, grid, mask, slope, offset)


def _disguised(colours: U8, hidden: Bool, trimap: U8) -> U8:
    """Colours with those of hidden cells replaced by what else is outside."""
    plain = colours[(trimap == OUTSIDE) & ~hidden]
    out = colours.copy()
    many = np.count_nonzero(hidden)
    if len(plain) and many:
        out[hidden] = plain[np.linspace(0, len(plain) - 1, many).astype(np.int64)]
    return out


def _repeat(values: U8, times: int) -> U8:
    return np.ascontiguousarray(np.repeat(np.repeat(values, times, axis=0), times, axis=1))


def _grab_cut(colours: U8, labels: U8, rounds: int, stop: Stop) -> Bool:
    """Rounds of GrabCut; `labels` is changed."""
    outer, inner = np.zeros((1, 65), np.float64), np.zeros((1, 65), np.float64)
    mode = cv2.GC_INIT_WITH_MASK
    for _ in range(rounds):
        cv2.setRNGSeed(_SEED)
        cv2.grabCut(colours, labels, _NO_RECT, outer, inner, 1, mode)
        mode = cv2.GC_EVAL
        if stop() or not (labels & 1).any() or (labels & 1).all():
            break
    return np.asarray((labels & 1) == 1)


def spread(picture: Picture, grid: Grid, marks: U8) -> U8:
    """Guess the cells nothing is known of by the colours of those that are known.

    Args:
        picture: the image.
        grid: the cells.
        marks: ``uint8 (rows, columns)`` with at least one INSIDE and one OUTSIDE, elsewhere UNKNOWN.

    Returns:
        A trimap for `solve`: GrabCut's own start, all unknown cells inside, would drown a few strokes.
    """
    colours = grid.colours(picture)
    known = marks != UNKNOWN
    outer, inner = np.zeros((1, 65), np.float64), np.zeros((1, 65), np.float64)
    cv2.setRNGSeed(_SEED)
    said = np.ascontiguousarray(marks[known][:, None])
    # No round at all: the colour models are learnt from what is known alone.
    cv2.grabCut(np.ascontiguousarray(colours[known][:, None]), said, _NO_RECT, outer, inner, 0, cv2.GC_INIT_WITH_MASK)
    trimap = np.where(known, marks, np.uint8(PERHAPS_OUTSIDE))
    cv2.grabCut(colours, trimap, _NO_RECT, outer, inner, 1, cv2.GC_EVAL_FREEZE_MODEL)
    return trimap


def tiles(rect: Rect, side: int) -> Iterator[Rect]:
    """Cut a rectangle into squares, row by row; those at the end may be smaller."""
    for y in range(rect.y0, rect.y1, side):
        for x in range(rect.x0, rect.x1, side):
            yield Rect(x, y, x + side, y + side).intersect(rect)


def _corners(box: Rect, shape: tuple[int, int]) -> Bool:
    """Cells outside the ellipse in a box: objects are seldom there."""
    y = (np.arange(shape[0]) + 0.5 - (box.y0 + box.y1) / 2) / (box.height / 2)
    x = (np.arange(shape[1]) + 0.5 - (box.x0 + box.x1) / 2) / (box.width / 2)
    return np.asarray(y[:, None] ** 2 + x**2 > 1)


def _tidy(mask: Bool, trimap: U8, *, attached: bool) -> Bool:
    """Without specks and pinholes that nobody asked for."""
    out = mask & ~_small_parts(mask, trimap == INSIDE, everything=attached)
    gaps = _small_parts(~out, trimap == OUTSIDE, everything=False)
    return out | gaps


def _small_parts(mask: Bool, wanted: Bool, *, everything: bool) -> Bool:
    """4-connected parts without a wanted cell: those small beside the largest, or everything."""
    count, numbered, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    areas = stats[:, cv2.CC_STAT_AREA].astype(np.int64)
    areas[0] = 0
    small = np.ones(count, np.bool_) if everything else areas < areas.max() * _SPECK
    small[np.unique(numbered[wanted])] = False
    small[0] = False
    return np.asarray(small[numbered])


def _models(colours: U8, mask: Bool) -> tuple[F32, F32]:
    """Linear models of the mask in the colour along its edge; away from it the slope is 0 and the offset the mask."""
    colour, wanted = colours.astype(np.float32) / 255, mask.astype(np.float32)
    mean, share = _around(colour), _around(wanted)
    together = _around(colour * wanted[:, :, None]) - mean * share[:, :, None]
    edge = (share > 1e-4) & (share < 1 - 1e-4)
    pairs = [_around(colour[:, :, i] * colour[:, :, j])[edge] for i in range(3) for j in range(3)]
    at_edge = mean[edge]
    covariance = np.stack(pairs, axis=1).reshape(-1, 3, 3) - at_edge[:, :, None] * at_edge[:, None, :]
    fitted = np.linalg.solve(covariance + _EPSILON * np.eye(3, dtype=np.float32), together[edge][:, :, None])[:, :, 0]
    slope, offset = np.zeros(colours.shape, np.float32), wanted.copy()
    slope[edge] = fitted
    offset[edge] = share[edge] - (fitted * at_edge).sum(axis=1)
    near = cv2.dilate(edge.astype(np.uint8), np.ones((2 * _RADIUS + 1,) * 2, np.uint8)) > 0
    # A sliding sum leaves crumbs behind where it should be nought.
    return np.where(near[:, :, None], _around(slope) / 255, 0), np.where(near, _around(offset), wanted)


def _around(values: NDArray[np.floating[Any]]) -> F32:
    """Mean over the square round each cell."""
    side = 2 * _RADIUS + 1
    return np.asarray(cv2.boxFilter(values, -1, (side, side), borderType=cv2.BORDER_REFLECT), np.float32)
