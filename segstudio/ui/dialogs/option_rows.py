"""Rows of a form made from described options: a mark of what is changed, a label, a field."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QCheckBox,
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QWidget,
)

from segstudio.errors import UsageError
from segstudio.learn.request import TrainSettings
from segstudio.ui.option_spec import Choice, Option, value_of, with_values
from segstudio.ui.panels.parts import combo, describe, heading, quietly, set_role, text_label
from segstudio.ui.panels.train_choices import fill_combo

_MARK = 16
_NUMBER = 88
_STRENGTH = 52
_VERTICAL = Qt.AlignmentFlag.AlignVCenter


class Mark(QAbstractButton):
    """A dot beside an option that is not as by default; a click puts the default back."""

    def __init__(self, label: str) -> None:
        super().__init__()
        self._label = label
        self._on = False
        self.setFixedSize(_MARK, _MARK)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.set_on(False, "")

    def set_on(self, on: bool, default: str) -> None:
        """Whether it is changed; `default` in words."""
        self._on = on
        self.setEnabled(on)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus if on else Qt.FocusPolicy.NoFocus)
        describe(
            self, f"{self._label}: back to the default", f"Changed; the default is {default}. Click to put it back"
        )
        if not on:
            self.setToolTip("")
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Qt's virtual."""
        if not self._on:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QApplication.palette().color(QPalette.ColorRole.Highlight))
        radius = 4.0 if self.underMouse() or self.hasFocus() else 3.0
        middle = self.rect().center()
        painter.drawEllipse(QRectF(middle.x() + 0.5 - radius, middle.y() + 0.5 - radius, 2 * radius, 2 * radius))


class ChoiceField(QWidget):
    """One of several values.

    Signals:
        picked(object): a person chose this value.
    """

    picked = Signal(object)

    def __init__(self, option: Option) -> None:
        super().__init__()
        self._choices: Sequence[Choice] = option.choices
        self._box: QComboBox = combo(option.label, option.tip)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._box)
        self._box.activated.connect(lambda at: self.picked.emit(self._choices[at].value))
        self.setFocusProxy(self._box)

    def set_choices(self, choices: Sequence[Choice]) -> None:
        """Offer these."""
        self._choices = choices

    def show_value(self, value: Any) -> None:
        """Show a value; tells nobody."""
        fill_combo(self._box, self._choices, value)

    def said(self, value: Any) -> tuple[str, str]:
        """Title and meaning of a value."""
        return next(((item.title, item.tip) for item in self._choices if item.value == value), (str(value), ""))


class SwitchField(QCheckBox):
    """On or off.

    Signals:
        picked(object): a person switched it.
    """

    picked = Signal(object)

    def __init__(self, option: Option, text: str = "") -> None:
        super().__init__(text)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        describe(self, option.label, option.tip)
        self.clicked.connect(lambda on: self.picked.emit(on))

    def show_value(self, value: Any) -> None:
        """Show a value; tells nobody."""
        quietly(self, lambda: self.setChecked(bool(value)))

    def said(self, value: Any) -> tuple[str, str]:
        """A value in words."""
        return ("on" if value else "off"), ""


class NumberField(QLineEdit):
    """A number to be typed; empty where there may be none. What makes no sense is told at once, and taken back.

    Signals:
        picked(object): a person typed this value, or None.
        refused(str): what was typed makes no sense, and why; empty when it does again.
    """

    picked = Signal(object)
    refused = Signal(str)

    def __init__(self, option: Option, width: int = _NUMBER) -> None:
        super().__init__()
        self._option = option
        self._shown = ""
        self.setFixedWidth(width)
        self.setMaxLength(12)
        self.setPlaceholderText(option.empty)
        describe(self, option.name or option.label, f"{option.tip}\n{self._range()}")
        self.textEdited.connect(self._check)
        self.editingFinished.connect(self._commit)

    def show_value(self, value: Any) -> None:
        """Show a value; tells nobody."""
        self._shown = self.said(value)[0] if value is not None else ""
        if self.text() != self._shown:
            self.setText(self._shown)
        set_role(self, problem=False)

    def said(self, value: Any) -> tuple[str, str]:
        """A value in words."""
        return (self._option.empty.lower() if value is None else f"{value / self._option.scale:.6g}"), ""

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Qt's virtual: Return commits and stays here, Escape takes back what was typed."""
        if event.key() == Qt.Key.Key_Escape and self.text() != self._shown:
            self._back()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._commit()
            self.selectAll()
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Qt's virtual."""
        super().focusInEvent(event)
        if event.reason() in (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason):
            self.selectAll()

    def _range(self) -> str:
        option = self._option
        none = f", or empty: {option.empty.lower()}" if option.empty else ""
        return f"{option.low:g} to {option.high:g}{f' {option.unit}' if option.unit else ''}{none}"

    def _value(self) -> tuple[Any, str]:
        """What is typed, and what is wrong with it."""
        option, text = self._option, self.text().strip().replace(",", ".")
        if not text and option.empty:
            return None, ""
        try:
            number = int(text) if option.whole else float(text)
        except ValueError:
            number = math.nan
        if not (math.isfinite(number) and option.low <= number <= option.high):
            kind = "a whole number" if option.whole else "a number"
            return None, f"{self.accessibleName()}: {kind} from {self._range()}."
        return (int(number * option.scale) if option.whole else number * option.scale), ""

    def _check(self) -> None:
        _value, problem = self._value()
        set_role(self, problem=bool(problem))
        self.refused.emit(problem)

    def _commit(self) -> None:
        if self.text() == self._shown:
            return
        value, problem = self._value()
        if problem:
            self._back()
        else:
            self.show_value(value)
            self.picked.emit(value)

    def _back(self) -> None:
        self.setText(self._shown)
        set_role(self, problem=False)
        self.refused.emit("")


Field = ChoiceField | SwitchField | NumberField


class OptionForm(QWidget):
    """A column of options, in groups.

    Signals:
        picked(object): a person wants these `TrainSettings`.
        refused(str): what they typed makes no sense, and why; empty when it does again.
    """

    picked = Signal(object)
    refused = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._settings = TrainSettings()
        self._fields: dict[str, tuple[Option, Field]] = {}
        self._labels: dict[str, QLabel] = {}
        self._captions: dict[str, QLabel] = {}
        self._marks: list[tuple[Mark, tuple[Option, ...]]] = []
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 8, 0)
        self._grid.setHorizontalSpacing(8)
        self._grid.setVerticalSpacing(4)
        self._grid.setColumnStretch(2, 1)

    def add_group(self, title: str, options: Sequence[Option]) -> None:
        """Add a heading and a row for each option."""
        self._add_heading(title)
        for option in options:
            row = self._grid.rowCount()
            field = self._make(option)
            self._mark(row, option)
            self._labels[option.path] = text_label(option.label, "lead")
            self._grid.addWidget(self._labels[option.path], row, 1, _VERTICAL)
            self._grid.setRowMinimumHeight(row, 32)
            if isinstance(field, SwitchField):
                field.setText(option.tip)
                self._grid.addWidget(field, row, 2)
                continue
            self._captions[option.path] = caption = text_label("", "quiet", wrap=True)
            if isinstance(field, ChoiceField):
                self._grid.addWidget(field, row, 2)
                caption.setContentsMargins(0, 0, 0, 8)
                self._grid.addWidget(caption, row + 1, 2)
            else:
                line = QHBoxLayout()
                line.setSpacing(8)
                line.addWidget(field)
                if option.unit:
                    line.addWidget(text_label(option.unit, "lead"))
                line.addWidget(caption, 1)
                self._grid.addLayout(line, row, 2)

    def add_switches(self, title: str, rows: Sequence[tuple[Option, Sequence[Option]]]) -> None:
        """Add a heading, and switches with numbers behind them."""
        self._add_heading(title)
        for option, strengths in rows:
            row = self._grid.rowCount()
            self._mark(row, option, *strengths)
            switch = self._make(option)
            assert isinstance(switch, SwitchField)
            switch.setText(option.label)
            self._grid.addWidget(switch, row, 1)
            self._grid.setRowMinimumHeight(row, 28)
            line = QHBoxLayout()
            line.setSpacing(6)
            line.addStretch(1)
            for strength in strengths:
                field = self._make(strength, _STRENGTH)
                if strength.label:
                    self._labels[strength.path] = text_label(strength.label, "quiet")
                    line.addWidget(self._labels[strength.path])
                line.addWidget(field)
                unit = text_label(strength.unit, "quiet")
                unit.setFixedWidth(14)
                line.addWidget(unit)
            self._grid.addLayout(line, row, 2)

    def finish(self) -> None:
        """Let the rows stand at the top."""
        self._grid.setRowStretch(self._grid.rowCount(), 1)

    def set_choices(self, choices: Mapping[str, Sequence[Choice]]) -> None:
        """Offer other choices for some options, by path."""
        for path, offered in choices.items():
            if path in self._fields and isinstance(field := self._fields[path][1], ChoiceField):
                field.set_choices(offered)

    def set_settings(self, settings: TrainSettings) -> None:
        """Show these; tells nobody."""
        self._settings = settings
        usual = TrainSettings()
        for path, (option, field) in self._fields.items():
            value, reason = value_of(settings, path), option.blocked(settings)
            field.show_value(value)
            field.setEnabled(not reason)
            if path in self._labels:
                self._labels[path].setEnabled(not reason)
            if path in self._captions:
                tip = reason or (field.said(value)[1] if option.choices else option.tip)
                self._captions[path].setText(tip)
                self._captions[path].setVisible(bool(tip))
        for mark, options in self._marks:
            others = [
                one for one in options if one.marked and value_of(settings, one.path) != value_of(usual, one.path)
            ]
            words = [self._fields[one.path][1].said(value_of(usual, one.path))[0] for one in others]
            mark.set_on(bool(others), ", ".join(words))

    def _add_heading(self, title: str) -> None:
        row = self._grid.rowCount()
        if row > 1:
            self._grid.setRowMinimumHeight(row, 12)
            row += 1
        self._grid.addWidget(heading(title), row, 1, 1, 2)
        self._grid.setRowMinimumHeight(row, 24)

    def _make(self, option: Option, width: int = _NUMBER) -> Field:
        field: Field
        if option.numeric:
            field = NumberField(option, width)
            field.refused.connect(self.refused)
        elif option.choices:
            field = ChoiceField(option)
        else:
            field = SwitchField(option)
        field.picked.connect(lambda value, path=option.path: self._pick(path, value))
        self._fields[option.path] = option, field
        return field

    def _mark(self, row: int, *options: Option) -> None:
        mark = Mark(options[0].label)
        mark.clicked.connect(lambda: self._reset(options))
        self._grid.addWidget(mark, row, 0, _VERTICAL)
        self._marks.append((mark, options))

    def _reset(self, options: Sequence[Option]) -> None:
        usual = TrainSettings()
        self.picked.emit(with_values(self._settings, {one.path: value_of(usual, one.path) for one in options}))

    def _pick(self, path: str, value: Any) -> None:
        try:
            settings = with_values(self._settings, {path: value})
        except UsageError as error:  # the scales are the wrong way round
            self.refused.emit(str(error))
            self.set_settings(self._settings)
            return
        self.picked.emit(settings)
