"""Finding out what to start from, in the real window: backbones and their weights, transfers compared."""

from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QDialog, QSpinBox
from safetensors.torch import save

from segstudio.learn.backbones.registry import BACKBONES
from segstudio.ui.comparison import COMPARING, TransferComparison
from segstudio.ui.dialogs.backbones import BackbonesDialog
from segstudio.ui.dialogs.comparison import ComparisonDialog
from segstudio.ui.dialogs.comparison_view import Wanted
from tests.learn.files import classifier_state

if TYPE_CHECKING:
    from tests.e2e.conftest import Driver

SMALL = "mobilenetv3_small_100"
LITE = "efficientnet_lite0"
T = TypeVar("T", bound=QDialog)


def dialog_of(driver: "Driver", kind: type[T]) -> T:
    found = driver.window.findChild(kind)
    assert isinstance(found, kind)
    assert found.isVisible()
    return found


def button(dialog: QDialog, name: str) -> QAbstractButton:
    return next(b for b in dialog.findChildren(QAbstractButton) if b.accessibleName() == name)


def test_weights_that_were_brought_can_be_compared_at_once(painter: "Driver", tmp_path: Path) -> None:
    painter.menu("Model", "Compare transfers…")
    compared = dialog_of(painter, ComparisonDialog)
    assert not any(SMALL in name for name in compared.wanted.backbones)
    painter.menu("Model", "Backbones and weights…")
    backbones = dialog_of(painter, BackbonesDialog)
    painter.until(lambda: bool(backbones.chosen))
    file = tmp_path / "small.safetensors"
    file.write_bytes(save(classifier_state(BACKBONES[SMALL])))
    with painter.qtbot.waitSignal(painter.desk.weights.changed, timeout=60_000):
        backbones.import_requested.emit(SMALL, file)
    title = BACKBONES[SMALL].title  # while it has no weights it is called otherwise
    painter.until(lambda: any(box.accessibleName() == title for box in compared.findChildren(QAbstractButton)))
    assert button(compared, title).isEnabled()
    button(compared, BACKBONES[SMALL].title).click()
    assert compared.wanted.backbones == (LITE, SMALL)
    QTest.keyClick(backbones, Qt.Key.Key_Escape)
    assert not backbones.isVisible()


def test_training_waits_for_a_comparison(painter: "Driver") -> None:
    for key in (None, Qt.Key.Key_D):
        if key is not None:
            painter.key(key)
            painter.until(lambda: painter.desk.session.key == "cell 1")
        painter.key(Qt.Key.Key_2)
        painter.stroke((24, 30), (36, 30))
        painter.key(Qt.Key.Key_1)
        painter.stroke((8, 80), (40, 88))
    painter.menu("Model", "Compare transfers…")
    dialog = dialog_of(painter, ComparisonDialog)
    minutes = dialog.findChild(QSpinBox)
    assert isinstance(minutes, QSpinBox)
    assert painter.window.actions_["train"].isEnabled()
    button(dialog, "Start").click()
    comparison: TransferComparison = painter.desk.comparison
    assert comparison.running
    assert not painter.window.actions_["train"].isEnabled()
    painter.window.bench.model.train_requested.emit()
    assert not painter.desk.modelling.training
    assert COMPARING in painter.status
    painter.until(lambda: dialog.standing is not None and dialog.standing.share > 0, 60)
    dialog.close()
    painter.stroke((60, 10), (90, 12))
    assert painter.steps == 3, "one goes on painting meanwhile"
    comparison.stop()
    painter.until(lambda: not comparison.running, 60)
    assert "Stopped before a training had ended" in painter.status
    assert painter.window.actions_["train"].isEnabled()


def test_closing_the_project_ends_a_comparison_and_its_dialogs(painter: "Driver") -> None:
    painter.menu("Model", "Backbones and weights…")
    painter.menu("Model", "Compare transfers…")
    desk = painter.desk
    desk.comparison.start(Wanted(("none",), (LITE,), None, 1.0))
    assert painter.window.close_project()
    kinds = (ComparisonDialog, BackbonesDialog)
    assert not any(found.isVisible() for kind in kinds for found in painter.window.findChildren(kind))
    assert desk.jobs.wait(60)
