"""What the canvas draws into one rectangle of the view, each a function of its arguments alone."""

import math

import numpy as np
from PySide6.QtCore import QPointF, QRect, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPen

from segstudio.core.arrays import U8, U32
from segstudio.core.document import Document
from segstudio.core.geometry import Rect
from segstudio.core.render import LabelPainter, Pyramid, visible_part
from segstudio.core.view import View

_GRID_SCALE = 12.0  # view pixels an image pixel must take before the grid helps more than it hides


def draw_layers(
    painter: QPainter,
    ratio: float,
    pyramid: Pyramid,
    labels: LabelPainter,
    document: Document,
    view: View,
    rect: Rect,
) -> None:
    """Draw image, annotation and proposal where they meet `rect`, in physical view pixels."""
    part = visible_part(view, pyramid.size, rect)
    if part.empty:
        return
    at = QPointF(part.x0 / ratio, part.y0 / ratio)
    painter.drawImage(at, _image(pyramid.render(view, part), ratio))
    painter.drawImage(at, _overlay(labels.render(document, view, part), ratio))


def draw_grid(painter: QPainter, ratio: float, view: View, size: tuple[int, int], rect: Rect) -> None:
    """Draw the borders between image pixels, when they are large enough to be worked on one by one."""
    part = visible_part(view, size, rect)
    if view.scale < _GRID_SCALE or part.empty:
        return
    pen = QPen(QColor(128, 128, 128, 70))
    pen.setCosmetic(True)
    painter.setPen(pen)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    left, top = view.to_image((part.x0, part.y0))
    right, bottom = view.to_image((part.x1, part.y1))
    for column in range(math.ceil(left), math.floor(right) + 1):
        x = math.floor(view.to_view((column, 0))[0]) / ratio
        painter.drawLine(QPointF(x, part.y0 / ratio), QPointF(x, (part.y1 - 1) / ratio))
    for row in range(math.ceil(top), math.floor(bottom) + 1):
        y = math.floor(view.to_view((0, row))[1]) / ratio
        painter.drawLine(QPointF(part.x0 / ratio, y), QPointF((part.x1 - 1) / ratio, y))


def draw_hint(painter: QPainter, rect: QRect, text: str, ink: QColor) -> None:
    """Say what to do next in the middle of an empty canvas."""
    painter.setPen(ink)
    flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
    painter.drawText(rect.adjusted(40, 40, -40, -40), int(flags), text)


def _image(pixels: U8, ratio: float) -> QImage:
    pixels = np.ascontiguousarray(pixels)
    grey = pixels.ndim == 2
    kind = QImage.Format.Format_Grayscale8 if grey else QImage.Format.Format_RGB888
    image = QImage(pixels.data, pixels.shape[1], pixels.shape[0], pixels.strides[0], kind)
    image.setDevicePixelRatio(ratio)
    return image


def _overlay(pixels: U32, ratio: float) -> QImage:
    pixels = np.ascontiguousarray(pixels)
    kind = QImage.Format.Format_ARGB32_Premultiplied
    image = QImage(pixels.data, pixels.shape[1], pixels.shape[0], pixels.strides[0], kind)
    image.setDevicePixelRatio(ratio)
    return image
