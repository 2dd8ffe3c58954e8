"""Training options, the preview of crops, resuming and offered models, in the real window."""

import json
import threading
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton, QComboBox, QLabel

from segstudio.core.proposal import Proposal
from segstudio.learn import turns
from segstudio.learn.events import Cancelled, Offered, Started
from segstudio.learn.request import TrainSettings
from segstudio.learn.training import resumable
from segstudio.storage.cards import ModelCard, write_card
from segstudio.ui.dialogs.training_options import SEEN, TrainingOptions

if TYPE_CHECKING:
    from tests.e2e.conftest import Driver

CTRL_SHIFT = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier


class Runs:
    """Stands in for training: what was asked for, and events that a test chooses."""

    def __init__(self) -> None:
        self.asked: list[tuple[TrainSettings, bool]] = []
        self.events: list[object] = []

    def train_project(
        self,
        _project: object,
        settings: TrainSettings,
        emit: Callable[[object], None],
        _cancel: threading.Event,
        *,
        background: bool,
        resume: bool,
    ) -> object:
        assert background
        self.asked.append((settings, resume))
        for event in self.events:
            emit(event)
        return self.events[-1]


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Runs:
    import segstudio.learn.training.runs

    made = Runs()
    made.events = [Started("cpu", 1, 1), Cancelled(None, None, 5, 1.0, 2.0)]
    monkeypatch.setattr(segstudio.learn.training.runs, "train_project", made.train_project)
    return made


@pytest.fixture
def project(driver: "Driver", cells: Path, tmp_path: Path) -> Path:
    driver.new_project(cells, tmp_path / "project", "background", "nucleus")
    return tmp_path / "project"


def dialog_of(driver: "Driver") -> TrainingOptions:
    found = driver.window.findChild(TrainingOptions)
    assert isinstance(found, TrainingOptions)
    return found


def button(driver: "Driver", name: str) -> QAbstractButton:
    buttons = driver.window.bench.model.findChildren(QAbstractButton)
    return next(one for one in buttons if one.accessibleName() == name and one.isVisible())


def told(driver: "Driver") -> str:
    return "\n".join(label.text() for label in driver.window.bench.model.findChildren(QLabel) if label.isVisible())


def leave_stopped_run(project: Path, *classes: str) -> None:
    folder = project / "models" / ".run"
    folder.mkdir(parents=True)
    when = datetime.now(UTC) - timedelta(minutes=5, seconds=10)
    content: dict[str, Any] = {
        "format": resumable.FORMAT,
        "steps": 412,
        "seconds": 80.0,
        "when": when.isoformat(),
        "settings": asdict(TrainSettings()),
        "classes": classes,
    }
    (folder / resumable.STATE).write_text(json.dumps(content), encoding="utf-8")
    (folder / resumable.TENSORS).write_bytes(b"")


def test_options_train_the_next_run_and_are_remembered(
    driver: "Driver", start: Callable[[], "Driver"], project: Path, runs: Runs
) -> None:
    driver.menu("Model", "Training options…")
    dialog = dialog_of(driver)
    assert dialog.isVisible()
    assert not dialog.isModal()
    box = next(box for box in dialog.findChildren(QComboBox) if box.accessibleName() == "Decoder")
    at = box.findText("U-Net")
    box.setCurrentIndex(at)
    box.activated.emit(at)
    assert "U-Net, automatic crops, until stopped." in told(driver)
    driver.desk.handlers()["train"]()
    driver.until(lambda: bool(runs.asked) and not driver.desk.modelling.training)
    assert runs.asked == [(replace(TrainSettings(), decoder="unet"), False)]
    dialog.close()
    driver.close()
    again = start()
    again.open(project)
    assert again.desk.teaching.settings.decoder == "unet"
    assert "U-Net" in told(again)


@pytest.mark.usefixtures("project")
def test_the_preview_shows_crops_of_the_open_image(driver: "Driver") -> None:
    driver.desk.handlers()["training_options"]()
    dialog = dialog_of(driver)
    dialog.open_page(SEEN)
    driver.until(lambda: dialog.preview.grid.shown == 9)
    assert dialog.preview.caption == "cell 0  ·  128 px crops  ·  no labels yet"
    before = dialog.preview.grid.picture(0)
    driver.stroke((24, 30), (36, 30))
    again = next(one for one in dialog.findChildren(QAbstractButton) if one.accessibleName() == "Draw again")
    again.click()
    driver.until(lambda: dialog.preview.grid.picture(0) != before)
    driver.until(lambda: dialog.preview.caption == "cell 0  ·  128 px crops")
    before = dialog.preview.grid.picture(0)
    settings = driver.desk.teaching.settings
    driver.desk.teaching.choose(replace(settings, augmentation=replace(settings.augmentation, rotate=True), crop=64))
    driver.until(lambda: dialog.preview.grid.picture(0) != before)
    driver.until(lambda: "64 px" in dialog.preview.caption)
    # While the open image has no labels, those of a training image are shown.
    driver.until(lambda: driver.desk.session.project.image("cell 0").split is not None)
    driver.desk.session.open_image("cell 1")
    driver.until(lambda: driver.desk.session.key == "cell 1")
    if driver.desk.session.project.image("cell 0").split == "train":
        driver.until(lambda: dialog.preview.caption.startswith("cell 0"))
    else:
        driver.until(lambda: dialog.preview.caption.startswith("cell 1"))


def test_a_stopped_run_is_resumed(driver: "Driver", project: Path, runs: Runs) -> None:
    assert not driver.desk.state().resumable
    leave_stopped_run(project, "background", "nucleus")
    driver.desk.modelling.look_for_stopped_run()
    driver.until(lambda: driver.desk.state().resumable)
    assert "412 steps, stopped 5 min ago" in told(driver)
    button(driver, "Resume training").click()
    driver.until(lambda: bool(runs.asked) and not driver.desk.modelling.training)
    driver.key(Qt.Key.Key_T, CTRL_SHIFT)
    driver.until(lambda: len(runs.asked) == 2 and not driver.desk.modelling.training)
    assert [resume for _, resume in runs.asked] == [True, True]


def test_a_run_with_other_classes_cannot_be_resumed(driver: "Driver", project: Path) -> None:
    leave_stopped_run(project, "background", "cell")
    driver.desk.modelling.look_for_stopped_run()
    driver.until(lambda: "The classes have changed since." in told(driver))
    assert not button(driver, "Resume training").isEnabled()
    assert not driver.desk.state().resumable


def add_model(project: Path, name: str) -> Path:
    folder = project / "models" / name
    folder.mkdir(parents=True)
    card = ModelCard(
        name=name,
        created="2026-01-01T00:00:00+00:00",
        backbone="efficientnet_lite0",
        transfer="parameter",
        decoder="fpn",
        classes=[{"index": 0, "name": "background", "color": "#000000"}],
        normalisation={"mean": [0.5] * 3, "std": [0.5] * 3},
    )
    write_card(folder, card)
    (folder / "weights.safetensors").write_bytes(b"")
    return folder


def test_an_offered_model_is_used_when_a_person_says_so(driver: "Driver", project: Path, runs: Runs) -> None:
    modelling, kept = driver.desk.modelling, driver.desk.session.project
    modelling.predict_open_image = lambda: None  # type: ignore[method-assign]  # its weights are none
    folder = add_model(project, "m0001-efficientnet_lite0-parameter")
    runs.events = [Started("cpu", 1, 1), Offered(folder, "Label 10 more images."), Cancelled(None, None, 5, 1.0, 2.0)]
    driver.desk.handlers()["train"]()
    driver.until(lambda: bool(runs.asked) and not modelling.training)
    assert "m0001 is saved, not in use" in told(driver)
    assert "Label 10 more images." in driver.window.bench.model.verdict
    button(driver, f"Use {folder.name}").click()
    driver.until(lambda: kept.model_in_use == folder)
    driver.until(lambda: "is saved, not in use" not in told(driver))


def test_who_goes_on_from_the_model_in_use_goes_on_from_the_next_one(driver: "Driver", project: Path) -> None:
    teaching, kept = driver.desk.teaching, driver.desk.session.project
    first, second = add_model(project, "m0001-a"), add_model(project, "m0002-a")
    kept.use_model("m0001-a")
    teaching.show_models()
    teaching.choose(replace(teaching.settings, transfer="structure"))
    assert teaching.settings.start == str(first)
    kept.use_model("m0002-a")
    teaching.show_models()
    assert teaching.settings.start == str(second)


def test_a_prediction_of_the_open_image_goes_before_training(
    driver: "Driver", project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import segstudio.learn.networks.saving
    import segstudio.learn.prediction.predicting

    waited: list[float] = []

    def predict(_model: object, image: np.ndarray, **_more: object) -> Proposal:
        def run() -> None:
            waited.append(turns.give_way(threading.Event(), longest=0.2))

        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        shape = image.shape[:2]
        return Proposal(np.zeros(shape, np.uint8), np.full(shape, 255, np.uint8), "m0001-a")

    add_model(project, "m0001-a")
    driver.desk.session.project.use_model("m0001-a")
    loaded = SimpleNamespace(card=SimpleNamespace(channels=3))
    monkeypatch.setattr(segstudio.learn.networks.saving, "load_model", lambda *_: loaded)
    monkeypatch.setattr(segstudio.learn.prediction.predicting, "predict", predict)
    driver.desk.modelling.predict_open_image()
    driver.until(lambda: driver.document.proposal is not None)
    assert waited[0] >= 0.15
    assert turns.give_way(threading.Event()) == 0
