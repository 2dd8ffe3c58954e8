"""The list of classes: choose, add, rename, recolour, lock, hide, show alone, move, merge, remove."""

from collections.abc import Callable
from dataclasses import replace

from PySide6.QtCore import QPoint, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import QApplication, QColorDialog, QFrame, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from segstudio.core.classes import ClassTable
from segstudio.errors import UsageError
from segstudio.ui.action_table import KEYED_CLASSES, Keys, default_keys, first_key
from segstudio.ui.panels.class_row import HEIGHT, ClassRow
from segstudio.ui.panels.parts import NameEdit, describe, push_button, set_role, text_label
from segstudio.ui.panels.section import Section
from segstudio.ui.theme import SMALL_PX, Tokens, ui_font

MIN_ROWS, GOOD_ROWS = 2, 6  # of the list: as low as it may get, and with which one can work
_LEAST_KEY, _MOST_KEY = 16, 48  # px of the column of keys


class ClassPanel(Section):
    """The classes of the project; the first ten have keys.

    Signals:
        chosen(int): a person picked the class with this index.
        changed(object): a person changed the classes; carries the new `ClassTable`.
        move_wanted(int, int): a person wants a class to have another index.
        remove_wanted(int, int): a person wants a class to go, its pixels becoming another class, or void.
    """

    chosen = Signal(int)
    changed = Signal(object)
    move_wanted = Signal(int, int)
    remove_wanted = Signal(int, int)
    comfort = GOOD_ROWS * HEIGHT + 40

    def __init__(self, tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__("Classes", parent)
        self._tokens = tokens
        self._table = ClassTable()
        self._current = 0
        self._keys: Keys = default_keys
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
        self._line = _DropLine(self._list)
        self._place: int | None = None  # where a row that is dragged would come to lie
        self._followed = ""  # the class that was moved with the keyboard, which goes along
        self._problem = text_label("", "problem", wrap=True)
        self._problem.setContentsMargins(12, 4, 12, 4)
        self._problem.hide()

        self.head.addWidget(self._add)
        below = QVBoxLayout()
        below.setContentsMargins(8, 0, 8, 0)
        below.addWidget(self._editor)
        layout = QVBoxLayout(self.body)
        layout.setContentsMargins(0, 0, 0, 8)
        layout.setSpacing(0)
        layout.addWidget(self._hint)
        layout.addWidget(self._area, 1)
        layout.addWidget(self._problem)
        layout.addLayout(below)
        layout.addStretch(0)

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
        self._show_keys()
        for row, item in zip(self._rows, table, strict=True):
            row.show_class(table, current=item.index == current, solo=self._is_solo(item.index))
        self._follow()
        self._hint.setVisible(len(table) == 0)
        self._area.set_rows(len(table))
        if current < len(self._rows):
            QTimer.singleShot(0, self, self._reveal_current)

    def set_keys(self, keys: Keys) -> None:
        """Show the keys that choose and lock classes now."""
        self._keys = keys
        self._show_keys()

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
        self.set_folded(False)
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

    def _show_keys(self) -> None:
        keyed = range(1, min(KEYED_CLASSES, len(self._rows)) + 1)
        choose, lock = ([first_key(self._keys, f"{what}_{at}") for at in keyed] for what in ("class", "lock_class"))
        metrics = QFontMetrics(ui_font(SMALL_PX))
        widest = max((metrics.horizontalAdvance(key) for key in choose), default=0)
        width = min(max(widest + 4, _LEAST_KEY), _MOST_KEY)
        for at, row in enumerate(self._rows):
            row.set_keys(*((choose[at], lock[at]) if at < len(choose) else ("", "")), width)

    def _new_row(self, index: int) -> ClassRow:
        row = ClassRow(index, self._tokens)
        row.chosen.connect(self._choose)
        row.renamed.connect(lambda at, name: self._change(at, name=name))
        row.locked.connect(lambda at, on: self._change(at, locked=on))
        row.shown.connect(lambda at, on: self._change(at, visible=on))
        row.soloed.connect(self.solo)
        row.recolor_wanted.connect(self._pick_color)
        row.edit_dropped.connect(lambda: self._say(""))
        row.remove_wanted.connect(self.remove_wanted)
        row.move_wanted.connect(self._move)
        row.reached.connect(self._make_reachable)
        row.stepped.connect(self._step)
        row.dragged.connect(self._drag)
        row.dropped.connect(self._drop)
        return row

    def _step(self, index: int, rows: int) -> None:
        """Give the keyboard to another row."""
        row = self._rows[min(max(index + rows, 0), len(self._rows) - 1)]
        row.setFocus(Qt.FocusReason.OtherFocusReason)
        self._area.ensureWidgetVisible(row, 0, 0)

    def _make_reachable(self, index: int) -> None:
        for at, row in enumerate(self._rows):
            row.set_reachable(at == index)

    def _move(self, index: int, to: int) -> None:
        self._followed = self._table[index].name if self._rows[index].hasFocus() else ""
        self.move_wanted.emit(index, to)

    def _follow(self) -> None:
        """Keep the keyboard with the class it was with, and one row in reach of Tab."""
        names = self._table.names
        focused = next((at for at, row in enumerate(self._rows) if row is self._list.window().focusWidget()), None)
        if focused is not None and self._followed in names and names[focused] != self._followed:
            focused = names.index(self._followed)
            self._rows[focused].setFocus(Qt.FocusReason.OtherFocusReason)
        self._make_reachable(self._current if focused is None else focused)

    def _drag(self, index: int, at: QPoint) -> None:
        """Show between which rows a dragged one would come to lie."""
        y = self._list.mapFromGlobal(at).y()
        gap = min(max(round((y - self._rows[0].y()) / HEIGHT), 0), len(self._rows))
        self._place = gap - (gap > index)
        self._line.show_at(self._rows[0].y() + gap * HEIGHT, self._place != index)
        self._area.ensureVisible(0, y, 0, HEIGHT)

    def _drop(self, index: int) -> None:
        self._line.hide()
        place, self._place = self._place, None
        if place is not None and place != index:
            self.move_wanted.emit(index, place)

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
                self._rows[index].show_class(self._table, current=index == self._current, solo=solo)
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


class _DropLine(QWidget):
    """Between which rows a dragged one would come to lie."""

    def __init__(self, rows: QWidget) -> None:
        super().__init__(rows)
        self._rows = rows
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.hide()

    def show_at(self, y: int, elsewhere: bool) -> None:
        """Show it at a height, if the row would come to lie elsewhere than it does."""
        self.setGeometry(8, y - 1, self._rows.width() - 16, 2)
        self.raise_()
        self.setVisible(elsewhere)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Qt's virtual."""
        QPainter(self).fillRect(self.rect(), QApplication.palette().color(QPalette.ColorRole.Highlight))


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
        return QSize(240, HEIGHT * self._rows)
