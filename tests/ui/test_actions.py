"""The one table of actions."""

from collections import Counter
from collections.abc import Callable
from functools import partial

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit, QMainWindow
from pytestqt.qtbot import QtBot

from segstudio.ui.action_table import ACTIONS, TOOLS, AppState, ModelState
from segstudio.ui.actions import ActionSet
from segstudio.ui.icons import icon_names
from segstudio.ui.panels.parts import NameEdit
from segstudio.ui.panels.toolbox import ToolBox
from segstudio.ui.theme import Tokens


def nothing() -> dict[str, Callable[[], None]]:
    return {spec.id: lambda: None for spec in ACTIONS}


@pytest.fixture
def window(qtbot: QtBot) -> QMainWindow:
    made = QMainWindow()
    made.resize(600, 400)
    qtbot.addWidget(made)
    return made


def test_no_two_actions_share_an_id_or_a_shortcut() -> None:
    assert max(Counter(spec.id for spec in ACTIONS).values()) == 1
    keys = Counter(QKeySequence(keys).toString() for spec in ACTIONS for keys in spec.shortcuts)
    assert [key for key, count in keys.items() if count > 1] == []


def test_every_shortcut_is_one_qt_understands() -> None:
    for spec in ACTIONS:
        for keys in spec.shortcuts:
            assert QKeySequence(keys).toString(), f"{spec.id}: {keys}"
            assert QKeySequence.fromString(keys).count() == 1, f"{spec.id}: {keys}"


def test_every_action_has_words_and_a_drawn_icon() -> None:
    for spec in ACTIONS:
        assert all((spec.text, spec.tip, spec.menu)), spec.id
        assert spec.icon in icon_names(), spec.id


def test_every_id_is_handled_and_nothing_else(window: QMainWindow, tokens: Tokens) -> None:
    called: list[str] = []
    handlers = {spec.id: partial(called.append, spec.id) for spec in ACTIONS}
    actions = ActionSet(window, handlers, tokens)
    actions.refresh(EVERYTHING)
    enabled = [spec.id for spec, action in actions.all() if action.isEnabled()]
    for name in enabled:
        actions[name].trigger()
    assert called == enabled
    assert len(enabled) >= len(ACTIONS) - 2  # train and stop exclude each other

    with pytest.raises(KeyError, match="undo"):
        ActionSet(window, {name: handler for name, handler in handlers.items() if name != "undo"}, tokens)
    with pytest.raises(KeyError, match="dance"):
        ActionSet(window, {**handlers, "dance": lambda: None}, tokens)


EVERYTHING = AppState(
    project_open=True,
    image_open=True,
    images=True,
    can_undo=True,
    can_redo=True,
    model=True,
    models=ModelState(previous=True, comparing=True),
    proposal=True,
    classes=True,
    predecessor=True,
)


@pytest.mark.parametrize(
    ("state", "on", "off"),
    [
        (
            AppState(),
            ["new_project", "palette", "quit"],
            ["undo", "train", "add_images", "tool_brush", "close_project"],
        ),
        (AppState(project_open=True), ["add_images", "train"], ["tool_brush", "stop", "predict_all"]),
        (AppState(project_open=True, training=True), ["stop"], ["train"]),
        (AppState(project_open=True, training=True, stopping=True), [], ["train", "stop"]),
        (EVERYTHING, ["accept_region", "accept_all", "reject_region", "predict_image", "next_image"], ["stop"]),
        (AppState(project_open=True, image_open=True, can_undo=True), ["undo"], ["redo", "accept_all", "next_image"]),
    ],
)
def test_what_can_be_done_follows_from_the_state(
    window: QMainWindow, tokens: Tokens, state: AppState, on: list[str], off: list[str]
) -> None:
    actions = ActionSet(window, nothing(), tokens)
    actions.refresh(state)
    assert [name for name in on if not actions[name].isEnabled()] == []
    assert [name for name in off if actions[name].isEnabled()] == []


def test_checked_actions_follow_the_state_without_running(window: QMainWindow, tokens: Tokens) -> None:
    called: list[str] = []
    handlers = {spec.id: partial(called.append, spec.id) for spec in ACTIONS}
    actions = ActionSet(window, handlers, tokens)
    actions.refresh(AppState(image_open=True, tool="eraser", annotation_shown=False, theme="light"))
    assert actions["tool_eraser"].isChecked()
    assert not actions["tool_brush"].isChecked()
    assert not actions["toggle_annotation"].isChecked()
    assert actions["theme_light"].isChecked()
    assert not actions["theme_dark"].isChecked()
    assert called == []


def test_every_action_is_in_one_menu_and_tooltips_tell_the_key(window: QMainWindow, tokens: Tokens) -> None:
    actions = ActionSet(window, nothing(), tokens)
    actions.menus(window.menuBar())
    found = []
    for top in window.menuBar().actions():
        for entry in top.menu().actions():  # type: ignore[attr-defined]
            found += [sub.objectName() for sub in entry.menu().actions()] if entry.menu() else [entry.objectName()]
    assert Counter(name for name in found if name) == Counter(spec.id for spec in ACTIONS)
    for spec, action in actions.all():
        assert spec.keys in action.toolTip()
        assert spec.tip in action.toolTip()


def test_toolbar_buttons_say_what_they_are(window: QMainWindow, tokens: Tokens) -> None:
    actions = ActionSet(window, nothing(), tokens)
    bar = ToolBox(actions)
    window.setCentralWidget(bar)
    buttons = [bar.button(name) for name in TOOLS if name]
    for button in buttons:
        assert button.accessibleName()
        assert button.toolTip()
        assert not button.focusPolicy() & Qt.FocusPolicy.ClickFocus


@pytest.mark.parametrize("height", [300, 420, 560, 800])
def test_every_tool_is_in_sight_at_any_height(window: QMainWindow, tokens: Tokens, height: int) -> None:
    bar = ToolBox(ActionSet(window, nothing(), tokens))
    bar.resize(bar.width(), height)
    bar.show()
    buttons = [bar.button(name) for name in TOOLS if name]
    places = [button.geometry() for button in buttons]
    assert all(bar.rect().contains(place) for place in places)
    assert not any(a.intersects(b) for at, a in enumerate(places) for b in places[:at])
    bar.close()


def test_single_keys_work_in_the_window_but_not_while_one_types(
    window: QMainWindow, tokens: Tokens, qtbot: QtBot
) -> None:
    called: list[str] = []
    handlers = {spec.id: partial(called.append, spec.id) for spec in ACTIONS}
    actions = ActionSet(window, handlers, tokens)
    actions.refresh(EVERYTHING)
    edit = NameEdit()
    window.setCentralWidget(edit)
    with qtbot.waitActive(window):
        window.show()
        window.activateWindow()
    edit.setFocus()
    for key in (Qt.Key.Key_B, Qt.Key.Key_Backspace, Qt.Key.Key_Return, Qt.Key.Key_N):
        QTest.keyClick(edit, key)
    assert called == []
    edit.clearFocus()
    QTest.keyClick(window, Qt.Key.Key_B)
    QTest.keyClick(window, Qt.Key.Key_Return)
    assert called == ["tool_brush", "accept_region"]
    assert isinstance(edit, QLineEdit)
