"""The options a tool may have, each a small widget: a number, a switch, one of a few."""

import math
from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QColor, QIcon, QPainter, QPixmap
from PySide6.QtWidgets import QButtonGroup, QCheckBox, QComboBox, QHBoxLayout, QSizePolicy, QToolButton, QWidget

from segstudio.core.classes import VOID
from segstudio.core.strokes import BrushShape
from segstudio.core.tools.base import Operation
from segstudio.ui.icons import icon
from segstudio.ui.panels.parts import NumberBox, Slider, combo, describe, plain_button, quietly, set_role, text_label
from segstudio.ui.theme import Tokens

STEPS = 1000  # of a logarithmic slider
OPERATION_TITLES: dict[Operation, str] = {
    "delete": "Delete",
    "reclass": "Change class",
    "holes": "Fill holes",
    "islands": "Drop islands",
    "grow": "Grow",
    "shrink": "Shrink",
    "smooth": "Smooth",
}
_SHAPES: dict[BrushShape, tuple[str, str]] = {
    "round": ("round-brush", "Round brush"),
    "square": ("square-brush", "Square brush"),
}
_NARROW, _WIDEST = 136, 16777215  # px a list may take; the latter is Qt's "as wide as it likes"
_EVERYTHING = -1  # in the list of what is painted over, where None cannot be looked up


def size_at(position: int, low: int, high: int) -> int:
    """Size in image pixels at a position 0..`STEPS` of a logarithmic slider."""
    return round(low * math.pow(high / low, position / STEPS))


def position_of(size: int, low: int, high: int) -> int:
    """Position 0..`STEPS` of a logarithmic slider for a size in image pixels."""
    return round(STEPS * math.log(size / low) / math.log(high / low))


class Option(QWidget):
    """One option with its label.

    Signals:
        picked(object): a person chose this value.
    """

    picked = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._row = QHBoxLayout(self)
        self._usual: dict[QComboBox, int] = {}
        self._row.setContentsMargins(0, 0, 8, 0)
        self._row.setSpacing(8)
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Preferred)

    def show_value(self, value: Any) -> None:
        """Show a value; tells nobody."""

    def set_tokens(self, tokens: Tokens) -> None:
        """Follow a change of theme."""

    def set_terse(self, terse: bool) -> None:
        """Do without what only makes it handier: there is little room."""

    def set_narrow(self, narrow: bool) -> None:
        """Have narrow lists: there is next to no room."""
        for box in self.findChildren(QComboBox):
            box.setMinimumWidth(_NARROW if narrow else self._usual.setdefault(box, box.minimumWidth()))
            box.setMaximumWidth(_NARROW if narrow else _WIDEST)


class NumberOption(Option):
    """A whole number: a slider to find it, a box to type it."""

    def __init__(
        self,
        label: str,
        name: str,
        tip: str,
        low: int,
        high: int,
        suffix: str = " px",
        *,
        slider: bool = True,
        logarithmic: bool = False,
    ) -> None:
        super().__init__()
        self._low, self._high = low, high
        self._logarithmic = logarithmic
        self._label = text_label(label, "lead")
        self._box = NumberBox()
        self._box.setRange(low, high)
        self._box.setSuffix(suffix)
        self._box.setFixedWidth(88 if suffix else 64)
        self._box.setFixedHeight(28)
        describe(self._box, name, tip)
        self._row.addWidget(self._label)
        self._slider = Slider(0, STEPS) if logarithmic else Slider(low, high)
        self._slider.setFixedWidth(104)
        describe(self._slider, name, tip)
        self._row.addWidget(self._slider)
        self._has_slider = slider
        self._slider.setVisible(slider)
        self._row.addWidget(self._box)
        self._slider.valueChanged.connect(self._slide)
        self._box.valueChanged.connect(self._type)

    @property
    def value(self) -> int:
        """What is shown."""
        return self._box.value()

    def set_meaning(self, label: str, high: int) -> None:
        """Say what the number means and how large it may get."""
        self._label.setText(label)
        self._high = high
        quietly(self._box, lambda: self._box.setRange(self._low, high))

    def set_tip(self, tip: str) -> None:
        """What it tells of itself."""
        for part in (self._box, self._slider):
            part.setToolTip(tip)

    def set_terse(self, terse: bool) -> None:
        self._slider.setVisible(self._has_slider and not terse)

    def show_value(self, value: int) -> None:
        value = min(max(value, self._low), self._high)
        quietly(self._box, lambda: self._box.setValue(value))
        self._follow(value)

    def _follow(self, value: int) -> None:
        at = position_of(value, self._low, self._high) if self._logarithmic else value
        quietly(self._slider, lambda: self._slider.setValue(at))
        self._slider.update()

    def _slide(self, position: int) -> None:
        value = size_at(position, self._low, self._high) if self._logarithmic else position
        if value != self._box.value():
            quietly(self._box, lambda: self._box.setValue(value))
            self.picked.emit(value)

    def _type(self, value: int) -> None:
        self._follow(value)
        self.picked.emit(value)


class ToggleOption(Option):
    """On or off."""

    def __init__(self, label: str, name: str, tip: str) -> None:
        super().__init__()
        self._check = QCheckBox(label)
        self._check.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        describe(self._check, name, tip)
        self._row.addWidget(self._check)
        self._check.clicked.connect(lambda on: self.picked.emit(on))

    def show_value(self, value: bool) -> None:
        self._check.setChecked(value)


class ShapeOption(Option):
    """Round or square: two buttons, one of them down."""

    def __init__(self, tokens: Tokens) -> None:
        super().__init__()
        self._row.setSpacing(0)
        self._group = QButtonGroup(self)
        self._buttons: dict[BrushShape, QToolButton] = {}
        for shape, (drawing, name) in _SHAPES.items():
            button = plain_button(drawing, tokens, name, checkable=True)
            set_role(button, role="")  # the one that is down shows it by its ground
            button.setFixedSize(28, 28)
            button.clicked.connect(lambda _on, shape=shape: self.picked.emit(shape))
            self._group.addButton(button)
            self._row.addWidget(button)
            self._buttons[shape] = button

    def show_value(self, value: BrushShape) -> None:
        self._buttons[value].setChecked(True)

    def set_tokens(self, tokens: Tokens) -> None:
        for shape, (drawing, _name) in _SHAPES.items():
            self._buttons[shape].setIcon(icon(drawing, tokens))


class ComboOption(Option):
    """One of a few."""

    def __init__(self, label: str, name: str, tip: str, choices: Sequence[tuple[str, object]] = ()) -> None:
        super().__init__()
        self._box: QComboBox = combo(name, tip)
        self._box.setFixedWidth(136)
        self._row.addWidget(text_label(label, "lead"))
        self._row.addWidget(self._box)
        for title, value in choices:
            self._box.addItem(title, value)
        self._box.activated.connect(lambda at: self.picked.emit(self._meant(self._box.itemData(at))))

    def show_value(self, value: Any) -> None:
        self._box.setCurrentIndex(self._box.findData(value))

    def _meant(self, data: Any) -> Any:
        return data


class OperationOption(ComboOption):
    """What the region tool does, each with its drawing."""

    def __init__(self) -> None:
        super().__init__("Do", "Operation", "What a click does to the region under the pointer")
        for operation, title in OPERATION_TITLES.items():
            self._box.addItem(title, operation)
        self._box.setIconSize(QSize(16, 16))
        self._box.setFixedWidth(160)

    def set_tokens(self, tokens: Tokens) -> None:
        for at in range(self._box.count()):
            drawing = {"delete": "trash"}.get(self._box.itemData(at), self._box.itemData(at))
            self._box.setItemIcon(at, icon(drawing, tokens))


class OverOption(ComboOption):
    """What may be painted over: everything, void, or one class."""

    def __init__(self) -> None:
        super().__init__("Over", "Paint only over", "Which pixels a gesture may change; all others keep their class")
        self._box.setPlaceholderText("A class that is gone")
        self._known: tuple[tuple[str, ...], tuple[str, ...]] | None = None

    def set_classes(self, names: Sequence[str], colors: Sequence[str]) -> None:
        """Offer these classes; `show_value` says which is chosen."""
        known = tuple(names), tuple(colors)
        if known == self._known:
            return
        self._known = known
        self._box.clear()
        self._box.addItem("Everything", _EVERYTHING)
        self._box.addItem("Void only", VOID)
        if names:
            self._box.insertSeparator(2)
        for index, name in enumerate(names):
            self._box.addItem(color_icon(colors[index]) if index < len(colors) else QIcon(), name, index)

    def show_value(self, value: int | None) -> None:
        super().show_value(_EVERYTHING if value is None else value)

    def _meant(self, data: Any) -> Any:
        return None if data == _EVERYTHING else data


def color_icon(color: str) -> QIcon:
    """A rounded square of a colour, sharp on any screen."""
    drawing = QIcon()
    for ratio in (1, 2, 3):
        picture = QPixmap(16 * ratio, 16 * ratio)
        picture.setDevicePixelRatio(ratio)
        picture.fill(Qt.GlobalColor.transparent)
        painter = QPainter(picture)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(QColor(color))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.drawRoundedRect(2, 2, 12, 12, 3, 3)
        painter.end()
        drawing.addPixmap(picture)
    return drawing
