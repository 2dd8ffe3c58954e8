"""The list of classes: choose, add, rename, recolour, lock, hide, show alone."""

from collections.abc import Callable
from dataclasses import replace

from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QColorDialog, QFrame, QHBoxLayout, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from segstudio.core.classes import ClassTable
from segstudio.errors import UsageError
from segstudio.ui.panels.class_row import HEIGHT, ClassRow
from segstudio.ui.panels.parts import NameEdit, describe, heading, push_button, set_role, text_label
from segstudio.ui.theme import Tokens

MIN_ROWS, MANY_ROWS = 2, 10  # of the list: as low as it may get, as high as it asks to be


class ClassPanel(QFrame):
    """The classes of the project; digits choose the first ten.

    Signals:
        chosen(int): a person picked the class with this index.
        changed(object): a person changed the classes; carries the new `ClassTable`.
    """

    chosen = Signal(int)
    changed = Signal(object)

    def __init__(self, tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_role(self, role="panel")
        self.setAccessibleName("Classes")
        self._tokens = tokens
        self._table = ClassTable()
        self._current = 0
        self._rows: list[ClassRow] = []

        self._hint = text_label("No classes yet. Add one for each thing you want to find.", "hint", wrap=True)
        self._hint.setContentsMargins(12, 0, 12, 4)
        self._list = QWidget()
        self._rows_layout = QVBoxLayout(self._list)
        self._rows_layout.setContentsMargins(8, 0, 8, 0)
        self._rows_layout.setSpacing(0)
        self._add = push_button("+ Add class", "Add a class", "link")
        self._add.clicked.connect(self.start_adding)
        self._editor = NameEdit()
        self._editor.setPlaceholderText("Name of the new class")
        describe(self._editor, "Name of the new class", "Return adds it, Escape drops it")
        self._editor.hide()
        self._editor.committed.connect(self._add_named)
        self._editor.dropped.connect(self._stop_adding)
        self._editor.editingFinished.connect(self._leave_editor)
        self._rows_layout.addStretch(1)
        self._area = _RowArea(self._list)
        self._problem = text_label("", "problem", wrap=True)
        self._problem.setContentsMargins(12, 4, 12, 4)
        self._problem.hide()

        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 8, 0, 8)
        layout.setSpacing(0)
        top = QHBoxLayout()
        top.setContentsMargins(12, 0, 8, 4)
        top.addWidget(heading("Classes"), 1)
        top.addWidget(self._add)
        below = QVBoxLayout()
        below.setContentsMargins(8, 0, 8, 0)
        below.addWidget(self._editor)
        layout.addLayout(top)
        layout.addWidget(self._hint)
        layout.addWidget(self._area, 1)
        layout.addWidget(self._problem)
        layout.addLayout(below)

    def set_classes(self, table: ClassTable, current: int) -> None:
        """Show these classes with one of them chosen; tells nobody."""
        self._table = table
        self._current = current
        while len(self._rows) > len(table):
            row = self._rows.pop()
            self._rows_layout.removeWidget(row)
            row.hide()
            row.deleteLater()
        while len(self._rows) < len(table):
            row = self._new_row(len(self._rows))
            self._rows_layout.insertWidget(len(self._rows), row)
            self._rows.append(row)
        for row, item in zip(self._rows, table, strict=True):
            row.show_class(item, current=item.index == current, solo=self._is_solo(item.index))
        self._hint.setVisible(len(table) == 0)
        self._area.set_rows(len(table))
        if current < len(self._rows):
            QTimer.singleShot(0, self, self._reveal_current)

    def set_tokens(self, tokens: Tokens) -> None:
        """Follow a change of theme."""
        self._tokens = tokens
        for row in self._rows:
            row.set_tokens(tokens)

    def flash_lock(self, index: int) -> None:
        """Pulse the padlock of a class whose pixels a gesture kept off."""
        if index < len(self._rows):
            self._rows[index].flash()

    def solo(self, index: int) -> None:
        """Show only this class, or all classes when it is the only one shown; as if a person had clicked."""
        if index < len(self._table):
            everything = self._is_solo(index)
            self._apply(lambda: _with_only(self._table, index, everything=everything))

    def start_adding(self) -> None:
        """Open the inline editor for a new class."""
        self._say("")
        self._add.setEnabled(False)
        self._editor.clear()
        self._editor.show()
        self._editor.setFocus(Qt.FocusReason.OtherFocusReason)

    def problem(self) -> str:
        """The line that says what was wrong with the last input; empty when nothing."""
        return self._problem.text()

    def _is_solo(self, index: int) -> bool:
        return len(self._table) > 1 and [item.index for item in self._table if item.visible] == [index]

    def _new_row(self, index: int) -> ClassRow:
        row = ClassRow(index, self._tokens)
        row.chosen.connect(self._choose)
        row.renamed.connect(lambda at, name: self._change(at, name=name))
        row.locked.connect(lambda at, on: self._change(at, locked=on))
        row.shown.connect(lambda at, on: self._change(at, visible=on))
        row.soloed.connect(self.solo)
        row.recolor_wanted.connect(self._pick_color)
        row.edit_dropped.connect(lambda: self._say(""))
        return row

    def _choose(self, index: int) -> None:
        self._say("")
        if index != self._current:
            self.set_classes(self._table, index)
        self.chosen.emit(index)

    def _change(self, index: int, **fields: object) -> None:
        self._apply(lambda: self._table.change(index, **fields), index)

    def _apply(self, make: Callable[[], ClassTable], index: int | None = None) -> bool:
        try:
            table = make()
        except UsageError as error:
            self._say(str(error))
            if index is not None:
                solo = self._is_solo(index)
                self._rows[index].show_class(self._table[index], current=index == self._current, solo=solo)
            return False
        self._say("")
        if table != self._table:
            self.set_classes(table, self._current)
            self.changed.emit(table)
        return True

    def _add_named(self, name: str) -> None:
        if not name:
            self._say("Give the class a name, or press Escape.")
            return
        if self._apply(lambda: self._table.add(name)):
            self._stop_adding()
            self._choose(len(self._table) - 1)
        else:
            set_role(self._editor, problem=True)

    def _leave_editor(self) -> None:
        # Leaving the editor commits a good name and drops an empty one; a bad one stays, to be corrected.
        if self._editor.isVisible() and not self._editor.hasFocus():
            if self._editor.text().strip():
                self._add_named(self._editor.text().strip())
            else:
                self._stop_adding()

    def _stop_adding(self) -> None:
        self._say("")
        set_role(self._editor, problem=False)
        self._editor.hide()
        self._add.setEnabled(True)

    def _pick_color(self, index: int) -> None:
        item = self._table[index]
        dialog = QColorDialog(QColor(item.color), self)
        dialog.setWindowTitle(f"Colour of {item.name}")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for slot, color in enumerate(other.color for other in list(self._table)[: QColorDialog.customCount()]):
            QColorDialog.setCustomColor(slot, QColor(color))
        dialog.colorSelected.connect(lambda color: self._change(index, color=color.name()))
        dialog.open()

    def _reveal_current(self) -> None:
        if self._current < len(self._rows) and not self._editor.isVisible():
            self._area.ensureWidgetVisible(self._rows[self._current], 0, 0)

    def _say(self, line: str) -> None:
        self._problem.setText(line)
        self._problem.setVisible(bool(line))


def _with_only(table: ClassTable, index: int, *, everything: bool) -> ClassTable:
    return ClassTable(tuple(replace(item, visible=everything or item.index == index) for item in table))


class _RowArea(QScrollArea):
    """As high as its rows, if there is room; never higher, and scrolled when there is less."""

    def __init__(self, rows: QWidget) -> None:
        super().__init__()
        self._rows = 0
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.setWidget(rows)

    def set_rows(self, rows: int) -> None:
        """Make room for so many rows."""
        self._rows = rows
        self.setVisible(rows > 0)
        self.setMinimumHeight(HEIGHT * min(rows, MIN_ROWS))
        self.setMaximumHeight(HEIGHT * rows)
        self.updateGeometry()

    def sizeHint(self) -> QSize:
        """Qt's virtual."""
        return QSize(240, HEIGHT * min(self._rows, MANY_ROWS))
