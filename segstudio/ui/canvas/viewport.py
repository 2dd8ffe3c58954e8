"""The lower half of the canvas: one image with its labels, zoomed and panned, painted rectangle by rectangle."""

import math
from collections.abc import Callable, Sequence

from PySide6.QtCore import QEvent, QPointF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QRegion, QResizeEvent
from PySide6.QtWidgets import QWidget

from segstudio.core.arrays import U8, Bool, Pixels
from segstudio.core.document import Document
from segstudio.core.geometry import Rect
from segstudio.core.render import LabelPainter, LayerStyle
from segstudio.core.scene import Scene
from segstudio.core.strokes import BrushShape, Point
from segstudio.core.tone import Tone, ToneMap
from segstudio.core.tools.base import Preview
from segstudio.core.view import View, seen_part
from segstudio.ui.canvas.cursor import BrushCursor
from segstudio.ui.canvas.drawing import draw_grid, draw_hint, draw_layers
from segstudio.ui.canvas.frame import Frame
from segstudio.ui.canvas.overlay import Overlay

_FRAME = 0.006  # seconds after which a frame is shown as far as it is rendered
_BUDGET = 0.006  # seconds of rendering in each turn of the event loop that follows
_FLASH_MS = 450


class Viewport(QWidget):
    """Shows one image with its annotation and proposal, the brush cursor, and what a tool is about to do.

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
        self._scene: Scene | None = None
        self._labels: LabelPainter | None = None
        self._tone = Tone()
        self._tone_map: ToneMap | None = None
        self._style = LayerStyle()
        self._view = View()
        self._fitted = True
        self._ratio = self.devicePixelRatioF()  # physical pixels of a widget pixel, for which the view was made
        self._rest = (0.0, 0.0)  # of a pan, what was less than a pixel
        self._frame = Frame()
        self._cursor = BrushCursor()
        self._overlay = Overlay()
        self._refining = QTimer(self, interval=0, singleShot=True)
        self._refining.timeout.connect(self._refine_on)
        self._flashing = QTimer(self, interval=_FLASH_MS, singleShot=True)
        self._flashing.timeout.connect(lambda: self.flash(()))

    # What is shown

    @property
    def view(self) -> View:
        return self._view

    @property
    def document(self) -> Document | None:
        return None if self._scene is None else self._scene.document

    @property
    def scene(self) -> Scene | None:
        return self._scene

    @property
    def layers(self) -> LayerStyle:
        """How the label layers are drawn."""
        return self._style

    @property
    def fitted(self) -> bool:
        """Whether the whole image is shown, and goes on being so when the widget is resized."""
        return self._fitted

    @property
    def complete(self) -> bool:
        """Whether every pixel shows what it should; after a zoom that takes a moment."""
        return self._frame.complete

    def show_scene(self, scene: Scene, view: View | None = None) -> None:
        """Show another image; `view` is where it was left, None fits it."""
        self.release_document()
        self._scene = scene
        scene.document.on_change.append(self._image_changed)
        self._fitted = view is None
        self._ratio = self.devicePixelRatioF()
        self._view = view or View.fit(scene.size, self._room())
        self._frame.reset(self._room(), self._view, self._background)
        self.set_tone(self._tone)
        self.restyle()
        self.describe()
        self.view_changed.emit(self._view)

    def release_document(self) -> None:
        """Show nothing."""
        if self._scene is not None:
            self._scene.document.on_change.remove(self._image_changed)
        self._scene = self._labels = self._tone_map = None
        self.place_cursor(None)
        self.show_preview(None, None, QColor())
        self.flash(())
        self.describe()

    def set_hint(self, text: str) -> None:
        """What to say while there is no image."""
        self._hint = text
        self.describe()

    @property
    def description(self) -> str:
        """What is written on the view."""
        return self._hint if self._scene is None else ""

    def describe(self) -> None:
        """Draw what is written on the view, and say it to those who do not see it."""
        self.setAccessibleDescription(self.description)
        self.update()

    def set_background(self, color: str, ink: str) -> None:
        """Colours behind the image and of the hint, as ``#rrggbb``."""
        self._background, self._ink = QColor(color), QColor(ink)
        self._redraw()

    def set_layers(self, style: LayerStyle) -> None:
        """Draw the label layers in another way."""
        if style != self._style:
            self._style = style
            self.restyle()

    def set_tone(self, tone: Tone) -> None:
        """Show the image brighter, darker, through another window."""
        self._tone = tone
        if self._scene is not None:
            picture = self._scene.document.picture
            window = (0.0, 255.0) if picture is None else picture.window
            self._tone_map = ToneMap(tone, window, self._scene.pyramid.levels[0].dtype)
        self._redraw()

    def toned(self, pixels: Pixels) -> U8:
        """Pixels of the image, or of a reduced copy of it, as they are shown."""
        assert self._tone_map is not None
        return self._tone_map(pixels)

    def restyle(self) -> None:
        """Paint everything anew: the document's classes have other colours or visibility."""
        if self._scene is not None:
            self._labels = LabelPainter(self._scene.document.classes, self._style)
        self._redraw()

    # Zoom and pan

    def fit(self) -> None:
        """Show the whole image, and go on doing so when the widget is resized."""
        if self._scene is not None:
            self.set_view(View.fit(self._scene.size, self._room()))
            self._fitted = True

    def zoom_to(self, scale: float, at: QPointF | None = None) -> None:
        """Zoom to `scale` screen pixels per image pixel, at a widget position, else at the centre."""
        point = QPointF(self.width() / 2, self.height() / 2) if at is None else at
        self.set_view(self._view.zoom(scale, self._physical(point)))

    def zoom_by(self, factor: float, at: QPointF | None = None) -> None:
        """Zoom in (above 1) or out, as `zoom_to`."""
        self.zoom_to(self._view.scale * factor, at)

    def pan_by(self, dx: float, dy: float) -> None:
        """Move the image by widget pixels; by whole pixels of the screen, what is left over counts the next time."""
        ratio = self.devicePixelRatioF()
        x, y = dx * ratio + self._rest[0], dy * ratio + self._rest[1]
        self._rest = (x - round(x), y - round(y))
        self.set_view(self._view.pan(round(x), round(y)))

    def centre_on(self, point: Point, scale: float | None = None) -> None:
        """Bring image coordinates to the middle, at another scale when one is given."""
        width, height = self._room()
        scale = scale or self._view.scale
        self.set_view(View(scale, round(width / 2 - point[0] * scale), round(height / 2 - point[1] * scale)))

    def set_view(self, view: View) -> None:
        """Look at the image in another way, but never past it."""
        if self._scene is None:
            return
        view = view.keep_inside(self._scene.size, self._room())
        self._fitted = False
        if view != self._view:
            self._view = view
            self._frame.look(view, self._background)
            self.update()
            self.view_changed.emit(view)

    def visible(self) -> Rect:
        """The part of the image that is on the screen."""
        if self._scene is None:
            return Rect(0, 0, 0, 0)
        return seen_part(self._view, self._room(), self._scene.size)

    def _room(self) -> tuple[int, int]:
        ratio = self.devicePixelRatioF()
        return max(1, round(self.width() * ratio)), max(1, round(self.height() * ratio))

    def _physical(self, point: QPointF) -> Point:
        ratio = self.devicePixelRatioF()
        return point.x() * ratio, point.y() * ratio

    def image_point(self, point: QPointF) -> Point:
        """Image coordinates of a widget position."""
        return self._view.to_image(self._physical(point))

    def pixel_at(self, point: QPointF) -> tuple[int, int] | None:
        """Image pixel at a widget position; None beside the image."""
        at = self.image_point(point)
        pixel = math.floor(at[0]), math.floor(at[1])
        return pixel if self.document is not None and self.document.bounds.contains(*pixel) else None

    def widget_point(self, point: Point) -> QPointF:
        """Widget position of image coordinates."""
        x, y = self._view.to_view(point)
        ratio = self.devicePixelRatioF()
        return QPointF(x / ratio, y / ratio)

    # What floats above

    def place_cursor(
        self, at: Point | None, size: int = 1, color: QColor | None = None, shape: BrushShape = "round"
    ) -> None:
        """Draw the outline of a brush of `size` image pixels at image coordinates `at`; None hides it."""
        ratio = self.devicePixelRatioF()
        self.repaint_pixels(self._cursor.bounds(self._view, ratio))
        if at is None:
            self._cursor.hide()
        else:
            self._cursor.place(at, size, color or QColor("white"), shape)
        self.repaint_pixels(self._cursor.bounds(self._view, ratio))

    def show_preview(self, preview: Preview | None, at: Point | None, color: QColor) -> None:
        """Draw what a tool is about to do; `at` is where the pointer is, in image coordinates."""
        if preview is not None or not self._overlay.empty:  # a brush shows nothing, at every move
            self._change_overlay(lambda: self._overlay.show(preview, at, color))

    def flash(self, where: Sequence[tuple[Rect, Bool]]) -> None:
        """Let pixels flash once: protection has kept them back."""
        self._change_overlay(lambda: self._overlay.flash(where))
        if where:
            self._flashing.start()

    def _change_overlay(self, change: Callable[[], None]) -> None:
        ratio, font = self.devicePixelRatioF(), self.font()
        if not self._overlay.empty:
            self.repaint_pixels(self._overlay.bounds(self._view, ratio, font))
        change()
        if not self._overlay.empty:
            self.repaint_pixels(self._overlay.bounds(self._view, ratio, font))

    # Painting

    def _image_changed(self, rect: Rect) -> None:
        box = self._view.rect_to_view(rect)
        # An outline belongs to the pixels beside a change, too; zoomed out, a label pixel stands for its neighbours.
        margin = self._style.line + 1
        box = Rect(box.x0 - margin, box.y0 - margin, box.x1 + margin, box.y1 + margin)
        self._frame.touch(box)
        self.repaint_pixels(box)

    def _redraw(self) -> None:
        self._frame.touch_all()
        self.update()

    def repaint_pixels(self, rect: Rect) -> None:
        """Ask for a rectangle of physical pixels to be copied to the screen."""
        if rect.empty:
            return
        ratio = self.devicePixelRatioF()
        if ratio == 1:
            self.update(rect.x0, rect.y0, rect.x1 - rect.x0, rect.y1 - rect.y0)
            return
        left, top = math.floor(rect.x0 / ratio), math.floor(rect.y0 / ratio)
        self.update(left, top, math.ceil(rect.x1 / ratio) - left, math.ceil(rect.y1 / ratio) - top)

    def _render(self, painter: QPainter, rect: Rect) -> None:
        painter.fillRect(rect.x0, rect.y0, rect.width, rect.height, self._background)
        scene, labels, tone = self._scene, self._labels, self._tone_map
        if scene is not None and labels is not None and tone is not None:
            draw_layers(painter, scene, labels, tone, self._view, rect)
            draw_grid(painter, self._view, scene.size, rect)

    def _refine(self, seconds: float) -> QRegion:
        done = self._frame.refine(self._render, seconds)
        if not self._frame.complete:
            self._refining.start()
        return done

    def _refine_on(self) -> None:
        if self._scene is not None:
            for box in list(self._refine(_BUDGET)):  # type: ignore[call-overload]  # iterable, but not in the stubs
                self.repaint_pixels(Rect(box.left(), box.top(), box.left() + box.width(), box.top() + box.height()))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Qt's virtual."""
        if self._scene is None:
            painter = QPainter(self)
            try:
                painter.fillRect(event.rect(), self._background)
                draw_hint(painter, self.rect(), self._hint, self._ink)
            finally:
                painter.end()
            return
        if self._frame.changed:
            self._refine(_FRAME)
        ratio, box = self.devicePixelRatioF(), event.rect()
        rect = Rect(
            math.floor(box.left() * ratio),
            math.floor(box.top() * ratio),
            math.ceil((box.left() + box.width()) * ratio),
            math.ceil((box.top() + box.height()) * ratio),
        )
        painter = QPainter(self)
        try:
            # Pixel for pixel: pictures of the screen's own resolution must not go through Qt's scaling.
            painter.scale(1 / ratio, 1 / ratio)
            self._frame.draw(painter)
            painter.scale(ratio, ratio)
            self.draw_above(painter, ratio, rect)
            painter.scale(1 / ratio, 1 / ratio)
            self._cursor.draw(painter, ratio, self._view, rect)
        finally:
            painter.end()

    def draw_above(self, painter: QPainter, ratio: float, rect: Rect) -> None:
        """Draw what floats above the image where it meets `rect`, physical pixels, in widget coordinates."""
        if not self._overlay.empty:
            self._overlay.draw(painter, ratio, self._view, rect)

    def event(self, event: QEvent) -> bool:
        """Qt's virtual: on a screen of another resolution the same part of the image stays in view."""
        if event.type() == QEvent.Type.DevicePixelRatioChange:
            ratio, view = self.devicePixelRatioF(), self._view
            factor, self._ratio = ratio / self._ratio, ratio
            self._frame.reset(self._room(), view, self._background)
            if self._fitted:
                self.fit()
            else:
                self.set_view(View(view.scale * factor, view.x * factor, view.y * factor))
            self.update()
        return super().event(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Qt's virtual."""
        super().resizeEvent(event)
        self._overlay.room = self.size()
        self._frame.reset(self._room(), self._view, self._background)
        self.keep_place(event.size() - event.oldSize() if event.oldSize().isValid() else QSize(0, 0))

    def keep_place(self, grown: QSize) -> None:
        """The widget has grown: what was fitted stays fitted, and what was in the middle stays there."""
        if self._fitted:
            self.fit()
        elif not grown.isNull():
            self.pan_by(grown.width() / 2, grown.height() / 2)
