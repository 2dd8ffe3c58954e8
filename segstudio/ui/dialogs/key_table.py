"""Everything that can have a key, as a Qt table, and how a row of it is drawn."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from segstudio.core.keymap import WINDOW, Keymap
from segstudio.ui.action_table import ACTIONS, KEYED_CLASSES, OTHER_KEYS, ActionSpec, native
from segstudio.ui.theme import SMALL_PX, Tokens, ui_font

Index = QModelIndex | QPersistentModelIndex
ROOT = QModelIndex()
ROW = 30
COLUMNS = ("Command", "Menu", "Keys")


@dataclass(frozen=True, slots=True)
class KeyRow:
    """One thing a key does.

    Attributes:
        id: how code calls it.
        title, menu: how a person calls it, and where it is found.
        keys: portable sequences it has by default.
        context: where its keys act, see `Keymap`.
        held: it acts while the key is down, which therefore is one key without modifiers.
    """

    id: str
    title: str
    menu: str
    keys: tuple[str, ...]
    context: str = WINDOW
    held: bool = False


def _row(name: str, title: str, menu: str, context: str = WINDOW, *, held: bool = False) -> KeyRow:
    return KeyRow(name, title, menu, (OTHER_KEYS[name],), context, held)


# What has a key and is no action of the table.
OTHER_ROWS: tuple[KeyRow, ...] = (
    _row("hold_pan", "Pan while held", "Canvas", "canvas", held=True),
    _row("hold_peek", "Peek under the labels while held", "Canvas", "canvas", held=True),
    *(_row(f"class_{at}", f"Choose class {at}", "Classes") for at in range(1, KEYED_CLASSES + 1)),
    *(_row(f"lock_class_{at}", f"Lock class {at}", "Classes") for at in range(1, KEYED_CLASSES + 1)),
)


def key_rows(actions: Iterable[ActionSpec] = ACTIONS) -> tuple[KeyRow, ...]:
    """Everything that can have a key, in the order of the menus."""
    listed = (
        KeyRow(spec.id, spec.title, spec.menu.replace("/", " / "), spec.shortcuts, "canvas" if spec.canvas else WINDOW)
        for spec in actions
    )
    return (*listed, *OTHER_ROWS)


def make_keymap(rows: Sequence[KeyRow], changes: object = None) -> Keymap:
    """The keys of these rows, with what a person changed, as the preferences hold it."""
    return Keymap({row.id: row.keys for row in rows}, changes, {row.id: row.context for row in rows})


class KeyModel(QAbstractTableModel):
    """The rows that were found, with the keys of a keymap.

    Attributes:
        rows: all of them.
        shown: those found.
        keymap: replace it with `set_keymap`.
    """

    def __init__(self, rows: Sequence[KeyRow], keymap: Keymap, parent: QObject) -> None:
        super().__init__(parent)
        self.rows = list(rows)
        self.shown = list(rows)
        self.keymap = keymap

    def rowCount(self, parent: Index = ROOT) -> int:
        """Qt's virtual."""
        return 0 if parent.isValid() else len(self.shown)

    def columnCount(self, parent: Index = ROOT) -> int:
        """Qt's virtual."""
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Qt's virtual."""
        across = orientation == Qt.Orientation.Horizontal
        if across and role == Qt.ItemDataRole.TextAlignmentRole:
            return int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        return COLUMNS[section] if across and role == Qt.ItemDataRole.DisplayRole else None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Qt's virtual."""
        if role not in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return None
        row = self.shown[index.row()]
        keys = ", ".join(native(key) for key in self.keymap.keys(row.id))
        return (row.title, row.menu, keys or ("No key" if role != Qt.ItemDataRole.DisplayRole else ""))[index.column()]

    def find(self, query: str) -> None:
        """Show the rows that have every word of the query in title, menu or keys."""
        self.beginResetModel()
        words = query.lower().split()
        self.shown = [row for row in self.rows if all(word in self._text(row) for word in words)]
        self.endResetModel()

    def set_keymap(self, keymap: Keymap) -> None:
        """Show other keys."""
        self.keymap = keymap
        self.dataChanged.emit(self.index(0, 0), self.index(len(self.shown) - 1, len(COLUMNS) - 1))

    def _text(self, row: KeyRow) -> str:
        return " ".join((row.title, row.menu, *(native(key) for key in self.keymap.keys(row.id)))).lower()


class KeyDelegate(QStyledItemDelegate):
    """Draws a row; keys as caps, those a person changed in the accent's colour."""

    def __init__(self, model: KeyModel, tokens: Tokens, parent: QObject) -> None:
        super().__init__(parent)
        self._model = model
        self._tokens = tokens

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Qt's virtual."""
        t, row = self._tokens, self._model.shown[index.row()]
        cell: QRect = option.rect
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(cell, QColor(t.accent_ground))
        middle = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
        if index.column() < 2:
            painter.setPen(QColor(t.quiet if index.column() else t.text))
            area = cell.adjusted(8, 0, -8, 0)
            text = painter.fontMetrics().elidedText(index.data(), Qt.TextElideMode.ElideRight, area.width())
            painter.drawText(area, middle, text)
            painter.restore()
            return
        changed = row.id in self._model.keymap.changed
        painter.setFont(ui_font(SMALL_PX))
        left = cell.x() + 8
        for key in self._model.keymap.keys(row.id):
            text = native(key)
            cap = QRectF(left + 0.5, cell.center().y() - 9.5, painter.fontMetrics().horizontalAdvance(text) + 12, 20)
            painter.setPen(QColor(t.accent if changed else t.border))
            painter.setBrush(QColor(t.raised))
            painter.drawRoundedRect(cap, 4, 4)
            painter.setPen(QColor(t.accent_text if changed else t.text))
            painter.drawText(cap, Qt.AlignmentFlag.AlignCenter, text)
            left += round(cap.width()) + 5
        if changed and not self._model.keymap.keys(row.id):
            painter.setPen(QColor(t.accent_text))
            painter.drawText(cell.adjusted(8, 0, 0, 0), middle, "no key")
        painter.restore()

    def sizeHint(self, _option: QStyleOptionViewItem, _index: Index) -> QSize:
        """Qt's virtual."""
        return QSize(80, ROW)
