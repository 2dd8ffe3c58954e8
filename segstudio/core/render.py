"""Pixels of the canvas, for any rectangle of the view, at a cost that follows that rectangle alone.

Labels and magnified images are sampled at pixel centres, so pixels stay crisp; a reduced image is interpolated in a
pyramid of halved copies. The annotation is a flat tint, the proposal a contour and a diagonal hatch: nobody mistakes
one for the other. Pixels are packed as ``0xAARRGGBB``, which is the layout Qt blends fastest.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from segstudio.core.arrays import F32, I64, U8, U32, Bool, Pixels
from segstudio.core.classes import VOID, ClassTable
from segstudio.core.geometry import Rect
from segstudio.core.pyramid import Pyramid, level_for
from segstudio.core.scene import Scene
from segstudio.core.view import View

_HATCH = 9  # view pixels from one diagonal line to the next

Look = Literal["fill", "contour", "both"]


@dataclass(frozen=True, slots=True)
class LayerStyle:
    """How the label layers are drawn.

    Attributes:
        annotation_opacity, proposal_opacity: 0..1.
        show_annotation, show_proposal: whether each is drawn.
        annotation_look, proposal_look: as areas, as their outlines, or both.
        threshold: proposal pixels with less confidence (0..255) are drawn fainter.
        whole_proposal: the proposal is drawn whole: in the annotation's place where a person has painted, and fainter
            where it was rejected.
        line: width of outlines in view pixels, on either side of a border.
    """

    annotation_opacity: float = 0.5
    proposal_opacity: float = 0.5
    show_annotation: bool = True
    show_proposal: bool = True
    annotation_look: Look = "fill"
    proposal_look: Look = "both"
    threshold: int = 0
    whole_proposal: bool = False
    line: int = 1


def render_image(pyramid: Pyramid, view: View, rect: Rect) -> Pixels:
    """The image in the view rectangle `rect`, which must lie on it.

    Returns:
        In the image's own depth ``(h, w)``, ``(h, w, 3)``, or, where it is interpolated, ``(h, w, 4)`` with a fourth
        channel to be left out of account. May be a view of the pyramid: read only.
    """
    if view.scale >= 1:
        return _Sampler(view, rect, pyramid.size, 0)(pyramid.levels[0])
    level = pyramid.levels[level_for(view, len(pyramid.levels))]
    left, columns, x, step_x = _stretch(rect.x0, rect.x1, view.x, view.scale, pyramid.size[0], level.shape[1])
    top, rows, y, step_y = _stretch(rect.y0, rect.y1, view.y, view.scale, pyramid.size[1], level.shape[0])
    window = level[top:rows, left:columns]
    if window.ndim == 3:
        window = cv2.cvtColor(window, cv2.COLOR_RGB2RGBA)  # OpenCV interpolates four channels twice as fast as three
    matrix = np.array([[step_x, 0, x], [0, step_y, y]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    size = rect.width, rect.height
    return np.asarray(cv2.warpAffine(window, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE))


def _stretch(
    start: int, stop: int, offset: float, scale: float, length: int, reduced: int
) -> tuple[int, int, float, float]:
    """Which part of a level view pixels ``start..stop`` are interpolated from, along one axis.

    Returns:
        First index of the part and the one after its last, where in it the first view pixel's centre lies (between
        the pixel centres of the level), and how far it is from there to the next.
    """
    step = reduced / length / scale
    first = (start + 0.5 - offset) * step - 0.5
    low = min(max(0, math.floor(first)), reduced - 1)
    return low, min(reduced, max(low, math.floor(first + (stop - start - 1) * step)) + 2), first - low, step


class LabelPainter:
    """Colours annotation and proposal.

    Args:
        classes: colours and visibility.
        style: opacity and what is shown.
    """

    def __init__(self, classes: ClassTable, style: LayerStyle) -> None:
        self._style = style
        colors, visible = classes.colors(), classes.visible()
        visible[VOID] = False
        seen = visible * (style.annotation_opacity if style.show_annotation else 0.0)
        fill, line = _alphas(seen, style.annotation_look, 1.0)
        share, mark = _alphas(visible * style.proposal_opacity, style.proposal_look, 0.3)
        # By band: annotation, its outline; proposal by [confident, on a line].
        bands = (fill, line, share * 0.3, mark * 0.25, share, mark)
        table = np.zeros(1 << 16, np.uint32)
        for number, alpha in enumerate(bands):
            table[number * 256 : number * 256 + 256] = _premultiplied(colors, alpha)
        self._table = table.view(np.int32)
        self._plain = self._table[:256].copy()

    def render(self, scene: Scene, view: View, rect: Rect) -> U32 | None:
        """``uint32 (h, w)`` premultiplied ARGB of the view rectangle `rect`, which must lie on the image.

        None when nothing is drawn there.
        """
        style, level = self._style, level_for(view, scene.levels)
        proposed = scene.proposal(level) if style.show_proposal else None
        lined = style.annotation_look != "fill"
        # A margin: an outline is where a pixel some steps away is of another class.
        margin = style.line if lined or proposed is not None else 0
        sample = _Sampler(view, rect, scene.size, level, margin)
        if proposed is not None and style.whole_proposal:
            return self._colored(*self._opinion(proposed, sample, margin, view, rect))
        wide = sample(scene.annotation(level, sample.part))
        annotation = _inner(wide, margin)
        silent = annotation.min() == VOID
        if proposed is None:
            if silent:
                return None
            if not lined:
                return np.asarray(cv2.LUT(annotation, self._plain)).view(np.uint32)
            return self._colored(annotation, _outline(wide, margin).view(np.uint8))
        classes, band = self._opinion(proposed, sample, margin, view, rect)
        if not silent:
            spoken = annotation != VOID
            cv2.copyTo(annotation, spoken.view(np.uint8), classes)
            own = _outline(wide, margin) if lined else np.zeros_like(spoken)
            cv2.copyTo(own.view(np.uint8), spoken.view(np.uint8), band)
        return self._colored(classes, band)

    def _colored(self, classes: U8, band: U8) -> U32:
        index = cv2.merge([classes, band]).view(np.uint16)[..., 0]
        return np.asarray(cv2.LUT(index, self._table)).view(np.uint32)

    def _opinion(
        self, proposed: tuple[U8, U8, U8 | None], sample: "_Sampler", margin: int, view: View, rect: Rect
    ) -> tuple[U8, U8]:
        """Classes and bands of what the model says, each ``uint8 (h, w)`` of its own."""
        wide = sample(proposed[0])
        classes = np.array(_inner(wide, margin), order="C")
        line = _outline(wide, margin)
        if self._style.proposal_look == "both":
            line |= _hatch(view, rect)
        band = line.view(np.uint8)
        if self._style.threshold > 0:
            confident = (_inner(sample(proposed[1]), margin) >= self._style.threshold).view(np.uint8)
            band += np.left_shift(confident, 1, out=confident)
            band += np.uint8(2)
        else:
            band += np.uint8(4)
        if proposed[2] is not None:
            refused = _inner(sample(proposed[2]), margin) == classes
            if self._style.whole_proposal:
                np.copyto(band, (band & 1) | 2, where=refused)
            else:
                marks = refused.view(np.uint8)
                classes |= np.negative(marks, out=marks)  # void has every bit set
        return classes, band


def _alphas(opacity: F32 | NDArray[np.float64], look: Look, share: float) -> tuple[F32, F32]:
    """Opacity of areas and of lines, ``(256,)`` each; `share` is how much of it areas take."""
    fill = np.zeros(256) if look == "contour" else opacity * share
    line = fill if look == "fill" else np.minimum(1.0, opacity * (1.3 if share < 1 else 1.8))
    return fill.astype(np.float32), np.asarray(line, np.float32)


def _inner(wide: U8, margin: int) -> U8:
    return wide[margin:-margin, margin:-margin] if margin else wide


def _outline(wide: U8, margin: int) -> Bool:
    """``bool (h, w)`` of the inner part: whether a pixel `margin` steps to a side has another value."""
    rows = columns = slice(margin, -margin)
    across = wide[rows, margin:] != wide[rows, :-margin]
    down = wide[margin:, columns] != wide[:-margin, columns]
    line: Bool = across[:, margin:] | across[:, :-margin]
    line |= down[margin:]
    line |= down[:-margin]
    return line


def _hatch(view: View, rect: Rect) -> Bool:
    """``bool (h, w)``, read only: where the diagonal lines are; they move with the image, not under it."""
    start = rect.x0 + rect.y0 - math.floor(view.x) - math.floor(view.y)
    shape = rect.height, rect.width
    diagonals = _diagonals((_HATCH + sum(shape)).bit_length())
    return np.ndarray(shape, np.bool_, buffer=diagonals, offset=start % _HATCH, strides=(1, 1))


@lru_cache(maxsize=4)
def _diagonals(bits: int) -> Bool:
    at: Bool = np.arange(1 << bits) % _HATCH == 0
    return at


def visible_part(view: View, size: tuple[int, int], rect: Rect) -> Rect:
    """The part of a view rectangle whose pixel centres lie on an image of `size` (width, height).

    An image narrower than a view pixel takes the one its middle lies in: no image is too thin to be seen.
    """
    x0, x1 = _covered(view.x, size[0] * view.scale)
    y0, y1 = _covered(view.y, size[1] * view.scale)
    return Rect(x0, y0, x1, y1).intersect(rect)


def _covered(start: float, length: float) -> tuple[int, int]:
    """The view pixels, along one axis, whose centres lie on what begins at `start`; at least one."""
    low, high = math.ceil(start - 0.5), math.ceil(start + length - 0.5)
    if low < high:
        return low, high
    middle = math.floor(start + length / 2)
    return middle, middle + 1


class _Sampler:
    """The values of any number of arrays of one image under the centres of view pixels.

    Args:
        view, rect: the view pixels.
        size: width and height of the image.
        level: of the pyramids the arrays are taken from.
        margin: view pixels more on each side; outside the image, its rim goes on.
    """

    def __init__(self, view: View, rect: Rect, size: tuple[int, int], level: int, margin: int = 0) -> None:
        x0, x1, y0, y1 = rect.x0 - margin, rect.x1 + margin, rect.y0 - margin, rect.y1 + margin
        self._padding: tuple[int, int, int, int] | None = None
        self._within: tuple[I64, I64] | None = None
        if view.scale * 2**level == 1:  # a pixel of the level for each of the view: nothing to pick
            self._columns, left, right = _run(x0, x1, view.x, size[0], level)
            self._rows, top, bottom = _run(y0, y1, view.y, size[1], level)
            if min(left, right, top, bottom) >= 0:
                if left or right or top or bottom:
                    self._padding = top, bottom, left, right
                return
        columns = _indices(x0, x1, view.x, view.scale, size[0], level)
        rows = _indices(y0, y1, view.y, view.scale, size[1], level)
        self._columns = slice(int(columns[0]), int(columns[-1]) + 1)
        self._rows = slice(int(rows[0]), int(rows[-1]) + 1)
        self._within = rows - rows[0], columns - columns[0]

    @property
    def part(self) -> Rect:
        """The pixels of the level that are looked at."""
        return Rect(self._columns.start, self._rows.start, self._columns.stop, self._rows.stop)

    def __call__(self, array: Pixels) -> Pixels:
        window = array[self._rows, self._columns]
        if self._within is not None:
            return _picked(window, *self._within)
        if self._padding is not None:
            return np.asarray(cv2.copyMakeBorder(window, *self._padding, cv2.BORDER_REPLICATE))
        return window


def _picked(window: Pixels, rows: I64, columns: I64) -> Pixels:
    """``window[rows][:, columns]``, contiguous. Whole rows are picked, columns as rows of what is transposed."""
    if window.shape[0] < rows.size:
        return np.asarray(cv2.transpose(cv2.transpose(window)[columns]))[rows]
    return np.asarray(cv2.transpose(cv2.transpose(window[rows])[columns]))


def _run(start: int, stop: int, offset: float, length: int, level: int) -> tuple[slice, int, int]:
    """Along one axis, the pixels of a level under as many of the view, and how many are missing at either end.

    Less than none are when no pixel lies under them, as under the one that shows an image narrower than itself.
    """
    shift = math.floor(0.5 - offset)
    start, stop, count = start + shift, stop + shift, -(-length >> level)
    low, high = min(max(0, start), count - 1), max(1, min(stop, count))
    return slice(low, high), low - start, stop - high


def _indices(start: int, stop: int, offset: float, scale: float, length: int, level: int) -> I64:
    """Indices into a level of the pixels under the centres of view pixels ``start..stop`` along one axis."""
    at = np.arange(start, stop, dtype=np.float64)
    at += 0.5 - offset
    at /= scale
    return np.minimum(np.maximum(at, 0), length - 1).astype(np.int64) >> level


def _premultiplied(colors: U8, alpha: NDArray[np.float64] | F32) -> U32:
    """``uint32 (256,)`` ARGB with premultiplied colours, from ``(256, 3)`` RGB and ``(256,)`` alpha 0..1."""
    scaled = np.rint(colors * alpha[:, None]).astype(np.uint32)
    out: U32 = np.rint(alpha * 255).astype(np.uint32) << np.uint32(24)
    for channel, shift in enumerate((16, 8, 0)):
        out |= scaled[:, channel] << np.uint32(shift)
    return out


def render_mask(mask: tuple[Rect, Bool], view: View, rect: Rect, color: tuple[int, int, int], fill: float) -> U32:
    """A set of pixels as a tint with an outline.

    Args:
        mask: rectangle of the image and ``bool (h, w)``.
        view, rect: the view pixels wanted; they may lie anywhere.
        color: RGB, 0..255.
        fill: opacity of the tint, 0..1; the outline is opaque.

    Returns:
        ``uint32 (h, w)`` premultiplied ARGB.
    """
    box, where = mask
    columns, in_columns = _inside(rect.x0 - 1, rect.x1 + 1, view.x, view.scale, box.x0, box.x1)
    rows, in_rows = _inside(rect.y0 - 1, rect.y1 + 1, view.y, view.scale, box.y0, box.y1)
    part = where[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].view(np.uint8)
    wide = _picked(part, rows - rows[0], columns - columns[0])
    wide[~in_rows] = 0
    wide[:, ~in_columns] = 0
    area = wide[1:-1, 1:-1]
    line = _outline(wide, 1).view(np.uint8) & area
    table = np.zeros(256, np.uint32)
    table[1:3] = _premultiplied(np.full((2, 3), color, np.uint8), np.array([fill, 1.0]))
    return np.asarray(cv2.LUT(area + line, table.view(np.int32))).view(np.uint32)


def _inside(start: int, stop: int, offset: float, scale: float, low: int, high: int) -> tuple[I64, Bool]:
    """Indices into ``low..high`` under view pixels along one axis, and whether they really lie in it."""
    at = np.floor((np.arange(start, stop, dtype=np.float64) + (0.5 - offset)) / scale).astype(np.int64)
    return np.clip(at, low, high - 1) - low, (at >= low) & (at < high)
