"""Pixels of the canvas, for any rectangle of the view, at a cost that follows that rectangle alone.

Labels and magnified images are sampled at pixel centres, so pixels stay crisp; a reduced image is interpolated in a
pyramid of halved copies. The annotation is a flat tint, the proposal a contour and a diagonal hatch: nobody mistakes
one for the other. Pixels are packed as ``0xAARRGGBB``, which is the layout Qt blends fastest.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from segstudio.core.arrays import F32, I64, U8, U32, Bool
from segstudio.core.classes import VOID, ClassTable
from segstudio.core.document import Document
from segstudio.core.geometry import Rect
from segstudio.core.view import View

_SMALLEST_LEVEL = 256
_FEW_PIXELS = 1 << 14  # below this, remap's preparations cost more than they save
_REMAP_LIMIT = 32767  # OpenCV's remap counts in signed 16 bits
_HATCH = 9  # view pixels from one diagonal line to the next


@dataclass(frozen=True, slots=True)
class LayerStyle:
    """How the label layers are drawn.

    Attributes:
        opacity: of both layers, 0..1.
        show_annotation, show_proposal: whether each is drawn.
        threshold: proposal pixels with less confidence (0..255) are drawn fainter.
    """

    opacity: float = 0.5
    show_annotation: bool = True
    show_proposal: bool = True
    threshold: int = 0


class Pyramid:
    """A display image with halved copies of itself, for drawing at any scale.

    Args:
        image: ``uint8 (H, W)`` or ``(H, W, 3)`` RGB; not copied.
    """

    def __init__(self, image: U8) -> None:
        self.levels: list[U8] = [image]
        while max(self.levels[-1].shape[:2]) > _SMALLEST_LEVEL:
            height, width = self.levels[-1].shape[:2]
            half = (max(1, (width + 1) // 2), max(1, (height + 1) // 2))
            self.levels.append(np.asarray(cv2.resize(self.levels[-1], half, interpolation=cv2.INTER_AREA), np.uint8))

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the full image."""
        height, width = self.levels[0].shape[:2]
        return width, height

    def render(self, view: View, rect: Rect) -> U8:
        """``uint8 (h, w)`` or ``(h, w, 3)`` of the view rectangle `rect`, which must lie on the image."""
        if view.scale >= 1:
            columns, rows = _indices(view, rect, Rect(0, 0, *self.size))
            return _Sampler(columns, rows)(self.levels[0])
        number = min(len(self.levels) - 1, int(math.log2(1 / view.scale) + 1e-9))
        level = self.levels[number]
        x = self._positions(rect.x0, rect.x1, view.x, view.scale, level.shape[1] / self.size[0])
        y = self._positions(rect.y0, rect.y1, view.y, view.scale, level.shape[0] / self.size[1])
        left, top = max(0, int(x[0]) - 1), max(0, int(y[0]) - 1)
        window = level[top : int(y[-1]) + 3, left : int(x[-1]) + 3]
        map_x = np.ascontiguousarray(np.broadcast_to((x - left).astype(np.float32), (len(y), len(x))))
        map_y = np.ascontiguousarray(np.broadcast_to((y - top).astype(np.float32)[:, None], (len(y), len(x))))
        seen = cv2.remap(window, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(seen, np.uint8)

    @staticmethod
    def _positions(start: int, stop: int, offset: float, scale: float, ratio: float) -> NDArray[np.float64]:
        """Centres of view pixels as positions between the pixel centres of a level."""
        centres = np.arange(start, stop, dtype=np.float64) + 0.5
        return (centres - offset) / scale * ratio - 0.5


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
        tint = _premultiplied(colors, visible * (style.opacity if style.show_annotation else 0.0))
        share, line = visible * style.opacity * 0.3, visible * min(1.0, style.opacity * 1.3)
        bands = (share * 0.3, line * 0.25, share, line)  # by [confident, on a line]
        self._colors = np.concatenate([tint, *(_premultiplied(colors, alpha) for alpha in bands)])

    def render(self, document: Document, view: View, rect: Rect) -> U32:
        """``uint32 (h, w)`` premultiplied ARGB of the view rectangle `rect`, which must lie on the image."""
        # One pixel more to the right and below: a contour is where the next pixel is of another class.
        wider = Rect(rect.x0, rect.y0, rect.x1 + 1, rect.y1 + 1)
        sample = _Sampler(*_indices(view, wider, document.bounds))
        annotation = sample(document.annotation)[:-1, :-1]
        proposal = document.proposal
        if proposal is None or not self._style.show_proposal:
            return np.take(self._colors, annotation)
        wide = sample(proposal.classes)
        classes = wide[:-1, :-1]
        shown = annotation == VOID
        if document.rejected is not None:
            shown &= sample(document.rejected)[:-1, :-1] != classes
        confident = sample(proposal.confidence)[:-1, :-1] >= self._style.threshold
        line = (classes != wide[1:, :-1]) | (classes != wide[:-1, 1:]) | _hatch(view, rect)
        band = line.view(np.uint8) + (confident.view(np.uint8) << 1) + 1
        return np.take(self._colors, np.where(shown, band.astype(np.uint16) * 256 + classes, annotation))


def _hatch(view: View, rect: Rect) -> Bool:
    """``bool (h, w)``, read only: where the diagonal lines are; they move with the image, not under it."""
    anchor = math.floor(view.x) + math.floor(view.y)
    start = rect.x0 + rect.y0 - anchor
    diagonals: Bool = np.arange(start, start + rect.width + rect.height) % _HATCH == 0
    return np.lib.stride_tricks.as_strided(diagonals, (rect.height, rect.width), (1, 1), writeable=False)


def visible_part(view: View, size: tuple[int, int], rect: Rect) -> Rect:
    """The part of a view rectangle whose pixel centres lie on an image of `size` (width, height)."""
    box = Rect(
        math.ceil(view.x - 0.5),
        math.ceil(view.y - 0.5),
        math.ceil(view.x + size[0] * view.scale - 0.5),
        math.ceil(view.y + size[1] * view.scale - 0.5),
    )
    return box.intersect(rect)


def _indices(view: View, rect: Rect, bounds: Rect) -> tuple[I64, I64]:
    """Image columns and rows under the centres of the view pixels of `rect`."""
    x = (np.arange(rect.x0, rect.x1, dtype=np.float64) + 0.5 - view.x) / view.scale
    y = (np.arange(rect.y0, rect.y1, dtype=np.float64) + 0.5 - view.y) / view.scale
    columns = np.minimum(np.maximum(np.floor(x), 0), bounds.x1 - 1).astype(np.int64)
    rows = np.minimum(np.maximum(np.floor(y), 0), bounds.y1 - 1).astype(np.int64)
    return columns, rows


class _Sampler:
    """``array[rows][:, columns]`` of any number of arrays of one image, touching only the part they span.

    Args:
        columns, rows: ascending indices.
    """

    def __init__(self, columns: I64, rows: I64) -> None:
        top, left = int(rows[0]), int(columns[0])
        self._span = slice(top, int(rows[-1]) + 1), slice(left, int(columns[-1]) + 1)
        self._inside = (rows - top)[:, None], (columns - left)[None]
        few = rows.size * columns.size < _FEW_PIXELS
        reach = max(int(rows[-1]) - top, int(columns[-1]) - left)
        self._map: NDArray[np.int16] | None = None
        if not few and reach < _REMAP_LIMIT:
            self._map = np.empty((rows.size, columns.size, 2), np.int16)
            self._map[..., 0] = columns - left
            self._map[..., 1] = (rows - top)[:, None]

    def __call__(self, array: U8) -> U8:
        window = array[self._span]
        if self._map is None:
            return np.asarray(window[self._inside], np.uint8)
        seen = cv2.remap(window, self._map, None, cv2.INTER_NEAREST)  # type: ignore[call-overload]  # one map will do
        return np.asarray(seen, np.uint8)


def _premultiplied(colors: U8, alpha: NDArray[np.float64] | F32) -> U32:
    """``uint32 (256,)`` ARGB with premultiplied colours, from ``(256, 3)`` RGB and ``(256,)`` alpha 0..1."""
    scaled = np.rint(colors * alpha[:, None]).astype(np.uint32)
    out: U32 = np.rint(alpha * 255).astype(np.uint32) << np.uint32(24)
    for channel, shift in enumerate((16, 8, 0)):
        out |= scaled[:, channel] << np.uint32(shift)
    return out
