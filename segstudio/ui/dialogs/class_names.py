"""An editable list of class names with the colours they will get."""

from collections.abc import Iterable

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLineEdit, QScrollArea, QVBoxLayout, QWidget

from segstudio.core.classes import ClassTable
from segstudio.ui.panels.parts import describe, plain_button, push_button, set_role
from segstudio.ui.theme import Tokens


class ClassNames(QFrame):
    """Rows of colour, name and a button that takes the row away.

    Signals:
        changed(): a name was typed, added or taken away.
    """

    changed = Signal()

    def __init__(self, names: Iterable[str], tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_role(self, role="card")
        self._tokens = tokens
        self._rows: list[_Row] = []
        inner = QWidget()
        self._layout = QVBoxLayout(inner)
        self._layout.setContentsMargins(8, 8, 8, 8)
        self._layout.setSpacing(4)
        add = push_button("+ Add class", "Add a class", "link")
        add.setMinimumHeight(28)
        add.clicked.connect(lambda: self.add(""))
        self._layout.addWidget(add)
        self._layout.addStretch(1)
        self._area = QScrollArea()
        self._area.setWidgetResizable(True)
        self._area.setFrameShape(QFrame.Shape.NoFrame)
        self._area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._area.setMinimumHeight(152)
        self._area.setWidget(inner)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(1, 1, 1, 1)
        outer.addWidget(self._area)
        for name in names:
            self.add(name)

    def names(self) -> tuple[str, ...]:
        """The names as typed, stripped; rows left empty are not counted."""
        return tuple(row.edit.text().strip() for row in self._rows if row.edit.text().strip())

    def add(self, name: str) -> None:
        """Add a row; an empty one gets the keyboard."""
        row = _Row(name, self._tokens)
        row.edit.textEdited.connect(self._edited)
        row.remove.clicked.connect(lambda: self._remove(row))
        self._rows.append(row)
        self._layout.insertWidget(len(self._rows) - 1, row)
        if not name:
            row.edit.setFocus(Qt.FocusReason.OtherFocusReason)
        self._edited()

    def _remove(self, row: "_Row") -> None:
        self._rows.remove(row)
        self._layout.removeWidget(row)
        row.hide()
        row.deleteLater()
        self._edited()

    def _edited(self) -> None:
        # Colours as the project will give them; a name typed twice shows as such, not as a crash.
        texts = [row.edit.text().strip() for row in self._rows]
        table = ClassTable.of(_distinct(texts))
        for at, (row, item) in enumerate(zip(self._rows, table, strict=True)):
            row.show_at(at, item.color, twice=bool(texts[at]) and texts.count(texts[at]) > 1)
        self.changed.emit()


class _Row(QWidget):
    def __init__(self, name: str, tokens: Tokens) -> None:
        super().__init__()
        self._swatch = _Dot()
        self.edit = QLineEdit(name)
        set_role(self.edit, role="inline")
        self.edit.setPlaceholderText("Name")
        self.remove = plain_button("reject", tokens, "Remove class")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self._swatch)
        layout.addWidget(self.edit, 1)
        layout.addWidget(self.remove)

    def show_at(self, at: int, color: str, *, twice: bool) -> None:
        """Take a place in the list."""
        self._swatch.color = color
        self._swatch.update()
        describe(self.edit, f"Name of class {at + 1}")
        describe(self.remove, f"Remove class {at + 1}")
        set_role(self.edit, problem=twice)


class _Dot(QWidget):
    def __init__(self) -> None:
        super().__init__()
        self.color = "#000000"
        self.setFixedSize(14, 14)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Qt's virtual."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(self.color))
        painter.drawRoundedRect(self.rect(), 4, 4)


def _distinct(texts: list[str]) -> list[str]:
    seen: set[str] = set()
    result = []
    for at, text in enumerate(texts):
        name = text if text and text not in seen else f"{text}\0{at}"
        seen.add(name)
        result.append(name)
    return result
