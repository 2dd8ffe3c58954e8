"""What is written and drawn quietly on a view stays within the pixels it says, and wipes itself away."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QSize
from PySide6.QtGui import QColor, QImage, QPainter
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from segstudio.core.classes import VOID, ClassTable
from segstudio.core.document import Document
from segstudio.core.geometry import Rect
from segstudio.core.picture import Picture
from segstudio.core.pyramid import Pyramid
from segstudio.core.scene import Scene
from segstudio.core.view import View
from segstudio.ui.canvas.marked import MarkedView
from segstudio.ui.canvas.marks import Marks, text_box

ROOM = (480, 360)

pytestmark = pytest.mark.usefixtures("qapp")


def drawn(marks: Marks, view: View, ratio: float) -> np.ndarray:
    """``bool (h, w)``: where they draw."""
    size = round(ROOM[0] * ratio), round(ROOM[1] * ratio)
    image = QImage(*size, QImage.Format.Format_RGB32)
    image.fill(QColor("#406080"))
    painter = QPainter(image)
    painter.scale(ratio, ratio)
    marks.draw(painter, ratio, view, QSize(*ROOM), Rect(0, 0, *size))
    painter.end()
    values = np.frombuffer(image.constBits(), np.uint32).reshape(size[1], size[0])
    return np.asarray(values != values[size[1] // 3, size[0] - 1])


def outside(hit: np.ndarray, box: Rect) -> np.ndarray:
    hit = hit.copy()
    hit[max(0, box.y0) : max(0, box.y1), max(0, box.x0) : max(0, box.x1)] = False
    return hit


@settings(max_examples=40)
@given(
    corner=st.tuples(st.integers(-20, 60), st.integers(-20, 60)),
    side=st.integers(1, 30),
    scale=st.floats(0.3, 6),
    ratio=st.sampled_from([1.0, 1.5, 2.0]),
)
def test_ring_and_cross_stay_within_the_pixels_they_say(
    corner: tuple[int, int], side: int, scale: float, ratio: float
) -> None:
    marks, view = Marks(), View(scale, 30.3, 40.7)
    rect = Rect(corner[0], corner[1], corner[0] + side, corner[1] + side)
    marks.spot = rect, np.ones((side, side), np.bool_)
    assert not outside(drawn(marks, view, ratio), marks.spot_bounds(view, ratio)).any()
    marks.spot, marks.cross = None, corner
    assert not outside(drawn(marks, view, ratio), marks.cross_bounds(view, ratio)).any()


def test_nothing_is_drawn_unless_there_is_something_to_say() -> None:
    assert Marks().empty
    for name, value in (
        ("caption", "a"),
        ("note", "b"),
        ("cross", (1, 1)),
        ("spot", (Rect(0, 0, 1, 1), np.ones((1, 1)))),
    ):
        marks = Marks()
        setattr(marks, name, value)
        assert not marks.empty


def test_a_single_pixel_far_out_is_ringed_so_that_it_is_found() -> None:
    marks = Marks()
    marks.spot = Rect(500, 500, 501, 501), np.ones((1, 1), np.bool_)
    rows, columns = np.nonzero(drawn(marks, View(0.3, 10, 10), 1.0))
    assert np.ptp(rows) >= 28
    assert np.ptp(columns) >= 28
    assert rows.mean() == pytest.approx(160, abs=2)
    assert columns.mean() == pytest.approx(160, abs=2)


@pytest.mark.parametrize("ratio", [1.0, 2.0])
def test_caption_and_note_lie_in_their_corners_and_are_cut_to_the_room(ratio: float) -> None:
    marks = Marks()
    marks.caption = "Proposal of a model with a name that goes on and on and never seems to come to any end at all"
    marks.note = "Annotation hidden  ·  V"
    assert "Annotation hidden" in marks.text
    hit = drawn(marks, View(), ratio)
    rows, columns = np.nonzero(hit)
    assert columns.max() < (ROOM[0] - 5) * ratio
    assert rows.min() > 5 * ratio
    assert rows.max() < (ROOM[1] - 5) * ratio
    assert not hit[hit.shape[0] // 3 : hit.shape[0] * 2 // 3].any()
    top, bottom = (text_box(QSize(*ROOM), marks.note, QApplication.font(), top=top) for top in (True, False))
    assert top.bottom() < bottom.top()


@pytest.fixture
def viewport(qtbot: QtBot) -> MarkedView:
    view = MarkedView()
    qtbot.addWidget(view)
    view.resize(*ROOM)
    image = np.random.default_rng(0).integers(0, 256, (300, 300), dtype=np.uint8)
    document = Document(np.full((300, 300), VOID, np.uint8), ClassTable.of(["a"]), picture=Picture(image))
    view.show_scene(Scene(document, Pyramid(image)))
    with qtbot.waitExposed(view):
        view.show()
    return view


def screen(view: MarkedView) -> np.ndarray:
    """What is on the screen: only what was asked to be painted is painted."""
    for _ in range(1000):
        QApplication.processEvents()
        if view.complete:
            break
    QApplication.processEvents()
    image = view.screen().grabWindow(view.winId()).toImage().convertToFormat(QImage.Format.Format_RGB32)
    return np.frombuffer(image.constBits(), np.uint32).reshape(image.height(), image.width()).copy()


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    spots=st.lists(st.tuples(st.integers(0, 290), st.integers(0, 290)), min_size=1, max_size=4),
    scale=st.floats(0.2, 5),
)
def test_they_leave_no_trace(viewport: MarkedView, spots: list[tuple[int, int]], scale: float) -> None:
    viewport.zoom_to(scale)
    viewport.centre_on((150, 150))
    before = screen(viewport)
    for x, y in spots:
        viewport.set_cross((x, y))
        viewport.point_out(Rect(x, y, x + 9, y + 5), np.ones((5, 9), np.bool_))
        QApplication.processEvents()
    viewport.point_out()
    viewport.set_cross(None)
    assert np.array_equal(screen(viewport), before)


def test_what_is_pointed_out_moves_with_the_image_and_goes_with_it(viewport: MarkedView) -> None:
    bare = screen(viewport)
    viewport.point_out(Rect(100, 100, 110, 110), np.ones((10, 10), np.bool_))
    ringed = screen(viewport)
    assert (ringed != bare).any()
    viewport.pan_by(40, 0)
    moved = screen(viewport)
    assert np.array_equal(moved[:, 100:300], ringed[:, 60:260])
    viewport.release_document()
    assert viewport.cross is None
