"""The polygon, set point by point."""

import numpy as np

from segstudio.core.classes import VOID, ClassTable
from segstudio.core.tools.base import Pointer
from segstudio.core.tools.polygon import PolygonTool
from tests.core.shaping import SQUARE, Hand, empty, square


def test_a_polygon_closes_on_its_first_point() -> None:
    document, hand = empty(), Hand(PolygonTool)
    for at in SQUARE:
        hand.click(document, at)
    assert document.undo() is None
    hand.tool.hover(document, Pointer((12, 11)))
    assert hand.preview().text == "Close"
    assert len(hand.preview().rings[0]) == 4
    hand.click(document, (12, 11))
    np.testing.assert_array_equal(document.annotation, square())
    assert hand.tool.preview is None


def test_a_double_click_closes_once_and_leaves_no_point_behind() -> None:
    document, hand = empty(), Hand(PolygonTool)
    for at in SQUARE:
        hand.click(document, at)
    assert hand.tool.confirm()
    hand.tool.release(Pointer(SQUARE[-1]))  # of the double click
    np.testing.assert_array_equal(document.annotation, square())
    assert not hand.tool.active
    for at in [(40, 10), (60, 10), (60, 30), (40, 10)]:
        hand.click(document, at)
    assert not hand.tool.active
    assert hand.tool.confirm()  # the second click on the first point is of the polygon just closed
    assert not hand.tool.confirm()


def test_points_move_until_the_polygon_is_closed() -> None:
    document, hand = empty(), Hand(PolygonTool)
    hand.drag(document, [(50, 40), (20, 20), (10, 10)])  # a new point follows at once
    for at in [(30, 10), (30, 44), (10, 30)]:
        hand.click(document, at)
    hand.drag(document, [(31, 43), (31, 35), (31, 29)])  # taken hold of one pixel beside it
    hand.drag(document, [(10, 11), (10, 12)])  # a trembling click on the first point closes
    np.testing.assert_array_equal(document.annotation, square())


def test_dragging_the_first_point_moves_it_and_closes_nothing() -> None:
    document, hand = empty(), Hand(PolygonTool)
    for at in [(16, 16), *SQUARE[1:]]:
        hand.click(document, at)
    hand.drag(document, [(16, 16), (12, 12), (10, 10)])
    assert hand.preview().handles[0] == (10, 10)
    assert hand.tool.confirm()
    np.testing.assert_array_equal(document.annotation, square())


def test_a_click_on_an_edge_puts_a_point_there() -> None:
    document, hand = empty(), Hand(PolygonTool)
    for at in [(10, 10), (30, 30), (10, 30)]:
        hand.click(document, at)
    hand.tool.hover(document, Pointer((21, 19)))
    assert hand.preview().handles[-1] == (20, 20)
    hand.drag(document, [(21, 19), (31, 9)])
    assert hand.preview().handles == ((10, 10), (30, 10), (30, 30), (10, 30))
    hand.tool.confirm()
    np.testing.assert_array_equal(document.annotation, square())


def test_a_hovering_polygon_shows_the_edge_to_come() -> None:
    document, hand = empty(), Hand(PolygonTool, value=2)
    hand.tool.hover(document, Pointer((1, 1)))
    assert hand.tool.preview is None
    hand.click(document, (10, 10))
    hand.tool.hover(document, Pointer((40, 20)))
    assert hand.preview().lines[0].tolist() == [[10, 10], [40, 20]]
    assert hand.preview().value == 2
    hand.tool.hover(document, None)
    assert hand.preview().lines[0].tolist() == [[10, 10]]


def test_back_takes_points_away_one_by_one() -> None:
    document, hand = empty(), Hand(PolygonTool)
    for at in [*SQUARE, (60, 40)]:
        hand.click(document, at)
    assert hand.tool.back()
    hand.tool.confirm()
    np.testing.assert_array_equal(document.annotation, square())
    hand.click(document, (5, 5))
    assert hand.tool.back()
    assert not hand.tool.active
    assert not hand.tool.back()


def test_back_takes_the_point_away_that_was_set_last_wherever_it_is() -> None:
    document, hand = empty(), Hand(PolygonTool)
    for at in [(10, 10), (30, 10), (30, 30), (20, 10), (10, 30), (30, 20)]:
        hand.click(document, at)
    hand.tool.hover(document, None)
    assert hand.preview().handles == ((10, 10), (20, 10), (30, 10), (30, 20), (30, 30), (10, 30))
    hand.tool.back()
    hand.tool.hover(document, None)
    assert hand.preview().handles == ((10, 10), (20, 10), (30, 10), (30, 30), (10, 30))
    hand.tool.back()
    hand.tool.back()
    hand.tool.hover(document, None)
    assert hand.preview().handles == ((10, 10), (30, 10), (30, 30))
    hand.tool.press(document, Pointer((20, 10)))
    hand.tool.move(Pointer((20, 40)))
    hand.tool.back()  # while it is held
    hand.tool.move(Pointer((50, 40)))
    hand.tool.release(Pointer((50, 40)))
    hand.tool.hover(document, None)
    assert hand.preview().handles == ((10, 10), (30, 10), (30, 30))


def test_two_points_are_no_polygon_and_are_kept() -> None:
    document, hand = empty(), Hand(PolygonTool)
    for at in SQUARE[:2]:
        hand.click(document, at)
    assert hand.tool.confirm()
    assert "three points" in hand.said[-1]
    assert hand.tool.active
    for at in SQUARE[2:]:
        hand.click(document, at)
    hand.tool.confirm()
    np.testing.assert_array_equal(document.annotation, square())


def test_an_open_polygon_waits_when_the_hand_is_called_away_and_is_dropped_by_cancel() -> None:
    document, hand = empty(), Hand(PolygonTool)
    hand.tool.finish()
    hand.click(document, (10, 10))
    hand.tool.cancel()
    assert hand.tool.preview is None
    for at in SQUARE:
        hand.click(document, at)
    hand.tool.finish()
    hand.tool.hover(document, None)
    assert hand.preview().handles == tuple(SQUARE)
    assert hand.tool.confirm()
    np.testing.assert_array_equal(document.annotation, square())
    assert hand.said == []


def test_a_point_that_is_held_stays_where_it_is_when_the_hand_is_called_away() -> None:
    document, hand = empty(), Hand(PolygonTool)
    hand.click(document, (10, 10))
    hand.tool.press(document, Pointer((30, 30)))
    hand.tool.move(Pointer((30, 10)))
    hand.tool.finish()
    hand.tool.move(Pointer((5, 5)))
    assert hand.preview().handles == ((10, 10), (30, 10))


def test_points_of_one_image_never_reach_another() -> None:
    first, second, hand = empty(), empty(20, 20), Hand(PolygonTool)
    for at in SQUARE:
        hand.click(first, at)
    hand.tool.hover(second, Pointer((3, 3)))
    assert not hand.tool.active
    hand.click(second, (3, 3))
    assert hand.preview().handles == ((3, 3),)
    hand.tool.hover(first, Pointer((3, 3)))
    assert hand.preview().handles == tuple(SQUARE)  # it waited there
    assert hand.tool.confirm()
    np.testing.assert_array_equal(first.annotation, square())
    assert (second.annotation == VOID).all()
    hand.tool.hover(second, Pointer((3, 3)))
    assert hand.preview().handles == ((3, 3),)


def test_a_polygon_laid_aside_goes_on_over_the_same_image_opened_anew() -> None:
    first, again, hand = empty(), empty(), Hand(PolygonTool)
    tool = hand.tool
    assert isinstance(tool, PolygonTool)
    assert tool.lay_aside() is None
    hand.click(first, SQUARE[0], reverse=True)
    for at in SQUARE[1:]:
        hand.click(first, at)
    shape = tool.lay_aside()
    assert shape is not None
    assert not hand.tool.active
    again.annotation[:] = 1
    tool.take_up(again, shape)
    assert hand.tool.back()
    assert hand.preview().handles == tuple(SQUARE[:-1])
    hand.click(again, SQUARE[-1])
    assert hand.tool.confirm()
    assert (again.annotation == VOID).any()  # it takes away, as it was begun
    assert (first.annotation == VOID).all()


def test_a_class_deleted_under_a_polygon_leaves_it_open_for_another() -> None:
    document, hand = empty(), Hand(PolygonTool, value=2)
    for at in SQUARE:
        hand.click(document, at)
    document.classes = ClassTable.of(["background"])
    assert hand.preview().value == VOID
    assert hand.tool.confirm()
    assert hand.tool.active
    hand.kit.palette.value = 0
    assert hand.tool.confirm()
    np.testing.assert_array_equal(document.annotation, square(0))
