"""The panel one trains from."""

import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QStandardItemModel
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QComboBox, QLabel, QScrollArea
from pytestqt.qtbot import QtBot

from segstudio.core.classes import ClassTable
from segstudio.core.metrics import Scores
from segstudio.learn.events import Cancelled, Done, Failed, Noted, Offered, Promoted, RoundDone, Started, StepDone
from segstudio.learn.request import TrainSettings
from segstudio.storage.project import ModelRecord
from segstudio.ui.option_spec import Choice
from segstudio.ui.panels.curve import LearningCurve
from segstudio.ui.panels.model import NO_MODEL, ModelPanel
from segstudio.ui.panels.run_view import EMPTY, clock
from segstudio.ui.panels.scores import ScoreTable
from segstudio.ui.starts import Offers
from segstudio.ui.theme import LIGHT, Tokens

MakeModel = Callable[..., ModelRecord]
NAMES = ("background", "nucleus", "debris")
BACKBONES = (Choice("lite", "EfficientNet-Lite0"), Choice("resnet18", "ResNet-18 (no weights)", here=False))
STARTS = (Choice("/models/m0002", "m0002 · in use"), Choice("fcn", "FCN (no weights)", "Get it", here=False))


@pytest.fixture
def panel(qtbot: QtBot, tokens: Tokens) -> ModelPanel:
    made = ModelPanel(tokens)
    qtbot.addWidget(made)
    made.resize(296, 900)
    made.set_classes(ClassTable.of(NAMES))
    made.set_offers(Offers(BACKBONES))
    made.set_settings(TrainSettings(backbone="lite"))
    with qtbot.waitExposed(made):
        made.show()
    return made


def scores(miou: float, *per_class: float | None) -> Scores:
    return Scores(miou, per_class, dice=0.5, pixel_accuracy=0.5, images=2, labelled_pixels=100)


def texts(panel: ModelPanel) -> str:
    """Everything one can read in the panel now."""
    return "\n".join(label.text() for label in panel.findChildren(QLabel) if label.isVisible())


def curve(panel: ModelPanel) -> LearningCurve:
    found = panel.findChild(LearningCurve)
    assert isinstance(found, LearningCurve)
    return found


def table(panel: ModelPanel) -> list[tuple[str, str]]:
    found = panel.findChild(ScoreTable)
    assert isinstance(found, ScoreTable)
    return found.rows()


def button(panel: ModelPanel, name: str) -> QAbstractButton:
    return next(b for b in panel.findChildren(QAbstractButton) if b.accessibleName() == name and b.isVisible())


def test_at_first_it_says_what_to_do(panel: ModelPanel) -> None:
    assert EMPTY in texts(panel)
    assert NO_MODEL in texts(panel)
    assert not curve(panel).isVisible()


def test_who_has_models_is_not_told_how_to_train(panel: ModelPanel, model_record: MakeModel) -> None:
    panel.set_models([model_record("m0001-lite-parameter", 0.5, in_use=True)])
    assert EMPTY not in texts(panel)
    panel.reset()
    assert EMPTY not in texts(panel)
    panel.set_models([])
    assert EMPTY in texts(panel)
    panel.prepare()
    panel.set_models([])
    assert EMPTY not in texts(panel)


def test_a_run_begins_at_the_top_of_the_panel(panel: ModelPanel, model_record: MakeModel) -> None:
    panel.set_models([model_record(f"m{at:04d}-lite", 0.5) for at in range(12)])
    panel.resize(296, 320)
    area = panel.findChild(QScrollArea)
    assert isinstance(area, QScrollArea)
    QApplication.processEvents()
    area.verticalScrollBar().setValue(area.verticalScrollBar().maximum())
    assert area.verticalScrollBar().value() > 0
    panel.prepare()
    assert area.verticalScrollBar().value() == 0


def test_a_whole_run(panel: ModelPanel, qtbot: QtBot) -> None:
    panel.show_event(Started("cpu", train_images=12, validation_images=3, note="No GPU found."))
    assert "12 images" in panel.verdict
    assert "No GPU found." in panel.verdict
    assert EMPTY not in texts(panel)
    for step in range(1, 6):
        panel.show_event(StepDone(step, loss=1.0 / step, images_per_second=12.34, seconds=65.0, remaining=3600.0))
    assert "12.3 images/s" in texts(panel)
    assert "1:05" in texts(panel)
    assert "1:00:00 left" in texts(panel)
    assert [step for step, _ in curve(panel).losses] == [1, 2, 3, 4, 5]

    panel.show_event(RoundDone(1, 5, 66.0, scores(0.71, 0.9, 0.52, None), scores(0.6, 0.8, 0.4, None), "Better: 0.71."))
    assert panel.verdict == "Better: 0.71."
    assert table(panel) == [("background", "0.90"), ("nucleus", "0.52"), ("debris", "–")]
    assert "mean 0.71" in texts(panel)
    assert curve(panel).scores == [(5, 0.71)]

    panel.show_event(Promoted(Path("/models/first"), 0.71))
    assert "first · mIoU 0.71" in texts(panel)
    panel.show_event(Done(Path("/models/first"), scores(0.71, 0.9, 0.52, None), 5, 67.0, 11.0))
    assert "5 steps" in panel.verdict
    assert "0.71" in panel.verdict
    qtbot.wait(60)  # the curve is drawn a moment later; drawing must not complain
    assert curve(panel).isVisible()


def test_scores_that_are_no_numbers_break_nothing(panel: ModelPanel, qtbot: QtBot) -> None:
    panel.show_event(Started("cpu", 1, 0))
    panel.show_event(StepDone(1, math.nan, 1.0, 1.0, None))
    panel.show_event(StepDone(2, math.inf, 1.0, 1.0, None))
    panel.show_event(StepDone(3, 0.5, 1.0, 2.0, None))
    panel.show_event(RoundDone(1, 3, 2.0, None, None, "Nothing to validate with."))
    assert panel.verdict == "Nothing to validate with."
    panel.show_event(RoundDone(2, 3, 2.0, scores(math.nan, None, math.nan, None), scores(math.nan), "Odd."))
    panel.show_event(Promoted(Path("/models/odd"), math.nan))
    panel.show_event(Done(None, scores(math.nan), 3, 2.0, 1.0))
    assert curve(panel).losses == [(3, 0.5)]
    assert curve(panel).scores == []
    assert [value for _, value in table(panel)] == ["–", "–", "–"]
    assert "nan" not in texts(panel).lower()
    assert "stays" in panel.verdict
    qtbot.wait(60)


def test_a_new_run_starts_a_new_curve(panel: ModelPanel) -> None:
    panel.show_event(StepDone(1, 0.5, 1.0, 1.0, None))
    panel.show_event(Started("cpu", 1, 1))
    assert curve(panel).losses == []
    panel.show_event(StepDone(1, 0.25, 1.0, 1.0, None))
    assert curve(panel).losses == [(1, 0.25)]


def test_stopped_and_failed_say_so(panel: ModelPanel) -> None:
    panel.show_event(Cancelled(None, None, 1, 2.0, 1.0))
    assert panel.verdict.startswith("Stopped after 1 step in 0:02.")
    panel.show_event(Failed("There are labels of one class only. Paint a second one."))
    assert panel.verdict == "There are labels of one class only. Paint a second one."


def test_train_and_stop(panel: ModelPanel) -> None:
    asked: list[object] = []
    panel.train_requested.connect(lambda: asked.append("train"))
    panel.stop_requested.connect(lambda: asked.append("stop"))
    QTest.mouseClick(button(panel, "Train"), Qt.MouseButton.LeftButton)
    panel.set_running(True)
    QTest.mouseClick(button(panel, "Stop training"), Qt.MouseButton.LeftButton)
    panel.set_running(True, stopping=True)
    assert not button(panel, "Stop training").isEnabled()
    panel.set_running(False)
    assert button(panel, "Train").isEnabled()
    assert asked == ["train", "stop"]


def choose(panel: ModelPanel, name: str, value: object) -> None:
    """Choose from a list as a person does."""
    box = next(box for box in panel.findChildren(QComboBox) if box.accessibleName() == name)
    assert box.isVisible()
    at = box.findData(value)
    box.setCurrentIndex(at)
    box.activated.emit(at)


def offered(panel: ModelPanel, name: str) -> dict[str, bool]:
    """What a list offers, and whether it can be chosen."""
    box = next(box for box in panel.findChildren(QComboBox) if box.accessibleName() == name)
    items = box.model()
    assert isinstance(items, QStandardItemModel)
    return {box.itemText(at): items.item(at).isEnabled() for at in range(box.count())}


def test_a_backbone_without_weights_can_only_start_at_random(panel: ModelPanel) -> None:
    chosen: list[TrainSettings] = []
    panel.settings_changed.connect(chosen.append)
    panel.set_settings(TrainSettings(backbone="resnet18"))
    assert panel.settings.backbone == "lite"
    assert not offered(panel, "Backbone")["ResNet-18 (no weights)"]
    choose(panel, "Transfer", "none")
    choose(panel, "Backbone", "resnet18")
    assert (chosen[-1].backbone, chosen[-1].transfer) == ("resnet18", "none")
    choose(panel, "Transfer", "feature")
    assert (chosen[-1].backbone, chosen[-1].transfer) == ("lite", "feature")
    assert panel.settings == chosen[-1]


def test_a_whole_network_moves_in_only_where_one_is_at_hand(panel: ModelPanel) -> None:
    assert not offered(panel, "Transfer")["Structure"]
    panel.set_offers(Offers(BACKBONES, STARTS))
    assert offered(panel, "Transfer")["Structure"]
    choose(panel, "Transfer", "structure")
    assert panel.settings.start == "/models/m0002"
    assert offered(panel, "From") == {"m0002 · in use": True, "FCN (no weights)": False}
    assert not any(box.isVisible() for box in panel.findChildren(QComboBox) if box.accessibleName() == "Backbone")
    choose(panel, "Transfer", "parameter")
    assert panel.settings.start is None


def test_one_line_tells_of_all_other_options(panel: ModelPanel) -> None:
    asked: list[str] = []
    panel.options_requested.connect(lambda: asked.append("options"))
    assert "Automatic decoder and crops, until stopped." in texts(panel)
    panel.set_settings(TrainSettings(backbone="lite", decoder="unet", crop=192, minutes=5, batch=8))
    assert "U-Net, 192 px crops, 5 min, 1 other changed." in texts(panel)
    QTest.mouseClick(button(panel, "Options"), Qt.MouseButton.LeftButton)
    assert asked == ["options"]


def test_a_stopped_run_can_be_resumed_unless_something_is_in_the_way(panel: ModelPanel) -> None:
    asked: list[str] = []
    panel.resume_requested.connect(lambda: asked.append("resume"))
    assert not any(
        b.isVisible() for b in panel.findChildren(QAbstractButton) if b.accessibleName() == "Resume training"
    )
    panel.set_stopped("412 steps, stopped 5 min ago")
    assert "412 steps, stopped 5 min ago" in texts(panel)
    QTest.mouseClick(button(panel, "Resume training"), Qt.MouseButton.LeftButton)
    assert asked == ["resume"]
    panel.set_running(True)
    assert "412 steps" not in texts(panel)
    panel.set_running(False)
    panel.set_stopped("412 steps, stopped 5 min ago", "The classes have changed since.")
    assert not button(panel, "Resume training").isEnabled()
    assert "The classes have changed since." in texts(panel)
    panel.set_stopped("")
    assert "The classes have changed since." not in texts(panel)


def test_notes_stay_until_the_next_one(panel: ModelPanel) -> None:
    panel.show_event(Started("cpu", 1, 1))
    panel.show_event(Noted("memory", "Two crops a batch from now on.", 3, 1.0))
    panel.show_event(StepDone(4, 0.5, 1.0, 1.0, None))
    panel.show_event(RoundDone(1, 4, 2.0, scores(0.5, 0.5), None, "Promoted."))
    assert "Two crops a batch from now on." in texts(panel)
    panel.show_event(Noted("plateau", "The score has stopped rising.", 9, 3.0))
    assert "Two crops" not in texts(panel)
    assert "The score has stopped rising." in texts(panel)
    panel.show_event(Started("cpu", 1, 1))
    assert "The score has stopped rising." not in texts(panel)


def test_a_model_that_nobody_can_judge_waits_for_a_person(panel: ModelPanel, model_record: MakeModel) -> None:
    used: list[str] = []
    panel.use_requested.connect(used.append)
    panel.show_event(Offered(Path("/models/m0004-lite-parameter"), "Label about 10 more images."))
    panel.show_event(Cancelled(None, scores(0.7, 0.7), 120, 50.0, 12.0))
    assert "m0004 is saved, not in use" in texts(panel)
    assert "Label about 10 more images." in panel.verdict
    assert "stays" not in panel.verdict
    QTest.mouseClick(button(panel, "Use m0004-lite-parameter"), Qt.MouseButton.LeftButton)
    assert used == ["m0004-lite-parameter"]
    panel.set_models([model_record("m0004-lite-parameter", 0.7, in_use=True)])
    assert "is saved, not in use" not in texts(panel)


def test_the_interval_of_the_score_is_told(panel: ModelPanel) -> None:
    candidate = Scores(0.71, (0.9,), 0.5, 0.5, 2, 100, interval=(0.66, 0.75))
    panel.show_event(RoundDone(1, 4, 2.0, candidate, None, "Promoted: better by 0.040 (0.020 to 0.070)."))
    assert "mean 0.71 (0.66 to 0.75)" in texts(panel)
    assert "better by 0.040 (0.020 to 0.070)" in panel.verdict


def test_models_newest_first_with_a_button_to_use_them(panel: ModelPanel, model_record: MakeModel) -> None:
    used: list[str] = []
    panel.use_requested.connect(used.append)
    panel.set_models(
        [model_record("third", None), model_record("second", 0.7, in_use=True), model_record("first", 0.6)]
    )
    assert used == []
    assert "second · mIoU 0.70" in texts(panel)
    assert [text for text in texts(panel).split("\n") if text in ("–", "0.70", "0.60")] == ["–", "0.70", "0.60"]
    QTest.mouseClick(button(panel, "Use first"), Qt.MouseButton.LeftButton)
    assert used == ["first"]
    assert not any(b.accessibleName() == "Use second" for b in panel.findChildren(QAbstractButton))
    panel.set_models([])
    assert NO_MODEL in texts(panel)


def test_many_models_are_folded_but_the_one_in_use_is_always_there(
    panel: ModelPanel, model_record: MakeModel, qtbot: QtBot
) -> None:
    panel.set_models([model_record(f"m{at:02d}", 0.5, in_use=at == 11) for at in range(12)])
    assert "m04" in texts(panel)
    assert "m05" not in texts(panel)
    assert "m11" in texts(panel)
    QTest.mouseClick(button(panel, "Show all 12 models"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "m05" in texts(panel))


def test_the_theme_may_change_while_it_trains(panel: ModelPanel, qtbot: QtBot) -> None:
    panel.show_event(StepDone(1, 0.5, 1.0, 1.0, None))
    panel.show_event(RoundDone(1, 1, 1.0, scores(0.5, 0.5), scores(0.4, 0.4), "ok"))
    qtbot.wait(60)
    panel.set_tokens(LIGHT)
    panel.reset()
    assert EMPTY in texts(panel)
    assert curve(panel).losses == []


@pytest.mark.parametrize(("seconds", "told"), [(0, "0:00"), (59.6, "1:00"), (3599, "59:59"), (3661, "1:01:01")])
def test_clock(seconds: float, told: str) -> None:
    assert clock(seconds) == told


def test_heavy_packages_wait_until_they_are_needed() -> None:
    code = (
        "import sys, segstudio.ui.panels.model, segstudio.ui.panels.images, segstudio.ui.dialogs.new_project;"
        "print([m for m in ('torch', 'pyqtgraph', 'PIL') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
