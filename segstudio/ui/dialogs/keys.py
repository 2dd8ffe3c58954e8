"""Changing keys: every command with its keys; click one and press another."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QDialog,
    QFrame,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QPushButton,
    QStackedWidget,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from segstudio.core.keymap import Keymap
from segstudio.errors import SegStudioError, UsageError
from segstudio.ui.action_table import native
from segstudio.ui.dialogs.key_table import ROW, KeyDelegate, KeyModel, KeyRow
from segstudio.ui.dialogs.pressed import pressed_key
from segstudio.ui.panels.parts import describe, push_button, search_field, set_role, text_label
from segstudio.ui.theme import Tokens

HINT = "Click a command, then press its new key."
PRESS = "Press the new key; Esc leaves it as it is."
ALONE = "A key that is held stands alone: press one without Ctrl, Alt, Shift or Meta."
UNUSABLE = "This key cannot be used."
_MODIFIERS = {
    Qt.Key.Key_Control, Qt.Key.Key_Shift, Qt.Key.Key_Alt, Qt.Key.Key_Meta, Qt.Key.Key_AltGr,
    Qt.Key.Key_Super_L, Qt.Key.Key_Super_R, Qt.Key.Key_unknown,
}  # fmt: skip


class KeyCatcher(QLineEdit):
    """Takes the next key that is pressed, whatever it is.

    Signals:
        caught(str, bool): a portable key, empty when it cannot be used, and whether it was pressed with Ctrl, Alt,
            Shift or Meta.
        left(): the person pressed Escape.
    """

    caught = Signal(str, bool)
    left = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setReadOnly(True)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.NoContextMenu)
        self.setPlaceholderText("Press a key…")
        self.setFixedWidth(140)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)  # it takes Tab, too: who tabs through the dialog would be caught

    def event(self, event: QEvent) -> bool:
        """Qt's virtual: before shortcuts, and before Tab moves on."""
        if isinstance(event, QKeyEvent):
            event.accept()
            if event.type() == QEvent.Type.KeyPress and not event.isAutoRepeat():
                self._press(event)
            return True
        return super().event(event)

    def _press(self, event: QKeyEvent) -> None:
        key, modifiers = Qt.Key(event.key()), event.modifiers()
        if key in _MODIFIERS:
            return
        together = bool(modifiers & ~(Qt.KeyboardModifier.KeypadModifier | Qt.KeyboardModifier.GroupSwitchModifier))
        if key == Qt.Key.Key_Escape and not together:
            self.left.emit()
        else:
            self.caught.emit(pressed_key(event), together)


@dataclass(frozen=True, slots=True)
class _Clash:
    """A key that was pressed and is another's."""

    row: KeyRow
    key: str
    others: list[KeyRow]


class KeysDialog(QDialog):
    """Shows and changes a keymap; nothing holds before Apply.

    Args:
        rows: everything that can have a key; see `key_rows`.
        keymap: as it is.
        apply: called with the new one; a foreseen error it raises is shown and the dialog stays.
        tokens: colours.
        parent: window.
    """

    def __init__(
        self,
        rows: Sequence[KeyRow],
        keymap: Keymap,
        apply: Callable[[Keymap], None],
        tokens: Tokens,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Change keys")
        self.resize(720, 640)
        self._apply = apply
        self._before = keymap.changed
        self._clash: _Clash | None = None
        self._model = KeyModel(rows, keymap, self)
        self._table = self._make_table(tokens)
        self._query = search_field("Search commands or keys", "Type part of a command, its menu or its keys")
        self._query.textChanged.connect(self._search)
        self._title = text_label("", "")
        self._message = text_label(HINT, "hint", wrap=True)
        self._message.setAccessibleName("What to do")
        self._catcher = KeyCatcher()
        self._catcher.caught.connect(self._catch)
        self._catcher.left.connect(self._leave)
        self._add = self._button("Add", "The next key is added to those the command has", lambda: self._begin())
        self._add.setCheckable(True)
        self._clear = self._button("No key", "Take the command's keys away", self._clear_keys)
        self._reset = self._button("Reset", "The command's keys as they were at first", self._reset_row)
        self._swap = self._button("Swap", "Each command gets the other's key", lambda: self._resolve(swap=True))
        self._take = self._button("Take over", "The other command loses it", lambda: self._resolve(swap=False))
        self._keep = self._button("Leave", "Change nothing", self._leave)
        self._choices = QStackedWidget()
        for parts in ((self._catcher, self._add, self._clear, self._reset), (self._swap, self._take, self._keep)):
            self._choices.addWidget(self._line(parts))
        self._lay_out()
        self._table.selectionModel().currentRowChanged.connect(lambda *_: self._show_row())
        self._show_row()

    @property
    def keymap(self) -> Keymap:
        """As changed so far."""
        return self._model.keymap

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Qt's virtual: Return and F2 begin, Delete takes the keys away."""
        if watched is self._table and event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_F2):
                self._begin()
                return True
            if event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
                self._clear_keys()
                return True
        return super().eventFilter(watched, event)

    def accept(self) -> None:
        """Qt's virtual: hand the keys over, and go when that worked."""
        try:
            self._apply(self.keymap)
        except SegStudioError as error:
            self._say(str(error), "problem")
            return
        super().accept()

    # Changing

    def _row(self) -> KeyRow | None:
        index = self._table.currentIndex()
        return self._model.shown[index.row()] if index.isValid() else None

    def _begin(self) -> None:
        if self._row() is not None:
            self._settle()
            self._say(PRESS)
            self._catcher.setFocus(Qt.FocusReason.OtherFocusReason)

    def _leave(self) -> None:
        self._settle()
        self._say(HINT)
        self._table.setFocus(Qt.FocusReason.OtherFocusReason)

    def _catch(self, key: str, together: bool) -> None:
        row = self._row()
        if row is None:
            return
        # A symbol stands without its Shift, but would be held with it, and go up as another key.
        if not key or not _fits(row, key) or (row.held and together):
            self._say(ALONE if key else UNUSABLE, "problem")
            return
        clash = _Clash(row, key, self._owners(row, key))
        if not clash.others:
            self._change(lambda: self.keymap.with_change(row.id, self._wanted(row, key)))
            return
        self._clash = clash
        self._catcher.setText(native(key))
        names = " and ".join(f"“{other.title}”" for other in clash.others)
        self._say(f"{native(key)} is the key of {names}. Swap the keys, take it over, or leave it.", "warning")
        self._swap.setEnabled(self._can_swap(clash))
        self._choices.setCurrentIndex(1)
        (self._swap if self._swap.isEnabled() else self._take).setFocus(Qt.FocusReason.OtherFocusReason)

    def _resolve(self, *, swap: bool) -> None:
        clash = self._clash
        if clash is None:
            return
        if swap:
            self._change(lambda: self.keymap.swapping(clash.row.id, clash.key))
        else:
            wanted = self._wanted(clash.row, clash.key)
            self._change(lambda: self.keymap.taking_over(clash.row.id, wanted))

    def _clear_keys(self) -> None:
        row = self._row()
        if row is not None:
            self._change(lambda: self.keymap.with_change(row.id, ()))

    def _reset_row(self) -> None:
        row = self._row()
        if row is not None:
            self._change(lambda: self.keymap.reset(row.id))

    def _reset_all(self) -> None:
        self._change(self.keymap.reset_all)
        self._say("Every command has its first keys again.")

    def _change(self, make: Callable[[], Keymap]) -> None:
        try:
            keymap = make()
        except UsageError as error:
            self._say(str(error), "problem")
            return
        self._model.set_keymap(keymap)
        self._settle()
        self._table.setFocus(Qt.FocusReason.OtherFocusReason)
        row = self._row()
        if row is not None:
            keys = " or ".join(native(key) for key in keymap.keys(row.id)) or "no key"
            self._say(f"“{row.title}” has {keys} now.{self._missing(row)}")

    def _missing(self, row: KeyRow) -> str:
        """Which of its default keys a row could not get back, since another has it."""
        if row.id in self.keymap.changed:
            return ""
        gone = [key for key in row.keys if key not in self.keymap.keys(row.id)]
        owners = {native(key): other.title for key in gone for other in self._owners(row, key)}
        return "".join(f" {key} is the key of “{title}”." for key, title in owners.items())

    def _wanted(self, row: KeyRow, key: str) -> tuple[str, ...]:
        return (*self.keymap.keys(row.id), key) if self._add.isChecked() else (key,)

    def _owners(self, row: KeyRow, key: str) -> list[KeyRow]:
        """Who has a key that would act where this row's do."""
        owners = self.keymap.owners(row.id, key)
        return [other for other in self._model.rows if other.id in owners]

    def _can_swap(self, clash: _Clash) -> bool:
        given = self.keymap.keys(clash.row.id)
        if len(clash.others) != 1 or not all(_fits(clash.others[0], key) for key in given):
            return False
        try:
            self.keymap.swapping(clash.row.id, clash.key)
        except UsageError:
            return False
        return True

    # What is shown

    def _search(self, query: str) -> None:
        row = self._row()
        self._model.find(query)
        if row in self._model.shown:
            self._table.setCurrentIndex(self._model.index(self._model.shown.index(row), 0))
        self._show_row()

    def _show_row(self) -> None:
        self._settle()
        row = self._row()
        self._title.setText("" if row is None else row.title)
        for button in (self._add, self._clear, self._reset):
            button.setEnabled(row is not None)
        self._catcher.setEnabled(row is not None)
        describe(self._catcher, f"New key of {row.title}" if row is not None else "New key", PRESS)
        self._say(HINT if self._model.shown else "No command is called so, and none has such a key.")

    def _settle(self) -> None:
        """Wait for no key and no choice."""
        self._clash = None
        self._catcher.clear()
        self._choices.setCurrentIndex(0)
        self._refresh()

    def _refresh(self) -> None:
        row = self._row()
        self._clear.setEnabled(row is not None and bool(self.keymap.keys(row.id)))
        self._reset.setEnabled(row is not None and row.id in self.keymap.changed)
        self._all.setEnabled(bool(self.keymap.changed))
        self._ok.setEnabled(self.keymap.changed != self._before)

    def _say(self, text: str, role: str = "hint") -> None:
        self._message.setText(text)
        set_role(self._message, role="hint" if role == "warning" else role, kind=role if role == "warning" else "")

    # Building

    def _make_table(self, tokens: Tokens) -> QTableView:
        table = QTableView()
        table.setModel(self._model)
        table.setItemDelegate(KeyDelegate(self._model, tokens, self))
        table.setSelectionBehavior(QTableView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QTableView.SelectionMode.SingleSelection)
        table.setEditTriggers(QTableView.EditTrigger.NoEditTriggers)
        table.setShowGrid(False)
        table.setTabKeyNavigation(False)
        table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        table.setVerticalScrollMode(QTableView.ScrollMode.ScrollPerPixel)
        rows, columns = table.verticalHeader(), table.horizontalHeader()
        rows.hide()
        rows.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        rows.setDefaultSectionSize(ROW)
        columns.setHighlightSections(False)
        columns.setSectionsClickable(False)
        columns.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        columns.setSectionResizeMode(1, QHeaderView.ResizeMode.Fixed)
        columns.resizeSection(1, 120)
        set_role(table, role="framed")
        describe(table, "Keys of every command", "Click a command and press its new key; Delete takes its keys away")
        table.clicked.connect(lambda _index: self._begin())
        table.installEventFilter(self)
        return table

    def _button(self, text: str, tip: str, act: Callable[[], None]) -> QPushButton:
        button = push_button(text, tip)
        button.clicked.connect(lambda _checked=False: act())
        return button

    @staticmethod
    def _line(widgets: Sequence[QWidget]) -> QWidget:
        line = QWidget()
        layout = QHBoxLayout(line)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addStretch(1)
        for widget in widgets:
            layout.addWidget(widget)
        return line

    def _lay_out(self) -> None:
        self._all = self._button("Reset all", "Every command's keys as they were at first", self._reset_all)
        cancel = self._button("Cancel", "Leave all keys as they were (Esc)", self.reject)
        self._ok = push_button("Apply", "Use these keys from now on", "primary")
        self._ok.setDefault(True)
        self._ok.clicked.connect(self.accept)
        card = QFrame()
        set_role(card, role="card")
        inner = QVBoxLayout(card)
        inner.setContentsMargins(12, 10, 12, 10)
        inner.setSpacing(8)
        first = QHBoxLayout()
        first.addWidget(self._title)
        first.addWidget(self._choices, 1)
        inner.addLayout(first)
        inner.addWidget(self._message)
        bottom = QHBoxLayout()
        bottom.setSpacing(8)
        bottom.addWidget(self._all)
        bottom.addStretch(1)
        bottom.addWidget(cancel)
        bottom.addWidget(self._ok)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 20, 24, 20)
        layout.setSpacing(12)
        layout.addWidget(text_label("Change keys", "subtitle"))
        layout.addWidget(self._query)
        layout.addWidget(self._table, 1)
        layout.addWidget(card)
        layout.addLayout(bottom)


def _fits(row: KeyRow, key: str) -> bool:
    """Whether a row can have a key: one that is held is a single key without modifiers."""
    return not row.held or (", " not in key and "+" not in key.removesuffix("+"))
