"""Keys of one's own are named wherever the window names a key, at once."""

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QSpinBox

from segstudio.ui.dialogs.shortcuts import ShortcutsDialog
from segstudio.ui.panels.class_row import ClassRow
from tests.e2e.test_comfort import come_back, give_key

if TYPE_CHECKING:
    from tests.e2e.conftest import Driver


def test_rows_tips_and_the_open_page_name_the_key_of_now(painter: "Driver") -> None:
    window = painter.window
    window.show_shortcuts()
    page = window.findChild(ShortcutsDialog)
    assert isinstance(page, ShortcutsDialog)
    give_key(painter, "Choose class 2", Qt.Key.Key_F7)
    give_key(painter, "Smaller brush", Qt.Key.Key_J)
    give_key(painter, "Contrast", Qt.Key.Key_F8)
    give_key(painter, "Show annotation", Qt.Key.Key_F9)
    give_key(painter, "New project", Qt.Key.Key_F10)
    rows = window.bench.classes.findChildren(ClassRow)
    assert [row.key for row in rows[:2]] == ["1", "F7"]
    assert "(F7)" in rows[1].toolTip()
    assert "(J and ], " in next(
        box.toolTip() for box in window.bench.options.findChildren(QSpinBox) if box.accessibleName() == "Brush size"
    )
    assert "(F8)" in window.bench.options.tone_button.toolTip()
    assert any(
        "(F9)" in part.toolTip() for part in window.bench.layers.findChildren(type(painter.tool_button("brush")))
    )
    assert any("(F10)" in part.toolTip() for part in window.start.findChildren(type(window.start._entries[0])))
    assert {"Choose class 2", "F7", "J", "F8", "F9", "F10"} <= {label.text() for label in page.findChildren(QLabel)}
    page.close()
    come_back(painter)


def test_a_key_typed_with_shift_is_the_symbol_alone_and_works(painter: "Driver") -> None:
    give_key(painter, "Tools Lasso", Qt.Key.Key_Question)
    painter.key(Qt.Key.Key_Question)
    assert painter.tool == "lasso"
    assert painter.tool_button("lasso").toolTip().startswith("Lasso (?)")
