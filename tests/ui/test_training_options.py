"""The dialog of training options: what is chosen acts at once, what is changed is marked, nonsense is refused."""

from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QCheckBox, QComboBox, QLineEdit, QPushButton
from pytestqt.qtbot import QtBot

from segstudio.core.arrays import Pixels
from segstudio.core.classes import VOID, ClassTable
from segstudio.learn.request import TrainSettings
from segstudio.ui.dialogs.option_rows import Mark
from segstudio.ui.dialogs.training_options import SEEN, TrainingOptions
from segstudio.ui.option_spec import Choice
from segstudio.ui.previewing import Source, draw_crops, outlined
from segstudio.ui.starts import Offers
from segstudio.ui.theme import Tokens
from segstudio.ui.training_table import OPTIONS, PAGES

OFFERS = Offers((Choice("efficientnet_lite0", "Lite0"),), (Choice("/m/2", "m0002 · in use", "Goes on from it."),))


class Person:
    """Someone at the dialog, and what they have chosen so far."""

    def __init__(self, dialog: TrainingOptions) -> None:
        self.dialog = dialog
        self.chosen: list[TrainSettings] = []
        dialog.settings_changed.connect(self._take)

    def _take(self, settings: TrainSettings) -> None:
        self.chosen.append(OFFERS.fitted(settings))
        self.dialog.set_settings(self.chosen[-1])

    @property
    def settings(self) -> TrainSettings:
        return self.chosen[-1]

    def choose(self, label: str, title: str) -> None:
        box = next(box for box in self.dialog.findChildren(QComboBox) if box.accessibleName() == label)
        at = box.findText(title)
        assert at >= 0
        box.setCurrentIndex(at)
        box.activated.emit(at)

    def field(self, label: str) -> QLineEdit:
        return next(edit for edit in self.dialog.findChildren(QLineEdit) if edit.accessibleName() == label)

    def type(self, label: str, text: str, *, enter: bool = True) -> None:
        field = self.field(label)
        field.selectAll()
        field.setFocus()
        QTest.keyClick(field, Qt.Key.Key_Delete)
        QTest.keyClicks(field, text)
        if enter:
            QTest.keyClick(field, Qt.Key.Key_Return)

    def switch(self, label: str) -> None:
        box = next(box for box in self.dialog.findChildren(QCheckBox) if box.accessibleName() == label)
        assert box.isEnabled()
        box.click()

    def press(self, text: str) -> None:
        button = next(button for button in self.dialog.findChildren(QPushButton) if button.text() == text)
        assert button.isEnabled()
        button.click()

    def marks(self) -> list[str]:
        """Which options are marked as changed."""
        return [mark.accessibleName().partition(":")[0] for mark in self.dialog.findChildren(Mark) if mark.isEnabled()]


@pytest.fixture
def person(qtbot: QtBot, tokens: Tokens) -> Person:  # noqa: ARG001 - the theme is in force
    dialog = TrainingOptions()
    qtbot.addWidget(dialog)
    dialog.set_offers(OFFERS)
    dialog.set_settings(TrainSettings())
    with qtbot.waitExposed(dialog):
        dialog.show()
    return Person(dialog)


def test_every_control_is_named_and_told(person: Person) -> None:
    controls: list[QAbstractButton | QComboBox | QLineEdit] = [
        *person.dialog.findChildren(QComboBox),
        *person.dialog.findChildren(QLineEdit),
        *(button for button in person.dialog.findChildren(QAbstractButton) if not isinstance(button, Mark)),
    ]
    for control in controls:
        assert control.accessibleName(), control
        assert control.toolTip(), control.accessibleName()
    assert len(controls) > len(OPTIONS)


def test_every_kind_of_control_acts_at_once(person: Person) -> None:
    person.choose("Transfer", "Feature")
    assert person.settings.transfer == "feature"
    person.dialog.open_page("Learning")
    person.choose("Loss", "Focal")
    person.type("Learning rate", "0,003")
    person.type("Accumulation", "4")
    person.switch("Average of the weights")
    how = person.settings.optimisation
    assert (person.settings.loss.kind, how.rate, how.accumulation, how.average) == ("focal", 0.003, 4, False)
    person.type("Learning rate", "")
    assert person.settings.optimisation.rate is None
    person.dialog.open_page("Machine")
    person.type("Image cache", "2048")
    assert person.settings.cache_bytes == 2 << 30
    assert person.marks() == ["Transfer", "Loss", "Accumulation", "Average of the weights", "Image cache"]


def test_what_makes_no_sense_is_told_and_taken_back(person: Person) -> None:
    person.dialog.open_page("Machine")
    person.type("Batch size", "0", enter=False)
    assert "Batch size: a whole number from 1 to 1024 crops." in person.dialog.line
    QTest.keyClick(person.field("Batch size"), Qt.Key.Key_Return)
    assert person.field("Batch size").text() == "4"
    assert "All is as by default" in person.dialog.line
    assert person.chosen == []
    person.type("Batch size", "1")
    person.dialog.open_page("Start and network")
    person.choose("Decoder", "UPerNet")
    assert "batches of 1 are too small" in person.dialog.line.lower()
    person.dialog.open_page(SEEN)
    person.type("Smallest scale", "2")
    assert "cannot be scaled" in person.dialog.line
    assert person.settings.augmentation.scale_from == 0.6
    assert person.field("Smallest scale").text() == "0.6"


def test_what_has_no_effect_cannot_be_chosen_and_says_why(person: Person) -> None:
    person.choose("Transfer", "Structure")
    assert person.settings.start == "/m/2"
    boxes = {box.accessibleName(): box for box in person.dialog.findChildren(QComboBox)}
    assert not boxes["Backbone"].isEnabled()
    assert not boxes["Decoder"].isEnabled()
    assert not boxes["Unfreezing"].isEnabled()
    assert boxes["From"].isEnabled()
    assert not person.field("Largest angle to either side").isEnabled()
    assert person.field("Largest scale").isEnabled()
    person.choose("Transfer", "Parameter")
    assert boxes["Backbone"].isEnabled()
    assert not boxes["From"].isEnabled()


def test_defaults_come_back_and_can_be_taken_back(person: Person) -> None:
    person.dialog.open_page(SEEN)
    person.switch("Rotate")
    person.choose("Crop size", "128 px")
    mine = person.settings
    mark = next(mark for mark in person.dialog.findChildren(Mark) if mark.accessibleName().startswith("Rotate"))
    mark.click()
    assert person.settings == replace(TrainSettings(), crop=128)
    person.dialog.set_settings(mine)
    person.press("Back to defaults")
    assert person.settings == TrainSettings()
    person.press("Bring them back")
    assert person.settings == mine


def test_the_preview_is_asked_for_only_while_it_is_seen(person: Person) -> None:
    wanted: list[bool] = []
    person.dialog.preview_wanted.connect(wanted.append)
    person.dialog.open_page(SEEN)
    person.dialog.open_page(PAGES[0].title)
    person.dialog.open_page(SEEN)
    person.dialog.close()
    assert wanted == [True, False, True, False]


def test_crops_are_outlined_in_the_colours_of_their_classes() -> None:
    labels = np.full((8, 8), VOID, np.uint8)
    labels[2:6, 2:6] = 1
    colors = ClassTable.of(["background", "nucleus"]).colors()
    picture = outlined(np.zeros((8, 8), np.uint8), labels, colors, 8)
    assert picture.shape == (8, 8, 3)
    assert (picture[2, 2:6] == colors[1]).all()
    assert not picture[3:5, 3:5].any()
    assert not picture[labels == VOID].any()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_the_same_seed_draws_the_same_crops(dtype: type) -> None:
    rng = np.random.default_rng(1)
    pixels: Pixels = (rng.random((90, 70)) * 200).astype(dtype)
    annotation = np.full((90, 70), VOID, np.uint8)
    annotation[40:50, 30:40] = 1
    source, classes = Source("a", pixels, (0.0, 255.0), annotation), ClassTable.of(["b", "n"])
    first, again, other = (draw_crops(source, TrainSettings(), classes, seed=seed, shown=48) for seed in (0, 0, 1))
    assert len(first.pictures) == 9
    assert first.labelled
    assert first.side == 96  # no larger than the image needs
    assert all(np.array_equal(one, two) for one, two in zip(first.pictures, again.pictures, strict=True))
    assert any(not np.array_equal(one, two) for one, two in zip(first.pictures, other.pictures, strict=True))
