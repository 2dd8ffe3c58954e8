"""Wherever the window names a key, it is the one a person bound."""

from collections.abc import Callable
from functools import partial

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QMainWindow, QScrollArea, QSpinBox, QToolButton, QWidget
from pytestqt.qtbot import QtBot

from segstudio.ui.action_table import ACTIONS, OTHER_KEYS, SPECS, default_keys, native, tooltip
from segstudio.ui.actions import ActionSet, label_search, search_button
from segstudio.ui.dialogs.key_table import key_rows, make_keymap
from segstudio.ui.dialogs.shortcuts import ShortcutsDialog
from segstudio.ui.panels.layers import LayersPanel
from segstudio.ui.panels.options import ToolOptions
from segstudio.ui.panels.toolbox import ToolBox
from segstudio.ui.theme import Tokens


@pytest.fixture
def window(qtbot: QtBot) -> QMainWindow:
    made = QMainWindow()
    qtbot.addWidget(made)
    return made


@pytest.fixture
def actions(window: QMainWindow, tokens: Tokens) -> ActionSet:
    return ActionSet(window, {spec.id: lambda: None for spec in ACTIONS}, tokens)


@pytest.fixture
def bind(actions: ActionSet) -> Callable[..., None]:
    """Change keys, by id; an empty text takes them away."""

    def change(**keys: str) -> None:
        actions.set_keymap(make_keymap(key_rows(), {name: [key] if key else [] for name, key in keys.items()}))

    return change


def tips(widget: QWidget, kind: type[QWidget] = QToolButton) -> dict[str, str]:
    return {part.accessibleName(): part.toolTip() for part in widget.findChildren(kind)}


def test_before_anything_is_changed_the_keys_are_the_first_ones(actions: ActionSet) -> None:
    for row in key_rows():
        assert actions.keys(row.id) == default_keys(row.id) == tuple(native(key) for key in row.keys)
    assert {row.id for row in key_rows()} == {*SPECS, *OTHER_KEYS}
    with pytest.raises(KeyError):
        default_keys("unicorn")


def test_who_listens_is_told_and_can_ask_for_any_key(actions: ActionSet, bind: Callable[..., None]) -> None:
    heard: list[tuple[str, ...]] = []
    actions.keys_changed.connect(lambda keys: heard.append((*keys("class_3"), *keys("tool_lasso"), *keys("undo"))))
    bind(class_3="F3", tool_lasso="")
    assert heard == [("F3", native("Ctrl+Z"))]


def test_tips_of_tools_name_the_keys_of_now(actions: ActionSet, bind: Callable[..., None], qtbot: QtBot) -> None:
    box = ToolBox(actions)
    qtbot.addWidget(box)
    bind(tool_lasso="Q", tool_wand="", hold_pan="J")
    assert box.button("tool_lasso").toolTip().startswith("Lasso (Q)\n")
    assert box.button("tool_wand").toolTip().startswith("Magic wand\n")
    assert "holding J " in box.button("tool_pan").toolTip()
    bind(hold_pan="")
    assert box.button("tool_pan").toolTip() == f"Pan ({native('H')})\nDrag the image"


def test_the_search_field_names_its_key(actions: ActionSet, bind: Callable[..., None], qtbot: QtBot) -> None:
    button = search_button(actions["palette"], SPECS["palette"])
    qtbot.addWidget(button)
    assert button.toolTip() == tooltip(SPECS["palette"])
    bind(palette="F9")
    label_search(button, SPECS["palette"], "F9")
    assert button.toolTip() == actions["palette"].toolTip()
    label_search(button, SPECS["palette"], "")
    assert "(" not in button.toolTip()


def test_the_bar_above_the_canvas_names_the_keys_of_now(
    actions: ActionSet, bind: Callable[..., None], qtbot: QtBot, tokens: Tokens
) -> None:
    options = ToolOptions(tokens)
    qtbot.addWidget(options)
    actions.keys_changed.connect(options.set_keys)
    assert "([ and ], Shift+wheel)" in tips(options, QSpinBox)["Brush size"]
    bind(brush_smaller="J", contrast="F7", layers="")
    assert "(J and ], Shift+wheel)" in tips(options, QSpinBox)["Brush size"]
    assert options.tone_button.toolTip().startswith("Contrast (F7)\n")
    assert options.layers_button.toolTip().startswith("Layers\n")
    bind(brush_smaller="", brush_larger="")
    assert "(Shift+wheel)" in tips(options, QSpinBox)["Brush size"]


def test_the_eyes_of_the_layers_name_the_keys_of_now(
    actions: ActionSet, bind: Callable[..., None], qtbot: QtBot, tokens: Tokens
) -> None:
    layers = LayersPanel(tokens)
    qtbot.addWidget(layers)
    actions.keys_changed.connect(layers.set_keys)
    assert "(V)" in tips(layers)["Show annotation"]
    bind(toggle_annotation="F8")
    assert "(F8)" in tips(layers)["Show annotation"]
    assert native("Shift+V") in tips(layers)["Show proposal"]


def caps(page: ShortcutsDialog, title: str) -> list[str]:
    """The keys beside a text."""
    row = next(found for found in page.findChildren(QLabel) if found.text() == title).parentWidget()
    assert row is not None
    return [label.text() for label in row.findChildren(QLabel) if label.text() != title]


def texts(page: ShortcutsDialog) -> set[str]:
    return {label.text() for label in page.findChildren(QLabel)}


def test_the_page_of_keys_follows_while_it_is_open(actions: ActionSet, bind: Callable[..., None], qtbot: QtBot) -> None:
    page = ShortcutsDialog(actions.keys)
    qtbot.addWidget(page)
    actions.keys_changed.connect(page.set_keys)
    page.resize(900, 400)
    page.show()
    area = page.findChild(QScrollArea)
    assert isinstance(area, QScrollArea)
    assert caps(page, "Choose a class") == ["1", "…", "0"]
    assert caps(page, "Lock a class") == [native("Shift+1"), "…", native("Shift+0")]
    bar = area.verticalScrollBar()
    bar.setValue(120)
    bind(tool_lasso="Q", class_3="F3", class_9="", hold_pan="J", accept_all="Ctrl+Enter", hold_peek="")
    assert caps(page, "Lasso") == ["Q"]
    assert caps(page, "Choose class 1") == ["1"]
    assert caps(page, "Choose class 3") == ["F3"]
    assert caps(page, "Choose class 4 to 8") == ["4", "…", "8"]
    assert caps(page, "Choose class 10") == ["0"]
    assert not texts(page) & {"Choose class 9", "Choose a class", "Peek under the labels"}
    assert caps(page, "Pan") in (["J+drag", "Middle drag"], ["H"])
    assert "J+drag" in texts(page)
    assert caps(page, "Accept all") == [native("Ctrl+Enter")]  # not left out: there is no Return beside it
    assert caps(page, "Accept region") == [native("Return")]
    qtbot.waitUntil(lambda: bar.value() == 120)


def test_a_page_that_was_closed_hears_nothing(actions: ActionSet, bind: Callable[..., None], qtbot: QtBot) -> None:
    page = ShortcutsDialog(actions.keys)
    actions.keys_changed.connect(page.set_keys)
    with qtbot.waitSignal(page.destroyed):
        page.deleteLater()
    bind(tool_lasso="Q")


def test_a_symbol_that_was_typed_with_shift_is_looked_for_alone(
    window: QMainWindow, tokens: Tokens, qtbot: QtBot
) -> None:
    called: list[str] = []
    actions = ActionSet(window, {spec.id: partial(called.append, spec.id) for spec in ACTIONS}, tokens)
    actions.set_keymap(make_keymap(key_rows(), {"shortcuts": ["Shift+?"]}))
    with qtbot.waitActive(window):
        window.show()
        window.activateWindow()
    QTest.keyClick(window, Qt.Key.Key_Question)  # what is left of it once Shift has made a ? of a /
    assert called == ["shortcuts"]
    assert actions.keys("shortcuts") == ("?",)
