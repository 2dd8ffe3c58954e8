"""The wand: tolerance by dragging, what it shows before, and that it writes the same whatever was shown."""

from typing import Any

import numpy as np
import pytest

from segstudio.core.classes import VOID, ClassTable
from segstudio.core.document import Document
from segstudio.core.picture import Picture
from segstudio.core.tools import preview as shared
from segstudio.core.tools.base import Kit, Palette, Pointer
from segstudio.core.tools.wand import WandTool
from tests.core.clicking import CLASSES, Later, changed, click, seen, shown, two_halves


class TestWand:
    def test_a_click_takes_similar_colours_with_the_present_tolerance(self) -> None:
        document = two_halves()
        tool = WandTool(Kit(Palette(value=2, tolerance=24)))
        click(tool, document, 3, 3)
        assert (document.annotation[:, :30] == 2).all()
        assert not (document.annotation[:, 30:] == 2).any()
        assert tool.palette.tolerance == 24
        assert [patch.label for patch in document.history.done] == ["Wand"]

    @pytest.mark.parametrize("options", [{}, {"contiguous": False}, {"softness": 3}, {"over": VOID}, {"over": 1}])
    @pytest.mark.parametrize("locked", [False, True])
    def test_it_shows_what_a_click_does(self, options: dict[str, Any], locked: bool) -> None:
        document = two_halves()
        rng = np.random.default_rng(0)
        document.picture = Picture(rng.choice(np.array([40, 60, 90], np.uint8), (40, 60)))
        document.classes = CLASSES.change(1, locked=locked)
        before = document.annotation.copy()
        tool = WandTool(Kit(Palette(value=2, **options)))
        tool.hover(document, Pointer((28, 15), visible=document.bounds))
        mask = shown(tool, document)
        click(tool, document, 28, 15)
        assert np.array_equal(mask, changed(before, document))
        assert mask.any() or (locked and options == {"over": 1})

    def test_dragging_right_and_up_raises_the_tolerance_and_left_and_down_lowers_it(self) -> None:
        document, tool = two_halves(), WandTool(Kit(Palette(value=2, tolerance=24)))
        tool.press(document, Pointer((20, 20), reach=5))
        for at, tolerance in (
            ((22, 19), 24),
            ((44, 20), 34),
            ((20, -4), 34),
            ((-4, 20), 14),
            ((20, 44), 14),
            ((2000, 20), 255),
            ((20, 2000), 0),
        ):
            tool.move(Pointer(at, reach=5))
            assert seen(tool).text == f"tolerance {tolerance}", at
        tool.release(Pointer((20 + 4 + 2 * 110, 20), reach=5))
        assert tool.palette.tolerance == 134
        assert (document.annotation == 2).all()

    def test_the_drag_counts_pixels_of_the_screen(self) -> None:
        document, tool = two_halves(), WandTool(Kit(Palette(value=2, tolerance=24)))
        tool.press(document, Pointer((20, 20), reach=0.5))
        tool.release(Pointer((22.45, 20), reach=0.5))
        assert tool.palette.tolerance == 34

    def test_the_region_follows_the_drag(self) -> None:
        document, tool = two_halves(), WandTool(Kit(Palette(value=2, tolerance=24)))
        tool.press(document, Pointer((3, 3)))
        assert shown(tool, document).sum() == 1200
        assert tool.active
        tool.move(Pointer((303, 3)))
        assert shown(tool, document).all()

    def test_esc_drops_the_drag_and_keeps_the_tolerance(self) -> None:
        document, tool = two_halves(), WandTool(Kit(Palette(value=2, tolerance=24)))
        tool.press(document, Pointer((3, 3)))
        tool.move(Pointer((303, 3)))
        tool.cancel()
        assert not tool.active
        assert tool.preview is None
        tool.release(Pointer((303, 3)))
        assert tool.palette.tolerance == 24
        assert not document.history.done

    def test_called_away_it_writes_as_if_released_there(self) -> None:
        document, tool = two_halves(), WandTool(Kit(Palette(value=2, tolerance=24)))
        tool.press(document, Pointer((3, 3)))
        tool.move(Pointer((303, 3)))
        tool.finish()
        assert (document.annotation == 2).all()
        assert not tool.active

    def test_the_wheel_changes_the_tolerance_and_what_is_shown(self) -> None:
        document, tool = two_halves(), WandTool(Kit(Palette(value=2, tolerance=120)))
        assert tool.turn(-1)
        assert tool.palette.tolerance == 119
        tool.hover(document, Pointer((3, 3)))
        assert seen(tool).text == ""
        assert shown(tool, document).sum() == 1200
        for _ in range(44):
            tool.turn(0.25)
        assert tool.palette.tolerance == 130
        assert seen(tool).text == "tolerance 130"
        assert shown(tool, document).all()
        tool.turn(-1000)
        assert tool.palette.tolerance == 0

    def test_the_wheel_works_during_a_drag(self) -> None:
        document, tool = two_halves(), WandTool(Kit(Palette(value=2, tolerance=24)))
        tool.press(document, Pointer((3, 3)))
        tool.turn(106)
        assert seen(tool).text == "tolerance 130"
        assert shown(tool, document).all()
        tool.release(Pointer((3, 3)))
        assert tool.palette.tolerance == 130

    def test_the_option_follows_a_drag_and_goes_back_when_it_is_dropped(self) -> None:
        told: list[int] = []
        kit = Kit(Palette(value=2, tolerance=24), turned=lambda: told.append(kit.palette.tolerance))
        document, tool = two_halves(), WandTool(kit)
        tool.press(document, Pointer((3, 3)))
        tool.move(Pointer((3, 3)))
        assert told == []
        for x in (20, 40, 60):
            tool.move(Pointer((x, 3)))
        assert told == sorted(set(told))
        assert len(told) == 3
        assert seen(tool).text == f"tolerance {told[-1]}"
        tool.cancel()
        assert told[-1] == kit.palette.tolerance == 24
        tool.press(document, Pointer((3, 3)))
        tool.release(Pointer((40, 3)))
        assert kit.palette.tolerance == told[1] == told[-1]

    def test_without_an_image_it_says_so(self) -> None:
        said: list[str] = []
        document = Document(np.full((5, 5), VOID, np.uint8), CLASSES)
        tool = WandTool(Kit(say=said.append))
        tool.hover(document, Pointer((2, 2)))
        assert tool.preview is None
        click(tool, document, 2, 2)
        assert said == ["The wand needs an image to compare colours in"]
        assert not document.history.done

    def test_smoothing_that_leaves_nothing_says_so(self) -> None:
        said: list[str] = []
        document = two_halves()
        pixels = np.full((40, 60), 50, np.uint8)
        pixels[15] = 200
        document.picture = Picture(pixels)
        click(WandTool(Kit(Palette(value=2, softness=5), say=said.append)), document, 9, 15)
        assert said == ["Nothing is left of that region when it is smoothed by 5 px"]
        assert not document.history.done

    def test_a_class_that_went_away_during_the_drag_is_not_written(self) -> None:
        document, tool = two_halves(), WandTool(Kit(Palette(value=2)))
        tool.press(document, Pointer((3, 3)))
        document.classes = ClassTable.of(["background", "nucleus"])
        tool.release(Pointer((3, 3)))
        assert not document.history.done

    def test_another_document_drops_the_drag(self) -> None:
        first, second = two_halves(), two_halves()
        tool = WandTool(Kit(Palette(value=2)))
        tool.press(first, Pointer((3, 3)))
        tool.hover(second, Pointer((3, 3)))
        assert not tool.active
        tool.release(Pointer((3, 3)))
        assert not first.history.done
        assert not second.history.done

    def test_while_an_answer_is_on_its_way_only_the_newest_question_waits(self) -> None:
        background = Later()
        document, tool = two_halves(), WandTool(Kit(Palette(value=2), background))
        for x in (3, 9, 12, 40):
            tool.hover(document, Pointer((x, 30)))
        assert len(background.errands) == 1
        assert seen(tool).busy
        background.errands.pop(0).wait()
        assert shown(tool, document)[:, :30].all()
        assert len(background.errands) == 1
        background.answer()
        assert shown(tool, document)[:, 30:].all()
        assert not shown(tool, document)[:, :30].any()
        assert not seen(tool).busy

    def test_an_answer_that_comes_too_late_is_not_shown(self) -> None:
        background = Later()
        document, tool = two_halves(), WandTool(Kit(Palette(value=2), background))
        tool.hover(document, Pointer((3, 3)))
        tool.hover(document, None)
        background.answer()
        assert tool.preview is None

    def test_work_that_failed_does_not_stop_the_next(self) -> None:
        background = Later()
        document, tool = two_halves(), WandTool(Kit(Palette(value=2), background))
        tool.hover(document, Pointer((3, 3)))
        background.errands.pop(0).over = True
        tool.hover(document, Pointer((9, 3)))
        background.answer()
        assert shown(tool, document)[:, :30].all()

    def test_a_large_part_is_shown_roughly_and_then_exactly(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(shared, "_QUICK", 200)
        calls: list[np.ndarray] = []
        document, tool = two_halves(61, 41), WandTool(Kit(Palette(value=2, over=VOID)))
        tool.on_changed = lambda: calls.append(shown(tool, document))
        tool.hover(document, Pointer((7, 8), visible=document.bounds))
        exact = document.annotation == VOID
        exact[:, 30:] = False
        assert len(calls) == 2
        assert np.array_equal(calls[1], exact)
        assert 0 < (calls[0] ^ exact).mean() < 0.1
