"""What is seen of image and labels in the real window: layers, contrast, zoom, minimap, two views, the status line."""

from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QSlider, QToolButton

from segstudio.core.proposal import Proposal
from segstudio.core.tone import Tone

if TYPE_CHECKING:
    from tests.e2e.conftest import Driver

LEFT = Qt.MouseButton.LeftButton
CTRL, SHIFT, ALT = (
    Qt.KeyboardModifier.ControlModifier,
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.AltModifier,
)
SPOT, ELSEWHERE = (60.5, 80.5), (5.5, 5.5)


def propose(driver: "Driver", value: int = 2, confidence: int = 204) -> None:
    """The model says the same of the whole image."""
    classes = np.full((96, 112), value, np.uint8)
    driver.desk.session.take_proposal("cell 0", Proposal(classes, np.full_like(classes, confidence), "m0001"))


def test_opacity_looks_and_hiding(painter: "Driver") -> None:
    painter.point(ELSEWHERE)
    bare = painter.color_at(SPOT)
    painter.key(Qt.Key.Key_M)
    painter.stroke((40, 60), (80, 95))
    painter.point(ELSEWHERE)
    usual = painter.color_at(SPOT)
    wanted = painter.desk.session.classes[1].rgb
    painter.key(Qt.Key.Key_O)
    stronger = painter.color_at(SPOT)
    assert abs(stronger.red() - wanted[0]) < abs(usual.red() - wanted[0])
    painter.key(Qt.Key.Key_O, SHIFT)
    assert painter.color_at(SPOT) == usual
    painter.key(Qt.Key.Key_C)
    assert painter.color_at(SPOT) == bare  # outlines alone
    painter.key(Qt.Key.Key_C)
    assert painter.color_at(SPOT) == usual
    painter.key(Qt.Key.Key_C)
    painter.key(Qt.Key.Key_V)
    assert painter.color_at(SPOT) == bare
    painter.key(Qt.Key.Key_V)
    with painter.holding(Qt.Key.Key_QuoteLeft):
        assert painter.color_at(SPOT) == bare
    assert painter.color_at(SPOT) == usual
    propose(painter)
    proposed = painter.color_at((20.5, 80.5))
    painter.key(Qt.Key.Key_V, SHIFT)
    assert painter.color_at((20.5, 80.5)) != proposed
    assert painter.color_at(SPOT) == usual


def test_one_class_alone(painter: "Driver") -> None:
    painter.point(ELSEWHERE)
    bare = painter.color_at(SPOT)
    painter.key(Qt.Key.Key_M)
    painter.stroke((40, 60), (80, 95))
    painter.key(Qt.Key.Key_3)
    painter.stroke((5, 60), (30, 95))
    painter.point(ELSEWHERE)
    usual, other = painter.color_at(SPOT), painter.color_at((20.5, 80.5))
    eye = next(b for b in painter.window.bench.classes.findChildren(QToolButton) if b.accessibleName() == "Show debris")
    QTest.mouseClick(eye, LEFT, ALT)
    assert painter.color_at(SPOT) == bare
    assert painter.color_at((20.5, 80.5)) == other
    QTest.mouseClick(eye, LEFT, ALT)
    assert painter.color_at(SPOT) == usual


def test_contrast_is_changed_in_its_pop_up_and_stays_between_images(painter: "Driver") -> None:
    panel = painter.window.bench.tone
    painter.point(ELSEWHERE)
    before = painter.color_at(SPOT)
    painter.key(Qt.Key.Key_L, CTRL)
    assert panel.isVisible()
    slider = next(s for s in panel.findChildren(QSlider) if s.accessibleName() == "Brightness")
    for _ in range(3):
        QTest.keyClick(slider, Qt.Key.Key_PageUp)
    panel.close()
    bright = painter.color_at(SPOT)
    assert bright.lightness() > before.lightness() + 20
    painter.key(Qt.Key.Key_D)
    painter.until(lambda: painter.desk.session.key == "cell 1")
    assert painter.color_at(SPOT).lightness() > before.lightness() + 20
    painter.key(Qt.Key.Key_L, CTRL | ALT)
    assert painter.color_at(SPOT).lightness() < before.lightness() + 20
    painter.key(Qt.Key.Key_I, CTRL)
    assert painter.color_at(SPOT).lightness() > 150
    assert painter.window.actions_["invert"].isChecked()
    painter.key(Qt.Key.Key_I, CTRL)
    plain = painter.color_at((30.5, 30.5))
    painter.key(Qt.Key.Key_L, CTRL | SHIFT)
    assert painter.color_at((30.5, 30.5)).lightness() > plain.lightness()
    assert (painter.labels == 255).all()
    assert painter.steps == 0


def test_a_16_bit_image_tells_its_own_values_and_is_windowed_by_dragging(driver: "Driver", tmp_path: Path) -> None:
    folder = tmp_path / "scans"
    folder.mkdir()
    ramp = np.tile(np.linspace(1000, 30000, 100).astype(np.uint16), (80, 1))
    cv2.imwrite(str(folder / "scan.png"), ramp)
    driver.new_project(folder, tmp_path / "project", "background", "bone")
    driver.point((50.5, 40.5))
    driver.until(lambda: f"50, 40  ·  {ramp[40, 50]}  ·  void" in driver.status, 2)
    driver.point(ELSEWHERE)
    grey = driver.color_at((50.5, 40.5)).lightness()
    driver.key(Qt.Key.Key_Z)
    driver.stroke((50, 70), (50, 10))
    driver.point(ELSEWHERE)
    assert driver.color_at((50.5, 40.5)).lightness() > grey
    driver.key(Qt.Key.Key_L, CTRL | ALT)
    driver.stroke((80, 40), (20, 40))
    driver.point(ELSEWHERE)
    ends = driver.color_at((30.5, 40.5)).lightness(), driver.color_at((70.5, 40.5)).lightness()
    assert ends[1] - ends[0] > 255 * 0.45  # steeper than the image's own
    driver.point((50.5, 40.5))
    driver.until(lambda: str(ramp[40, 50]) in driver.status, 2)


def test_the_status_line_tells_class_and_confidence(painter: "Driver") -> None:
    propose(painter)
    painter.click((20.5, 20.5))
    painter.until(lambda: "20, 20" in painter.status and "nucleus" in painter.status, 2)
    assert "proposed debris 80 %" in painter.status
    painter.point((-50, -20))
    painter.until(lambda: "proposed" not in painter.status, 2)


def test_zoom_has_limits_and_keeps_the_point_under_the_cursor(painter: "Driver") -> None:
    canvas, spot = painter.canvas, (80.0, 20.0)
    under = canvas.widget_point(spot)
    painter.wheel(spot, 5, CTRL)
    assert canvas.view.scale > 20
    painter.wheel(spot, 40)
    assert canvas.view.scale == pytest.approx(64)
    assert canvas.widget_point(spot).toTuple() == pytest.approx(under.toTuple())
    assert "6400 %" in painter.status
    painter.wheel(spot, -60)
    assert canvas.view.scale == pytest.approx(0.01)
    assert "1.0 %" in painter.status
    painter.key(Qt.Key.Key_1, CTRL)
    assert canvas.view.scale == 1
    painter.key(Qt.Key.Key_F, CTRL)
    assert canvas.widget_point(spot).toTuple() == pytest.approx(under.toTuple())


def test_two_fingers_pan_and_zoom_with_ctrl(painter: "Driver") -> None:
    canvas, spot = painter.canvas, (50.0, 50.0)
    view = canvas.view
    painter.swipe(spot, (30, -20))
    moved = (view.scale, view.x + 30, view.y - 20)
    assert (canvas.view.scale, canvas.view.x, canvas.view.y) == pytest.approx(moved, abs=0.51)
    painter.swipe(canvas.image_point(canvas.rect().center().toPointF()), (0, 60), CTRL)
    assert canvas.view.scale == pytest.approx(2 * view.scale)
    assert (painter.labels == 255).all()


def test_what_lies_under_a_pointer_that_rests_is_what_keys_act_on(painter: "Driver") -> None:
    painter.key(Qt.Key.Key_M)
    painter.stroke((0, 0), (30, 30))
    painter.stroke((60, 40), (90, 70))
    painter.key(Qt.Key.Key_B)
    painter.wheel((10, 10), 4)
    painter.point((10, 10))
    painter.key(Qt.Key.Key_F)  # the image moves below the pointer
    under = painter.canvas.pointer_pixel()
    assert under is not None
    assert under != (10, 10)
    painter.wheel((75, 55), 2)
    painter.point((75, 55))
    painter.key(Qt.Key.Key_Equal, CTRL)
    now = painter.canvas.pointer_pixel()
    assert now is not None
    painter.until(lambda: f"{now[0]}, {now[1]}" in painter.status, 2)
    painter.key(Qt.Key.Key_Delete)
    assert (painter.labels[40:70, 60:90] == 255).all()
    assert painter.labels[15, 15] == 1


def test_the_minimap_comes_with_zoom_and_moves_the_view(painter: "Driver") -> None:
    minimap, canvas = painter.window.bench.minimap, painter.canvas
    assert not minimap.isVisible()
    painter.wheel((20, 20), 5)
    assert minimap.isVisible()
    QTest.mouseClick(minimap, LEFT, pos=QPoint(minimap.width() * 3 // 4, minimap.height() // 2))
    x, y = canvas.image_point(canvas.rect().center().toPointF())
    assert x == pytest.approx(112 * 0.75, abs=2)
    assert y == pytest.approx(96 * 0.5, abs=2)
    assert painter.steps == 0
    painter.key(Qt.Key.Key_M, CTRL | SHIFT)
    assert not minimap.isVisible()
    painter.key(Qt.Key.Key_M, CTRL | SHIFT)
    assert minimap.isVisible()
    painter.key(Qt.Key.Key_F)
    assert not minimap.isVisible()


def test_proposal_beside_annotation_follows_zoom_and_pan(painter: "Driver") -> None:
    canvas, beside = painter.canvas, painter.window.bench.beside
    assert not painter.window.actions_["beside"].isEnabled()
    propose(painter)
    assert not beside.isVisible()
    painter.key(Qt.Key.Key_D, SHIFT)
    assert beside.isVisible()
    assert painter.window.actions_["beside"].isChecked()
    painter.wheel((50, 50), 3)
    assert beside.view == canvas.view
    painter.press((50, 50), Qt.MouseButton.MiddleButton)
    painter.move((40, 45), Qt.MouseButton.MiddleButton)
    painter.release((40, 45), Qt.MouseButton.MiddleButton)
    assert beside.view == canvas.view
    assert canvas.layers.show_annotation
    assert not canvas.layers.show_proposal
    assert beside.layers.show_proposal
    painter.click((50, 50))
    assert painter.steps == 1
    painter.key(Qt.Key.Key_D, SHIFT)
    assert not beside.isVisible()
    assert canvas.layers.show_proposal


def test_blinking_shows_one_after_the_other(painter: "Driver") -> None:
    propose(painter)
    canvas = painter.canvas
    painter.key(Qt.Key.Key_B, SHIFT)
    assert (canvas.layers.show_annotation, canvas.layers.show_proposal) == (True, False)
    painter.until(lambda: (canvas.layers.show_annotation, canvas.layers.show_proposal) == (False, True), 3)
    painter.until(lambda: canvas.layers.show_annotation, 3)
    painter.key(Qt.Key.Key_B, SHIFT)
    assert (canvas.layers.show_annotation, canvas.layers.show_proposal) == (True, True)
    painter.window.close_project()
    assert Tone() == painter.window.bench.tone.tone
