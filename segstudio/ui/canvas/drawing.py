"""What the canvas draws into one rectangle of the view, each a function of its arguments alone."""

import math

import cv2
import numpy as np
from PySide6.QtCore import QPoint, QPointF, QRect, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPen

from segstudio.core.arrays import I64, U8, U32
from segstudio.core.geometry import Rect
from segstudio.core.render import LabelPainter, render_image, visible_part
from segstudio.core.scene import Scene
from segstudio.core.tone import ToneMap
from segstudio.core.view import View

_FORMATS = {1: QImage.Format.Format_Grayscale8, 3: QImage.Format.Format_RGB888, 4: QImage.Format.Format_RGBX8888}
_SEGMENT_COLORS = np.zeros(256, np.uint32)
_SEGMENT_COLORS[1::2] = 0x80808080  # a light line
_SEGMENT_COLORS[2::4] = 0x50000000  # with a shadow at its right: one of both is seen on any image
_GRID_SCALE = 12.0  # view pixels an image pixel must take before the grid helps more than it hides


def draw_layers(painter: QPainter, scene: Scene, labels: LabelPainter, tone: ToneMap, view: View, rect: Rect) -> None:
    """Draw image, annotation and proposal where they meet `rect`, in physical view pixels."""
    part = visible_part(view, scene.size, rect)
    if part.empty:
        return
    at = QPoint(part.x0, part.y0)
    painter.drawImage(at, rgb_image(tone(render_image(scene.pyramid, view, part))))
    tint = labels.render(scene, view, part)
    if tint is not None:
        painter.drawImage(at, argb_image(tint))


def draw_grid(painter: QPainter, view: View, size: tuple[int, int], rect: Rect) -> None:
    """Draw the borders between image pixels, when they are large enough to be worked on one by one."""
    part = visible_part(view, size, rect)
    if view.scale < _GRID_SCALE or part.empty:
        return
    painter.setPen(QPen(QColor(128, 128, 128, 70), 1))
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    left, top = view.to_image((part.x0, part.y0))
    right, bottom = view.to_image((part.x1, part.y1))
    for column in range(math.ceil(left), math.floor(right) + 1):
        x = math.floor(view.to_view((column, 0))[0])
        if part.x0 <= x < part.x1:
            painter.drawLine(x, part.y0, x, part.y1 - 1)
    for row in range(math.ceil(top), math.floor(bottom) + 1):
        y = math.floor(view.to_view((0, row))[1])
        if part.y0 <= y < part.y1:
            painter.drawLine(part.x0, y, part.x1 - 1, y)


def segments_image(grid: tuple[Rect, U8], view: View, rect: Rect) -> QImage:
    """Thin lines where segments meet.

    Args:
        grid: rectangle of the image, and ``uint8 (h, w)`` of equal square blocks that cover it: 1 where another segment
            begins at the right side of a block, 2 below, 3 both.
        view, rect: the view pixels wanted, all of them over the rectangle.
    """
    box, edges = grid
    side = box.width // edges.shape[1]
    columns = _blocks(rect.x0, rect.x1 + 1, view.x, view.scale * side, box.x0 / side, edges.shape[1])
    rows = _blocks(rect.y0, rect.y1 + 1, view.y, view.scale * side, box.y0 / side, edges.shape[0])
    line = np.take(np.take(edges, rows[:-1], axis=0), columns[:-1], axis=1)
    line &= (np.diff(columns) != 0) | (np.uint8(2) * (np.diff(rows) != 0))[:, None]
    kind = (line != 0).view(np.uint8)
    shadow = np.zeros_like(kind)
    np.left_shift(kind[:-1, :-1], 1, out=shadow[1:, 1:])
    kind |= shadow
    return argb_image(np.asarray(cv2.LUT(kind, _SEGMENT_COLORS.view(np.int32))).view(np.uint32))


def _blocks(start: int, stop: int, offset: float, scale: float, first: float, count: int) -> I64:
    """Index of the block below each view pixel along one axis."""
    at = np.floor((np.arange(start, stop, dtype=np.float64) + (0.5 - offset)) / scale - first).astype(np.int64)
    return np.clip(at, 0, count - 1)


def draw_hint(painter: QPainter, rect: QRect, text: str, ink: QColor) -> None:
    """Say what to do next in the middle of an empty canvas."""
    painter.setPen(ink)
    flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
    painter.drawText(rect.adjusted(40, 40, -40, -40), int(flags), text)


def rgb_image(pixels: U8) -> QImage:
    """``uint8`` as an image that shares its memory.

    Args:
        pixels: ``(h, w)`` grey, ``(h, w, 3)`` RGB, or ``(h, w, 4)`` of which the last channel is not looked at.
    """
    pixels = np.ascontiguousarray(pixels)
    kind = _FORMATS[pixels.shape[2] if pixels.ndim == 3 else 1]
    return QImage(pixels.data, pixels.shape[1], pixels.shape[0], pixels.strides[0], kind)


def argb_image(pixels: U32) -> QImage:
    """``uint32 (h, w)`` premultiplied ARGB as an image that shares its memory."""
    pixels = np.ascontiguousarray(pixels)
    kind = QImage.Format.Format_ARGB32_Premultiplied
    return QImage(pixels.data, pixels.shape[1], pixels.shape[0], pixels.strides[0], kind)


def logical(point: tuple[float, float], ratio: float) -> QPointF:
    """A physical view position in widget coordinates."""
    return QPointF(point[0] / ratio, point[1] / ratio)
