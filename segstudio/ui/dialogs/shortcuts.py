"""All keys and what the mouse does, on one page."""

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from segstudio.ui.action_table import ACTIONS, MENUS
from segstudio.ui.panels.parts import ElidedLabel, heading, push_button, text_label

COLUMNS = 3
Keys = Callable[[str], tuple[str, ...]]  # by action id, as this platform writes them
Rows = list[tuple[str, tuple[str, ...]]]


def hands(keys: Keys) -> Rows:
    """What is no action of the table: the mouse on the canvas, and keys that are held or that stand for many."""
    first, last = keys("class_1")[:1], keys("class_10")[:1]
    lock = keys("lock_class_1")[:1]
    return [
        ("Add", ("Left drag",)),
        ("Take away", ("Right drag", "Alt+drag")),
        ("Straight, square, whole class", ("Shift+click",)),
        ("Brush size, amount", ("Shift+wheel", "Alt+right drag")),
        ("Close an outline", ("Enter", "Double click")),
        ("Its last point back, drop it", ("Backspace", "Esc")),
        ("Borrow a tool", ("Hold its key",)),
        ("Zoom at the cursor", ("Wheel", "Pinch")),
        ("Pan", (*(f"{key}+drag" for key in keys("hold_pan")), "Middle drag")),
        ("Pan on a touchpad", ("Two fingers",)),
        ("Peek under the labels", tuple(f"Hold {key}" for key in keys("hold_peek"))),
        ("Choose a class", (*first, "…", *last)),
        ("Lock a class", (*lock, "…")),
    ]


class ShortcutsDialog(QDialog):
    """Written from the table of actions, so that it is never out of date.

    Args:
        keys: the keys of an action, or of a row of `key_table.OTHER_ROWS`, now.
        parent: window.
    """

    def __init__(self, keys: Keys, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Keyboard and mouse")
        self.resize(1040, 720)
        columns = QHBoxLayout()
        columns.setSpacing(32)
        for groups in _columns(_groups(keys)):
            column = QVBoxLayout()
            column.setSpacing(2)
            for title, rows in groups:
                column.addWidget(heading(title))
                column.addSpacing(4)
                for text, caps in rows:
                    column.addWidget(_row(text, caps))
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


def _groups(keys: Keys) -> list[tuple[str, Rows]]:
    groups: list[tuple[str, Rows]] = [("Canvas", hands(keys))]
    for menu in MENUS:
        listed = [spec for spec in ACTIONS if spec.menu.partition("/")[0] == menu]
        # The keypad's Enter beside Return is no news to anyone.
        shown = [(spec.title, tuple(key for key in keys(spec.id) if not key.endswith("Enter"))) for spec in listed]
        if rows := [row for row in shown if row[1]]:
            groups.append((menu, rows))
    return groups


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
