"""An image's histogram with the two values shown as black and as white, to be dragged."""

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPainterPath, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from segstudio.core.arrays import I64
from segstudio.core.tone import Window
from segstudio.ui.theme import RADIUS, Tokens, mix

HEIGHT = 100
_MARKS = 12  # px below the curves, for the marks of black and white
_SIDE = 6  # px left and right, so that a mark at either end is whole
_GRIP = 10  # px within which a mark counts as hit
_CLOSEST = 1 / 512  # of the span between black and white
_CHANNELS = {True: ("#ff6b5e", "#5fd07a", "#6aa5ff"), False: ("#d43d30", "#1d8f3c", "#2563d8")}  # by darkness


class Histogram(QWidget):
    """Counts as curves, colour images one a channel; the marks below are black and white.

    A mark is dragged, or moved with the arrow keys once it was touched; a drag between the two moves both.

    Signals:
        window_changed(float, float): a person moved black or white.
    """

    window_changed = Signal(float, float)

    def __init__(self, tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tokens = tokens
        self._shares: list[list[float]] = []
        self._span: Window = (0.0, 1.0)
        self._window: Window = (0.0, 1.0)
        self._held = ""  # "low", "high" or "both" while a drag goes on
        self._touched = "low"
        self._whole = False
        self._grabbed = 0.0, self._window  # value under the pointer, and the window, when the drag began
        self.setFixedHeight(HEIGHT)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setMouseTracking(True)
        self.setAccessibleName("Histogram")
        self.setToolTip("Drag the marks: what is shown as black, what as white")

    def set_counts(self, counts: I64 | None, span: Window, *, whole: bool = False) -> None:
        """Show counts over a span of values; tells nobody.

        Args:
            counts: ``(bins,)`` or ``(3, bins)``; None shows none.
            span: least and greatest value.
            whole: only whole numbers are chosen.
        """
        self._span = span
        self._whole = whole
        self._shares = []
        if counts is not None and counts.size:
            rows = np.sqrt(np.atleast_2d(counts).astype(np.float64))  # or a dark background would hide all the rest
            # The end bins hold what was clipped when the image was taken: they must not flatten the others.
            most = rows[:, 1:-1].max() if rows.shape[1] > 2 else rows.max()
            self._shares = np.minimum(rows / max(1.0, float(most)), 1.0).tolist()
        self.update()

    def set_window(self, window: Window) -> None:
        """Show which values are black and white; tells nobody."""
        self._window = window
        self.update()

    def set_tokens(self, tokens: Tokens) -> None:
        """Follow a change of theme."""
        self._tokens = tokens
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Qt's virtual."""
        t = self._tokens
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        field = self._field()
        painter.setPen(QPen(QColor(t.accent if self.hasFocus() else t.line), 1))
        painter.setBrush(QColor(t.field))
        painter.drawRoundedRect(field.adjusted(0.5 - _SIDE, 0.5, _SIDE - 0.5, -0.5), RADIUS, RADIUS)
        low, high = self._x(self._window[0]), self._x(self._window[1])
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(mix(t.field, t.accent, 0.14))
        painter.drawRect(QRectF(low, field.top() + 1, high - low, field.height() - 2))
        self._draw_curves(painter, field)
        painter.setPen(QPen(QColor(t.accent), 1))
        for x in (low, high):
            painter.drawLine(QPointF(x, field.top() + 1), QPointF(x, field.bottom() - 1))
        self._draw_mark(painter, low, "#000000", "low")
        self._draw_mark(painter, high, "#ffffff", "high")

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Qt's virtual."""
        if event.button() != Qt.MouseButton.LeftButton:
            return
        x = event.position().x()
        low, high = self._x(self._window[0]), self._x(self._window[1])
        near = "low" if abs(x - low) < abs(x - high) or (x < low) else "high"
        inside = low + _GRIP < x < high - _GRIP
        self._held = "both" if inside and event.position().y() < self._field().bottom() else near
        self._touched = self._touched if self._held == "both" else near
        self._grabbed = self._value(x), self._window
        if self._held != "both":
            self._drag(x)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Qt's virtual."""
        x = event.position().x()
        if self._held:
            self._drag(x)
            return
        close = min(abs(x - self._x(value)) for value in self._window) <= _GRIP
        inside = self._x(self._window[0]) < x < self._x(self._window[1])
        shape = Qt.CursorShape
        self.setCursor(shape.SizeHorCursor if close else shape.OpenHandCursor if inside else shape.ArrowCursor)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Qt's virtual."""
        if event.button() == Qt.MouseButton.LeftButton:
            self._held = ""

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Qt's virtual: the arrows move the mark touched last, up and down choose the mark."""
        step = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(Qt.Key(event.key()))
        if step is not None:
            far = 10 if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 1
            share = step * far / 256 * (self._span[1] - self._span[0])
            self._move(self._touched, self._window[self._touched == "high"] + share)
        elif event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            self._touched = "high" if event.key() == Qt.Key.Key_Up else "low"
            self.update()
        else:
            super().keyPressEvent(event)

    def _drag(self, x: float) -> None:
        value = self._value(x)
        if self._held == "both":
            start, (low, high) = self._grabbed
            least, most = self._span
            centre = (low + high) / 2
            by = self._rounded(min(max(value - start, least - centre), most - centre))
            self._set(low + by, high + by)
        else:
            self._move(self._held, value)

    def _move(self, mark: str, value: float) -> None:
        low, high = self._window
        gap = max(_CLOSEST * (self._span[1] - self._span[0]), 1.0 if self._whole else 0.0)
        value = self._rounded(min(max(value, self._span[0]), self._span[1]))
        if mark == "low":
            self._set(min(value, high - gap), high)
        else:
            self._set(low, max(value, low + gap))

    def _rounded(self, value: float) -> float:
        return float(round(value)) if self._whole else value

    def _set(self, low: float, high: float) -> None:
        if (low, high) != self._window:
            self.set_window((low, high))
            self.window_changed.emit(low, high)

    def _field(self) -> QRectF:
        return QRectF(_SIDE, 0, self.width() - 2 * _SIDE, self.height() - _MARKS)

    def _x(self, value: float) -> float:
        """Where a value lies, in px; values outside the span at its ends."""
        field = self._field()
        share = (value - self._span[0]) / (self._span[1] - self._span[0])
        return field.left() + min(max(share, 0.0), 1.0) * field.width()

    def _value(self, x: float) -> float:
        field = self._field()
        return self._span[0] + (x - field.left()) / max(1.0, field.width()) * (self._span[1] - self._span[0])

    def _draw_curves(self, painter: QPainter, field: QRectF) -> None:
        grey = len(self._shares) == 1
        colors = (self._tokens.quiet,) if grey else _CHANNELS[self._tokens.dark]
        for shares, color in zip(self._shares, colors, strict=False):
            path = QPainterPath(QPointF(field.left(), field.bottom() - 1))
            wide = field.width() / len(shares)
            for at, share in enumerate(shares):
                path.lineTo(field.left() + (at + 0.5) * wide, field.bottom() - 1 - share * (field.height() - 8))
            path.lineTo(field.right(), field.bottom() - 1)
            fill = QColor(color)
            fill.setAlphaF(0.55 if grey else 0.30)
            painter.fillPath(path, fill)
            if not grey:
                painter.strokePath(path, QPen(QColor(color), 1))

    def _draw_mark(self, painter: QPainter, x: float, color: str, which: str) -> None:
        bottom = self.height() - 1.0
        top = self.height() - _MARKS + 1.0
        right, left, shoulder = x + 5, x - 5, top + 5
        corners = ((x, top), (right, shoulder), (right, bottom), (left, bottom), (left, shoulder))
        house = QPolygonF([QPointF(*corner) for corner in corners])
        chosen = self.hasFocus() and which == self._touched
        painter.setPen(QPen(QColor(self._tokens.accent if chosen else self._tokens.quiet), 1.5))
        painter.setBrush(QColor(color))
        painter.drawPolygon(house)
