"""The card of a model as a page."""

import time
from dataclasses import replace

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QLabel, QWidget
from pytestqt.qtbot import QtBot

from segstudio.learn.request import TrainSettings
from segstudio.storage.cards import ModelCard
from segstudio.ui.panels.card import NO_EDGES, NOTHING, CardDialog, Standing
from segstudio.ui.panels.card_tables import ROW, ClassScores, HeatMap
from segstudio.ui.panels.compare_bar import CompareBar
from segstudio.ui.panels.curve import LearningCurve
from segstudio.ui.panels.model_list import made_at
from segstudio.ui.theme import LIGHT, Tokens, apply_theme

CLASSES = [
    {"index": at, "name": name, "color": color}
    for at, (name, color) in enumerate((("ground", "#808080"), ("nucleus", "#e69f00"), ("fibre", "#56b4e9")))
]
CARD = ModelCard(
    name="m0002-lite0-parameter",
    created="2026-03-04T05:06:07+00:00",
    backbone="efficientnet_lite0",
    transfer="parameter",
    decoder="fpn",
    classes=[dict(item) for item in CLASSES],
    normalisation={"mean": [0.5], "std": [0.5]},
    settings={"batch": 6, "seed": TrainSettings().seed},
    labels="abc123",
    splits={"train": 8, "validation": 4},
    steps=120,
    seconds=90.0,
    miou=0.7,
    parent="m0001-lite0-parameter",
    dice=0.8,
    accuracy=0.95,
    boundary=0.66,
    per_class={"iou": [0.9, 0.5, None], "dice": [0.95, 0.67, None], "accuracy": [0.9, 0.8, None], "boundary": []},
    confusion=[[90, 8, 0, 2], [10, 30, 0, 0], [0, 0, 0, 0]],
    interval=[0.61, 0.78],
    curve={"losses": [[1, 1.0], [2, 0.5]], "rounds": [[2, 60.0, 0.7]]},
    verdict="Better by 0.04.",
)


@pytest.fixture
def dialog(qtbot: QtBot, tokens: Tokens) -> CardDialog:  # noqa: ARG001 - the theme
    made = CardDialog()
    qtbot.addWidget(made)
    made.show_card(CARD, Standing(in_use=True, parent=True))
    with qtbot.waitExposed(made):
        made.show()
    return made


def texts(dialog: CardDialog) -> str:
    return "\n".join(label.text() for label in dialog.findChildren(QLabel) if not label.isHidden())


def test_it_tells_how_the_model_came_to_be(dialog: CardDialog) -> None:
    said = texts(dialog)
    for told in (
        "m0002-lite0-parameter", "in use", "Better by 0.04.", made_at(CARD.created), "120 steps, 1.5 minutes",
        "EfficientNet-Lite0, parameter transfer, FPN decoder", "8 images train, 4 validate, fingerprint abc123",
        "batch 6", "0.700", "90 % interval 0.61 to 0.78", "0.800", "0.950", "0.660",
    ):  # fmt: skip
        assert told in said
    assert "seed" not in said  # as by default
    assert "chosen" not in said
    assert dialog.windowTitle() == "Model m0002-lite0-parameter"


def test_the_tables(dialog: CardDialog) -> None:
    table, heat = dialog.findChild(ClassScores), dialog.findChild(HeatMap)
    assert isinstance(table, ClassScores)
    assert isinstance(heat, HeatMap)
    assert table.rows()[1] == ("nucleus", "0.50", "0.67", "0.80", "–")
    assert table.rows()[2] == ("fibre", "–", "–", "–", "–")
    assert heat.size_shown == 2  # nobody labelled a fibre
    assert heat.share(1, 0) == 0.25
    assert "nucleus taken for ground 25%" in heat.accessibleDescription()
    at = QPoint(heat.width() - 5, ROW + 5)  # the last column: no class
    assert heat.told(at) == "2.0 % of ground taken for no class (2 px)"
    assert heat.told(QPoint(5, 5)) == ""


def test_the_curve(dialog: CardDialog) -> None:
    curve = dialog.findChild(LearningCurve)
    assert isinstance(curve, LearningCurve)
    assert curve.losses == [(1, 1.0), (2, 0.5)]
    assert curve.scores == [(2, 0.7)]


def test_the_parent_is_a_link_while_it_is_there(dialog: CardDialog) -> None:
    asked: list[str] = []
    dialog.card_requested.connect(asked.append)
    link = next(b for b in dialog.findChildren(QAbstractButton) if b.text() == CARD.parent)
    QTest.mouseClick(link, Qt.MouseButton.LeftButton)
    assert asked == [CARD.parent]
    dialog.show_card(CARD, Standing())
    QApplication.processEvents()
    assert "(removed since)" in texts(dialog)


def test_a_model_that_nothing_validated(dialog: CardDialog) -> None:
    bare = replace(CARD, miou=None, per_class={}, confusion=[], interval=[], curve={}, verdict="", parent=None)
    dialog.show_card(bare, Standing())
    assert NOTHING in texts(dialog)
    assert dialog.shown == bare.name


def test_the_time_is_that_of_the_clock_on_the_wall(dialog: CardDialog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Etc/GMT-2")
    time.tzset()
    try:
        dialog.show_card(CARD, Standing())
        assert "2026-03-04 07:06" in texts(dialog)
        assert made_at("some day") == "some day"
    finally:
        monkeypatch.undo()
        time.tzset()


def test_without_edges_it_says_why_there_is_no_boundary_score(dialog: CardDialog) -> None:
    assert NO_EDGES not in texts(dialog)
    dialog.show_card(replace(CARD, boundary=None), Standing())
    assert NO_EDGES in texts(dialog)


def test_a_card_with_holes_breaks_nothing(dialog: CardDialog) -> None:
    odd = replace(
        CARD,
        confusion=[[1, 2]],
        per_class={"iou": [None]},
        curve={"losses": [[1, None]], "rounds": [[1]]},  # type: ignore[list-item]
    )
    dialog.show_card(odd, Standing())
    assert not dialog.grab().isNull()
    assert CARD.name in texts(dialog)


def test_another_theme_while_it_is_open(dialog: CardDialog, qapp: QApplication) -> None:
    table = dialog.findChild(ClassScores)
    assert isinstance(table, ClassScores)
    apply_theme(qapp, "light")
    QApplication.processEvents()
    assert table._tokens == LIGHT
    dialog.grab()


def test_many_classes_have_small_cells(qtbot: QtBot, tokens: Tokens) -> None:
    count = 60
    classes = [{"index": at, "name": f"class {at}", "color": "#112233"} for at in range(count)]
    confusion = [[int(at == other) for other in range(count + 1)] for at in range(count)]
    heat = HeatMap(replace(CARD, classes=classes, confusion=confusion), tokens)
    qtbot.addWidget(heat)
    assert heat.width() < 800
    heat.grab()


def test_every_control_says_what_it_is(dialog: CardDialog, qtbot: QtBot) -> None:
    canvas = QWidget()
    qtbot.addWidget(canvas)
    bar = CompareBar(canvas)
    bar.set_models("m0001-a", "m0002-b")
    bar.set_in_use("m0001-a")
    for control in (*dialog.findChildren(QAbstractButton), *bar.findChildren(QAbstractButton)):
        assert control.accessibleName(), control
        assert control.toolTip(), control
    shown = next(b for b in bar.findChildren(QAbstractButton) if b.text() == "m0001")
    assert "(Y)" in shown.toolTip()
    bar.set_keys(lambda name: ("F9",) if name == "other_model" else ())
    bar.set_in_use("m0001-a")
    assert "(F9)" in shown.toolTip()
    assert "in use" in shown.toolTip()
