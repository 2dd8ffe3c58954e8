"""The list of models: what each row says, and what can be asked of it."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QContextMenuEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QFrame, QLabel, QMenu
from pytestqt.qtbot import QtBot

from segstudio.storage.project import ModelRecord
from segstudio.storage.pruning import RULE
from segstudio.ui.panels.model_list import ModelList, short, span_of
from segstudio.ui.theme import LIGHT, Tokens

MakeModel = Callable[..., ModelRecord]
LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def models(qtbot: QtBot, tokens: Tokens, model_record: MakeModel) -> ModelList:
    made = ModelList(tokens)
    qtbot.addWidget(made)
    card = {**model_record("", 0.71).card, "interval": [0.664, 0.75]}
    made.set_models(
        [
            replace(model_record("m0003-a", 0.71, in_use=True), card=card),
            replace(model_record("m0002-b", 0.6), kept=True),
            model_record("m0001-c", None),
        ]
    )
    with qtbot.waitExposed(made):
        made.show()
    return made


def texts(models: ModelList) -> list[str]:
    return [label.text() for label in models.findChildren(QLabel) if label.isVisible()]


def button(models: ModelList, name: str) -> QAbstractButton:
    QApplication.processEvents()  # rows that are new come to be visible
    return next(b for b in models.findChildren(QAbstractButton) if b.accessibleName() == name and b.isVisible())


def entries(models: ModelList, name: str) -> dict[str, bool]:
    """The menu of a model: entries, and whether they can be chosen."""
    menu = open_menu(models, name)
    found = {action.text(): action.isEnabled() for action in menu.actions() if not action.isSeparator()}
    menu.close()
    return found


def open_menu(models: ModelList, name: str) -> QMenu:
    QTest.mouseClick(button(models, f"More about {name}"), LEFT)
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    return menu


def choose(models: ModelList, name: str, text: str) -> None:
    menu = open_menu(models, name)
    next(action for action in menu.actions() if action.text() == text).trigger()
    menu.close()


def test_rows_say_score_and_interval_and_the_rule_is_told(models: ModelList) -> None:
    said = texts(models)
    assert "0.71" in said
    assert "(0.66 to 0.75)" in said
    assert "–" in said
    assert RULE in said
    assert said.count("in use") == 1


def test_going_back_is_one_click(models: ModelList) -> None:
    asked: list[str] = []
    models.back_requested.connect(lambda: asked.append("back"))
    back = next(b for b in models.findChildren(QAbstractButton) if b.text().startswith("Back to"))
    assert back.isHidden()
    models.set_previous("m0002-b")
    assert back.isVisible()
    assert back.text() == "Back to m0002"
    QTest.mouseClick(back, LEFT)
    assert asked == ["back"]
    models.set_previous("")
    assert back.isHidden()


def test_the_menu_asks_for_what_it_says(models: ModelList) -> None:
    asked: list[tuple[object, ...]] = []
    models.card_requested.connect(lambda name: asked.append(("card", name)))
    models.compare_requested.connect(lambda name: asked.append(("compare", name)))
    models.export_requested.connect(lambda name: asked.append(("export", name)))
    models.keep_requested.connect(lambda name, kept: asked.append(("keep", name, kept)))
    models.remove_requested.connect(lambda name: asked.append(("remove", name)))
    for text in ("Card…", "Compare with the one in use", "Export…", "Keep", "Remove…"):
        choose(models, "m0001-c", text)
    choose(models, "m0002-b", "Keep no longer")
    name = "m0001-c"
    assert asked == [
        ("card", name), ("compare", name), ("export", name), ("keep", name, True), ("remove", name),
        ("keep", "m0002-b", False),
    ]  # fmt: skip


def test_the_model_in_use_can_be_neither_removed_nor_compared_with_itself(
    models: ModelList, model_record: MakeModel
) -> None:
    own = entries(models, "m0003-a")
    assert not own["Remove…"]
    assert not own["Compare with the one in use"]
    assert own["Card…"]
    models.set_models([model_record("m0001-c", None)])
    assert not entries(models, "m0001-c")["Compare with the one in use"]


def test_a_right_click_opens_the_same_menu(models: ModelList) -> None:
    row = next(row for row in models.findChildren(QFrame) if row.accessibleName() == "Model m0002-b")
    at = QPoint(20, 10)
    QApplication.sendEvent(row, QContextMenuEvent(QContextMenuEvent.Reason.Mouse, at, row.mapToGlobal(at)))
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    assert "Keep no longer" in [action.text() for action in menu.actions()]
    menu.close()


def test_another_theme(models: ModelList) -> None:
    more = button(models, "More about m0002-b")
    before = more.icon().pixmap(16, 16).toImage()
    models.set_tokens(LIGHT)
    assert more.icon().pixmap(16, 16).toImage() != before


@pytest.mark.parametrize(
    ("name", "told"), [("m0003-resnet18-feature", "m0003"), ("mine-3", "mine-3"), ("m-x", "m-x"), ("", "")]
)
def test_short_names(name: str, told: str) -> None:
    assert short(name) == told


@pytest.mark.parametrize("interval", [None, [], [0.5], [0.5, None], [float("nan"), 0.5]])
def test_an_interval_that_is_none_is_not_told(interval: object) -> None:
    assert span_of({"interval": interval}) == ""
