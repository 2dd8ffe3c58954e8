"""The superpixel brush: what it paints depends on the path alone, and it never waits while the hand moves."""

import cv2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from segstudio.core.classes import VOID
from segstudio.core.document import Document
from segstudio.core.geometry import Rect
from segstudio.core.picture import Picture
from segstudio.core.strokes import Point
from segstudio.core.superpixels import MAX_CELL, MIN_CELL, SuperpixelMap
from segstudio.core.tools.base import Kit, Palette, Pointer
from segstudio.core.tools.superpixel import SuperpixelTool
from tests.core.clicking import CLASSES, Later, changed, click, seen, shown


def blobs(width: int = 120, height: int = 90, value: int = VOID) -> Document:
    rng = np.random.default_rng(3)
    pixels = cv2.GaussianBlur(rng.integers(0, 256, (height, width), np.uint8), (0, 0), 3)
    return Document(np.full((height, width), value, np.uint8), CLASSES, picture=Picture(np.asarray(pixels)))


def drag(tool: SuperpixelTool, document: Document, *path: Point, reverse: bool = False) -> None:
    tool.press(document, Pointer(path[0], reverse=reverse))
    for at in path[1:]:
        tool.move(Pointer(at))
    tool.release(Pointer(path[-1]))


def expected(document: Document, cell: int, a: Point, b: Point) -> np.ndarray:
    """All segments under a line, found the slow way."""
    assert document.picture is not None
    found = SuperpixelMap(document.picture, cell)
    found.prepare(found.picture.bounds)
    numbers = found.numbers(found.picture.bounds)
    share = np.linspace(0, 1, 1_000_001)
    x, y = (np.floor(p + (q - p) * share).astype(int) for p, q in zip(a, b, strict=True))
    inside = (x >= 0) & (y >= 0) & (x < numbers.shape[1]) & (y < numbers.shape[0])
    return np.isin(numbers, numbers[y[inside], x[inside]])


class TestPainting:
    @pytest.mark.parametrize("cell", [6, 16, 50])
    def test_a_click_paints_what_the_preview_shows(self, cell: int) -> None:
        document = blobs()
        before = document.annotation.copy()
        tool = SuperpixelTool(Kit(Palette(value=2, cell=cell)))
        tool.hover(document, Pointer((60, 40), visible=document.bounds))
        mask = shown(tool, document)
        click(tool, document, 60, 40)
        assert mask[40, 60]
        assert np.array_equal(mask, changed(before, document))
        assert (document.annotation[mask] == 2).all()

    def test_a_fast_drag_paints_all_segments_under_the_line_as_one_stroke(self) -> None:
        document = blobs()
        tool = SuperpixelTool(Kit(Palette(value=1, cell=10)))
        drag(tool, document, (-40.0, 10.0), (150.0, 80.0))
        assert np.array_equal(document.annotation == 1, expected(document, 10, (-40, 10), (150, 80)))
        assert [patch.label for patch in document.history.done] == ["Superpixels"]
        document.undo()
        assert (document.annotation == VOID).all()

    def test_reverse_takes_away(self) -> None:
        document = blobs(value=1)
        tool = SuperpixelTool(Kit(Palette(value=1, cell=20, over=VOID)))
        tool.hover(document, Pointer((30, 30), reverse=True))
        assert seen(tool).value == VOID
        mask = shown(tool, document)
        drag(tool, document, (30.0, 30.0), reverse=True)
        assert np.array_equal(document.annotation == VOID, mask)
        assert mask.any()

    def test_locked_classes_and_paint_only_over_are_respected_and_shown(self) -> None:
        document = blobs(value=1)
        document.begin("test").fill(Rect(0, 0, 120, 40), np.ones((40, 120), np.bool_), 0)
        document.classes = CLASSES.change(0, locked=True)
        tool = SuperpixelTool(Kit(Palette(value=2, cell=20)))
        before = document.annotation.copy()
        tool.hover(document, Pointer((60, 40)))
        mask = shown(tool, document)
        click(tool, document, 60, 40)
        assert np.array_equal(mask, changed(before, document))
        assert mask.any()
        assert not mask[:40].any()
        assert document.kept_back == {0}

    def test_esc_drops_the_stroke(self) -> None:
        document = blobs()
        tool = SuperpixelTool(Kit(Palette(value=1)))
        tool.press(document, Pointer((10, 10)))
        tool.move(Pointer((80, 50)))
        assert (document.annotation == 1).any()
        tool.cancel()
        tool.move(Pointer((20, 80)))
        tool.release(Pointer((20, 80)))
        assert not tool.active
        assert (document.annotation == VOID).all()
        assert not document.history.done

    def test_the_hand_called_away_ends_the_stroke(self) -> None:
        document = blobs()
        later = Later()
        tool = SuperpixelTool(Kit(Palette(value=1, cell=10), background=later))
        tool.press(document, Pointer((5, 5)))
        tool.move(Pointer((100, 80)))
        tool.finish()
        assert not tool.active
        assert tool.preview is None
        later.answer()
        assert np.array_equal(document.annotation == 1, expected(document, 10, (5, 5), (100, 80)))
        assert len(document.history.done) == 1

    def test_a_stroke_that_undo_or_a_vanished_class_ended_is_over(self) -> None:
        document = blobs()
        tool = SuperpixelTool(Kit(Palette(value=2, cell=10)))
        tool.press(document, Pointer((5, 5)))
        document.undo()
        tool.move(Pointer((50, 50)))
        tool.release(Pointer((50, 50)))
        assert not tool.active
        assert (document.annotation == VOID).all()
        tool.press(document, Pointer((5, 5)))
        painted = document.annotation.copy()
        document.classes = CLASSES.of(["background"])
        tool.release(Pointer((50, 50)))
        assert np.array_equal(document.annotation, painted)
        assert len(document.history.done) == 1


class TestWaiting:
    def test_while_the_hand_moves_nothing_is_computed_on_its_thread(self, monkeypatch: pytest.MonkeyPatch) -> None:
        document, later = blobs(700, 300), Later()
        tool = SuperpixelTool(Kit(Palette(value=1, cell=24), background=later))
        computed: list[Rect] = []
        compute = SuperpixelMap.compute

        def noted(found: SuperpixelMap, tile: Rect) -> np.ndarray:
            computed.append(tile)
            return compute(found, tile)

        monkeypatch.setattr(SuperpixelMap, "compute", noted)
        heard: list[bool] = []
        tool.on_changed = lambda: heard.append(True)
        tool.hover(document, Pointer((60, 40), visible=document.bounds))
        assert seen(tool).busy
        tool.press(document, Pointer((60, 40)))
        tool.move(Pointer((650, 40)))
        assert not computed
        assert (document.annotation == VOID).all()
        later.errands.pop(0).wait()
        assert (document.annotation != VOID).any()
        later.errands.pop(0).wait()
        assert [tile.contains(*at) for tile, at in zip(computed, [(60, 40), (650, 40)], strict=True)] == [True, True]
        assert heard
        later.answer()
        assert not seen(tool).busy
        tool.release(Pointer((650, 40)))
        assert len(computed) == len(set(computed))
        assert np.array_equal(document.annotation == 1, expected(document, 24, (60, 40), (650, 40)))

    def test_what_is_missing_at_the_release_is_found_away(self, monkeypatch: pytest.MonkeyPatch) -> None:
        document, later = blobs(700, 300), Later()
        tool = SuperpixelTool(Kit(Palette(value=1, cell=24), background=later))
        tool.press(document, Pointer((60, 40)))
        tool.move(Pointer((350, 40)))
        tool.turn(2)  # what was crossed before keeps its cells
        tool.move(Pointer((650, 40)))
        gesture = document.gesture
        with monkeypatch.context() as patch:
            patch.setattr(SuperpixelMap, "compute", None)  # whoever calls it here fails
            tool.release(Pointer((650, 40)))
        assert gesture is not None
        assert gesture.away
        assert not tool.active
        document.finish()
        meant = expected(document, 24, (60, 40), (350, 40)) | expected(document, 48, (350, 40), (650, 40))
        assert np.array_equal(document.annotation == 1, meant)
        assert len(document.history.done) == 1
        assert tool._map is not None
        assert not tool._map.missing(Rect(500, 40, 600, 41)), "what was found away is not remembered"

    def test_the_segment_under_the_pointer_comes_first_and_then_what_is_visible(self) -> None:
        document, later = blobs(800, 800), Later()
        tool = SuperpixelTool(Kit(Palette(value=1, cell=24), background=later))
        tool.hover(document, Pointer((450, 450), visible=Rect(200, 200, 800, 800)))
        later.errands.pop(0).wait()
        assert shown(tool, document)[450, 450]
        assert not shown(tool, document)[210, 210]
        later.answer()
        tool.hover(document, Pointer((210, 700), visible=Rect(200, 200, 800, 800)))
        assert not seen(tool).busy
        assert shown(tool, document)[700, 210]
        later.errands.pop().wait()
        assert seen(tool).grid is not None
        assert not later.errands  # it was about the borders there: no tile is missing

    def test_leaving_stops_what_is_on_its_way(self) -> None:
        document, later = blobs(), Later()
        tool = SuperpixelTool(Kit(Palette(value=1), background=later))
        tool.hover(document, Pointer((50, 50)))
        tool.hover(document, None)
        assert [errand.over for errand in later.errands] == [True]
        assert tool.preview is None

    def test_the_preview_stays_the_same_object_inside_a_segment(self) -> None:
        document = blobs()
        tool = SuperpixelTool(Kit(Palette(value=1, cell=40)))
        tool.hover(document, Pointer((50.2, 50.2), visible=document.bounds))
        first = tool.preview
        tool.hover(document, Pointer((50.8, 50.4), visible=document.bounds))
        assert tool.preview is first
        tool.hover(document, Pointer((50.8, 50.4), visible=Rect(49, 49, 53, 53)))
        assert tool.preview is not first
        mask = seen(tool).mask
        assert mask is not None
        assert mask[0] == Rect(49, 49, 53, 53)

    @example([(0.0, 0.0), (0.0, 5e-324)], 6, [0] * 6, False, 0)
    @settings(max_examples=30, deadline=None)
    @given(
        st.lists(st.tuples(st.floats(-60, 260), st.floats(-60, 160)), min_size=1, max_size=5),
        st.sampled_from([6, 20, 70]),
        st.lists(st.integers(0, 3), min_size=6, max_size=6),
        st.booleans(),
        st.integers(-2, 2),
    )
    def test_equal_events_give_equal_masks_whatever_was_ready(
        self, path: list[Point], cell: int, answers: list[int], looks: bool, turn: int
    ) -> None:
        documents = [blobs(200, 100), blobs(200, 100)]
        later = Later()
        kits = [Kit(Palette(value=1, cell=cell)), Kit(Palette(value=1, cell=cell), background=later)]
        for kit, document in zip(kits, documents, strict=True):
            tool = SuperpixelTool(kit)
            if looks and kit.background is later:
                tool.hover(document, Pointer(path[-1], visible=document.bounds))
            tool.press(document, Pointer(path[0]))
            for number, at in enumerate(path):
                tool.move(Pointer(at, visible=document.bounds if kit.background is later else None))
                if number == 1 and turn:
                    tool.turn(turn)
                for _ in range(answers[number] if kit.background is later and later.errands else 0):
                    if later.errands:
                        later.errands.pop(0).wait()
            tool.release(Pointer(path[-1]))
            later.answer()
        assert np.array_equal(documents[0].annotation, documents[1].annotation)
        covered = np.zeros((100, 200), np.bool_)
        for patch in documents[0].history.done:
            for rect in patch.rects:
                covered[rect.slices] = True
        assert not (documents[0].annotation != VOID)[~covered].any()
        documents[0].undo()
        assert (documents[0].annotation == VOID).all()


class TestCells:
    def test_the_wheel_makes_cells_coarser_and_finer(self) -> None:
        document = blobs()
        tool = SuperpixelTool(Kit(Palette(value=1, cell=24)))
        tool.hover(document, Pointer((60, 40)))
        fine = shown(tool, document).sum()
        assert tool.turn(2)
        assert tool.palette.cell == 48
        assert seen(tool).text == "cells of 48 px"
        assert shown(tool, document).sum() > fine
        tool.hover(document, Pointer((61, 40)))
        assert seen(tool).text == ""
        tool.turn(-0.5)
        assert tool.palette.cell == 48
        tool.turn(-0.5)
        assert tool.palette.cell == 34
        tool.turn(99)
        assert tool.palette.cell == MAX_CELL
        tool.turn(-99)
        assert tool.palette.cell == MIN_CELL

    def test_turning_without_an_image_still_turns(self) -> None:
        tool = SuperpixelTool(Kit(Palette(cell=24)))
        assert tool.turn(1)
        assert tool.palette.cell == 34
        assert tool.preview is None


class TestOddInput:
    def test_without_an_image_it_says_so(self) -> None:
        said: list[str] = []
        document = Document(np.full((9, 9), VOID, np.uint8), CLASSES)
        tool = SuperpixelTool(Kit(Palette(value=1), say=said.append))
        tool.hover(document, Pointer((3, 3)))
        click(tool, document, 3, 3)
        assert tool.preview is None
        assert len(said) == 1
        assert (document.annotation == VOID).all()

    def test_without_a_class_it_says_so_and_shows_nothing(self) -> None:
        said: list[str] = []
        document = blobs()
        tool = SuperpixelTool(Kit(Palette(value=7), say=said.append))
        tool.hover(document, Pointer((3, 3)))
        assert tool.preview is None
        click(tool, document, 3, 3)
        assert len(said) == 1
        assert (document.annotation == VOID).all()

    @pytest.mark.parametrize(("width", "height"), [(1, 1), (1, 20000), (20000, 1)])
    @pytest.mark.parametrize("cell", [4, 24, 256])
    def test_thin_images(self, width: int, height: int, cell: int) -> None:
        document = blobs(width, height)
        tool = SuperpixelTool(Kit(Palette(value=1, cell=cell)))
        tool.hover(document, Pointer((width / 2, height / 2)))
        drag(tool, document, (-5.0, -5.0), (width / 2, height / 2), (width + 400.0, height + 400.0))
        assert document.annotation[height // 2, width // 2] == 1

    def test_events_out_of_order(self) -> None:
        document, other = blobs(), blobs(50, 50)
        tool = SuperpixelTool(Kit(Palette(value=1)))
        tool.release(Pointer((5, 5)))
        tool.move(Pointer((5, 5)))
        tool.press(document, Pointer((5, 5)))
        tool.press(other, Pointer((45, 45)))
        tool.release(Pointer((45, 45)))
        tool.hover(other, Pointer((-5, 500)))
        assert tool.preview is None
        tool.finish()
        tool.cancel()
        assert document.annotation[5, 5] == 1
        assert other.annotation[45, 45] == 1
        assert [len(one.history.done) for one in (document, other)] == [1, 1]
        assert document.gesture is None
