"""What the pop-up of contrast is made of: sliders with a neutral middle, and values to be typed."""

import math
from collections.abc import Callable
from typing import NamedTuple

from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QLineEdit

from segstudio.ui.panels.parts import KeyKeeper, Slider, describe, quietly, text_label
from segstudio.ui.theme import Tokens

_LONG = 1e9  # values from here on are written with an exponent


class Scale(NamedTuple):
    """Positions -reach..reach of a slider and the values they stand for; 0 stands for `rest`."""

    reach: int
    value_at: Callable[[int], float]
    position_of: Callable[[float], float]
    rest: float = 0.0


class ToneSlider(Slider):
    """A slider whose middle changes nothing, filled from there; a double click goes back to it.

    Attributes:
        label, figure: name and value, to be laid out beside it.

    Signals:
        picked(float): a person chose this value.
    """

    picked = Signal(float)

    def __init__(self, name: str, tokens: Tokens, scale: Scale) -> None:
        super().__init__(-scale.reach, scale.reach)
        self._tokens = tokens
        self._scale = scale
        self.label = text_label(name, "lead")
        self.figure = text_label("", "lead")
        self.figure.setFixedWidth(40)
        self.figure.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.figure.setAccessibleName(f"{name}, value")
        describe(self, name, f"{name} of the image on the screen; a double click takes it back")
        self.valueChanged.connect(self._slide)

    def show_value(self, value: float) -> None:
        """Show a value; tells nobody."""
        quietly(self, lambda: self.setValue(round(self._scale.position_of(value))))
        self._tell(value)
        self.update()

    def set_tokens(self, tokens: Tokens) -> None:
        """Follow a change of theme."""
        self._tokens = tokens
        self.update()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Qt's virtual."""
        if event.button() == Qt.MouseButton.LeftButton:
            self.setValue(0)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Qt's virtual: the style's own would be filled from the left."""
        t = self._tokens
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        y = self.height() / 2
        half = 7.0  # of the knob, with its rim
        middle = self.width() / 2
        x = middle + self.value() / self.maximum() * (middle - half)
        painter.setBrush(QColor(t.border))
        painter.drawRoundedRect(QRectF(1, y - 2, self.width() - 2, 4), 2, 2)
        painter.drawRoundedRect(QRectF(middle - 1, y - 5, 2, 10), 1, 1)
        painter.setBrush(QColor(t.accent))
        painter.drawRect(QRectF(min(x, middle), y - 2, abs(x - middle), 4))
        painter.setPen(QPen(QColor(t.accent if self.hasFocus() else t.panel), 1))
        painter.setBrush(QColor(t.knob_hover if self.underMouse() else t.knob))
        painter.drawEllipse(QPointF(x, y), half - 0.5, half - 0.5)

    def _slide(self, position: int) -> None:
        value = float(self._scale.value_at(position))
        self._tell(value)
        self.picked.emit(value)

    def _tell(self, value: float) -> None:
        if self._scale.rest:
            self.figure.setText(f"{value:.2f}")
        else:
            self.figure.setText(f"{round(value * 100):+d}" if round(value * 100) else "0")


class ValueBox(QLineEdit):
    """One end of the window, to be typed; what is no number is taken back.

    Signals:
        picked(float): a person typed this value.
    """

    picked = Signal(float)

    def __init__(self, name: str, tip: str) -> None:
        super().__init__()
        self._shown = ""
        self.setFixedSize(96, 28)
        self.setMaxLength(24)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus | Qt.FocusPolicy.TabFocus)
        self.installEventFilter(KeyKeeper(self))
        describe(self, name, tip)
        self.editingFinished.connect(self._commit)

    def show_value(self, value: float, decimals: int) -> None:
        """Show a value with so many digits behind the point; tells nobody."""
        self._shown = f"{value:.{decimals}f}" if abs(value) < _LONG else f"{value:g}"
        self.setText(self._shown)
        self.setCursorPosition(0)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Qt's virtual: Escape drops what was typed, and goes on to close the pop-up."""
        if event.key() == Qt.Key.Key_Escape:
            self.setText(self._shown)
        super().keyPressEvent(event)

    def _commit(self) -> None:
        typed = self.text().strip().replace(",", ".")
        if typed == self._shown:
            return
        try:
            value = float(typed)
        except ValueError:
            value = math.nan
        if math.isfinite(value):
            self.picked.emit(value)
        else:
            self.setText(self._shown)
