"""The lower half of the canvas: one image with its labels, zoomed and panned, painted rectangle by rectangle."""

from collections.abc import Iterable

from PySide6.QtCore import QPointF, QRect, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QWidget

from segstudio.core.document import Document
from segstudio.core.geometry import Rect
from segstudio.core.render import LabelPainter, LayerStyle, Pyramid
from segstudio.core.strokes import Point
from segstudio.core.view import View
from segstudio.ui.canvas.cursor import BrushCursor
from segstudio.ui.canvas.drawing import draw_grid, draw_hint, draw_layers

_FREE_PIXELS = 20_000  # painting so many more costs about what one more rectangle does


class Viewport(QWidget):
    """Shows one image with its annotation and proposal, and the brush cursor where it is placed.

    All geometry is in physical pixels, so that one image pixel at 100 % is one pixel of the screen.

    Signals:
        view_changed(object): the new `View`, after zoom or pan.
    """

    view_changed = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setMinimumSize(240, 180)
        self._background = QColor("#17181a")
        self._ink = QColor("#9aa0a6")
        self._hint = ""
        self._document: Document | None = None
        self._pyramid: Pyramid | None = None
        self._labels: LabelPainter | None = None
        self._style = LayerStyle()
        self._view = View()
        self._fitted = True
        self._cursor = BrushCursor()

    # What is shown

    @property
    def view(self) -> View:
        return self._view

    @property
    def document(self) -> Document | None:
        return self._document

    @property
    def layers(self) -> LayerStyle:
        """How the label layers are drawn."""
        return self._style

    def show_document(self, document: Document, pyramid: Pyramid, view: View | None = None) -> None:
        """Show another image; `view` is where it was left, None fits it."""
        self.release_document()
        self._document, self._pyramid = document, pyramid
        document.on_change.append(self._image_changed)
        self._fitted = view is None
        self._view = view or View.fit(pyramid.size, self._room())
        self.restyle()
        self.view_changed.emit(self._view)

    def release_document(self) -> None:
        """Show nothing."""
        if self._document is not None:
            self._document.on_change.remove(self._image_changed)
        self._document = self._pyramid = self._labels = None
        self.place_cursor(None)
        self.update()

    def set_hint(self, text: str) -> None:
        """What to say while there is no image."""
        self._hint = text
        self.setAccessibleDescription(text)
        self.update()

    def set_background(self, color: str, ink: str) -> None:
        """Colours behind the image and of the hint, as ``#rrggbb``."""
        self._background, self._ink = QColor(color), QColor(ink)
        self.update()

    def set_layers(self, style: LayerStyle) -> None:
        """Draw the label layers in another way."""
        if style != self._style:
            self._style = style
            self.restyle()

    def restyle(self) -> None:
        """Paint everything anew: the document's classes have other colours or visibility."""
        if self._document is not None:
            self._labels = LabelPainter(self._document.classes, self._style)
        self.update()

    # Zoom and pan

    def fit(self) -> None:
        """Show the whole image, and go on doing so when the widget is resized."""
        if self._pyramid is not None:
            self._set_view(View.fit(self._pyramid.size, self._room()))
            self._fitted = True

    def zoom_to(self, scale: float, at: QPointF | None = None) -> None:
        """Zoom to `scale` screen pixels per image pixel, at a widget position, else at the centre."""
        point = QPointF(self.width() / 2, self.height() / 2) if at is None else at
        view = self._view.zoom(scale, self._physical(point))
        if self._pyramid is not None:
            self._fitted = False
            self._set_view(view.keep_inside(self._pyramid.size, self._room()))

    def zoom_by(self, factor: float, at: QPointF | None = None) -> None:
        """Zoom in (above 1) or out, as `zoom_to`."""
        self.zoom_to(self._view.scale * factor, at)

    def pan_by(self, dx: float, dy: float) -> None:
        """Move the image by widget pixels."""
        if self._pyramid is None:
            return
        before, ratio = self._view, self.devicePixelRatioF()
        after = before.pan(dx * ratio, dy * ratio).keep_inside(self._pyramid.size, self._room())
        moved = ((after.x - before.x) / ratio, (after.y - before.y) / ratio)
        self._fitted = False
        if not all(step == int(step) for step in (*moved, ratio)):
            self._set_view(after)
            return
        self._repaint_cursor()  # whole pixels: move what is there, then paint the strip that appeared
        self.scroll(int(moved[0]), int(moved[1]))
        self._view = after
        self._repaint_cursor()
        self.view_changed.emit(after)

    def _set_view(self, view: View) -> None:
        if view != self._view:
            self._view = view
            self.update()
            self.view_changed.emit(view)

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

    # The brush cursor

    def place_cursor(self, at: Point | None, size: int = 1, color: QColor | None = None) -> None:
        """Draw the outline of a brush of `size` image pixels at image coordinates `at`; None hides it."""
        self._repaint_cursor()
        if at is None:
            self._cursor.hide()
        else:
            self._cursor.place(at, size, color or QColor("white"))
        self._repaint_cursor()

    def _repaint_cursor(self) -> None:
        self._repaint(self._cursor.bounds(self._view))

    # Painting

    def _image_changed(self, rect: Rect) -> None:
        self._repaint(self._view.rect_to_view(rect))

    def _repaint(self, rect: Rect) -> None:
        """Ask for a rectangle of physical pixels to be painted."""
        box = rect.intersect(Rect(0, 0, *self._room()))
        if not box.empty:
            ratio = self.devicePixelRatioF()
            left, top = int(box.x0 / ratio), int(box.y0 / ratio)
            right, bottom = -int(-box.x1 // ratio), -int(-box.y1 // ratio)
            self.update(QRect(left, top, right - left, bottom - top))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Qt's virtual."""
        painter = QPainter(self)
        document, pyramid, labels = self._document, self._pyramid, self._labels
        if document is None or pyramid is None or labels is None:
            painter.fillRect(event.rect(), self._background)
            draw_hint(painter, self.rect(), self._hint, self._ink)
            return
        ratio = self.devicePixelRatioF()
        for box in _merged(event):
            painter.fillRect(box, self._background)
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
        """Qt's virtual."""
        super().resizeEvent(event)
        if self._fitted:
            self.fit()


def _merged(event: QPaintEvent) -> list[QRect]:
    """The rectangles to paint; one for all where that hardly paints more, since each has a price of its own."""
    region: Iterable[QRect] = event.region()  # type: ignore[assignment]  # iterable, but not in the stubs
    boxes, whole = list(region), event.rect()
    area = sum(box.width() * box.height() for box in boxes)
    return [whole] if whole.width() * whole.height() < 2 * area + _FREE_PIXELS else boxes
