"""What the canvas shows, and when: whole proposals, nothing painted unseen, a second view to point in, thin images."""

import math
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QObject, QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QMouseEvent, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QToolButton

from segstudio.core.classes import VOID
from segstudio.core.proposal import Proposal
from segstudio.storage.images import thumbnail
from segstudio.ui.canvas.marked import MarkedView

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.e2e.conftest import Driver, Spot

LEFT, NONE = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
SHIFT, ALT, CTRL = (
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.AltModifier,
    Qt.KeyboardModifier.ControlModifier,
)
PLAIN = Qt.KeyboardModifier.NoModifier
SPOT, ELSEWHERE = (60.5, 80.5), (5.5, 5.5)


def propose(driver: "Driver", value: int = 2) -> None:
    """The model says the same of the whole image, surely."""
    classes = np.full((96, 112), value, np.uint8)
    driver.desk.session.take_proposal("cell 0", Proposal(classes, np.full_like(classes, 204), "m0003"))
    QApplication.processEvents()


def annotation_shown(driver: "Driver") -> bool:
    return driver.canvas.layers.show_annotation


def shown(driver: "Driver", view: MarkedView, spot: "Spot") -> QColor:
    """What a view shows there, once all of it is drawn."""
    driver.until(lambda: view.complete)
    return view.grab().toImage().pixelColor(view.widget_point(spot).toPoint())


def crossed(view: MarkedView) -> tuple[int, int] | None:
    """Where a view shows the pointer of the other one."""
    return view.cross


def point_beside(driver: "Driver", spot: "Spot") -> None:
    """Move the pointer over the second view, from the canvas."""
    QApplication.sendEvent(driver.canvas, QEvent(QEvent.Type.Leave))
    view = driver.window.bench.beside
    at = view.widget_point(spot)
    move = QMouseEvent(QEvent.Type.MouseMove, at, QPointF(view.mapToGlobal(at)), NONE, NONE, PLAIN)
    QApplication.sendEvent(view, move)
    QApplication.processEvents()


# Every move


def test_no_move_of_mouse_or_pen_is_left_out(start: "Callable[[], Driver]") -> None:
    both = (
        Qt.ApplicationAttribute.AA_CompressHighFrequencyEvents,
        Qt.ApplicationAttribute.AA_CompressTabletEvents,
    )
    for attribute in both:
        QCoreApplication.setAttribute(attribute, True)  # as the plugin of some platforms does
    start()
    assert not any(QCoreApplication.testAttribute(attribute) for attribute in both)


class PaintCounter(QObject):
    """Counts how often a widget is painted."""

    count = 0

    def eventFilter(self, _watched: QObject, event: QEvent) -> bool:
        """Qt's virtual."""
        self.count += event.type() == QEvent.Type.Paint
        return False


@pytest.mark.parametrize("tool", ["brush", "superpixel", "lasso"])
def test_many_moves_are_painted_once(painter: "Driver", tool: str) -> None:
    """Or a thousand of them a second would pile up."""
    painter.window.actions_[f"tool_{tool}"].trigger()
    canvas, counter = painter.canvas, PaintCounter()
    painter.press((20, 20))
    canvas.installEventFilter(counter)
    for step in range(200):
        at = canvas.widget_point((20 + step / 4, 30 + step % 7))
        move = QMouseEvent(QEvent.Type.MouseMove, at, QPointF(canvas.mapToGlobal(at)), NONE, LEFT, PLAIN)
        QApplication.sendEvent(canvas, move)
    assert counter.count == 0
    painter.until(lambda: counter.count > 0)
    assert counter.count <= 3
    canvas.removeEventFilter(counter)
    painter.release((70, 32))
    assert painter.steps == 1


# Comparing


def test_beside_the_annotation_the_proposal_is_whole(painter: "Driver") -> None:
    propose(painter)
    beside = painter.window.bench.beside
    painter.key(Qt.Key.Key_D, SHIFT)
    painter.point(ELSEWHERE)
    before = shown(painter, beside, SPOT)
    painter.key(Qt.Key.Key_M)
    painter.stroke((40, 60), (80, 95))
    painter.point(ELSEWHERE)
    assert shown(painter, beside, SPOT) == before
    assert painter.labels[80, 60] == 1
    own = shown(painter, painter.canvas, SPOT)
    painter.key(Qt.Key.Key_V)
    assert shown(painter, beside, SPOT) == before
    assert painter.color_at(SPOT) != own


def test_blinking_shows_the_proposal_whole(painter: "Driver") -> None:
    painter.key(Qt.Key.Key_M)
    painter.stroke((40, 60), (80, 95))
    painter.point(ELSEWHERE)
    bare = painter.canvas.layers
    painter.key(Qt.Key.Key_V)
    image = painter.color_at(SPOT)
    painter.key(Qt.Key.Key_V)
    propose(painter)
    painter.key(Qt.Key.Key_B, SHIFT)
    painter.until(lambda: not annotation_shown(painter), 3)
    assert "Proposal of m0003" in painter.canvas.accessibleDescription()
    assert painter.color_at(SPOT) != image
    painter.until(lambda: annotation_shown(painter), 3)
    assert "Annotation" in painter.canvas.accessibleDescription()
    painter.key(Qt.Key.Key_B, SHIFT)
    assert painter.canvas.layers == bare
    assert painter.canvas.accessibleDescription() == ""


def test_what_is_compared_is_shown_whatever_was_hidden(painter: "Driver") -> None:
    propose(painter)
    painter.key(Qt.Key.Key_V)
    painter.key(Qt.Key.Key_V, SHIFT)
    painter.key(Qt.Key.Key_D, SHIFT)
    assert annotation_shown(painter)
    assert painter.window.bench.beside.layers.show_proposal
    assert "side by side" in painter.status


# The second view


def test_the_second_view_says_what_it_shows_and_what_is_under_the_pointer(painter: "Driver") -> None:
    propose(painter)
    beside, canvas = painter.window.bench.beside, painter.canvas
    painter.key(Qt.Key.Key_D, SHIFT)
    assert beside.accessibleDescription() == "Proposal of m0003"
    assert canvas.accessibleDescription() == "Annotation"
    caption = beside.grab().toImage().pixelColor(14, 20)
    beside.set_caption("")
    assert beside.grab().toImage().pixelColor(14, 20) != caption
    before = canvas.grab().toImage()
    point_beside(painter, (30.5, 40.5))
    painter.until(lambda: "30, 40" in painter.status, 2)
    assert "proposed debris 80 %" in painter.status
    assert crossed(canvas) == (30, 40)
    arm = canvas.widget_point((30.5, 40.5)) + QPointF(7, 0)
    assert canvas.grab().toImage().pixelColor(arm.toPoint()) != before.pixelColor(arm.toPoint())
    QApplication.sendEvent(beside, QEvent(QEvent.Type.Leave))
    painter.point((50, 50))
    assert crossed(canvas) is None
    assert crossed(beside) == (50, 50)
    assert canvas.grab().toImage().pixelColor(arm.toPoint()) == before.pixelColor(arm.toPoint())


def test_regions_are_accepted_and_rejected_where_the_second_view_is_pointed_at(painter: "Driver") -> None:
    classes = np.full((96, 112), 2, np.uint8)
    classes[:, 56:] = 1
    painter.desk.session.take_proposal("cell 0", Proposal(classes, np.full_like(classes, 204), "m0003"))
    painter.key(Qt.Key.Key_D, SHIFT)
    point_beside(painter, (30, 40))
    painter.key(Qt.Key.Key_Return)
    assert (painter.labels[:, :56] == 2).all()
    assert (painter.labels[:, 56:] == VOID).all()
    point_beside(painter, (80, 40))
    before = shown(painter, painter.window.bench.beside, (90.5, 60.5))
    painter.key(Qt.Key.Key_Backspace)
    assert painter.document.rejected is not None
    assert (painter.document.rejected[:, 56:] == 1).all()
    assert shown(painter, painter.window.bench.beside, (90.5, 60.5)) != before, "fainter"


def test_the_second_view_zooms_pans_and_leaves_keys_to_the_canvas(painter: "Driver") -> None:
    propose(painter)
    beside, canvas = painter.window.bench.beside, painter.canvas
    painter.key(Qt.Key.Key_D, SHIFT)
    spot = beside.widget_point((50, 50))
    turn = QWheelEvent(
        spot,
        QPointF(beside.mapToGlobal(spot)),
        QPoint(),
        QPoint(0, 360),
        NONE,
        PLAIN,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    scale = canvas.view.scale
    QApplication.sendEvent(beside, turn)
    assert canvas.view == beside.view
    assert canvas.view.scale > 2 * scale
    assert beside.widget_point((50, 50)).toTuple() == pytest.approx(spot.toTuple(), abs=1)
    view = canvas.view
    painter.window.bench.strip.setFocus()
    QTest.mousePress(beside, LEFT, pos=spot.toPoint())
    assert canvas.hasFocus()
    to = spot + QPointF(20, -10)
    QApplication.sendEvent(
        beside, QMouseEvent(QEvent.Type.MouseMove, to, QPointF(beside.mapToGlobal(to)), NONE, LEFT, PLAIN)
    )
    QTest.mouseRelease(beside, LEFT, pos=to.toPoint())
    assert (canvas.view.x, canvas.view.y) == pytest.approx((view.x + 20, view.y - 10), abs=1)
    assert painter.steps == 0
    painter.key(Qt.Key.Key_D, SHIFT)
    assert crossed(canvas) is None


# What to look at


def doubt(driver: "Driver") -> None:
    confidence = np.full((96, 112), 250, np.uint8)
    confidence[60:63, 80:84] = 133
    confidence[20:22, 20:22] = 140
    driver.desk.session.take_proposal("cell 0", Proposal(np.zeros((96, 112), np.uint8), confidence, "m0001"))


def test_the_next_uncertain_region_is_ringed_for_a_moment_and_explained(painter: "Driver") -> None:
    doubt(painter)
    canvas = painter.canvas

    def ringed() -> bool:
        image = canvas.grab().toImage()
        colors = {image.pixelColor(x, canvas.height() // 2).name() for x in range(canvas.width())}
        return "#ffd24a" in colors

    assert not ringed()
    painter.key(Qt.Key.Key_Tab)
    assert "1 of 2" in painter.status
    assert "confidence 52 %" in painter.status
    assert ringed()
    painter.until(lambda: not ringed(), 4)
    painter.key(Qt.Key.Key_Tab)
    assert "2 of 2" in painter.status
    assert ringed()
    painter.click((50, 50))
    assert not ringed(), "a gesture ends it"


def test_an_uncertain_region_is_seen_whole_however_near_one_is(painter: "Driver") -> None:
    confidence = np.full((96, 112), 250, np.uint8)
    confidence[20:60, 30:58] = 100
    painter.desk.session.take_proposal("cell 0", Proposal(np.zeros((96, 112), np.uint8), confidence, "m0001"))
    canvas = painter.canvas
    canvas.zoom_to(60.0)
    painter.key(Qt.Key.Key_Tab)
    first, last = canvas.widget_point((30, 20)), canvas.widget_point((58, 60))
    assert first.x() >= 0
    assert first.y() >= 0
    assert last.x() <= canvas.width()
    assert last.y() <= canvas.height()
    canvas.zoom_to(canvas.view.scale * 0.9)
    scale = canvas.view.scale
    painter.key(Qt.Key.Key_Tab)
    assert canvas.view.scale == scale, "nobody is moved away who sees it"


# Fitting


def fits(driver: "Driver") -> bool:
    """Whether the whole image is in view, and fills it one way."""
    canvas, (width, height) = driver.canvas, driver.document.annotation.shape[::-1]
    first, last = canvas.widget_point((0, 0)), canvas.widget_point((width, height))
    inside = first.x() >= 0 and first.y() >= 0 and last.x() <= canvas.width() and last.y() <= canvas.height()
    share = max((last.x() - first.x()) / canvas.width(), (last.y() - first.y()) / canvas.height())
    return inside and share > 0.9


def test_a_fitted_image_stays_fitted_also_when_one_comes_back_to_it(painter: "Driver") -> None:
    window = painter.window

    def go(key: Qt.Key, to: str) -> None:
        painter.key(key)
        painter.until(lambda: painter.desk.session.key == to)

    def resize(width: int, height: int) -> None:
        window.resize(width, height)
        QApplication.processEvents()

    assert fits(painter)
    resize(920, 640)
    assert fits(painter)
    go(Qt.Key.Key_D, "cell 1")
    painter.wheel((50, 50), 3)
    view = painter.canvas.view
    go(Qt.Key.Key_A, "cell 0")
    assert fits(painter)
    resize(1200, 800)
    assert fits(painter)
    resize(920, 640)
    go(Qt.Key.Key_D, "cell 1")
    assert painter.canvas.view == view, "where it was left"
    go(Qt.Key.Key_A, "cell 0")
    resize(1200, 800)
    go(Qt.Key.Key_D, "cell 1")
    assert painter.canvas.view.scale == view.scale
    resize(920, 640)
    assert painter.canvas.view == view
    painter.key(Qt.Key.Key_F)
    go(Qt.Key.Key_A, "cell 0")
    resize(1200, 800)
    go(Qt.Key.Key_D, "cell 1")
    assert fits(painter)


@pytest.mark.parametrize("two", [False, True])
def test_what_is_in_the_middle_stays_there_when_the_window_is_resized(painter: "Driver", two: bool) -> None:
    propose(painter)
    if two:
        painter.key(Qt.Key.Key_D, SHIFT)
    canvas = painter.canvas
    canvas.centre_on((80, 30), 9.0)
    for width, height in ((920, 640), (1300, 700), (1200, 800)):
        painter.window.resize(width, height)
        QApplication.processEvents()
        middle = canvas.image_point(QPointF(canvas.width() / 2, canvas.height() / 2))
        assert middle == pytest.approx((80, 30), abs=0.5)
        assert canvas.view.scale == 9
    painter.key(Qt.Key.Key_D, SHIFT)
    QApplication.processEvents()
    assert canvas.image_point(QPointF(canvas.width() / 2, canvas.height() / 2)) == pytest.approx((80, 30), abs=0.5)
    if not two:
        assert painter.window.bench.beside.view == canvas.view


# Thin images


@pytest.mark.parametrize("shape", [(1, 20000), (20000, 1), (1, 1)])
def test_the_thinnest_image_is_seen_fitted_and_in_the_strip(
    driver: "Driver", tmp_path: Path, shape: tuple[int, int]
) -> None:
    folder = tmp_path / "thin"
    folder.mkdir()
    cv2.imwrite(str(folder / "line.png"), np.full(shape, 255, np.uint8))
    driver.new_project(folder, tmp_path / "project", "background", "line")
    height, width = shape
    driver.until(lambda: driver.canvas.complete)
    seen = driver.canvas.grab().toImage()
    for part in (0.25, 0.5, 0.75):
        at = driver.canvas.widget_point((width * (part if width > 1 else 0.5), height * (part if height > 1 else 0.5)))
        assert seen.pixelColor(math.floor(at.x()), math.floor(at.y())).lightness() > 200
    assert not driver.window.bench.minimap.isVisible(), "all is in view"
    thumbnails: list[tuple[int, int]] = []
    driver.window.bench.strip.thumbnail_wanted.emit("line")
    driver.desk._browsing._thumbnails.ready.connect(lambda _key, image: thumbnails.append(image.size().toTuple()))
    driver.until(lambda: bool(thumbnails))
    assert min(thumbnails[0]) >= 6
    assert min(thumbnail(folder / "line.png", 208).shape[:2]) == 1


# The keyboard


def test_a_tap_of_alt_over_the_canvas_leaves_the_focus_there(painter: "Driver") -> None:
    canvas, bar = painter.canvas, painter.window.menuBar()
    canvas.setFocus()
    QTest.keyPress(canvas, Qt.Key.Key_Alt, ALT)
    QTest.keyRelease(canvas, Qt.Key.Key_Alt)
    assert canvas.hasFocus()
    assert bar.activeAction() is None
    strip = painter.window.bench.strip.findChild(QToolButton) or painter.tool_button("brush")
    strip.setFocus()
    QTest.keyPress(strip, Qt.Key.Key_Alt, ALT)
    QTest.keyRelease(strip, Qt.Key.Key_Alt)
    assert bar.activeAction() is not None, "elsewhere it opens the menus"
    QTest.keyClick(bar, Qt.Key.Key_Escape)


def test_mnemonics_open_menus_from_the_canvas(painter: "Driver") -> None:
    painter.canvas.setFocus()
    QTest.keyPress(painter.canvas, Qt.Key.Key_Alt, ALT)
    QTest.keyClick(painter.canvas, Qt.Key.Key_F, ALT)
    menu = QApplication.activePopupWidget()
    assert menu is not None
    assert "New project…" in [action.text() for action in menu.actions()]
    menu.close()
    QTest.keyRelease(painter.canvas, Qt.Key.Key_Alt)
