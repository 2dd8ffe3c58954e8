"""All keys and what the mouse does, on one page."""

from itertools import groupby

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from segstudio.ui.action_table import ACTIONS, KEYED_CLASSES, MENUS, Keys, default_keys
from segstudio.ui.panels.parts import heading, push_button, search_field, text_label

COLUMNS = 3
_TOP = Qt.AlignmentFlag.AlignTop
Rows = list[tuple[str, tuple[str, ...]]]


def hands(keys: Keys) -> Rows:
    """What is no action of the table: the mouse on the canvas, and keys that are held or that stand for many."""
    rows: Rows = [
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
        *_classes(keys, "class", "Choose"),
        *_classes(keys, "lock_class", "Lock"),
    ]
    return [row for row in rows if row[1]]


def _classes(keys: Keys, prefix: str, verb: str) -> Rows:
    """Classes that have their usual keys in one row, the others in one each."""
    rows: Rows = []
    numbers = range(1, KEYED_CLASSES + 1)
    for usual, run in groupby(numbers, lambda at: keys(f"{prefix}_{at}") == default_keys(f"{prefix}_{at}")):
        found = list(run)
        if usual and len(found) > 2:
            title = f"{verb} a class" if len(found) == len(numbers) else f"{verb} class {found[0]} to {found[-1]}"
            rows.append((title, (*keys(f"{prefix}_{found[0]}"), "…", *keys(f"{prefix}_{found[-1]}"))))
        else:
            rows += [(f"{verb} class {at}", keys(f"{prefix}_{at}")) for at in found]
    return rows


class ShortcutsDialog(QDialog):
    """Written from the table of actions, so that it is never out of date.

    Args:
        keys: the keys there are now.
        parent: window.
    """

    def __init__(self, keys: Keys, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Keyboard and mouse")
        self.resize(1120, 760)
        area = self._area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setAccessibleName("Keys and mouse")
        self._keys = keys
        self._query = search_field("Search commands or keys", "Type part of a command or a key")
        self._query.textChanged.connect(self._show)
        self._show()
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
        layout.addWidget(self._query)
        layout.addWidget(area, 1)
        layout.addLayout(bottom)

    def set_keys(self, keys: Keys) -> None:
        """Show these keys; the page stays where it was scrolled to."""
        self._keys = keys
        self._show()

    def _show(self) -> None:
        at = self._area.verticalScrollBar().value()
        self._area.setWidget(_page(self._keys, self._query.text()))
        self._area.verticalScrollBar().setValue(at)


def _page(keys: Keys, query: str) -> QWidget:
    inner = QWidget()
    columns = QHBoxLayout(inner)
    columns.setContentsMargins(0, 0, 12, 0)
    columns.setSpacing(28)
    found = _found(_groups(keys), query)
    if not found:
        columns.addWidget(text_label(f"No command or key matches “{query.strip()}”", "hint"), 1, _TOP)
    for groups in _columns(found):
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
    return inner


def _groups(keys: Keys) -> list[tuple[str, Rows]]:
    groups: list[tuple[str, Rows]] = [("Canvas", hands(keys))]
    for menu in MENUS:
        listed = [spec for spec in ACTIONS if spec.menu.partition("/")[0] == menu]
        if rows := [(spec.title, _news(own)) for spec in listed if (own := keys(spec.id))]:
            groups.append((menu, rows))
    return groups


def _found(groups: list[tuple[str, Rows]], query: str) -> list[tuple[str, Rows]]:
    """The rows that have every word of a query in group, text or keys."""
    words = query.lower().split()

    def fits(title: str, text: str, keys: tuple[str, ...]) -> bool:
        said = " ".join((title, text, *keys)).lower()
        return all(word in said for word in words)

    kept = [(title, [row for row in rows if fits(title, *row)]) for title, rows in groups]
    return [(title, rows) for title, rows in kept if rows]


def _news(keys: tuple[str, ...]) -> tuple[str, ...]:
    """Keys without the keypad's Enter where Return does the same."""
    return tuple(key for key in keys if not (key.endswith("Enter") and f"{key.removesuffix('Enter')}Return" in keys))


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
    layout.addWidget(text_label(text, ""), 1)
    for key in keys:
        cap = text_label(key, "key")
        cap.setAlignment(Qt.AlignmentFlag.AlignCenter)
        cap.setFixedHeight(20)
        layout.addWidget(cap, 0, Qt.AlignmentFlag.AlignVCenter)
    return row
