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
from segstudio.learn.events import Cancelled, Offered, Promoted, Started, StepDone
from segstudio.learn.request import TrainSettings
from segstudio.learn.training import resumable
from segstudio.storage.cards import ModelCard, write_card
from segstudio.storage.project import Project
from segstudio.ui.dialogs.training_options import SEEN, TrainingOptions
from segstudio.ui.panels.curve import LearningCurve

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


def leave_stopped_run(project: Path, *classes: str, **more: object) -> None:
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
        **more,
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


def test_a_resumed_run_shows_how_it_went_before(driver: "Driver", project: Path, runs: Runs) -> None:
    losses, rounds = [[1.0, 0.9], [2.0, 0.7]], [[2.0, 20.0, 0.4]]
    leave_stopped_run(
        project, "background", "nucleus", curve={"losses": losses, "rounds": rounds, "stretch": 1, "open": []}
    )
    driver.desk.modelling.look_for_stopped_run()
    driver.until(lambda: driver.desk.state().resumable)
    runs.events = [Started("cpu", 1, 1), StepDone(3, 0.6, 2.0, 30.0, None), Cancelled(None, None, 3, 30.0, 2.0)]
    curve = driver.window.bench.model.findChild(LearningCurve)
    assert isinstance(curve, LearningCurve)
    button(driver, "Resume training").click()
    driver.until(lambda: len(runs.asked) == 1 and not driver.desk.modelling.training)
    assert curve.losses == [(1, 0.9), (2, 0.7), (3, 0.6)]
    assert curve.scores == [(2, 0.4)]
    driver.until(lambda: driver.desk.state().resumable)
    runs.events[1] = StepDone(1, 1.1, 2.0, 1.0, None)
    driver.desk.handlers()["resume"]()  # it has to begin anew after all
    driver.until(lambda: len(runs.asked) == 2 and not driver.desk.modelling.training)
    assert curve.losses == [(1, 1.1)]
    driver.desk.handlers()["train"]()
    driver.until(lambda: len(runs.asked) == 3 and not driver.desk.modelling.training)
    assert curve.losses == [(1, 1.1)]
    assert curve.scores == []


def test_the_window_waits_for_no_file_of_a_model(
    driver: "Driver", project: Path, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    readers: list[bool] = []

    def watched(name: str) -> None:
        real = getattr(Project, name)

        def call(self: Project, *args: Any) -> Any:
            readers.append(threading.current_thread() is threading.main_thread())
            return real(self, *args)

        monkeypatch.setattr(Project, name, call)

    for name in ("models", "load_proposal"):
        watched(name)
    folder = add_model(project, "m0001-a")
    runs.events = [Started("cpu", 1, 1), Promoted(folder, 0.5), Cancelled(folder, None, 5, 1.0, 2.0)]
    driver.desk.modelling.predict_open_image = lambda: None  # type: ignore[method-assign]  # its weights are none
    driver.desk.session.project.use_model("m0001-a")
    driver.desk.handlers()["train"]()
    driver.until(lambda: bool(runs.asked) and not driver.desk.modelling.training and driver.desk.teaching.has_model)
    driver.desk.handlers()["compare_transfers"]()
    driver.desk.weights.changed.emit()
    monkeypatch.setattr("segstudio.learn.prediction.sweep.predict_project", lambda *_, **__: [])
    driver.desk.modelling.predict_all()
    driver.until(lambda: not driver.desk.modelling.predicting_all and not driver.desk.jobs.busy)
    assert len(readers) >= 3
    assert not any(readers)


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


def test_who_goes_on_from_the_model_in_use_goes_on_from_the_next_one(
    driver: "Driver", start: Callable[[], "Driver"], project: Path
) -> None:
    teaching, kept = driver.desk.teaching, driver.desk.session.project
    first, second = add_model(project, "m0001-a"), add_model(project, "m0002-a")
    kept.use_model("m0001-a")
    driver.desk.modelling.models_changed.emit()
    driver.until(lambda: teaching.has_model)
    teaching.choose(replace(teaching.settings, transfer="structure"))
    assert teaching.settings.start == str(first)
    kept.use_model("m0002-a")
    driver.desk.modelling.models_changed.emit()
    driver.until(lambda: teaching.settings.start == str(second))
    driver.close()
    again = start()
    again.open(project)
    assert again.desk.teaching.settings.transfer == "structure"  # nobody has looked for models yet
    again.until(lambda: again.desk.teaching.has_model)
    assert again.desk.teaching.settings.start == str(second)


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
