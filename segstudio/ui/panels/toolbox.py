"""The buttons of the tools, left of the canvas."""

from collections.abc import Iterable

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QToolButton, QWidget

from segstudio.ui.action_table import TOOLS
from segstudio.ui.actions import ActionSet
from segstudio.ui.panels.parts import set_role

_SIDE, _GAP, _MARGIN = 32, 2, 5
_RULE = 9  # px a line takes with its margins


class ToolBox(QFrame):
    """Every tool is always in sight: in one column where there is room, in two or three where there is not.

    Args:
        actions: what the buttons do.
        ids: of the actions; None is a line.
    """

    def __init__(self, actions: ActionSet, ids: Iterable[str | None] = TOOLS, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("Tools")
        self.setAccessibleName("Tools")
        set_role(self, role="toolbox")
        self._parts: list[QWidget] = []
        self._by_id: dict[str, QToolButton] = {}
        for action_id in ids:
            self._parts.append(self._line() if action_id is None else self._button(actions, action_id))
        self._arrange(1)

    def button(self, action_id: str) -> QToolButton:
        """The button of an action."""
        return self._by_id[action_id]

    def minimumSizeHint(self) -> QSize:
        """Qt's virtual: three columns are the least there is."""
        return QSize(2 * _MARGIN + _SIDE, 2 * _MARGIN + self._height(3))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Qt's virtual."""
        super().resizeEvent(event)
        room = self.height() - 2 * _MARGIN
        self._arrange(next((columns for columns in (1, 2) if self._height(columns) <= room), 3))

    def _height(self, columns: int) -> int:
        """What so many columns need, in px."""
        height, run = 0, 0
        for part in (*self._parts, None):
            if isinstance(part, QToolButton):
                run += 1
                continue
            height += -(-run // columns) * (_SIDE + _GAP) + (_RULE + _GAP if part is not None else 0)
            run = 0
        return height

    def _arrange(self, columns: int) -> None:
        width = columns * (_SIDE + _GAP) - _GAP
        x, y = 0, _MARGIN
        for part in self._parts:
            if isinstance(part, QToolButton):
                part.move(_MARGIN + x, y)
                x += _SIDE + _GAP
                if x > width:
                    x, y = 0, y + _SIDE + _GAP
                continue
            if x:
                x, y = 0, y + _SIDE + _GAP
            part.setGeometry(_MARGIN + 4, y + _RULE // 2, width - 8, 1)
            y += _RULE + _GAP
        self.setFixedWidth(width + 2 * _MARGIN + 1)

    def _button(self, actions: ActionSet, action_id: str) -> QToolButton:
        button = QToolButton(self)
        button.setDefaultAction(actions[action_id])
        button.setIconSize(QSize(20, 20))
        button.setFixedSize(_SIDE, _SIDE)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.setAccessibleName(actions.specs[action_id].title)
        self._by_id[action_id] = button
        return button

    def _line(self) -> QFrame:
        line = QFrame(self)
        set_role(line, role="rule")
        return line
