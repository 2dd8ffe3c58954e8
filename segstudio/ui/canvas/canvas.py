"""The canvas: image, annotation and proposal, painted rectangle by rectangle, and the hand that paints on them."""

from collections.abc import Iterable
from enum import Enum, auto

from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QEnterEvent,
    QFocusEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QWidget

from segstudio.core.document import Document
from segstudio.core.geometry import Rect
from segstudio.core.render import LabelPainter, LayerStyle, Pyramid
from segstudio.core.strokes import Point
from segstudio.core.tools import Palette, Pointer, Tool
from segstudio.core.view import View
from segstudio.ui.canvas.cursor import BrushCursor
from segstudio.ui.canvas.drawing import draw_grid, draw_hint, draw_layers

_WHEEL_STEP = 240.0  # wheel units that double the scale: two notches
_SIZE_STEP = 1.1
_FREE_PIXELS = 20_000  # painting so many more costs about what one more rectangle does


class _Drag(Enum):
    NONE = auto()
    PAINT = auto()
    PAN = auto()
    RESIZE = auto()


class Canvas(QWidget):
    """Shows one image and lets a tool work on its document.

    All geometry is in physical pixels, so that one image pixel at 100 % is one pixel of the screen.

    Signals:
        hovered(object): image pixel (x, y) under the pointer, or None.
        view_changed(object): the new `View`, after zoom or pan.
        size_changed(int): the brush was resized by hand.
        kept_back(): a locked class kept pixels from the stroke that just ended.
    """

    hovered = Signal(object)
    view_changed = Signal(object)
    size_changed = Signal(int)
    kept_back = Signal()

    def __init__(self, palette: Palette, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("canvas")
        self.setAccessibleName("Image canvas")
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMinimumSize(240, 180)
        self.background = QColor("#17181b")
        self.hint = ""
        self._palette = palette
        self._tool: Tool | None = None
        self._document: Document | None = None
        self._pyramid: Pyramid | None = None
        self._labels: LabelPainter | None = None
        self._style = LayerStyle()
        self._view = View()
        self._fitted = True
        self._cursor = BrushCursor()
        self._drag = _Drag.NONE
        self._button = Qt.MouseButton.NoButton
        self._from = QPointF()
        self._space = False

    # What is shown

    @property
    def view(self) -> View:
        return self._view

    @property
    def document(self) -> Document | None:
        return self._document

    def show_document(self, document: Document, pyramid: Pyramid, view: View | None = None) -> None:
        """Show another image; `view` is where it was left, None fits it."""
        self.release_document()
        self._document, self._pyramid = document, pyramid
        document.on_change.append(self._image_changed)
        self._fitted = view is None
        self._view = view or View.fit(pyramid.size, self._room())
        self._restyle()
        self.view_changed.emit(self._view)

    def release_document(self) -> None:
        """Show nothing; a running stroke is finished first."""
        self.finish_stroke()
        if self._document is not None:
            self._document.on_change.remove(self._image_changed)
        self._document = self._pyramid = self._labels = None
        self._cursor.hide()
        self.update()

    def set_hint(self, text: str) -> None:
        """What to say while there is no image."""
        self.hint = text
        self.update()

    def set_style(self, style: LayerStyle) -> None:
        self._style = style
        self._restyle()

    @property
    def style_of_layers(self) -> LayerStyle:
        return self._style

    def classes_changed(self) -> None:
        """The document has another class table: other colours, other visibility."""
        self._restyle()

    def set_tool(self, tool: Tool) -> None:
        self.finish_stroke()
        self._tool = tool
        self.palette_changed()

    def palette_changed(self) -> None:
        """Class or size in hand changed: the cursor shows it."""
        self._place_cursor(self._cursor.at)

    def _restyle(self) -> None:
        if self._document is not None:
            self._labels = LabelPainter(self._document.classes, self._style)
        self.palette_changed()
        self.update()

    # Zoom and pan

    def fit(self) -> None:
        if self._pyramid is not None:
            self._fitted = True
            self._set_view(View.fit(self._pyramid.size, self._room()))

    def zoom_to(self, scale: float, at: QPointF | None = None) -> None:
        """Zoom to `scale` screen pixels per image pixel, at a widget position, else at the centre."""
        point = QPointF(self.width() / 2, self.height() / 2) if at is None else at
        self._set_view(self._view.zoom(scale, self._physical(point)))

    def zoom_by(self, factor: float, at: QPointF | None = None) -> None:
        self.zoom_to(self._view.scale * factor, at)

    def _set_view(self, view: View) -> None:
        if self._pyramid is None or view == self._view:
            return
        fit = View.fit(self._pyramid.size, self._room())
        self._fitted = view == fit
        self._view = view if self._fitted else view.keep_inside(self._pyramid.size, self._room())
        self._place_cursor(self._cursor.at)
        self.update()
        self.view_changed.emit(self._view)

    def _pan(self, dx: float, dy: float) -> None:
        if self._pyramid is None:
            return
        before, ratio = self._view, self.devicePixelRatioF()
        self._view = before.pan(dx * ratio, dy * ratio).keep_inside(self._pyramid.size, self._room())
        self._fitted = False
        moved = ((self._view.x - before.x) / ratio, (self._view.y - before.y) / ratio)
        if all(step == int(step) for step in (*moved, ratio)):  # whole pixels: move what is there, paint the rest
            self._update_cursor()
            self.scroll(int(moved[0]), int(moved[1]))
            self._update_cursor()
        else:
            self.update()
        self.view_changed.emit(self._view)

    def _room(self) -> tuple[int, int]:
        ratio = self.devicePixelRatioF()
        return max(1, round(self.width() * ratio)), max(1, round(self.height() * ratio))

    def _physical(self, point: QPointF) -> Point:
        ratio = self.devicePixelRatioF()
        return point.x() * ratio, point.y() * ratio

    def image_point(self, point: QPointF) -> Point:
        """Image coordinates of a widget position."""
        return self._view.to_image(self._physical(point))

    def widget_point(self, point: Point) -> QPointF:
        """Widget position of image coordinates."""
        x, y = self._view.to_view(point)
        ratio = self.devicePixelRatioF()
        return QPointF(x / ratio, y / ratio)

    # Painting the widget

    def _image_changed(self, rect: Rect) -> None:
        self._update_view(self._view.rect_to_view(rect))

    def _update_view(self, rect: Rect) -> None:
        ratio = self.devicePixelRatioF()
        box = rect.intersect(Rect(0, 0, *self._room()))
        if not box.empty:
            left, top = int(box.x0 / ratio), int(box.y0 / ratio)
            right, bottom = -int(-box.x1 // ratio), -int(-box.y1 // ratio)
            self.update(QRect(left, top, right - left, bottom - top))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        document, pyramid, labels = self._document, self._pyramid, self._labels
        if document is None or pyramid is None or labels is None:
            painter.fillRect(event.rect(), self.background)
            draw_hint(painter, self.rect(), self.hint)
            return
        ratio = self.devicePixelRatioF()
        for box in _merged(event):
            painter.fillRect(box, self.background)
            rect = Rect(
                int(box.left() * ratio),
                int(box.top() * ratio),
                -int(-(box.left() + box.width()) * ratio // 1),
                -int(-(box.top() + box.height()) * ratio // 1),
            )
            draw_layers(painter, ratio, pyramid, labels, document, self._view, rect)
            draw_grid(painter, ratio, self._view, pyramid.size, rect)
        self._cursor.draw(painter, ratio, self._view)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self._fitted:
            self.fit()

    # The hand

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        if self._document is None or self._drag is not _Drag.NONE:
            return
        button, position = event.button(), event.position()
        self._from, self._button = position, button
        if button == Qt.MouseButton.MiddleButton or (self._space and button == Qt.MouseButton.LeftButton):
            self._drag = _Drag.PAN
            self.setCursor(Qt.CursorShape.ClosedHandCursor)
        elif button == Qt.MouseButton.RightButton and event.modifiers() & Qt.KeyboardModifier.AltModifier:
            self._drag = _Drag.RESIZE
        elif button in (Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton) and self._tool is not None:
            self._drag = _Drag.PAINT
            self._tool.press(self._document, self._pointer(event, button == Qt.MouseButton.RightButton))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        position = event.position()
        if self._drag is _Drag.PAN:
            step = position - self._from
            self._from = position
            self._pan(step.x(), step.y())
        elif self._drag is _Drag.RESIZE:
            self._resize_brush(_SIZE_STEP ** ((position.x() - self._from.x()) / 8))
            self._from = position
        elif self._drag is _Drag.PAINT and self._tool is not None:
            self._tool.move(self._pointer(event, False))
        if self._drag is not _Drag.RESIZE:
            self._hover(position)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() != self._button:
            return
        drag, self._drag = self._drag, _Drag.NONE
        if drag is _Drag.PAINT and self._tool is not None:
            self._tool.release(self._pointer(event, False))
            self._tell_kept_back()
        self._show_pointer()

    def wheelEvent(self, event: QWheelEvent) -> None:
        delta = event.angleDelta()
        units = delta.y() or delta.x()  # with Shift or Alt some platforms turn the wheel sideways
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self._resize_brush(_SIZE_STEP ** (units / 120))
        else:
            self.zoom_by(2 ** (units / _WHEEL_STEP), event.position())
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Space and not event.isAutoRepeat():
            self._space = True
            self._show_pointer()
        elif event.key() == Qt.Key.Key_Escape:
            self.cancel_stroke()
        elif event.key() != Qt.Key.Key_Space:
            super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Space and not event.isAutoRepeat():
            self._space = False
            self._show_pointer()
        else:
            super().keyReleaseEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        self._space = False
        self._show_pointer()
        super().focusOutEvent(event)

    def enterEvent(self, event: QEnterEvent) -> None:
        self._show_pointer()
        self._hover(event.position())

    def leaveEvent(self, event: QEvent) -> None:
        self._place_cursor(None)
        self.hovered.emit(None)
        super().leaveEvent(event)

    def finish_stroke(self) -> None:
        """End a running stroke as if the button had been let go here."""
        if self._drag is _Drag.PAINT and self._tool is not None:
            self._drag = _Drag.NONE
            document = self._document
            if document is not None and document.gesture is not None:
                document.gesture.finish()

    def cancel_stroke(self) -> None:
        """Drop a running stroke, leaving no trace."""
        if self._drag is _Drag.PAINT and self._tool is not None:
            self._drag = _Drag.NONE
            self._tool.cancel()

    def _pointer(self, event: QMouseEvent, right: bool) -> Pointer:
        modifiers = event.modifiers()
        return Pointer(
            self.image_point(event.position()),
            reverse=right or bool(modifiers & Qt.KeyboardModifier.AltModifier),
            straight=bool(modifiers & Qt.KeyboardModifier.ShiftModifier),
        )

    def _tell_kept_back(self) -> None:
        if self._tool is not None and self._tool.kept_back:
            self.kept_back.emit()

    def _resize_brush(self, factor: float) -> None:
        self._palette.resize(factor)
        self.palette_changed()
        self.size_changed.emit(self._palette.size)

    def _hover(self, position: QPointF) -> None:
        if self._document is None:
            return
        at = self.image_point(position)
        self._place_cursor(at)
        pixel = (int(at[0] // 1), int(at[1] // 1))
        self.hovered.emit(pixel if self._document.bounds.contains(*pixel) else None)

    def _place_cursor(self, at: Point | None) -> None:
        self._update_cursor()
        if at is None or self._document is None or self._tool is None:
            self._cursor.hide()
        else:
            classes = self._document.classes
            color = (
                QColor(classes[self._palette.value].color) if self._palette.value < len(classes) else QColor("white")
            )
            self._cursor.place(at, self._palette.size, QColor("white") if self._tool.label == "Eraser" else color)
        self._update_cursor()

    def _update_cursor(self) -> None:
        box = self._cursor.bounds(self._view)
        if not box.empty:
            self._update_view(box)

    def _show_pointer(self) -> None:
        if self._drag is _Drag.PAN:
            self.setCursor(Qt.CursorShape.ClosedHandCursor)
        elif self._space:
            self.setCursor(Qt.CursorShape.OpenHandCursor)
        elif self._document is not None and self._tool is not None:
            self.setCursor(Qt.CursorShape.BlankCursor)
        else:
            self.unsetCursor()

    def pointer_pixel(self) -> tuple[int, int] | None:
        """Image pixel under the pointer, where Enter and Backspace act; None when it is elsewhere."""
        if self._document is None:
            return None
        position: QPoint = self.mapFromGlobal(self.cursor().pos())
        at = self._cursor.at or self.image_point(QPointF(position))
        pixel = (int(at[0] // 1), int(at[1] // 1))
        return pixel if self._document.bounds.contains(*pixel) else None


def _merged(event: QPaintEvent) -> list[QRect]:
    """The rectangles to paint; one for all where that hardly paints more, since each has a price of its own."""
    region: Iterable[QRect] = event.region()  # type: ignore[assignment]  # iterable, but not in the stubs
    boxes, whole = list(region), event.rect()
    area = sum(box.width() * box.height() for box in boxes)
    return [whole] if whole.width() * whole.height() < 2 * area + _FREE_PIXELS else boxes
