"""Comparing transfers from the window: what it will take, how it goes, what comes of it."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PySide6.QtWidgets import QAbstractButton, QApplication, QCheckBox, QLabel, QSpinBox, QWidget
from pytestqt.qtbot import QtBot

from segstudio.core.classes import ClassTable
from segstudio.core.metrics import Scores
from segstudio.learn.comparison.plan import (
    Comparison,
    ComparisonDone,
    ComparisonPlan,
    Point,
    Row,
    RowDone,
    RowResult,
    RowScored,
    RowStarted,
    RowStepped,
)
from segstudio.learn.events import Difference
from segstudio.learn.request import TrainSettings
from segstudio.storage.project import Project
from segstudio.ui.comparison import COMPARING, TRAINING, TransferComparison
from segstudio.ui.dialogs.comparison import MISSING, NO_START, ComparisonDialog
from segstudio.ui.dialogs.comparison_curves import ComparisonCurves
from segstudio.ui.dialogs.comparison_view import Standing, Wanted, color_of, ended_line, total_line
from segstudio.ui.dialogs.listing import Listing
from segstudio.ui.jobs import Jobs
from segstudio.ui.modelling import Modelling
from segstudio.ui.option_spec import Choice
from segstudio.ui.session import Session
from segstudio.ui.starts import Offers, backbone_choices
from segstudio.ui.theme import DARK, LIGHT, Tokens, apply_theme

LITE = "efficientnet_lite0"
BACKBONES = (Choice(LITE, "EfficientNet-Lite0"), Choice("resnet18", "ResNet-18 (no weights)", "", here=False))
STARTS = (Choice("/models/m0001", "m0001 · in use"), Choice("fcn_resnet50", "FCN (no weights)", "", here=False))
ROWS = (Row("none", LITE), Row("parameter", LITE), Row("structure", LITE, "/models/m0001"))
PLAN = ComparisonPlan(ROWS, TrainSettings(minutes=2.0), ("m0001 has a head start.",))


def button(widget: QWidget, name: str) -> QAbstractButton:
    return next(b for b in widget.findChildren(QAbstractButton) if b.accessibleName() == name)


def tick(widget: QWidget, name: str) -> QCheckBox:
    return next(b for b in widget.findChildren(QCheckBox) if b.accessibleName() == name)


def said(widget: QWidget, name: str) -> str:
    found = next(label for label in widget.findChildren(QLabel) if label.accessibleName() == name)
    return found.text() if found.isVisibleTo(widget) else ""


def table(widget: QWidget) -> list[list[str]]:
    found = widget.findChild(Listing)
    assert isinstance(found, Listing)
    return [[cell.text for cell in row] for row in found.rows]


def scores(miou: float) -> Scores:
    return Scores(miou, (miou,), miou, miou, 6, 1000, interval=(miou - 0.05, miou + 0.05))


def result(at: int, miou: float, gain: Difference | None = None) -> RowResult:
    curve = (Point(30.0, 40, miou / 2), Point(60.0, 90, miou))
    return RowResult(ROWS[at], scores(miou), gain, ROWS[0].label if gain else "", curve, 90, 120.0, 4.4, "cpu")


def comparison(*results: RowResult, stopped: bool = False) -> Comparison:
    return Comparison(PLAN, results, stopped, "f00d", ("a", "b"), 8, 3, 2)


@pytest.fixture
def dialog(tokens: Tokens, qtbot: QtBot) -> ComparisonDialog:
    del tokens  # for the style
    made = ComparisonDialog()
    qtbot.addWidget(made)
    made.set_offers(Offers(BACKBONES, STARTS), LITE)
    made.show()
    return made


class TestBefore:
    def test_the_time_it_takes_is_said_first(self, dialog: ComparisonDialog, qtbot: QtBot) -> None:
        line = "4 trainings of 2 min: about 8 min altogether."
        assert said(dialog, "How long it takes") == line
        minutes = dialog.findChild(QSpinBox)
        assert isinstance(minutes, QSpinBox)
        minutes.setValue(20)
        assert said(dialog, "How long it takes") == "4 trainings of 20 min: about 1 h 20 min altogether."
        tick(dialog, "Structure").click()
        with qtbot.waitSignal(dialog.start_requested) as asked:
            button(dialog, "Start").click()
        assert asked.args == [Wanted(("none", "feature", "parameter"), (LITE,), None, 20.0)]

    def test_what_is_not_on_this_machine_cannot_be_chosen(self, dialog: ComparisonDialog) -> None:
        box = tick(dialog, "ResNet-18 (no weights)")
        assert not box.isEnabled()
        assert box.toolTip() == MISSING
        assert dialog.wanted.start == "/models/m0001"
        dialog.set_offers(Offers(BACKBONES), LITE)
        assert not tick(dialog, "Structure").isEnabled()
        assert tick(dialog, "Structure").toolTip() == NO_START
        assert dialog.wanted == Wanted(("none", "feature", "parameter"), (LITE,), None, 2.0)

    def test_nothing_chosen_cannot_start(self, dialog: ComparisonDialog) -> None:
        tick(dialog, "EfficientNet-Lite0").click()
        tick(dialog, "Structure").click()
        assert not button(dialog, "Start").isEnabled()
        assert said(dialog, "How long it takes").startswith("Choose at least one transfer")

    def test_a_training_run_is_in_the_way_and_it_says_so(self, dialog: ComparisonDialog) -> None:
        dialog.set_blocked(TRAINING)
        assert not button(dialog, "Start").isEnabled()
        assert said(dialog, "How long it takes") == TRAINING
        dialog.set_blocked("")
        assert button(dialog, "Start").isEnabled()

    def test_what_was_chosen_stays_when_more_is_offered(self, dialog: ComparisonDialog) -> None:
        more = (BACKBONES[0], Choice("resnet18", "ResNet-18"))
        dialog.set_offers(Offers(more, STARTS), "resnet18")
        assert dialog.wanted.backbones == (LITE,)

    def test_one_training_compares_nothing(self) -> None:
        assert total_line(Wanted(("none",), (LITE,), None, 5)) == "1 training of 5 min. Choose more to compare."

    def test_every_control_has_a_name_and_a_tooltip(self, dialog: ComparisonDialog) -> None:
        for kind in (QAbstractButton, QSpinBox, Listing):
            for control in dialog.findChildren(kind):
                if not control.objectName().startswith("qt_") and type(control).__name__ != "QTableCornerButton":
                    assert control.accessibleName(), control
                    assert control.toolTip(), control.accessibleName()


class TestDuring:
    def test_rows_and_curves_grow(self, dialog: ComparisonDialog) -> None:
        dialog.prepare()
        dialog.set_running(True)
        assert not tick(dialog, "None").isEnabled()
        dialog.show_plan(PLAN)
        assert said(dialog, "Notes") == "m0001 has a head start."
        first = result(0, 0.4)
        dialog.show_events([
            RowStarted(1, 3, ROWS[0]), RowScored(1, first.curve[0]), RowScored(1, first.curve[1]),
            RowDone(1, first, comparison(first)), RowStarted(2, 3, ROWS[1]),
            RowStepped(2, 55, 0.7, 60.0, 5.25, 0.5), RowScored(2, Point(31.0, 50, 0.3)),
        ])  # fmt: skip
        assert table(dialog) == [
            ["none", LITE, "0.400 (0.35 to 0.45)", "–", "90", "4.4", "1:00"],
            ["parameter", LITE, "0.300 so far", "", "", "", ""],
            ["structure", "m0001", "waiting", "", "", "", ""],
        ]
        line = "2 of 3  ·  parameter, efficientnet_lite0  ·  step 55  ·  5.2 crops/s  ·  3:00 left"
        assert said(dialog, "How long it takes") == line
        curves = dialog.findChild(ComparisonCurves)
        assert isinstance(curves, ComparisonCurves)
        assert curves.drawn == [[(30.0, 0.2), (60.0, 0.4)], [(31.0, 0.3)], []]
        assert button(dialog, "Save report").isEnabled()
        assert dialog.standing is not None
        assert dialog.standing.share == 0.5

    def test_stopped_rows_are_told_from_those_left_out(self, dialog: ComparisonDialog) -> None:
        dialog.show_plan(PLAN)
        first = result(0, 0.4)
        dialog.show_events([
            RowStarted(1, 3, ROWS[0]), RowDone(1, first, comparison(first)), RowStarted(2, 3, ROWS[1]),
            RowScored(2, Point(31.0, 50, 0.3)), ComparisonDone(comparison(first, stopped=True)),
        ])  # fmt: skip
        assert [row[2] for row in table(dialog)] == ["0.400 (0.35 to 0.45)", "stopped", "left out"]
        assert said(dialog, "What came of it").startswith("Stopped after 1 of 3. Best: none")

    def test_a_row_that_failed_says_why(self, dialog: ComparisonDialog) -> None:
        dialog.show_plan(PLAN)
        failed = RowResult(ROWS[0], error="The network does not give numbers.")
        dialog.show_events([RowStarted(1, 3, ROWS[0]), RowDone(1, failed, comparison(failed)),
                            ComparisonDone(comparison(failed))])  # fmt: skip
        assert table(dialog)[0][2] == "failed"
        assert "does not give numbers" in said(dialog, "Notes")
        assert said(dialog, "What came of it").startswith("No training came to a result")

    def test_the_curves_follow_the_theme(self, dialog: ComparisonDialog, qapp: QApplication) -> None:
        dialog.show_plan(PLAN)
        dialog.show_events([RowScored(1, Point(1.0, 1, 0.3)), RowScored(1, Point(2.0, 2, 0.4))])
        curves = dialog.findChild(ComparisonCurves)
        assert isinstance(curves, ComparisonCurves)
        try:
            apply_theme(qapp, "light")
            qapp.processEvents()
            assert curves.grab().toImage().pixelColor(4, curves.height() - 8).name() == LIGHT.field
        finally:
            apply_theme(qapp, "dark")


class TestWords:
    def test_a_gain_is_sure_or_may_be_chance(self) -> None:
        first = result(0, 0.4)
        sure, chance = Difference(0.1, 0.06, 0.14), Difference(0.1, -0.02, 0.2)
        line = ended_line(comparison(first, result(1, 0.5, sure)))
        assert line == f"Best: parameter, {LITE}, mean IoU 0.500. Better than none, {LITE} by 0.100 (0.060 to 0.140)."
        line = ended_line(comparison(first, result(1, 0.5, chance)))
        assert line.endswith("may be chance: -0.020 to 0.200.")
        unknown = Difference(0.1, float("nan"), float("nan"))
        assert ended_line(comparison(first, result(1, 0.5, unknown))).endswith("mean IoU 0.500.")

    def test_time_left_without_a_limit_of_time_is_guessed_from_the_steps(self) -> None:
        standing = Standing(replace(PLAN, settings=TrainSettings(steps=100)))
        standing.take(RowStarted(1, 3, ROWS[0]))
        assert standing.line.endswith("preparing …")
        standing.take(RowStepped(1, 50, 0.7, 30.0, 5.0, 0.5))
        assert standing.line.endswith("2:30 left")
        standing.take(RowStepped(1, 100, 0.7, 60.0, 5.0, 1.0))
        assert standing.line.endswith("scoring all validation images …")

    @pytest.mark.parametrize("tokens_", [DARK, LIGHT])
    def test_every_curve_can_be_told_from_its_ground(self, tokens_: Tokens) -> None:
        colors = [color_of(at, tokens_) for at in range(7)]
        assert len(set(colors)) == 7
        assert tokens_.field not in colors


class Bench:
    """An open project with labels on two images, one of which validates."""

    def __init__(self, project: Project) -> None:
        self.jobs = Jobs()
        self.session = Session(project, self.jobs)
        self.modelling = Modelling(self.session, self.jobs)
        settings = TrainSettings(crop=64, batch=2, device="cpu", cache_features=False)
        offers = Offers(backbone_choices())
        self.comparison = TransferComparison(self.session, self.modelling, self.jobs, lambda: settings, lambda: offers)
        self.window = QWidget()
        self.comparison.open(self.window)
        found = self.window.findChild(ComparisonDialog)
        assert isinstance(found, ComparisonDialog)
        self.dialog = found


@pytest.fixture
def bench(tmp_path: Path, tokens: Tokens, qtbot: QtBot) -> Iterator[Bench]:
    del tokens
    rng = np.random.default_rng(0)
    labels = np.zeros((64, 64), np.uint8)
    cv2.circle(labels, (30, 30), 14, 1, -1)
    for number in range(2):
        picture = np.where(labels, 190, 60).astype(np.uint8) + rng.integers(0, 20, labels.shape, np.uint8)
        cv2.imwrite(str(tmp_path / f"cell{number}.png"), picture)
    crashes: list[str] = []
    with Project.create(tmp_path / "project", ClassTable.of(["ground", "cell"])) as project:
        project.add_images(sorted(tmp_path.glob("*.png")))
        for number in range(2):
            project.set_annotation(f"cell{number}", labels)
        made = Bench(project)
        made.jobs.crashed.connect(crashes.append)
        qtbot.addWidget(made.window)
        yield made
        made.comparison.close()
        made.session.close()
        made.jobs.close()
        assert made.jobs.wait(30)
    assert not crashes


def test_transfers_are_compared_and_a_report_is_written(bench: Bench, qtbot: QtBot, tmp_path: Path) -> None:
    bench.comparison.start(Wanted(("none", "feature"), (LITE,), None, 0.03))
    assert bench.comparison.running
    assert bench.comparison.hindrance() == COMPARING
    assert not button(bench.dialog, "Start").isVisible()
    qtbot.waitUntil(lambda: not bench.comparison.running, timeout=120_000)
    assert [row[0] for row in table(bench.dialog)] == ["none", "feature"]
    assert all(" to " in row[2] or row[2].startswith("0.") for row in table(bench.dialog))
    assert said(bench.dialog, "What came of it").startswith("Best: ")
    assert bench.comparison.hindrance() == ""
    assert not bench.session.project.models()

    report = tmp_path / "report"
    bench.comparison.save(report)
    qtbot.waitUntil(lambda: said(bench.dialog, "What came of it").startswith("Wrote comparison.json"))
    assert {path.name for path in report.iterdir()} == {
        "comparison.svg", "comparison.csv", "curves.csv", "comparison.json",
    }  # fmt: skip


def test_cancelling_keeps_what_has_ended(bench: Bench, qtbot: QtBot) -> None:
    bench.comparison.start(Wanted(("none", "parameter"), (LITE,), None, 60.0))
    qtbot.waitUntil(lambda: "step" in said(bench.dialog, "How long it takes"), timeout=60_000)
    button(bench.dialog, "Cancel").click()
    assert said(bench.dialog, "How long it takes") == "Stopping …"
    qtbot.waitUntil(lambda: not bench.comparison.running, timeout=30_000)
    assert said(bench.dialog, "What came of it") == "Stopped before a training had ended."
    assert button(bench.dialog, "Start").isEnabled()
    assert not button(bench.dialog, "Save report").isEnabled()


def test_a_plan_that_cannot_work_is_one_line(bench: Bench, qtbot: QtBot) -> None:
    bench.comparison.start(Wanted(("parameter",), ("resnet18",), None, 1.0))
    qtbot.waitUntil(lambda: not bench.comparison.running, timeout=30_000)
    assert "not on this machine" in said(bench.dialog, "What came of it")
    bench.dialog.close()
    with qtbot.waitSignal(bench.comparison.said, timeout=30_000) as told:
        bench.comparison.start(Wanted(("parameter",), ("resnet18",), None, 1.0))
    assert told.args[1] == "error"


def test_nothing_begins_while_training_goes_on(bench: Bench, qtbot: QtBot) -> None:
    bench.modelling.train(TrainSettings(steps=10_000, crop=64, batch=2, device="cpu"))
    assert said(bench.dialog, "How long it takes") == TRAINING
    bench.comparison.start(Wanted(("none", "feature"), (LITE,), None, 1.0))
    assert not bench.comparison.running
    bench.modelling.stop()
    qtbot.waitUntil(lambda: not bench.modelling.training, timeout=60_000)
    assert button(bench.dialog, "Start").isEnabled()
