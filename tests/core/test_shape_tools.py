"""Lasso, rectangle and ellipse as a hand uses them, and what holds for the polygon too."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segstudio.core.classes import VOID, ClassTable
from segstudio.core.document import Document
from segstudio.core.geometry import Rect
from segstudio.core.strokes import Point
from segstudio.core.tools.base import Pointer, Tool
from segstudio.core.tools.polygon import PolygonTool
from segstudio.core.tools.shapes import EllipseTool, LassoTool, RectangleTool
from tests.core.shaping import CLASSES, SQUARE, Hand, empty, square, within

DRAGGED: tuple[type[Tool], ...] = (LassoTool, RectangleTool, EllipseTool)
ALL: tuple[type[Tool], ...] = (*DRAGGED, PolygonTool)


@pytest.mark.parametrize("kind", [LassoTool, PolygonTool])
def test_an_outline_is_filled_as_one_stroke(kind: type[Tool]) -> None:
    document, hand = empty(), Hand(kind)
    hand.draw(document, SQUARE)
    np.testing.assert_array_equal(document.annotation, square())
    assert not hand.tool.active
    assert document.undo() is not None
    assert (document.annotation == VOID).all()
    assert document.undo() is None


@pytest.mark.parametrize("kind", ALL)
def test_reverse_takes_away(kind: type[Tool]) -> None:
    document, hand = empty(value=2), Hand(kind)
    hand.draw(document, within(kind, 10, 10, 30, 30), reverse=True)
    assert (document.annotation[15:25, 15:25] == VOID).all()
    assert (document.annotation == 2).sum() >= 48 * 64 - 21 * 21


@pytest.mark.parametrize("kind", ALL)
def test_locked_classes_and_paint_only_over_are_kept(kind: type[Tool]) -> None:
    document, hand = empty(), Hand(kind)
    document.annotation[:, :20] = 2
    document.annotation[:, 20:24] = 0
    document.classes = CLASSES.change(2, locked=True)
    hand.draw(document, within(kind, 2, 2, 60, 44))
    assert (document.annotation[:, :20] == 2).all()
    assert (document.annotation[15:30, 20:45] == 1).all()
    assert document.kept_back == {2}
    document.annotation[:, 20:] = 0
    document.annotation[20, 30] = VOID
    hand.kit.palette.over = VOID
    hand.draw(document, within(kind, 2, 2, 60, 44))
    assert np.argwhere(document.annotation == 1).tolist() == [[20, 30]]


def test_a_lasso_may_leave_the_image_and_keeps_every_point_of_a_long_line() -> None:
    document, hand = empty(300, 300), Hand(LassoTool)
    zigzag: list[Point] = [(x, 290.0 if x % 2 else -50.0) for x in range(-20, 330)]
    path = [*zigzag, (330.0, 400.0), (-20.0, 400.0)]
    hand.tool.press(document, Pointer(path[0]))
    for at in path[1:]:
        hand.tool.move(Pointer(at))
    ring = hand.preview().rings[0]
    assert ring[:, 1].max() == 400
    assert ring[:, 1].min() == -50
    hand.tool.release(Pointer(path[-1]))
    assert (document.annotation[:200:2, 100:200] == 1).any(axis=0).all()
    assert (document.annotation == VOID).any()


def test_the_preview_of_a_lasso_is_simpler_but_what_is_filled_is_not() -> None:
    document, hand = empty(600, 48), Hand(LassoTool)
    line: list[Point] = [(float(x), 5.0) for x in range(500)]
    hand.tool.press(document, Pointer(line[0]))
    for at in [*line[1:], (499.0, 40.0), (0.0, 40.0)]:
        hand.tool.move(Pointer(at))
    assert len(hand.preview().rings[0]) < 80
    hand.tool.release(Pointer((0.0, 40.0)))
    assert (document.annotation[5:40, :499] == 1).all()


@pytest.mark.parametrize("kind", DRAGGED)
def test_a_click_draws_nothing(kind: type[Tool]) -> None:
    document, hand = empty(), Hand(kind)
    hand.click(document, (20, 20))
    assert (document.annotation == VOID).all()
    assert document.undo() is None
    assert not hand.tool.active


def test_a_rectangle_covers_the_pixels_under_both_corners() -> None:
    document, hand = empty(), Hand(RectangleTool)
    hand.tool.press(document, Pointer((29.5, 20.2)))
    hand.tool.move(Pointer((10.4, 5.9)))
    shown = hand.preview()
    assert shown.text == "20 × 16 px"
    assert shown.value == 1
    assert shown.rings[0].min(axis=0).tolist() == [10, 5]
    assert shown.rings[0].max(axis=0).tolist() == [30, 21]
    hand.tool.release(Pointer((10.4, 5.9)))
    assert (document.annotation[5:21, 10:30] == 1).all()
    assert (document.annotation == 1).sum() == 20 * 16


def test_the_smallest_drag_of_a_box_is_one_pixel() -> None:
    for kind in (RectangleTool, EllipseTool):
        document = empty()
        Hand(kind).drag(document, [(7.2, 8.2), (7.8, 8.7)])
        assert document.annotation[8, 7] == 1
        assert (document.annotation == 1).sum() == 1


@pytest.mark.parametrize(
    ("end", "box"),
    [((39.5, 25.0), (20, 20, 40, 40)), ((14.0, 18.0), (14, 14, 21, 21)), ((18.0, 28.0), (12, 20, 21, 29))],
)
def test_shift_makes_squares_and_circles(end: Point, box: tuple[int, int, int, int]) -> None:
    x0, y0, x1, y1 = box
    document, round_ = empty(), empty()
    Hand(RectangleTool).drag(document, [(20.5, 20.5), end], straight=True)
    Hand(EllipseTool).drag(round_, [(20.5, 20.5), end], straight=True)
    assert (document.annotation[y0:y1, x0:x1] == 1).all()
    assert (document.annotation == 1).sum() == (x1 - x0) * (y1 - y0)
    disc = round_.annotation[y0:y1, x0:x1] == 1
    assert disc.any(axis=0).all()
    np.testing.assert_array_equal(disc, disc.T)


def test_what_an_ellipse_shows_is_what_it_fills() -> None:
    document, hand = empty(), Hand(EllipseTool)
    hand.tool.press(document, Pointer((-10, -10)))
    hand.tool.move(Pointer((40.5, 30.5)))
    mask = hand.preview().mask
    assert mask is not None
    rect, where = mask
    assert rect == Rect(0, 0, 41, 31)
    hand.tool.release(Pointer((40.5, 30.5)))
    np.testing.assert_array_equal(document.annotation[rect.slices] == 1, where)
    assert (document.annotation == 1).sum() == where.sum()


def test_a_preview_of_an_ellipse_stays_within_what_is_visible() -> None:
    document, hand = empty(400, 400), Hand(EllipseTool)
    hand.tool.press(document, Pointer((0, 0)))
    hand.tool.move(Pointer((300, 300), visible=Rect(90, 90, 120, 130)))
    mask = hand.preview().mask
    assert mask is not None
    assert mask[0] == Rect(90, 90, 120, 130)


@pytest.mark.parametrize("kind", DRAGGED)
def test_a_drag_of_one_image_never_reaches_another(kind: type[Tool]) -> None:
    first, second, hand = empty(), empty(20, 20), Hand(kind)
    hand.tool.press(first, Pointer((2, 2)))
    hand.tool.move(Pointer((30, 9)))
    hand.drag(second, [(1, 1), (15, 2), (15, 15)])
    assert (first.annotation == VOID).all()
    assert (second.annotation == 1).any()


@pytest.mark.parametrize("kind", DRAGGED)
def test_a_shape_put_down_in_the_middle_is_filled_and_one_cancelled_is_not(kind: type[Tool]) -> None:
    document, hand = empty(), Hand(kind)
    hand.tool.press(document, Pointer((10, 10)))
    hand.tool.move(Pointer((30, 12)))
    hand.tool.move(Pointer((25, 30)))
    assert hand.tool.active
    hand.tool.cancel()
    hand.tool.release(Pointer((25, 30)))
    assert (document.annotation == VOID).all()
    hand.tool.press(document, Pointer((10, 10)))
    hand.tool.move(Pointer((30, 12)))
    hand.tool.move(Pointer((25, 30)))
    hand.tool.finish()
    assert (document.annotation == 1).any()
    assert not hand.tool.active


@pytest.mark.parametrize("kind", ALL)
def test_without_a_class_nothing_begins(kind: type[Tool]) -> None:
    document, hand = empty(), Hand(kind, value=7)
    hand.draw(document, SQUARE)
    assert (document.annotation == VOID).all()
    assert hand.said[0].startswith("Choose a class first")
    assert not hand.tool.active


@pytest.mark.parametrize("kind", DRAGGED)
def test_a_class_deleted_under_a_drag_fills_nothing(kind: type[Tool]) -> None:
    document, hand = empty(), Hand(kind, value=2)
    hand.tool.press(document, Pointer((10, 10)))
    hand.tool.move(Pointer((30, 12)))
    document.classes = ClassTable.of(["background"])
    hand.tool.release(Pointer((25, 30)))
    assert (document.annotation == VOID).all()
    assert hand.said == ["Nothing filled: its class is gone"]


@pytest.mark.parametrize("kind", ALL)
def test_events_without_a_press_do_nothing(kind: type[Tool]) -> None:
    document, hand = empty(), Hand(kind)
    hand.tool.move(Pointer((5, 5)))
    hand.tool.release(Pointer((25, 25)))
    hand.tool.hover(document, None)
    assert not hand.tool.confirm()
    assert not hand.tool.back()
    hand.tool.finish()
    hand.tool.cancel()
    assert hand.tool.preview is None
    assert document.undo() is None
    assert hand.said == []


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize(("width", "height"), [(1, 1), (1, 20000), (20000, 1)])
def test_the_thinnest_images_are_filled(kind: type[Tool], width: int, height: int) -> None:
    document, hand = empty(width, height), Hand(kind)
    far = 60000.0
    hand.draw(document, within(kind, -far, -far, far, far))
    assert (document.annotation == 1).all()


positions = st.tuples(st.floats(-30, 330), st.floats(-30, 330))
paths = st.lists(positions, min_size=2, max_size=6)
gestures = st.lists(st.tuples(st.sampled_from(ALL), paths, st.integers(0, 2), st.booleans()), min_size=1, max_size=4)
Gestures = list[tuple[type[Tool], list[Point], int, bool]]


def paint(document: Document, drawn: Gestures, visible: Rect | None = None) -> None:
    for kind, path, value, reverse in drawn:
        hand = Hand(kind, value, visible)
        hand.tool.hover(document, Pointer(path[0], visible=visible))
        hand.draw(document, path, reverse=reverse)
        assert hand.tool.preview is None or kind is PolygonTool
        hand.tool.cancel()


@settings(max_examples=40, deadline=None)
@given(drawn=gestures)
def test_undo_restores_every_byte_redo_repeats_it_and_dirty_rectangles_cover_it(drawn: Gestures) -> None:
    document = Document(np.full((300, 290), VOID, np.uint8), CLASSES.change(2, locked=True))
    document.annotation[40:90, 100:280] = 2
    document.annotation[150:200, 20:280] = 0
    before = document.annotation.copy()
    dirty: list[Rect] = []
    document.on_change.append(dirty.append)
    paint(document, drawn)
    after = document.annotation.copy()
    unpainted = before != after
    for rect in dirty:
        unpainted[rect.slices] = False
    assert not unpainted.any()
    np.testing.assert_array_equal(before == 2, after == 2)
    while document.undo() is not None:
        pass
    np.testing.assert_array_equal(document.annotation, before)
    while document.redo() is not None:
        pass
    np.testing.assert_array_equal(document.annotation, after)


@settings(max_examples=30, deadline=None)
@given(drawn=gestures)
def test_equal_events_give_equal_masks_whatever_is_visible(drawn: Gestures) -> None:
    first, second = empty(300, 290), empty(300, 290)
    paint(first, drawn)
    paint(second, drawn, Rect(5, 5, 9, 9))
    np.testing.assert_array_equal(first.annotation, second.annotation)
