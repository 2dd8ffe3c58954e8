"""The whole loop as a person goes through it: paint, train, see, accept, take back, leave, come back."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from PySide6.QtCore import Qt

from segstudio.core.classes import VOID
from segstudio.learn.events import Event, RoundDone, StepDone

if TYPE_CHECKING:
    from tests.e2e.conftest import Driver

CTRL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier


def paint_cells(driver: "Driver") -> None:
    """Some nucleus in both discs, some background around them, as sparse as a person would."""
    driver.key(Qt.Key.Key_2)
    driver.stroke((24, 30), (36, 30))
    driver.stroke((64, 60), (76, 60))
    driver.key(Qt.Key.Key_1)
    driver.stroke((8, 80), (40, 88))
    driver.stroke((60, 10), (105, 12), (104, 60))


def test_paint_train_accept_undo_close_reopen(start: Callable[[], "Driver"], cells: Path, tmp_path: Path) -> None:
    driver = start()
    project = tmp_path / "project"
    driver.new_project(cells, project, "background", "nucleus")
    assert driver.desk.session.key == "cell 0"

    # Paint on two images: one trains, one validates.
    paint_cells(driver)
    annotation = driver.document.annotation
    assert annotation[30, 30] == 1
    assert annotation[82, 16] == 0
    assert len(driver.document.history.done) == 4
    driver.key(Qt.Key.Key_D)
    driver.until(lambda: driver.desk.session.key == "cell 1")
    assert (driver.document.annotation == VOID).all()
    paint_cells(driver)
    driver.until(lambda: driver.desk.session.project.image("cell 1").split is not None)
    assert {record.split for record in driver.desk.session.project.images()} == {"train", "validation", None}

    # Train from the window; the curve moves, and a proposal appears over the open image by itself.
    told: list[Event] = []
    driver.desk.modelling.told.connect(told.append)
    driver.key(Qt.Key.Key_T, CTRL)
    assert driver.desk.modelling.training
    driver.until(lambda: driver.document.proposal is not None, 120)
    assert any(isinstance(event, StepDone) for event in told)
    assert any(isinstance(event, RoundDone) for event in told)
    driver.key(Qt.Key.Key_Period, CTRL)
    driver.until(lambda: not driver.desk.modelling.training, 30)
    in_use = driver.desk.session.project.model_in_use
    assert in_use is not None
    driver.until(lambda: driver.document.proposal is not None and driver.document.proposal.model == in_use.name)

    # The model does not touch what a person painted; accepting fills the rest.
    painted = driver.document.annotation != VOID
    before = driver.document.annotation.copy()
    proposal = driver.document.proposal
    assert proposal is not None
    driver.desk.handlers()["accept_all"]()  # with the threshold at its default
    driver.key(Qt.Key.Key_Z, CTRL)
    assert np.array_equal(driver.document.annotation, before)
    driver.point((30, 22))
    driver.key(Qt.Key.Key_Return)
    accepted = driver.document.annotation.copy()
    assert accepted[22, 30] == proposal.classes[22, 30]
    assert (accepted != VOID).sum() > painted.sum()
    assert np.array_equal(accepted[painted], before[painted])
    assert driver.document.history.done[-1].label == "Accept region"

    # One step each: undo, redo.
    driver.key(Qt.Key.Key_Z, CTRL)
    assert np.array_equal(driver.document.annotation, before)
    driver.key(Qt.Key.Key_Z, CTRL | SHIFT)
    assert np.array_equal(driver.document.annotation, accepted)

    # Leave and come back: annotation, history, proposal, model and place are all there.
    steps = len(driver.document.history.done)
    driver.close()
    mask = cv2.imread(str(project / "annotations" / "cell 1.png"), cv2.IMREAD_UNCHANGED)
    assert mask is not None
    again = start()
    again.open(project)
    assert again.desk.session.key == "cell 1"
    assert np.array_equal(again.document.annotation, accepted)
    assert len(again.document.history.done) == steps
    assert again.document.proposal is not None
    assert again.desk.session.project.model_in_use == in_use
    again.key(Qt.Key.Key_Z, CTRL)
    assert np.array_equal(again.document.annotation, before)


def test_reject_hides_a_region_until_undone(driver: "Driver", cells: Path, tmp_path: Path) -> None:
    from segstudio.core.proposal import Proposal

    driver.new_project(cells, tmp_path / "project", "background", "nucleus")
    classes = np.zeros((96, 112), np.uint8)
    classes[20:40, 20:40] = 1
    session = driver.desk.session
    session.take_proposal("cell 0", Proposal(classes, np.full((96, 112), 255, np.uint8), "m0001"))
    driver.point((30, 30))
    driver.key(Qt.Key.Key_Backspace)
    driver.key(Qt.Key.Key_Return, CTRL)
    assert (driver.document.annotation[20:40, 20:40] == VOID).all()
    assert driver.document.annotation[0, 0] == 0
    driver.key(Qt.Key.Key_Z, CTRL)
    driver.key(Qt.Key.Key_Z, CTRL)
    driver.key(Qt.Key.Key_Return)
    assert (driver.document.annotation[20:40, 20:40] == 1).all()
