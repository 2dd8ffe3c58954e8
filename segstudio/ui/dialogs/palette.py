"""The command palette: find any action by a few letters of its name."""

import re
from collections.abc import Sequence

from PySide6.QtCore import QEvent, QModelIndex, QObject, QPoint, QRect, QSize, Qt, QTimer
from PySide6.QtGui import QAction, QColor, QIcon, QKeyEvent, QKeySequence, QPainter, QStandardItem, QStandardItemModel
from PySide6.QtWidgets import (
    QFrame,
    QLineEdit,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from segstudio.ui.action_table import ActionSpec
from segstudio.ui.panels.parts import describe, set_role, text_label
from segstudio.ui.theme import SMALL_PX, Tokens, ui_font

WIDTH = 520
ROW = 36
WORST = 8  # cost a letter beyond which a command does not fit
LATE = 4  # added cost of what cannot be done now
SPOKEN = 3  # letters from which on a query is taken for words, where words begin like it
VISIBLE_ROWS = 9
_WORDS = re.compile(r"\w+")
ACTION_ROLE = int(Qt.ItemDataRole.UserRole)
MENU_ROLE = ACTION_ROLE + 1
KEYS_ROLE = ACTION_ROLE + 2
MOVES = {
    Qt.Key.Key_Up: -1,
    Qt.Key.Key_Down: 1,
    Qt.Key.Key_PageUp: -VISIBLE_ROWS,
    Qt.Key.Key_PageDown: VISIBLE_ROWS,
}


def match(query: str, text: str) -> int | None:
    """How well a query fits a text: lower is better, None when its letters are not in the text in that order.

    Letters that begin a word cost nothing, letters in a run little, letters after a gap more.
    """
    cost, at = 0, 0
    low = text.lower()
    for letter in query.lower().replace(" ", ""):
        starts = [i for i in range(at, len(low)) if low[i] == letter and (i == 0 or not low[i - 1].isalnum())]
        following = low.find(letter, at)
        if following < 0:
            return None
        if following == at and at > 0:
            found = at
            cost += 1
        elif starts:
            found = starts[0]
            cost += 2 if found else 0
        else:
            found = following
            cost += 6 + found - at
        at = found + 1
    return cost


class CommandPalette(QFrame):
    """A pop-up over the window; Return does the chosen command, Escape closes.

    Args:
        actions: rows of the table with their `QAction`.
        tokens: colours.
        parent: the window it appears over.
    """

    def __init__(self, actions: Sequence[tuple[ActionSpec, QAction]], tokens: Tokens, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        set_role(self, role="popup")
        self.setAccessibleName("Commands")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._actions = actions
        self._over = parent
        self._model = QStandardItemModel(self)
        self._query = QLineEdit()
        set_role(self._query, role="query")
        self._query.setPlaceholderText("Search commands…")
        describe(self._query, "Search commands", "Type a few letters of a command")
        self._query.textChanged.connect(self._filter)
        self._query.installEventFilter(self)
        self._list = QListView()
        self._list.setModel(self._model)
        self._list.setItemDelegate(_Row(tokens, self))
        self._list.setUniformItemSizes(True)
        self._list.setMouseTracking(True)
        self._list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._list.setAccessibleName("Commands found")
        self._list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._list.clicked.connect(self._do)
        self._nothing = text_label("", "hint", wrap=True)
        self._nothing.setContentsMargins(12, 8, 12, 12)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(1, 1, 1, 1)
        layout.setSpacing(4)
        layout.addWidget(self._query)
        layout.addWidget(self._list)
        layout.addWidget(self._nothing)
        self.setFixedWidth(WIDTH)
        self._filter("")

    def open_over(self) -> None:
        """Show it near the top of its window."""
        window = self._over.window()
        self.adjustSize()
        corner = window.mapToGlobal(QPoint((window.width() - self.width()) // 2, 48))
        self.move(corner)
        self.show()
        self._query.setFocus(Qt.FocusReason.PopupFocusReason)

    def found(self) -> list[str]:
        """Titles of the commands that fit, best first."""
        return [self._model.item(row).text() for row in range(self._model.rowCount())]

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Qt's virtual: the arrows move in the list while the line has the keyboard."""
        if watched is self._query and isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self._do(self._list.currentIndex())
                return True
            step = MOVES.get(Qt.Key(event.key()))
            if step is not None and self._model.rowCount():
                row = min(max(self._list.currentIndex().row() + step, 0), self._model.rowCount() - 1)
                self._list.setCurrentIndex(self._model.index(row, 0))
                return True
        return super().eventFilter(watched, event)

    def _filter(self, query: str) -> None:
        ranked = []
        for at, (spec, action) in enumerate(self._actions):
            costs = [match(query, spec.title), match(query, f"{spec.menu} {spec.title}")]
            known = [cost + late for cost, late in zip(costs, (0, 4), strict=True) if cost is not None]
            if known and min(known) <= WORST * max(1, len(query)):
                ranked.append((min(known) + (0 if action.isEnabled() else LATE), at))
        exact = [rank for rank in ranked if self._says(query, rank[1])]
        if exact and len(query.strip()) >= SPOKEN:
            ranked = exact  # what merely has these letters somewhere would drown it
        self._model.clear()
        for _, at in sorted(ranked):
            spec, action = self._actions[at]
            item = QStandardItem(spec.title)
            item.setData(action, ACTION_ROLE)
            item.setData(spec.menu.replace("/", " / "), MENU_ROLE)
            item.setData(action.shortcut().toString(QKeySequence.SequenceFormat.NativeText), KEYS_ROLE)
            item.setData(action.icon(), Qt.ItemDataRole.DecorationRole)
            item.setToolTip(action.toolTip())
            item.setEnabled(action.isEnabled())
            self._model.appendRow(item)
        rows = self._model.rowCount()
        if rows:
            self._list.setCurrentIndex(self._model.index(0, 0))
        self._list.setVisible(rows > 0)
        self._list.setFixedHeight(ROW * min(rows, VISIBLE_ROWS) + 4)
        self._nothing.setText(f"No command matches “{query.strip()}”")
        self._nothing.setVisible(not rows)
        self.adjustSize()

    def _says(self, query: str, at: int) -> bool:
        """Whether each word of a query begins a word of a command."""
        spec = self._actions[at][0]
        words = _WORDS.findall(f"{spec.menu} {spec.title}".lower())
        return all(any(word.startswith(part) for word in words) for part in _WORDS.findall(query.lower()))

    def _do(self, index: QModelIndex) -> None:
        action = index.data(ACTION_ROLE) if index.isValid() else None
        if isinstance(action, QAction) and action.isEnabled():
            # Afterwards, with the pop-up gone: what the command opens must not be closed with it.
            QTimer.singleShot(0, action, action.trigger)
            self.close()


class _Row(QStyledItemDelegate):
    def __init__(self, tokens: Tokens, parent: QObject) -> None:
        super().__init__(parent)
        self._tokens = tokens

    def sizeHint(self, _option: QStyleOptionViewItem, _index: QModelIndex) -> QSize:  # type: ignore[override]
        """Qt's virtual."""
        return QSize(WIDTH, ROW)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex) -> None:  # type: ignore[override]
        """Qt's virtual."""
        t = self._tokens
        row: QRect = option.rect.adjusted(4, 0, -4, 0)
        enabled = bool(option.state & QStyle.StateFlag.State_Enabled)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        if option.state & (QStyle.StateFlag.State_Selected | QStyle.StateFlag.State_MouseOver):
            selected = bool(option.state & QStyle.StateFlag.State_Selected)
            painter.setBrush(QColor(t.accent_ground if selected else t.raised))
            painter.drawRoundedRect(row, 4, 4)
        picture = index.data(Qt.ItemDataRole.DecorationRole)
        if isinstance(picture, QIcon):
            mode = QIcon.Mode.Normal if enabled else QIcon.Mode.Disabled
            picture.paint(painter, QRect(row.x() + 8, row.y() + 10, 16, 16), Qt.AlignmentFlag.AlignCenter, mode)
        painter.setPen(QColor(t.text if enabled else t.disabled))
        words = row.adjusted(34, 0, -12, 0)
        left = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        painter.drawText(words, left, index.data())
        width = painter.fontMetrics().horizontalAdvance(index.data())
        painter.setFont(ui_font(SMALL_PX))
        painter.setPen(QColor(t.quiet if enabled else t.disabled))
        painter.drawText(words.adjusted(width + 10, 0, 0, 0), left, index.data(MENU_ROLE))
        painter.drawText(words, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, index.data(KEYS_ROLE))
        painter.restore()
