"""Brush and eraser: what a hand with mouse or pen expects of every stroke."""

import itertools

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segstudio.core.classes import VOID, ClassTable
from segstudio.core.document import Document
from segstudio.core.strokes import BrushShape, Point, capsules
from segstudio.core.tools.base import Kit, Palette, Pointer
from segstudio.core.tools.brush import BrushTool

CLASSES = ClassTable.of(["background", "nucleus", "fibre"])


def empty(width: int = 90, height: int = 60, value: int = VOID) -> Document:
    return Document(np.full((height, width), value, np.uint8), CLASSES)


def stripes() -> Document:
    """Columns of void, class 0, 1 and 2, twenty pixels each, and void again."""
    document = empty(100)
    document.annotation[:] = np.repeat(np.array([VOID, 0, 1, 2, VOID], np.uint8), 20)
    return document


def brush(*, erases: bool = False, shape: BrushShape = "round", size: int = 5, over: int | None = None) -> BrushTool:
    return BrushTool(Kit(Palette(value=1, size=size, shape=shape, over=over)), erases=erases)


def drag(tool: BrushTool, document: Document, *path: Point, reverse: bool = False, straight: bool = False) -> None:
    tool.press(document, Pointer(path[0], reverse=reverse, straight=straight))
    for at in path[1:]:
        tool.move(Pointer(at))
    tool.release(Pointer(path[-1]))


def covered(document: Document, a: Point, b: Point, size: int, shape: BrushShape = "round") -> np.ndarray:
    out = np.zeros(document.annotation.shape, np.bool_)
    for rect, where in capsules(a, b, size, document.bounds, shape):
        out[rect.slices] |= where
    return out


def labels(document: Document) -> list[str]:
    return [patch.label for patch in document.history.done]


class TestLine:
    @pytest.mark.parametrize("shape", ["round", "square"])
    def test_a_drag_covers_each_stretch_to_the_pixel(self, shape: BrushShape) -> None:
        document, path = empty(), [(10.2, 10.7), (60.0, 25.5), (30.0, 50.0)]
        drag(brush(shape=shape, size=8), document, *path)
        stretches = [covered(document, a, b, 8, shape) for a, b in itertools.pairwise(path)]
        assert np.array_equal(document.annotation == 1, np.logical_or.reduce(stretches))
        assert labels(document) == ["Brush"]

    def test_shift_click_goes_straight_from_where_the_last_stroke_ended(self) -> None:
        document, tool = empty(), brush()
        drag(tool, document, (10, 10), (20, 30))
        before = document.annotation == 1
        drag(tool, document, (70, 40), straight=True)
        assert np.array_equal(document.annotation == 1, before | covered(document, (20, 30), (70, 40), 5))
        drag(tool, document, (70, 10), straight=True)
        assert document.annotation[25, 70] == 1
        assert labels(document) == ["Brush"] * 3

    def test_shift_click_without_a_stroke_before_is_a_dab(self) -> None:
        document = empty()
        drag(brush(), document, (40, 30), straight=True)
        assert np.array_equal(document.annotation == 1, covered(document, (40, 30), (40, 30), 5))

    def test_shift_click_on_another_document_is_a_dab(self) -> None:
        tool, document = brush(), empty()
        drag(tool, empty(), (5, 5))
        drag(tool, document, (40, 30), straight=True)
        assert np.array_equal(document.annotation == 1, covered(document, (40, 30), (40, 30), 5))

    def test_a_dropped_stroke_is_no_start_of_a_line(self) -> None:
        tool, document = brush(), empty()
        drag(tool, document, (10, 10))
        tool.press(document, Pointer((10, 50)))
        tool.cancel()
        drag(tool, document, (70, 10), straight=True)
        expected = covered(document, (10, 10), (70, 10), 5)
        assert np.array_equal(document.annotation == 1, expected)

    def test_a_press_after_a_lost_release_begins_another_stroke(self) -> None:
        tool, document = brush(), empty()
        tool.press(document, Pointer((10, 10)))
        drag(tool, document, (50, 40))
        assert labels(document) == ["Brush", "Brush"]
        assert document.annotation[25, 30] == VOID

    def test_a_press_on_another_document_ends_the_stroke_on_the_first(self) -> None:
        tool, first, second = brush(), empty(), empty()
        tool.press(first, Pointer((10, 10)))
        tool.press(second, Pointer((50, 40)))
        assert first.gesture is None
        assert labels(first) == ["Brush"]
        tool.release(Pointer((50, 40)))
        assert labels(second) == ["Brush"]


class TestPen:
    pressures = st.lists(
        st.tuples(st.integers(40, 360), st.integers(40, 260), st.floats(-0.5, 1.5)), min_size=2, max_size=5
    )

    @settings(max_examples=40, deadline=None)
    @given(events=pressures, size=st.integers(1, 60), shape=st.sampled_from(["round", "square"]))
    def test_a_stroke_of_changing_pressure_has_no_gap(
        self, events: list[tuple[int, int, float]], size: int, shape: BrushShape
    ) -> None:
        document, tool = empty(400, 300), brush(size=size, shape=shape)
        tool.press(document, Pointer(events[0][:2], pressure=events[0][2]))
        for x, y, pressure in events[1:]:
            tool.move(Pointer((x, y), pressure=pressure))
        tool.release(Pointer(events[-1][:2], pressure=0.0))
        painted = document.annotation == 1
        assert cv2.connectedComponents(painted.view(np.uint8), connectivity=8)[0] == 2
        at_most = np.zeros_like(painted)
        for (ax, ay, _), (bx, by, _) in itertools.pairwise(events):
            # Even and odd sizes are centred differently: by half a pixel each.
            at_most |= covered(document, (ax, ay), (bx, by), size + 3, shape)
        assert not (painted & ~at_most).any()
        for x, y, pressure in events:
            width = max(1, round(size * min(1.0, max(0.0, pressure))))
            assert painted[covered(document, (x, y), (x, y), width, shape)].all()

    def test_the_width_grows_evenly_with_the_pressure(self) -> None:
        document, tool = empty(300, 80), brush(size=41)
        tool.press(document, Pointer((50, 40), pressure=0.0))
        tool.move(Pointer((250, 40), pressure=1.0))
        tool.release(Pointer((250, 40), pressure=0.0))
        width = (document.annotation == 1).sum(axis=0)[50:250]
        assert width[0] <= 3
        assert width[-1] == 41
        assert (np.diff(width) >= 0).all()
        assert np.diff(width).max() <= 5  # a round end swells faster than the line between

    def test_a_pen_that_lifts_off_does_not_thin_the_last_stretch(self) -> None:
        document, tool = empty(), brush(size=20)
        tool.press(document, Pointer((20, 30), pressure=0.5))
        tool.move(Pointer((60, 30), pressure=0.5))
        tool.release(Pointer((70, 30), pressure=0.0))
        assert np.array_equal(document.annotation == 1, covered(document, (20, 30), (70, 30), 10))

    def test_pressure_may_be_switched_off(self) -> None:
        document, tool = empty(), brush(size=9)
        tool.palette.pressure = False
        tool.press(document, Pointer((20, 30), pressure=0.1))
        tool.move(Pointer((60, 30), pressure=0.4))
        tool.release(Pointer((60, 30), pressure=0.0))
        assert np.array_equal(document.annotation == 1, covered(document, (20, 30), (60, 30), 9))


class TestOver:
    @pytest.mark.parametrize("over", [VOID, 0, 2])
    def test_the_brush_paints_only_over_what_is_chosen(self, over: int) -> None:
        document = stripes()
        before = document.annotation.copy()
        drag(brush(over=over), document, (5, 30), (95, 30))
        stroke = covered(document, (5, 30), (95, 30), 5)
        assert np.array_equal(document.annotation != before, stroke & (before == over))
        assert document.spared == ()  # what was not asked for is not protected

    def test_the_eraser_takes_only_the_chosen_class_away(self) -> None:
        document = stripes()
        before = document.annotation.copy()
        drag(brush(erases=True, over=2), document, (5, 30), (95, 30))
        changed = document.annotation != before
        assert np.array_equal(changed, covered(document, (5, 30), (95, 30), 5) & (before == 2))
        assert (document.annotation[changed] == VOID).all()

    @pytest.mark.parametrize("erases", [False, True])
    def test_void_only_does_not_bind_what_erases(self, erases: bool) -> None:
        document = stripes()
        drag(brush(erases=erases, over=VOID), document, (5, 30), (95, 30), reverse=not erases)
        assert (document.annotation[30] == VOID).all()
        assert labels(document) == ["Eraser"]


class TestLocked:
    def spared(self, document: Document) -> np.ndarray:
        out = np.zeros(document.annotation.shape, np.bool_)
        for rect, where in document.spared:
            assert rect.intersect(document.bounds) == rect
            out[rect.slices] |= where
        return out

    def test_spared_pixels_are_told_when_the_stroke_ends(self) -> None:
        document, told = stripes(), []
        document.on_spared.append(lambda: told.append(document.kept_back))
        document.classes = CLASSES.change(2, locked=True)
        before = document.annotation.copy()
        tool = brush()
        tool.press(document, Pointer((5, 30)))
        tool.move(Pointer((95, 30)))
        assert not told
        tool.release(Pointer((95, 30)))
        stroke = covered(document, (5, 30), (95, 30), 5)
        assert told == [frozenset({2})]
        assert np.array_equal(self.spared(document), stroke & (before == 2))
        assert (document.annotation[before == 2] == 2).all()
        drag(tool, document, (5, 5))
        assert (document.kept_back, document.spared) == (frozenset(), ())
        assert len(told) == 1

    def test_a_locked_class_is_not_painted_with_either(self) -> None:
        document = empty()
        document.classes = CLASSES.change(1, locked=True)
        drag(brush(), document, (40, 30))
        assert (document.annotation == VOID).all()
        assert document.kept_back == {1}
        assert np.array_equal(self.spared(document), covered(document, (40, 30), (40, 30), 5))

    def test_a_dropped_stroke_tells_what_it_spared_too(self) -> None:
        document = stripes()
        document.classes = CLASSES.change(0, locked=True)
        tool = brush()
        tool.press(document, Pointer((30, 30)))
        tool.cancel()
        assert document.kept_back == {0}
        assert not document.history.done


class TestClasses:
    def test_without_a_class_it_says_so_and_the_eraser_works(self) -> None:
        document, said = Document(np.zeros((9, 9), np.uint8), ClassTable()), list[str]()
        kit = Kit(Palette(value=0), say=said.append)
        drag(BrushTool(kit), document, (4, 4))
        assert len(said) == 1
        assert not document.history.done
        drag(BrushTool(kit, erases=True), document, (4, 4))
        assert (document.annotation == VOID).any()

    def test_a_class_that_goes_ends_the_stroke_with_what_it_has(self) -> None:
        document, tool = empty(), brush()
        tool.press(document, Pointer((10, 30)))
        document.classes = ClassTable(CLASSES.items[:1])
        assert not tool.active
        tool.move(Pointer((80, 30)))
        tool.release(Pointer((80, 30)))
        assert np.array_equal(document.annotation == 1, covered(document, (10, 30), (10, 30), 5))
        assert labels(document) == ["Brush"]

    def test_the_wheel_and_enter_are_not_its_own(self) -> None:
        tool = brush()
        assert not tool.turn(1.0)
        assert not tool.confirm()
        assert not tool.back()


@pytest.mark.parametrize(("factor", "size"), [(1.1, 2), (0.9, 1), (1e6, 2000)])
def test_resizing_moves_by_a_pixel_at_least_and_stays_in_range(factor: float, size: int) -> None:
    palette = Palette(size=1)
    palette.resize(factor)
    assert palette.size == size
