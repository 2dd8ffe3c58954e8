"""The bar above the canvas: the tool in hand, its size, how opaque labels are."""

import math

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QWidget

from segstudio.ui.icons import icon
from segstudio.ui.panels.parts import NumberBox, Picture, Slider, describe, quietly, set_role, text_label
from segstudio.ui.theme import Tokens

MIN_SIZE, MAX_SIZE = 1, 2000  # brush diameter in image pixels
STEPS = 1000  # of the size slider, which is logarithmic


def size_at(position: int) -> int:
    """Brush size in image pixels at a position 0..`STEPS` of the slider."""
    return round(MIN_SIZE * math.pow(MAX_SIZE / MIN_SIZE, position / STEPS))


def position_of(size: int) -> int:
    """Position 0..`STEPS` of the slider for a brush size in image pixels."""
    return round(STEPS * math.log(size / MIN_SIZE) / math.log(MAX_SIZE / MIN_SIZE))


class ToolOptions(QFrame):
    """Options of the tool in hand.

    Signals:
        size_changed(int): a person chose a brush size, in image pixels.
        opacity_changed(float): a person chose how opaque labels are, 0..1.
    """

    size_changed = Signal(int)
    opacity_changed = Signal(float)

    def __init__(self, tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_role(self, role="bar")
        self.setFixedHeight(44)
        self.setAccessibleName("Tool options")
        self._tokens = tokens
        self._icon_name = "brush"
        self._picture = Picture(20)
        self._tool = text_label("Brush", "")
        self._size_label = text_label("Size", "lead")
        self._size = Slider(0, STEPS)
        self._size.setFixedWidth(128)
        describe(self._size, "Brush size", "Brush size in image pixels ([ and ], Shift+wheel)")
        self._number = NumberBox()
        self._number.setRange(MIN_SIZE, MAX_SIZE)
        self._number.setSuffix(" px")
        self._number.setFixedWidth(88)
        describe(self._number, "Brush size in pixels", "Brush size in image pixels ([ and ], Shift+wheel)")
        self._opacity_label = text_label("Opacity", "lead")
        self._opacity = Slider(0, 100)
        self._opacity.setFixedWidth(96)
        describe(self._opacity, "Label opacity", "How much labels cover the image (O, Shift+O)")
        self._percent = text_label("", "lead")
        self._percent.setFixedWidth(self._percent.fontMetrics().horizontalAdvance("100 %") + 4)
        self._percent.setAccessibleName("Label opacity in percent")

        layout = QHBoxLayout(self)
        layout.setContentsMargins(12, 0, 12, 0)
        layout.setSpacing(8)
        layout.addWidget(self._picture)
        layout.addWidget(self._tool)
        layout.addWidget(_divider())
        layout.addWidget(self._size_label)
        layout.addWidget(self._size)
        layout.addWidget(self._number)
        layout.addWidget(_divider())
        layout.addWidget(self._opacity_label)
        layout.addWidget(self._opacity)
        layout.addWidget(self._percent)
        layout.addStretch(1)

        self._size.valueChanged.connect(self._slide_size)
        self._number.valueChanged.connect(self._type_size)
        self._opacity.valueChanged.connect(self._slide_opacity)
        self.set_size(20)
        self.set_opacity(0.5)
        self.set_tokens(tokens)

    def set_tool(self, title: str, icon_name: str) -> None:
        """Name the tool in hand."""
        self._tool.setText(title)
        self._icon_name = icon_name
        self.set_tokens(self._tokens)

    def set_size(self, size: int) -> None:
        """Show a brush size in image pixels; tells nobody."""
        size = min(max(size, MIN_SIZE), MAX_SIZE)
        quietly(self._number, lambda: self._number.setValue(size))
        quietly(self._size, lambda: self._size.setValue(position_of(size)))
        self._size.update()

    def set_opacity(self, opacity: float) -> None:
        """Show how opaque labels are, 0..1; tells nobody."""
        percent = round(min(max(opacity, 0.0), 1.0) * 100)
        quietly(self._opacity, lambda: self._opacity.setValue(percent))
        self._opacity.update()
        self._percent.setText(f"{percent} %")

    def set_tokens(self, tokens: Tokens) -> None:
        """Follow a change of theme."""
        self._tokens = tokens
        self._picture.set_icon(icon(self._icon_name, tokens))

    def _slide_size(self, position: int) -> None:
        size = size_at(position)
        if size != self._number.value():
            quietly(self._number, lambda: self._number.setValue(size))
            self.size_changed.emit(size)

    def _type_size(self, size: int) -> None:
        quietly(self._size, lambda: self._size.setValue(position_of(size)))
        self._size.update()
        self.size_changed.emit(size)

    def _slide_opacity(self, percent: int) -> None:
        self._percent.setText(f"{percent} %")
        self.opacity_changed.emit(percent / 100)


def _divider() -> QFrame:
    line = QFrame()
    set_role(line, role="rule")
    line.setFixedSize(1, 20)
    return line
