"""All keys and what the mouse does, on one page."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from segstudio.ui.actions import ACTIONS, MENUS, ActionSpec, native
from segstudio.ui.panels.parts import ElidedLabel, heading, push_button, text_label

COLUMNS = 3
# What is no action of the table: the mouse on the canvas, and keys that are held or that stand for many.
HANDS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Paint", ("Left drag",)),
    ("Erase", ("Right drag", "Alt+drag")),
    ("Straight line", ("Shift+click",)),
    ("Brush size", ("Shift+wheel", "Alt+right drag")),
    ("Zoom at the cursor", ("Wheel",)),
    ("Pan", ("Space+drag", "Middle drag")),
    ("Peek under the labels", ("Hold `",)),
    ("Choose a class", ("1 … 9, 0",)),
    ("Lock a class", ("Shift+1 … 0",)),
)


class ShortcutsDialog(QDialog):
    """Written from the table of actions, so that it is never out of date."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Keyboard and mouse")
        self.resize(920, 640)
        columns = QHBoxLayout()
        columns.setSpacing(32)
        for groups in _columns(_groups()):
            column = QVBoxLayout()
            column.setSpacing(2)
            for title, rows in groups:
                column.addWidget(heading(title))
                column.addSpacing(4)
                for text, keys in rows:
                    column.addWidget(_row(text, keys))
                column.addSpacing(16)
            column.addStretch(1)
            columns.addLayout(column, 1)
        inner = QWidget()
        inner.setLayout(columns)
        columns.setContentsMargins(0, 0, 12, 0)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(inner)
        area.setAccessibleName("Keys and mouse")
        close = push_button("Close", "Close this page (Esc)", "primary")
        close.setDefault(True)
        close.clicked.connect(self.accept)
        bottom = QHBoxLayout()
        bottom.addStretch(1)
        bottom.addWidget(close)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 20, 24, 20)
        layout.setSpacing(16)
        layout.addWidget(text_label("Keyboard and mouse", "subtitle"))
        layout.addWidget(area, 1)
        layout.addLayout(bottom)


Rows = list[tuple[str, tuple[str, ...]]]


def _groups() -> list[tuple[str, Rows]]:
    groups: list[tuple[str, Rows]] = [("Canvas", list(HANDS))]
    for menu in MENUS:
        rows = [(spec.title, _keys(spec)) for spec in ACTIONS if spec.menu.partition("/")[0] == menu and spec.shortcuts]
        if rows:
            groups.append((menu, rows))
    return groups


def _keys(spec: ActionSpec) -> tuple[str, ...]:
    # The keypad's Enter beside Return is no news to anyone.
    return tuple(native(keys) for keys in spec.shortcuts if not keys.endswith("Enter"))


def _columns(groups: list[tuple[str, Rows]]) -> list[list[tuple[str, Rows]]]:
    total = sum(len(rows) + 2 for _, rows in groups)
    columns: list[list[tuple[str, Rows]]] = [[]]
    used = 0
    for group in groups:
        size = len(group[1]) + 2
        if columns[-1] and used + size / 2 > total / COLUMNS * len(columns) and len(columns) < COLUMNS:
            columns.append([])
        columns[-1].append(group)
        used += size
    return columns


def _row(text: str, keys: tuple[str, ...]) -> QWidget:
    row = QWidget()
    row.setFixedHeight(26)
    layout = QHBoxLayout(row)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(4)
    layout.addWidget(ElidedLabel(text), 1)
    for key in keys:
        cap = text_label(key, "key")
        cap.setAlignment(Qt.AlignmentFlag.AlignCenter)
        cap.setFixedHeight(20)
        layout.addWidget(cap, 0, Qt.AlignmentFlag.AlignVCenter)
    return row
