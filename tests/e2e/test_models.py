"""Models in the real window: compare two of them, go back, keep, remove, look at the card, export."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QFileDialog, QLabel, QMessageBox, QToolButton

from segstudio.core.arrays import U8
from segstudio.core.classes import VOID
from segstudio.core.proposal import Proposal
from segstudio.errors import Cancelled, ModelError
from segstudio.storage.cards import WEIGHTS, ModelCard, write_card
from segstudio.ui.comparing_models import BLINK_MS, PAUSED
from segstudio.ui.panels.card import CardDialog
from segstudio.ui.panels.compare_bar import CompareBar, percent

if TYPE_CHECKING:
    from tests.e2e.conftest import Driver

LEFT, SHIFT = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ShiftModifier
OLD, NEW = "m0001-lite0-feature", "m0002-lite0-parameter"
BOTH, DIFFERS = (20.5, 80.5), (90.5, 80.5)  # where they agree, and where only the old one sees a nucleus


def said_by(name: str, shape: tuple[int, int]) -> U8:
    """Nothing but ground says the new model; the old one sees nuclei right of column 84, a quarter of the image."""
    classes = np.zeros(shape, np.uint8)
    if name == OLD:
        classes[:, 84:] = 1
    return classes


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Models that answer at once; their names, in the order they were asked for comparing."""
    names: list[str] = []

    def load(folder: Path, _device: object = None) -> Any:
        if not (folder / WEIGHTS).is_file():
            raise ModelError("its weights are missing", path=folder)
        card = type("Card", (), {"name": folder.name, "channels": 1})
        return type("Model", (), {"card": card})

    def predict(
        model: Any,
        image: U8,
        *,
        progress: Callable[[float], None] | None = None,
        cancel: threading.Event | None = None,  # noqa: ARG001 - as the real one is called
        **_others: object,
    ) -> Proposal:
        if progress is not None:
            names.append(model.card.name)
            progress(1.0)
        classes = said_by(model.card.name, image.shape[:2])
        return Proposal(classes, np.full_like(classes, 255), model.card.name)

    monkeypatch.setattr("segstudio.learn.networks.saving.load_model", load)
    monkeypatch.setattr("segstudio.learn.prediction.predicting.predict", predict)
    return names


@pytest.fixture
def driver_with_models(painter: "Driver", asked: list[str]) -> "Driver":  # noqa: ARG001
    """Two models; the new one is in use, the old one was before."""
    project = painter.desk.session.project
    for name in (OLD, NEW):
        folder = project.models_folder / name
        folder.mkdir(parents=True)
        (folder / WEIGHTS).write_bytes(b"")
        classes = [{"index": item.index, "name": item.name, "color": item.color} for item in project.classes]
        card = ModelCard(
            name=name, created=f"2026-01-0{name[4]}T00:00:00+00:00", backbone="lite0", transfer="feature",
            decoder="fpn", classes=classes, normalisation={"mean": [0.5], "std": [0.5]}, miou=0.6,
            parent=OLD if name == NEW else None,
        )  # fmt: skip
        write_card(folder, card)
        project.add_model(folder, use=True)
    painter.desk.modelling.models_changed.emit()
    painter.desk.modelling.predict_open_image()
    painter.until(lambda: painter.desk.care.in_use == NEW and painter.desk.state().models.previous)
    painter.until(lambda: painter.document.proposal is not None)
    return painter


def bar(driver: "Driver") -> CompareBar:
    found = driver.canvas.findChild(CompareBar)
    assert isinstance(found, CompareBar)
    return found


def told(driver: "Driver") -> str:
    return "\n".join(label.text() for label in bar(driver).findChildren(QLabel))


def press(driver: "Driver", text: str) -> None:
    QTest.mouseClick(next(b for b in bar(driver).findChildren(QAbstractButton) if b.text() == text), LEFT)


def compare(driver: "Driver") -> None:
    driver.key(Qt.Key.Key_Y, SHIFT)
    driver.until(lambda: "differ in" in told(driver))


def test_two_models_are_shown_in_one_place_and_nothing_is_touched(
    driver_with_models: "Driver", asked: list[str]
) -> None:
    driver = driver_with_models
    driver.stroke((5, 50), (105, 50))
    driver.point((2, 2))
    labels, proposal = driver.labels, driver.document.proposal
    usual = driver.color_at(DIFFERS)
    compare(driver)
    assert asked == [NEW, OLD]
    assert bar(driver).isVisible()
    assert f"differ in {percent(28 / 112)}" in told(driver)
    old = driver.color_at(DIFFERS)
    painted = driver.color_at((60.5, 50.5))
    driver.key(Qt.Key.Key_Y)
    new = driver.color_at(DIFFERS)
    assert new != old
    assert driver.color_at((60.5, 50.5)) == painted  # labels are not shown: both say ground
    press(driver, "m0001")
    assert driver.color_at(DIFFERS) == old
    press(driver, "Difference")
    bare_there, bare = driver.color_at(DIFFERS), driver.color_at(BOTH)
    press(driver, "Difference")
    assert driver.color_at(BOTH) != bare
    assert abs(bare_there.red() - old.red()) < 40
    driver.key(Qt.Key.Key_Y, SHIFT)
    assert not bar(driver).isVisible()
    assert driver.color_at(DIFFERS) == usual
    assert np.array_equal(driver.labels, labels)
    assert driver.document.proposal is proposal
    assert driver.steps == 1


def test_blinking_turns_about_twice_a_second_and_rests_while_nobody_sees_it(driver_with_models: "Driver") -> None:
    driver = driver_with_models
    compare(driver)
    assert 300 <= BLINK_MS <= 700
    comparing = driver.desk.care.comparing
    turns: list[bool] = []
    names = ("m0001", "m0002")
    buttons = {b.text(): b for b in bar(driver).findChildren(QAbstractButton) if b.text() in names}
    press(driver, "Blink")
    assert driver.desk.state().models.blinking
    comparing.changed.connect(lambda: turns.append(buttons["m0001"].isChecked()))
    driver.until(lambda: len(turns) >= 3, 5)
    assert turns[0] != turns[1]
    driver.window.hide()
    turns.clear()
    for _ in range(3):
        comparing._blink_on()
    assert turns == []
    driver.window.show()
    driver.key(Qt.Key.Key_Y)
    assert not driver.desk.state().models.blinking


def test_a_stroke_and_undo_bring_the_labels_back(driver_with_models: "Driver") -> None:
    driver = driver_with_models
    compare(driver)
    driver.stroke((30, 85), (60, 85))
    assert PAUSED in told(driver)
    assert (driver.labels[85, 30:60] == 1).all()
    seen = driver.color_at((45.5, 85.5))
    driver.key(Qt.Key.Key_Y)
    assert driver.color_at((45.5, 85.5)) != seen
    driver.undo()
    assert PAUSED in told(driver)
    assert (driver.labels == VOID).all()


def test_accepting_takes_what_the_model_in_use_says_and_only_once_that_is_seen(driver_with_models: "Driver") -> None:
    driver = driver_with_models
    compare(driver)
    assert "Accepting takes what m0002 says" in told(driver)
    driver.point(DIFFERS)
    driver.key(Qt.Key.Key_Return)
    assert (driver.labels == VOID).all()
    assert "m0002, the model in use" in driver.status
    driver.key(Qt.Key.Key_Return)
    assert driver.labels[80, 90] == 0  # what the new one says, not the old one, which was shown


def test_it_goes_on_with_the_next_image_and_asks_once_an_image(driver_with_models: "Driver", asked: list[str]) -> None:
    driver = driver_with_models
    compare(driver)
    driver.key(Qt.Key.Key_D)
    driver.until(lambda: driver.desk.session.key == "cell 1" and "differ in" in told(driver))
    assert len(asked) == 4
    driver.key(Qt.Key.Key_A)
    driver.until(lambda: driver.desk.session.key == "cell 0" and "differ in" in told(driver))
    assert len(asked) == 4
    driver.key(Qt.Key.Key_B, SHIFT)  # another way to compare: one at a time
    assert not bar(driver).isVisible()
    assert driver.desk.state().blink
    compare(driver)
    assert not driver.desk.state().blink


def test_using_the_other_one_from_the_bar_and_going_back_in_one_click(driver_with_models: "Driver") -> None:
    driver = driver_with_models
    compare(driver)
    press(driver, "Use m0001")
    driver.until(lambda: driver.desk.care.in_use == OLD)
    driver.until(lambda: "Accepting takes what m0001 says" in told(driver))
    press(driver, "×")
    back = next(b for b in driver.window.bench.model.findChildren(QAbstractButton) if b.text() == "Back to m0002")
    QTest.mouseClick(back, LEFT)
    driver.until(lambda: driver.desk.care.in_use == NEW)
    driver.until(lambda: driver.document.proposal is not None and driver.document.proposal.model == NEW)
    in_use = driver.desk.session.project.model_in_use
    assert in_use is not None
    assert in_use.name == NEW


def test_keep_and_remove(driver_with_models: "Driver") -> None:
    driver, listed = driver_with_models, driver_with_models.window.bench.model.models
    compare(driver)
    listed.keep_requested.emit(OLD, True)
    driver.until(lambda: "m0001 is kept" in driver.status)
    assert {model.name: model.kept for model in driver.desk.session.project.models()} == {OLD: True, NEW: False}
    listed.remove_requested.emit(OLD)
    box = driver.window.findChild(QMessageBox)
    assert isinstance(box, QMessageBox)
    assert OLD in box.text()
    QTest.mouseClick(next(b for b in box.buttons() if b.text() == "Remove"), LEFT)
    driver.until(lambda: [model.name for model in driver.desk.session.project.models()] == [NEW])
    driver.until(lambda: not driver.desk.state().models.previous)
    assert not bar(driver).isVisible()


def test_the_card_and_that_of_the_parent(driver_with_models: "Driver") -> None:
    driver = driver_with_models
    driver.menu("Model", "Card of the model in use")
    driver.until(lambda: driver.window.findChild(CardDialog) is not None)
    dialog = driver.window.findChild(CardDialog)
    assert isinstance(dialog, CardDialog)
    assert dialog.shown == NEW
    assert not dialog.isModal()
    link = next(b for b in dialog.findChildren(QAbstractButton) if b.text() == OLD)
    QTest.mouseClick(link, LEFT)
    driver.until(lambda: dialog.shown == OLD)
    dialog.close()
    driver.menu("Model", "Card of the model in use")
    driver.until(lambda: any(d.isVisible() and d.shown == NEW for d in driver.window.findChildren(CardDialog)))


@pytest.mark.parametrize(("name", "made"), [("mine.onnx", "onnx"), ("mine", "onnx"), ("mine.pt2", "torch")])
def test_export(
    driver_with_models: "Driver", tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, made: str
) -> None:
    driver, wrote = driver_with_models, []
    exporting = pytest.importorskip("segstudio.learn.prediction.exporting")

    def export(_model: object, path: Path, images: Sequence[U8], *, kind: str, **_named: object) -> object:
        wrote.append((path.name, kind, len(images)))
        return exporting.Exported(path, None, 2_500_000, 1e-6)

    monkeypatch.setattr(exporting, "export_model", export)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_args: (str(tmp_path / name), "ONNX (*.onnx)"))
    driver.menu("Model", "Export the model in use…")
    driver.until(lambda: "2.5 MB" in driver.status)
    assert wrote == [(f"mine.{'pt2' if made == 'torch' else 'onnx'}", made, 1)]
    assert "says the same of" in driver.status


def cancel_button(driver: "Driver") -> QToolButton:
    [button] = [one for one in driver.window.status.findChildren(QToolButton) if one.accessibleName() == "Cancel"]
    return button


def test_predicting_all_borrows_the_line_of_an_export(
    driver_with_models: "Driver", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver, go_on, stopped = driver_with_models, threading.Event(), []
    exporting = pytest.importorskip("segstudio.learn.prediction.exporting")
    sweep = pytest.importorskip("segstudio.learn.prediction.sweep")

    def export(_model: object, path: Path, _images: object, *, cancel: threading.Event, **_named: object) -> object:
        assert go_on.wait(20)
        stopped.append(cancel.is_set())
        return exporting.Exported(path, None, 2_500_000, 1e-6)

    def predict_project(_project: object, *, cancel: threading.Event, **_named: object) -> list[str]:
        assert cancel.wait(20)
        raise Cancelled

    monkeypatch.setattr(exporting, "export_model", export)
    monkeypatch.setattr(sweep, "predict_project", predict_project)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_args: (str(tmp_path / "a.onnx"), "ONNX (*.onnx)"))
    driver.menu("Model", "Export the model in use…")
    driver.until(lambda: "Exporting" in driver.status)
    driver.menu("Model", "Predict all images")
    driver.until(lambda: "Predicting" in driver.status and "Exporting" not in driver.status)
    QTest.mouseClick(cancel_button(driver), LEFT)
    driver.until(lambda: "Exporting" in driver.status)
    assert cancel_button(driver).isVisible()
    go_on.set()
    driver.until(lambda: "2.5 MB" in driver.status)
    assert stopped == [False]


def test_an_export_is_cancelled_in_the_status_line(
    driver_with_models: "Driver", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver, path = driver_with_models, tmp_path / "mine.onnx"
    exporting = pytest.importorskip("segstudio.learn.prediction.exporting")

    def export(*_args: object, cancel: threading.Event, **_named: object) -> object:
        assert cancel.wait(20)
        raise Cancelled

    monkeypatch.setattr(exporting, "export_model", export)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_args: (str(path), "ONNX (*.onnx)"))
    driver.menu("Model", "Export the model in use…")
    driver.until(lambda: "Exporting" in driver.status)
    button = cancel_button(driver)
    assert button.isVisible()
    QTest.mouseClick(button, LEFT)
    driver.until(lambda: "cancelled; nothing was written" in driver.status)
    assert not button.isVisible()


def test_a_model_that_cannot_be_asked_is_said_and_comparing_can_be_closed(driver_with_models: "Driver") -> None:
    driver = driver_with_models
    (driver.desk.session.project.models_folder / OLD / WEIGHTS).unlink()
    driver.key(Qt.Key.Key_Y, SHIFT)
    driver.until(lambda: "no longer there" in told(driver))
    press(driver, "×")
    assert not bar(driver).isVisible()
    driver.stroke((30, 85), (60, 85))
    assert driver.steps == 1


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.0, "0 %"), (1e-6, "less than 0.01 %"), (0.0004, "0.04 %"), (0.031, "3.1 %"), (0.62, "62 %"), (1.0, "100 %")],
)
def test_shares(share: float, text: str) -> None:
    assert percent(share) == text
