"""Where Tab goes, and that asking does not confuse what lies in memory."""

import pytest
from PySide6.QtWidgets import (
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QStatusBar,
    QVBoxLayout,
    QWidget,
)
from pytestqt.qtbot import QtBot

from segstudio.ui.panels.tabbing import tab_stops


def texts(root: QWidget) -> list[str]:
    return [stop.text() for stop in tab_stops(root) if isinstance(stop, QPushButton | QLineEdit)]


def test_controls_come_as_they_lie_whenever_they_were_made(qtbot: QtBot) -> None:
    root = QWidget()
    qtbot.addWidget(root)
    column, row, inner, form = QVBoxLayout(root), QHBoxLayout(), QVBoxLayout(), QFormLayout()
    column.addWidget(QPushButton("b"))
    column.addStretch(1)
    inner.addWidget(QPushButton("d"))
    row.addWidget(QPushButton("c"))
    row.addSpacing(4)
    row.addLayout(inner)
    row.addWidget(QPushButton("e"))
    column.addLayout(row)
    form.addRow("name", QLineEdit("f"))
    form.addRow("size", QLineEdit("g"))
    column.addLayout(form)
    column.insertWidget(0, QPushButton("a"))
    root.show()
    assert texts(root) == list("abcdefg")


@pytest.mark.parametrize("hidden", ["disabled", "hidden"])
def test_what_cannot_be_used_is_passed_over(qtbot: QtBot, hidden: str) -> None:
    root = QWidget()
    qtbot.addWidget(root)
    column = QVBoxLayout(root)
    buttons = [QPushButton(text) for text in "abc"]
    for button in buttons:
        column.addWidget(button)
    root.show()
    if hidden == "hidden":
        buttons[1].hide()
    else:
        buttons[1].setEnabled(False)
    assert texts(root) == ["a", "c"]


def test_a_spacer_that_qt_deleted_is_never_taken_for_a_layout(qtbot: QtBot) -> None:
    """A status bar makes its layout anew, spacers and all, whenever something is added to it or taken out."""
    bar = QStatusBar()
    qtbot.addWidget(bar)
    bar.addPermanentWidget(QPushButton("a"), 1)
    bar.show()
    for _ in range(40):
        assert texts(bar) == ["a"]
        passing = QLabel("b")
        bar.addPermanentWidget(passing)
        bar.removeWidget(passing)
        passing.deleteLater()
        elsewhere = QWidget()
        QVBoxLayout(elsewhere).addWidget(QPushButton("c"))
