"""Scissors: outlines along edges, movable points, and results that depend on the clicks alone."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segstudio.core.classes import VOID
from segstudio.core.document import Document
from segstudio.core.geometry import Rect
from segstudio.core.picture import Picture
from segstudio.core.strokes import Point
from segstudio.core.tools.base import Kit, Palette, Pointer, Preview
from segstudio.core.tools.scissors import ScissorsTool
from tests.core.clicking import CLASSES, Later, click, seen

SIDE, RADIUS = 160, 50.0


def disc(value: int = VOID) -> Document:
    rows, columns = np.mgrid[:SIDE, :SIDE] + 0.5
    soft = np.clip(RADIUS - np.hypot(rows - SIDE / 2, columns - SIDE / 2) + 0.5, 0, 1)
    pixels = (60 + 80 * soft).astype(np.uint8)
    return Document(np.full((SIDE, SIDE), value, np.uint8), CLASSES, picture=Picture(pixels))


def inside() -> np.ndarray:
    rows, columns = np.mgrid[:SIDE, :SIDE] + 0.5
    within: np.ndarray = np.hypot(rows - SIDE / 2, columns - SIDE / 2) < RADIUS
    return within


def rim(turns: float) -> Point:
    angle = turns * 2 * math.pi
    return SIDE / 2 + RADIUS * math.cos(angle), SIDE / 2 + RADIUS * math.sin(angle)


def make(value: int = 1, later: Later | None = None) -> tuple[ScissorsTool, list[str]]:
    said: list[str] = []
    kit = Kit(Palette(value=value), say=said.append)
    if later is not None:
        kit.background = later
    return ScissorsTool(kit), said


def place(tool: ScissorsTool, document: Document, *points: Point, reverse: bool = False) -> None:
    for x, y in points:
        click(tool, document, x, y, reverse=reverse)


def agreement(document: Document, value: int = 1) -> float:
    got, want = document.annotation == value, inside()
    return float((got & want).sum() / (got | want).sum())


def alone(tool: ScissorsTool, document: Document) -> Preview:
    """What is there without a pointer."""
    tool.hover(document, None)
    return seen(tool)


class TestCutting:
    def test_three_clicks_and_enter_cut_a_disc_out(self) -> None:
        document = disc()
        tool, _ = make()
        place(tool, document, rim(0), rim(0.3), rim(0.65))
        assert (document.annotation == VOID).all()
        assert tool.confirm()
        assert agreement(document) > 0.985
        assert not tool.active
        assert [patch.label for patch in document.history.done] == ["Scissors"]
        document.undo()
        assert (document.annotation == VOID).all()

    def test_a_click_on_the_first_point_closes(self) -> None:
        document = disc()
        tool, _ = make()
        place(tool, document, rim(0), rim(0.3), rim(0.65))
        tool.hover(document, Pointer(rim(0.001)))
        assert seen(tool).text == "Close"
        assert len(seen(tool).rings) == 1
        place(tool, document, rim(0.001))
        assert agreement(document) > 0.985
        assert tool.confirm()  # the second half of a double click is no key for something else
        assert not tool.confirm()
        assert len(document.history.done) == 1

    def test_reverse_takes_away(self) -> None:
        document = disc(value=1)
        tool, _ = make()
        place(tool, document, rim(0), rim(0.3), rim(0.65), reverse=True)
        assert seen(tool).value == VOID
        tool.confirm()
        assert agreement(document, VOID) > 0.985

    def test_locked_classes_are_left_alone(self) -> None:
        document = disc(value=2)
        document.classes = CLASSES.change(2, locked=True)
        tool, _ = make()
        place(tool, document, rim(0), rim(0.3), rim(0.65))
        tool.confirm()
        assert (document.annotation == 2).all()
        assert document.kept_back == {2}

    def test_with_shift_the_wire_is_straight(self) -> None:
        document = disc()
        tool, _ = make()
        place(tool, document, rim(0), rim(0.25))
        for at in (rim(0.5), rim(0)):
            tool.press(document, Pointer(at, straight=True))
            tool.release(Pointer(at, straight=True))
        # An arc, a chord beside the rim, and a diameter.
        assert not (document.annotation[: SIDE // 2 - 1] == 1).any()
        assert document.annotation[SIDE // 2 + 20, SIDE // 2 - 35] == VOID
        assert inside()[SIDE // 2 + 20, SIDE // 2 - 35]
        assert document.annotation[SIDE // 2 + 20, SIDE // 2 + 35] == 1


class TestPoints:
    def test_the_wire_follows_the_pointer_along_the_edge(self) -> None:
        document = disc()
        tool, _ = make()
        tool.hover(document, Pointer(rim(0)))
        assert tool.preview is None
        place(tool, document, rim(0))
        tool.hover(document, Pointer(rim(0.3)))
        (wire,) = seen(tool).lines
        off = np.abs(np.hypot(*(wire - SIDE / 2).T) - RADIUS)
        assert off.max() < 1.5
        assert tuple(wire[-1]) == rim(0.3)
        assert seen(tool).handles == (rim(0),)
        tool.hover(document, None)
        assert seen(tool).lines == ()

    @pytest.mark.parametrize("which", [0, 1, 2])
    def test_a_point_can_be_dragged_and_takes_both_wires_along(self, which: int) -> None:
        document = disc()
        tool, _ = make()
        points = [rim(0), rim(0.3), rim(0.65)]
        wrong = list(points)
        wrong[which] = [(150.0, 60.0), (81.0, 70.0), (82.0, 70.0)][which]
        place(tool, document, *wrong)
        tool.press(document, Pointer(wrong[which]))
        tool.move(Pointer((70.0, 90.0)))
        assert seen(tool).handles[which] == (70.0, 90.0)
        tool.move(Pointer(points[which]))
        tool.release(Pointer(points[which]))
        assert seen(tool).handles == tuple(points)
        for wire, start, end in zip(seen(tool).lines, points, points[1:], strict=False):
            assert tuple(wire[0]) == start
            assert tuple(wire[-1]) == end
        tool.confirm()
        assert agreement(document) > 0.98

    def test_a_click_on_a_wire_puts_a_point_there_and_leaves_the_wire(self) -> None:
        document = disc()
        tool, _ = make()
        place(tool, document, rim(0), rim(0.3), rim(0.65))
        before = alone(tool, document).lines[0]
        beside = rim(0.15)[0] + 2, rim(0.15)[1] + 2
        tool.hover(document, Pointer(beside))
        on_wire = seen(tool).handles[-1]
        assert len(seen(tool).lines) == 2  # and none to the pointer
        assert math.dist(on_wire, rim(0.15)) < 1.5
        place(tool, document, beside)
        assert alone(tool, document).handles == (rim(0), on_wire, rim(0.3), rim(0.65))
        first, second = seen(tool).lines[:2]
        assert tuple(first[-1]) == tuple(second[0]) == on_wire
        np.testing.assert_array_equal(np.concatenate([first[:-1], second[1:]]), before)
        tool.confirm()
        assert agreement(document) > 0.985

    def test_a_point_set_on_a_wire_is_dragged_like_any_other(self) -> None:
        document = disc()
        tool, _ = make()
        place(tool, document, rim(0))
        tool.press(document, Pointer(rim(0.3), straight=True))
        tool.release(Pointer(rim(0.3), straight=True))
        place(tool, document, rim(0.65))
        middle = (rim(0)[0] + rim(0.3)[0]) / 2, (rim(0)[1] + rim(0.3)[1]) / 2
        tool.press(document, Pointer(middle))
        tool.move(Pointer((70.0, 90.0)))
        assert seen(tool).handles[1] == (70.0, 90.0)
        assert [len(wire) for wire in seen(tool).lines[:2]] == [2, 2]  # straight, as the wire was
        tool.release(Pointer((70.0, 90.0)))
        assert tool.back()
        assert alone(tool, document).handles == (rim(0), rim(0.3), rim(0.65))
        assert seen(tool).lines[0].tolist() == [list(rim(0)), list(rim(0.3))]
        for wire, points in zip(seen(tool).lines, ((0, 0.3), (0.3, 0.65)), strict=True):
            assert (tuple(wire[0]), tuple(wire[-1])) == (rim(points[0]), rim(points[1]))

    @pytest.mark.parametrize("drag", [False, True])
    def test_backspace_gives_the_wire_back_that_a_point_was_set_on(self, drag: bool) -> None:
        document = disc()
        tool, _ = make()
        place(tool, document, rim(0), rim(0.3), rim(0.65))
        before = alone(tool, document).lines
        tool.press(document, Pointer(rim(0.15)))
        if drag:
            tool.move(Pointer((80.0, 80.0)))
            assert not np.array_equal(seen(tool).lines[0], before[0])
        else:
            tool.release(Pointer(rim(0.15)))
        assert tool.back()
        tool.move(Pointer((10.0, 10.0)))  # nothing is held any more
        assert [wire.tolist() for wire in alone(tool, document).lines] == [wire.tolist() for wire in before]
        assert tool.back()
        assert alone(tool, document).handles == (rim(0), rim(0.3))

    def test_a_wire_whose_ends_moved_meanwhile_is_found_anew(self) -> None:
        document = disc()
        tool, _ = make()
        place(tool, document, rim(0.95), rim(0.3), rim(0.65))
        place(tool, document, rim(0.15))
        tool.press(document, Pointer(rim(0.95)))
        tool.move(Pointer(rim(0)))
        tool.release(Pointer(rim(0)))
        assert len(alone(tool, document).handles) == 4
        assert tool.back()
        wire = seen(tool).lines[0]
        assert (tuple(wire[0]), tuple(wire[-1])) == (rim(0), rim(0.3))
        assert np.abs(np.hypot(*(wire - SIDE / 2).T) - RADIUS).max() < 1.5

    def test_points_go_in_the_order_they_were_set(self) -> None:
        document = disc()
        tool, _ = make()
        place(tool, document, rim(0), rim(0.3), rim(0.15), rim(0.65), rim(0.5))
        assert len(alone(tool, document).handles) == 5
        left = []
        while tool.back():
            left.append(tool.preview.handles if tool.preview else ())
        assert [len(handles) for handles in left] == [4, 3, 2, 1, 0]
        assert left[2] == (rim(0), rim(0.3))

    def test_backspace_removes_the_last_point(self) -> None:
        document = disc()
        tool, _ = make()
        place(tool, document, rim(0), rim(0.3), (80.0, 80.0))
        assert tool.back()
        assert seen(tool).handles == (rim(0), rim(0.3))
        place(tool, document, rim(0.65))
        tool.confirm()
        assert agreement(document) > 0.985
        place(tool, document, rim(0))
        assert tool.back()
        assert not tool.active
        assert tool.preview is None
        assert not tool.back()

    def test_esc_drops_and_being_called_away_leaves_the_outline_waiting(self) -> None:
        document = disc()
        tool, said = make()
        place(tool, document, rim(0), rim(0.3))
        tool.cancel()
        assert not tool.active
        tool.finish()
        place(tool, document, rim(0), rim(0.3), rim(0.65))
        before = alone(tool, document).lines
        tool.finish()
        assert (document.annotation == VOID).all()
        assert document.gesture is None
        for first, second in zip(alone(tool, document).lines, before, strict=True):
            np.testing.assert_array_equal(first, second)
        assert tool.confirm()
        assert agreement(document) > 0.98
        assert not said

    def test_an_outline_laid_aside_goes_on_over_the_same_image_opened_anew(self) -> None:
        tool, _ = make()
        place(tool, disc(), rim(0), rim(0.3), rim(0.15))  # the last one on the wire
        shape = tool.lay_aside()
        assert shape is not None
        again = disc()
        tool.take_up(again, shape)
        assert tool.back()
        place(tool, again, rim(0.65))
        assert tool.confirm()
        assert agreement(again) > 0.98

    def test_one_point_cannot_be_closed(self) -> None:
        document = disc()
        tool, said = make()
        place(tool, document, rim(0))
        assert tool.confirm()
        assert tool.active
        assert len(said) == 1


class TestWaiting:
    def test_the_hand_never_waits_for_the_wire_it_is_shown(self) -> None:
        document, later = disc(), Later()
        tool, _ = make(later=later)
        heard: list[bool] = []
        tool.on_changed = lambda: heard.append(True)
        place(tool, document, rim(0))
        tool.hover(document, Pointer(rim(0.3)))
        assert seen(tool).busy
        assert [len(line) for line in seen(tool).lines] == [2]
        assert len(later.errands) == 1
        later.answer()
        assert heard
        assert not seen(tool).busy
        assert len(seen(tool).lines[0]) > 20

    def test_a_click_waits_for_the_answer_on_its_way(self) -> None:
        document, later = disc(), Later()
        tool, _ = make(later=later)
        place(tool, document, rim(0))
        tool.hover(document, Pointer(rim(0.3)))
        place(tool, document, rim(0.3))
        assert later.errands[0].over
        assert len(seen(tool).lines[0]) > 20

    def test_cancelling_cancels_what_is_on_its_way(self) -> None:
        document, later = disc(), Later()
        tool, _ = make(later=later)
        place(tool, document, rim(0))
        tool.cancel()
        assert [errand.over for errand in later.errands] == [True]

    @settings(max_examples=25, deadline=None)
    @given(
        st.lists(st.tuples(st.floats(-20, 180), st.floats(-20, 180)), min_size=2, max_size=5),
        st.lists(st.integers(0, 2), min_size=15, max_size=15),
        st.tuples(st.integers(0, 4), st.floats(0, 160), st.floats(0, 160)),
    )
    def test_equal_events_give_equal_masks_whatever_was_shown(
        self, points: list[Point], answers: list[int], drag: tuple[int, float, float]
    ) -> None:
        documents, later = [disc(), disc()], Later()
        for document, waits in zip(documents, (False, True), strict=True):
            tool, _ = make(later=later if waits else None)
            for number, at in enumerate(points):
                if waits:
                    tool.hover(document, Pointer((80.0, 80.0), visible=Rect(0, 0, 40, 40)))
                    for _ in range(min(answers[number], len(later.errands))):
                        later.errands.pop(0).wait()
                place(tool, document, at)
            held = points[drag[0] % len(points)]
            tool.press(document, Pointer(held))
            tool.move(Pointer((drag[1] / 2, drag[2])))
            if waits and answers[-1]:
                later.answer()
            tool.move(Pointer((drag[1], drag[2])))
            tool.release(Pointer((drag[1], drag[2])))
            tool.confirm()
        assert np.array_equal(documents[0].annotation, documents[1].annotation)


class TestOddInput:
    def test_without_an_image_or_a_class_it_says_so(self) -> None:
        document = Document(np.full((9, 9), VOID, np.uint8), CLASSES)
        tool, said = make()
        place(tool, document, (3.0, 3.0), (5.0, 5.0))
        assert len(said) == 2
        assert not tool.active
        tool, said = make(value=9)
        place(tool, disc(), (3.0, 3.0))
        assert len(said) == 1
        assert not tool.active

    def test_a_class_that_vanished_leaves_the_outline_open(self) -> None:
        document = disc()
        tool, said = make(value=2)
        place(tool, document, rim(0), rim(0.3), rim(0.65))
        document.classes = CLASSES.of(["background"])
        tool.confirm()
        assert tool.active
        assert len(said) == 1
        assert (document.annotation == VOID).all()

    def test_another_image_starts_anew(self) -> None:
        first, second = disc(), disc()
        tool, said = make()
        place(tool, first, rim(0), rim(0.3))
        place(tool, second, rim(0.5))
        assert seen(tool).handles == (rim(0.5),)
        tool.hover(first, None)
        assert seen(tool).handles == (rim(0), rim(0.3))  # they waited there
        assert not said

    def test_events_out_of_order(self) -> None:
        document = disc()
        tool, _ = make()
        tool.release(Pointer((5.0, 5.0)))
        tool.move(Pointer((5.0, 5.0)))
        tool.press(document, Pointer(rim(0)))
        tool.press(document, Pointer(rim(0.3)))
        tool.press(document, Pointer(rim(0.65)))
        tool.confirm()
        tool.release(Pointer(rim(0.65)))
        assert agreement(document) > 0.985
        assert not tool.active

    @pytest.mark.parametrize(("width", "height"), [(1, 1), (1, 20000), (20000, 1), (3, 3)])
    def test_tiny_and_thin_images(self, width: int, height: int) -> None:
        document = Document(
            np.full((height, width), VOID, np.uint8), CLASSES, picture=Picture(np.zeros((height, width), np.uint8))
        )
        tool, _ = make()
        corners = [(-9.0, -9.0), (width + 9.0, -9.0), (width + 9.0, height + 9.0), (-9.0, height + 9.0)]
        for at in corners:
            tool.press(document, Pointer(at, straight=True, reach=0.1))
            tool.release(Pointer(at, straight=True, reach=0.1))
        tool.hover(document, Pointer((width / 2, height / 2), reach=0.1))
        assert tool.active
        tool.press(document, Pointer((0.0, 0.0), straight=True, reach=0.1))
        tool.release(Pointer((0.0, 0.0), straight=True, reach=0.1))
        assert (document.annotation == 1).all()
