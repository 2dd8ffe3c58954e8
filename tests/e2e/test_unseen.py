"""Nobody paints blind: what is hidden says so, and comes back when something is written into it."""

import threading
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QToolButton

from segstudio.core.arrays import U8, Bool
from segstudio.core.classes import VOID, ClassTable
from segstudio.core.geometry import Rect
from segstudio.core.history import Patch, Piece, uniform
from segstudio.core.proposal import Proposal
from segstudio.ui import revealing
from segstudio.ui.dialogs.key_table import key_rows, make_keymap
from segstudio.ui.revealing import changed_unseen

if TYPE_CHECKING:
    from tests.e2e.conftest import Driver

LEFT = Qt.MouseButton.LeftButton
SHIFT, ALT, CTRL = (
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.AltModifier,
    Qt.KeyboardModifier.ControlModifier,
)
PLAIN = Qt.KeyboardModifier.NoModifier
SPOT = (60.5, 80.5)


def propose(driver: "Driver", value: int = 2) -> None:
    """The model says the same of the whole image, surely."""
    classes = np.full((96, 112), value, np.uint8)
    driver.desk.session.take_proposal("cell 0", Proposal(classes, np.full_like(classes, 204), "m0003"))
    QApplication.processEvents()


def annotation_shown(driver: "Driver") -> bool:
    return driver.canvas.layers.show_annotation


def class_shown(driver: "Driver", index: int) -> bool:
    return driver.desk.session.classes[index].visible


def eye(driver: "Driver", name: str) -> QToolButton:
    buttons = driver.window.bench.classes.findChildren(QToolButton)
    return next(button for button in buttons if button.accessibleName() == f"Show {name}")


def test_a_hidden_annotation_says_so_and_comes_back_when_it_is_painted_on(painter: "Driver") -> None:
    canvas = painter.canvas
    painter.key(Qt.Key.Key_V)
    assert "Annotation hidden" in painter.status
    assert canvas.accessibleDescription() == "Annotation hidden  ·  V"
    corner = QPoint(16, canvas.height() - 20)
    noted = canvas.grab().toImage().pixelColor(corner)
    painter.point(SPOT)
    assert not annotation_shown(painter)
    painter.press(SPOT)
    assert annotation_shown(painter)
    assert "Annotation shown again: you are painting on it" in painter.status
    assert canvas.accessibleDescription() == ""
    assert canvas.grab().toImage().pixelColor(corner) != noted
    painter.release(SPOT)
    assert painter.window.actions_["toggle_annotation"].isChecked()


def test_the_note_names_the_key_a_person_has_chosen(painter: "Driver") -> None:
    painter.key(Qt.Key.Key_V)
    painter.window.actions_.set_keymap(make_keymap(key_rows(), {"toggle_annotation": ["Ctrl+J"]}))
    assert painter.canvas.accessibleDescription() == "Annotation hidden  ·  Ctrl+J"
    painter.window.actions_.set_keymap(make_keymap(key_rows(), {"toggle_annotation": []}))
    assert painter.canvas.accessibleDescription() == "Annotation hidden"


def test_a_transparent_annotation_counts_as_hidden(painter: "Driver") -> None:
    for _ in range(5):
        painter.key(Qt.Key.Key_O, SHIFT)
    assert painter.canvas.layers.annotation_opacity == 0
    assert painter.canvas.accessibleDescription() == "Annotation transparent  ·  O"
    painter.click(SPOT)
    assert painter.canvas.layers.annotation_opacity == 0.5


@pytest.mark.parametrize("tool", ["measure", "pan", "pick", "level"])
def test_tools_that_only_look_leave_hidden_what_is_hidden(painter: "Driver", tool: str) -> None:
    painter.key(Qt.Key.Key_V)
    painter.window.actions_[f"tool_{tool}"].trigger()
    painter.stroke((20, 20), (40, 40))
    assert not annotation_shown(painter)


def test_the_class_in_the_hand_is_seen_when_it_is_painted(painter: "Driver") -> None:
    painter.click(SPOT)
    QTest.mouseClick(eye(painter, "nucleus"), LEFT)
    QTest.mouseClick(eye(painter, "debris"), LEFT)
    painter.press((20, 20))
    assert class_shown(painter, 1)
    assert not class_shown(painter, 2)
    assert "nucleus shown again" in painter.status
    painter.release((20, 20))


def test_what_is_erased_unseen_comes_back(painter: "Driver") -> None:
    painter.click(SPOT)
    QTest.mouseClick(eye(painter, "nucleus"), LEFT)
    painter.key(Qt.Key.Key_E)
    painter.click((20, 20))
    assert not class_shown(painter, 1), "there was nothing of it"
    painter.click(SPOT)
    assert class_shown(painter, 1)
    assert "nucleus shown again" in painter.status
    QTest.mouseClick(eye(painter, "nucleus"), LEFT)
    painter.undo()
    assert class_shown(painter, 1)


def test_a_huge_stroke_is_looked_at_beside_the_window(painter: "Driver", monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[int] = []

    def look(patch: Patch, visible: Bool) -> set[int]:
        threads.append(threading.get_ident())
        return changed_unseen(patch, visible)

    monkeypatch.setattr(revealing, "changed_unseen", look)
    monkeypatch.setattr(revealing, "_MOST_AT_ONCE", -1, raising=False)
    painter.click(SPOT)
    QTest.mouseClick(eye(painter, "nucleus"), LEFT)
    painter.undo()
    painter.until(lambda: class_shown(painter, 1), 5)
    assert threads
    assert threading.get_ident() not in threads


@pytest.mark.parametrize("how", ["undo", "fill_void", "accept_all"])
def test_a_command_shows_what_it_changes(painter: "Driver", how: str) -> None:
    propose(painter)
    painter.click(SPOT)
    painter.key(Qt.Key.Key_V)
    painter.window.actions_[how].trigger()
    painter.until(lambda: annotation_shown(painter), 2)
    assert "Annotation shown again: it was changed" in painter.status


def test_rejecting_a_hidden_proposal_shows_it(painter: "Driver") -> None:
    propose(painter)
    painter.key(Qt.Key.Key_V, SHIFT)
    assert "Proposal hidden" in painter.status
    painter.point(SPOT)
    painter.key(Qt.Key.Key_Backspace)
    assert painter.canvas.layers.show_proposal
    assert "Proposal shown again" in painter.status


def test_blinking_rests_on_the_annotation_while_something_is_drawn(painter: "Driver") -> None:
    propose(painter)
    painter.key(Qt.Key.Key_B, SHIFT)
    painter.until(lambda: not annotation_shown(painter), 3)
    painter.press(SPOT)
    assert annotation_shown(painter)
    QTest.qWait(1400)  # two turns
    assert annotation_shown(painter)
    painter.release(SPOT)
    painter.until(lambda: not annotation_shown(painter), 3)
    painter.key(Qt.Key.Key_P)
    painter.click((20, 20))
    QTest.qWait(1400)
    assert annotation_shown(painter), "a polygon is open"
    painter.key(Qt.Key.Key_Escape)


def test_labels_hidden_by_a_held_key_are_there_while_one_paints(painter: "Driver") -> None:
    with painter.holding(Qt.Key.Key_QuoteLeft):
        assert not annotation_shown(painter)
        painter.press(SPOT)
        assert annotation_shown(painter)
        painter.release(SPOT)
        assert not annotation_shown(painter)
    painter.until(lambda: annotation_shown(painter), 2)


@pytest.mark.parametrize(
    ("key", "modifiers", "lines"),
    [
        (Qt.Key.Key_V, PLAIN, ("Annotation hidden", "Annotation shown")),
        (Qt.Key.Key_V, SHIFT, ("Proposal hidden", "Proposal shown")),
        (Qt.Key.Key_I, CTRL, ("Image inverted", "no longer inverted")),
        (Qt.Key.Key_M, CTRL | SHIFT, ("Minimap off", "Minimap on")),
        (Qt.Key.Key_H, SHIFT, ("History shown", "History hidden")),
        (Qt.Key.Key_C, PLAIN, ("drawn as outlines", "drawn as areas and outlines")),
        (Qt.Key.Key_L, CTRL | ALT, ("Original contrast",)),
        (Qt.Key.Key_L, CTRL | SHIFT, ("Black and white at",)),
    ],
)
def test_each_switch_says_what_it_did(
    painter: "Driver", key: Qt.Key, modifiers: Qt.KeyboardModifier, lines: tuple[str, ...]
) -> None:
    for line in lines:
        painter.key(key, modifiers)
        assert line in painter.status


# What changed unseen


def patch_of(old: U8, new: U8) -> Patch:
    height, width = old.shape
    return Patch("annotation", "test", [Piece(Rect(0, 0, width, height), old, new)])


VISIBLE = ClassTable.of(["shown", "hidden", "hidden too"]).change(1, visible=False).change(2, visible=False).visible()


@pytest.mark.parametrize(
    ("old", "new", "classes"),
    [
        (VOID, 0, set()),
        (0, VOID, set()),
        (VOID, 1, {1}),
        (1, VOID, {1}),
        (1, 2, {1, 2}),
        (1, 0, set()),  # something is seen to come
        (0, 2, set()),  # and to go
        (1, 1, set()),
    ],
)
def test_only_changes_of_which_nothing_is_seen_are_unseen(old: int, new: int, classes: set[int]) -> None:
    assert changed_unseen(patch_of(uniform(old, (5, 7)), uniform(new, (5, 7))), VISIBLE) == classes
    mixed_old, mixed_new = np.full((5, 7), 0, np.uint8), np.full((5, 7), 0, np.uint8)
    mixed_old[2, 3], mixed_new[2, 3] = old, new
    assert changed_unseen(patch_of(mixed_old, mixed_new), VISIBLE) == classes


def test_a_huge_stroke_is_looked_at_in_samples() -> None:
    old = np.full((3000, 3000), VOID, np.uint8)
    old[:, 1000:1100] = 2
    assert changed_unseen(patch_of(old, uniform(VOID, old.shape)), VISIBLE) == {2}
