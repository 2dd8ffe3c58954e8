"""Fill and pick, and what they have in common with the wand: what a click writes, and that only the click decides."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segstudio.core.background import Immediately
from segstudio.core.classes import VOID, ClassTable
from segstudio.core.document import Document
from segstudio.core.geometry import Rect
from segstudio.core.picture import Picture
from segstudio.core.proposal import Proposal
from segstudio.core.tools import preview as shared
from segstudio.core.tools.base import Kit, Palette, Pointer, Tool
from segstudio.core.tools.fill import FillTool
from segstudio.core.tools.pick import PickTool
from segstudio.core.tools.wand import WandTool
from tests.core.clicking import CLASSES, Later, changed, click, seen, shown, two_halves


class TestFill:
    def test_a_click_fills_the_region_of_equal_labels_and_undo_brings_it_back(self) -> None:
        document = two_halves()
        before = document.annotation.copy()
        click(FillTool(Kit(Palette(value=2))), document, 3, 3)
        assert np.array_equal(document.annotation == 2, before == VOID)
        assert [patch.label for patch in document.history.done] == ["Fill"]
        document.undo()
        assert np.array_equal(document.annotation, before)

    def test_the_other_button_makes_it_void(self) -> None:
        document = two_halves()
        click(FillTool(Kit()), document, 30, 15, reverse=True)
        assert (document.annotation == VOID).all()

    @pytest.mark.parametrize("visible", [None, Rect(0, 0, 60, 40)])
    def test_it_shows_what_a_click_does(self, visible: Rect | None) -> None:
        document, tool = two_halves(), FillTool(Kit(Palette(value=2)))
        before = document.annotation.copy()
        tool.hover(document, Pointer((30, 15), visible=visible))
        mask = shown(tool, document)
        assert seen(tool).value == 2
        click(tool, document, 30, 15)
        assert mask.any()
        assert np.array_equal(mask, changed(before, document))

    def test_only_the_visible_part_is_shown_and_the_whole_region_is_filled(self) -> None:
        document, tool = two_halves(), FillTool(Kit(Palette(value=2)))
        tool.hover(document, Pointer((5, 5), visible=Rect(0, 0, 20, 12)))
        assert seen(tool).mask is not None
        assert seen(tool).mask[0] == Rect(0, 0, 20, 12)  # type: ignore[index]
        click(tool, document, 5, 5)
        assert (document.annotation[:, 59] == 2).all()

    def test_a_locked_region_is_kept_back_and_said_to_be(self) -> None:
        document, tool = two_halves(), FillTool(Kit(Palette(value=2)))
        document.classes = CLASSES.change(1, locked=True)
        before = document.annotation.copy()
        tool.hover(document, Pointer((30, 15)))
        assert seen(tool).mask is None
        assert seen(tool).text == "nucleus is locked"
        click(tool, document, 30, 15)
        assert np.array_equal(before, document.annotation)
        assert document.kept_back == {1}
        assert document.spared

    def test_it_paints_only_over_what_it_may(self) -> None:
        said: list[str] = []
        document = two_halves()
        tool = FillTool(Kit(Palette(value=2, over=VOID), say=said.append))
        tool.hover(document, Pointer((30, 15)))
        assert seen(tool).mask is None
        click(tool, document, 30, 15)
        assert (document.annotation == 1).sum() == 100
        assert said == ["Nothing filled: set to paint only over void"]
        click(tool, document, 3, 3)
        assert (document.annotation == 2).sum() == 2300

    def test_the_same_class_again_is_no_stroke(self) -> None:
        document, tool = two_halves(), FillTool(Kit(Palette(value=1)))
        tool.hover(document, Pointer((30, 15)))
        assert seen(tool).mask is None
        click(tool, document, 30, 15)
        assert not document.history.done

    def test_undo_under_a_resting_pointer_is_noticed_at_its_next_move(self) -> None:
        document, tool = two_halves(), FillTool(Kit(Palette(value=2)))
        click(FillTool(Kit(Palette(value=0))), document, 30, 15)
        click(FillTool(Kit(Palette(value=0))), document, 3, 3)
        tool.hover(document, Pointer((30, 15)))
        assert shown(tool, document).all()
        document.undo()
        tool.hover(document, Pointer((30.1, 15)))
        assert shown(tool, document).sum() == 100

    def test_moving_within_what_is_shown_asks_nothing(self) -> None:
        background = Later()
        document, tool = two_halves(), FillTool(Kit(Palette(value=2), background))
        tool.hover(document, Pointer((3, 3)))
        background.answer()
        tool.hover(document, Pointer((9, 9)))
        assert not background.errands
        assert not seen(tool).busy

    def test_what_is_shown_is_a_copy_of_its_time(self) -> None:
        background = Later()
        document, tool = two_halves(), FillTool(Kit(Palette(value=2), background))
        tool.hover(document, Pointer((3, 3)))
        click(FillTool(Kit(Palette(value=0))), document, 3, 3)
        background.answer()
        assert shown(tool, document).sum() == 2300

    def test_a_large_part_is_shown_roughly_and_then_exactly(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(shared, "_QUICK", 200)
        background, calls = Later(), []
        document, tool = two_halves(61, 41), FillTool(Kit(Palette(value=2), background))
        tool.on_changed = lambda: calls.append(shown(tool, document))
        tool.hover(document, Pointer((7, 8), visible=document.bounds))
        background.answer()
        assert len(calls) == 2
        rough, exact = calls
        assert np.array_equal(exact, document.annotation == VOID)
        assert 0 < (rough ^ exact).mean() < 0.1
        monkeypatch.setattr(shared, "_EXACT", 300)
        tool.hover(document, None)
        tool.hover(document, Pointer((7, 8), visible=document.bounds))
        background.answer()
        assert len(calls) == 3


class TestPick:
    def test_it_names_and_picks_the_class_under_the_pointer(self) -> None:
        picked: list[int] = []
        document, tool = two_halves(), PickTool(Kit(picked=picked.append))
        tool.hover(document, Pointer((30, 15)))
        assert seen(tool).text == "nucleus"
        click(tool, document, 30, 15)
        assert picked == [1]
        assert not document.history.done

    def test_over_void_it_picks_what_is_proposed(self) -> None:
        picked: list[int] = []
        document, tool = two_halves(), PickTool(Kit(picked=picked.append))
        proposed = np.full((40, 60), 2, np.uint8)
        document.set_proposal(Proposal(proposed, np.full((40, 60), 200, np.uint8), "model"))
        tool.hover(document, Pointer((3, 3)))
        assert seen(tool).text == "fibre (proposed)"
        click(tool, document, 3, 3)
        click(tool, document, 30, 15)
        assert picked == [2, 1]

    def test_nothing_is_picked_where_nothing_is(self) -> None:
        picked: list[int] = []
        said: list[str] = []
        document, tool = two_halves(), PickTool(Kit(picked=picked.append, say=said.append))
        tool.hover(document, Pointer((3, 3)))
        assert seen(tool).text == "void"
        click(tool, document, 3, 3)
        assert said == ["Nothing is labelled there"]
        click(tool, document, -3, 3)
        tool.hover(document, Pointer((3, 300)))
        assert tool.preview is None
        assert picked == []


TOOLS: list[Callable[[Kit], Tool]] = [FillTool, WandTool, PickTool]


class TestAll:
    @pytest.mark.parametrize("make", TOOLS)
    @pytest.mark.parametrize("at", [(-1, 3), (3, -0.1), (60, 3), (3, 40), (1e9, -1e9)])
    def test_outside_of_the_image_nothing_happens(self, make: Callable[[Kit], Tool], at: tuple[float, float]) -> None:
        document, tool = two_halves(), make(Kit(Palette(value=2)))
        for visible in (None, document.bounds):
            tool.hover(document, Pointer(at, visible=visible))
            assert tool.preview is None
        click(tool, document, *at)
        assert not tool.active
        assert not document.history.done

    @pytest.mark.parametrize("make", TOOLS)
    def test_what_does_not_belong_to_a_click_does_nothing(self, make: Callable[[Kit], Tool]) -> None:
        document, tool = two_halves(), make(Kit(Palette(value=2)))
        tool.release(Pointer((3, 3)))
        tool.move(Pointer((3, 3)))
        tool.finish()
        tool.cancel()
        assert not tool.confirm()
        assert not tool.back()
        assert tool.preview is None
        assert not document.history.done

    @pytest.mark.parametrize("make", [FillTool, WandTool])
    def test_without_a_class_it_says_so_at_the_click_only(self, make: Callable[[Kit], Tool]) -> None:
        said: list[str] = []
        document = two_halves()
        document.classes = ClassTable()
        tool = make(Kit(say=said.append))
        tool.hover(document, Pointer((3, 3)))
        assert tool.preview is None
        assert not said
        click(tool, document, 3, 3)
        assert len(said) == 1
        assert not document.history.done

    @pytest.mark.parametrize("make", [FillTool, WandTool])
    @pytest.mark.parametrize("shape", [(1, 1), (20_000, 1), (1, 20_000)])
    def test_thin_images(self, make: Callable[[Kit], Tool], shape: tuple[int, int]) -> None:
        document = Document(np.full(shape, VOID, np.uint8), CLASSES, picture=Picture(np.full(shape, 9, np.uint8)))
        tool = make(Kit(Palette(value=2, softness=2)))
        middle = shape[1] / 2, shape[0] / 2
        for visible in (None, document.bounds):
            tool.hover(document, Pointer(middle, visible=visible))
            assert shown(tool, document).any()
        click(tool, document, *middle)
        assert (document.annotation == 2).all()

    @settings(max_examples=30, deadline=None)
    @given(data=st.data())
    def test_previews_and_time_decide_nothing(self, data: st.DataObject) -> None:
        """The same presses, moves and releases, with and without previews, views and answers in between."""
        rng = np.random.default_rng(data.draw(st.integers(0, 5)))
        pixels = rng.choice(np.array([40, 60, 90], np.uint8), (24, 30))
        positions = st.tuples(st.floats(-5, 35), st.floats(-5, 29))
        strokes = data.draw(st.lists(st.tuples(st.booleans(), positions, positions, st.booleans()), max_size=4))
        results = []
        for background, hovers in ((Immediately(), False), (Later(), True)):
            document = Document(np.full((24, 30), VOID, np.uint8), CLASSES, picture=Picture(pixels))
            kit = Kit(Palette(value=1), background)
            fill, wand = FillTool(kit), WandTool(kit)
            for fills, start, end, reverse in strokes:
                tool: Tool = fill if fills else wand
                visible = Rect(3, 3, 9, 9) if hovers else None
                if hovers:
                    tool.hover(document, Pointer(end, reverse=reverse, visible=visible))
                tool.press(document, Pointer(start, reverse=reverse, visible=visible))
                if hovers:
                    tool.move(Pointer(start, reverse=reverse))
                if isinstance(background, Later) and fills:
                    background.answer()
                tool.release(Pointer(end, reverse=reverse, visible=visible))
            results.append((document.annotation.tobytes(), kit.palette.tolerance))
            while document.undo():
                pass
            assert (document.annotation == VOID).all()
        assert results[0] == results[1]
