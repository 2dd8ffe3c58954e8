"""Lengths and areas a person measures."""

import numpy as np
import pytest

from segstudio.core.classes import VOID, ClassTable
from segstudio.core.document import Document
from segstudio.core.picture import Picture, Spacing
from segstudio.core.strokes import Point
from segstudio.core.tools.base import Kit, Pointer, Preview
from segstudio.core.tools.measure import MeasureTool, area_text, length_text

CLASSES = ClassTable.of(["background"])
ANISOTROPIC = Spacing(0.5, 0.25, "mm")


class Hand:
    """A measuring hand with what it was told, and what stands to be read."""

    def __init__(self, spacing: Spacing | None = None, *, picture: bool = True) -> None:
        self.said: list[str] = []
        self.lines: list[str] = [""]
        self.tool = MeasureTool(Kit(say=self.said.append, tell=self.lines.append))
        pixels = Picture(np.zeros((200, 300), np.uint8), spacing=spacing) if picture else None
        self.document = Document(np.full((200, 300), VOID, np.uint8), CLASSES, picture=pixels)

    @property
    def told(self) -> str:
        return self.lines[-1]

    def preview(self) -> Preview:
        shown = self.tool.preview
        assert shown is not None
        return shown

    def drag(self, *path: Point) -> None:
        self.tool.press(self.document, Pointer(path[0]))
        for at in path[1:]:
            self.tool.move(Pointer(at))
        self.tool.release(Pointer(path[-1]))

    def click(self, *places: Point) -> None:
        for at in places:
            self.drag(at)


@pytest.mark.parametrize(
    ("spacing", "text"),
    [(None, "50.0 px"), (ANISOTROPIC, "50.0 px · 18.03 mm"), (Spacing(2, 2, "µm"), "50.0 px · 100.0 µm")],
)
def test_a_drag_gives_a_length_that_stays(spacing: Spacing | None, text: str) -> None:
    hand = Hand(spacing)
    hand.drag((10, 10), (20, 20), (40, 50))
    assert hand.preview().text == text
    assert hand.told == f"Length {text}"
    hand.tool.hover(hand.document, Pointer((90, 90)))
    assert hand.preview().text == text
    assert hand.preview().lines[0].tolist() == [[10, 10], [40, 50]]


def test_the_length_is_shown_while_dragging() -> None:
    hand = Hand()
    hand.tool.press(hand.document, Pointer((0, 0)))
    hand.tool.move(Pointer((3, 4)))
    assert hand.preview().text == "5.0 px"
    assert hand.told == "Length 5.0 px"


@pytest.mark.parametrize("picture", [True, False])
def test_clicks_measure_a_line_up_to_the_pointer_until_confirmed(picture: bool) -> None:
    hand = Hand(picture=picture)
    hand.click((10, 10), (110, 10))
    hand.tool.hover(hand.document, Pointer((110, 60)))
    assert hand.preview().text == "150.0 px"
    hand.click((110, 60))
    assert hand.tool.confirm()
    hand.tool.hover(hand.document, Pointer((0, 0)))
    assert hand.preview().text == "150.0 px"
    assert hand.told == "Length 150.0 px"
    assert not hand.tool.confirm()


def test_a_double_click_counts_once_also_when_its_second_press_comes_through() -> None:
    hand = Hand()
    hand.click((10, 10), (60, 10), (61, 11))
    assert len(hand.preview().handles) == 2
    hand.tool.confirm()
    assert hand.told == "Length 50.0 px"


def test_closing_gives_an_area() -> None:
    hand = Hand(ANISOTROPIC)
    hand.click((10, 10), (110, 10), (110, 60), (10, 60))
    hand.tool.hover(hand.document, Pointer((12, 12)))
    assert hand.preview().text == "5,000 px² · 625.0 mm²"
    assert len(hand.preview().rings[0]) == 4
    hand.click((12, 12))
    assert hand.told == "Area 5,000 px² · 625.0 mm²  ·  outline 300.0 px · 125.0 mm"
    assert hand.preview().text == "5,000 px² · 625.0 mm²"
    assert hand.tool.confirm()  # the second half of a double click begins nothing
    assert hand.preview().text == "5,000 px² · 625.0 mm²"


def test_a_point_of_a_line_may_be_dragged_into_place() -> None:
    hand = Hand()
    hand.click((10, 10))
    hand.drag((50, 50), (60, 20), (40, 10))
    hand.tool.confirm()
    assert hand.told == "Length 30.0 px"


def test_back_removes_points_of_an_open_line_only() -> None:
    hand = Hand()
    hand.click((10, 10), (60, 10), (90, 90))
    assert hand.tool.back()
    hand.tool.confirm()
    assert hand.told == "Length 50.0 px"
    assert not hand.tool.back()
    hand.click((5, 5))
    assert hand.tool.back()
    assert not hand.tool.active


def test_the_next_press_begins_anew_and_esc_clears() -> None:
    hand = Hand()
    hand.drag((10, 10), (60, 10))
    hand.drag((10, 10), (10, 80))
    assert hand.preview().text == "70.0 px"
    assert hand.tool.active
    hand.tool.cancel()
    assert hand.tool.preview is None
    assert not hand.tool.active


def test_a_lone_click_has_no_figure() -> None:
    hand = Hand()
    hand.click((10, 10))
    assert hand.tool.confirm()
    assert hand.tool.preview is None
    hand.tool.press(hand.document, Pointer((10, 10)))
    hand.tool.cancel()
    assert hand.tool.preview is None
    assert hand.lines == [""]


def test_a_figure_goes_with_what_is_measured() -> None:
    hand = Hand()
    hand.drag((10, 10), (40, 50))
    hand.tool.cancel()
    assert hand.told == ""
    hand.drag((10, 10), (40, 50))
    assert hand.told == "Length 50.0 px"
    hand.tool.finish()
    assert hand.told == ""
    assert hand.tool.preview is None


def test_an_open_line_waits_until_the_hand_comes_back() -> None:
    hand = Hand()
    hand.click((10, 10), (60, 10))
    hand.tool.finish()
    hand.tool.hover(hand.document, None)  # as the canvas tells the tool it puts away
    assert hand.told == ""
    hand.tool.hover(hand.document, Pointer((60, 40)))
    assert hand.told == "Length 80.0 px"
    hand.click((60, 40))
    hand.tool.confirm()
    assert hand.told == "Length 80.0 px"


def test_a_drag_that_is_interrupted_keeps_its_point() -> None:
    hand = Hand()
    hand.tool.press(hand.document, Pointer((10, 10)))
    hand.tool.move(Pointer((40, 50)))
    hand.tool.finish()
    hand.tool.release(Pointer((40, 50)))
    assert hand.preview().handles == ((10, 10), (40, 50))


def test_a_measurement_belongs_to_its_image() -> None:
    hand, other = Hand(), Hand(ANISOTROPIC)
    hand.drag((10, 10), (60, 10))
    hand.tool.hover(other.document, Pointer((3, 3)))
    assert hand.tool.preview is None
    hand.click((10, 10))
    hand.tool.hover(other.document, Pointer((3, 3)))
    assert hand.tool.preview is None
    hand.tool.press(other.document, Pointer((0, 0)))
    hand.tool.release(Pointer((10, 0)))
    assert hand.preview().text == "10.0 px · 5.00 mm"


def test_events_without_a_press_do_nothing() -> None:
    hand = Hand()
    hand.tool.move(Pointer((5, 5)))
    hand.tool.release(Pointer((25, 25)))
    hand.tool.hover(hand.document, None)
    hand.tool.finish()
    assert not hand.tool.confirm()
    assert not hand.tool.back()
    assert hand.tool.preview is None
    assert hand.said == []


def test_it_writes_nothing() -> None:
    hand = Hand()
    hand.drag((-10, -10), (400, 400))
    hand.click((10, 10), (60, 10), (60, 60), (10, 10))
    assert (hand.document.annotation == VOID).all()
    assert hand.document.undo() is None
    assert hand.said == []


def test_figures_keep_three_digits_however_small() -> None:
    triangle = np.array([(0.0, 0.0), (3.0, 0.0), (3.0, 3.0)])
    tiny = Spacing(0.001, 0.001, "mm")
    assert length_text(triangle, tiny) == "6.0 px · 0.006 mm"
    assert area_text(triangle, tiny) == "4.5 px² · 4.5e-06 mm²"
    assert area_text(triangle[:1], tiny) == "0.0 px² · 0.00 mm²"
    assert length_text(triangle * 1000, Spacing(1, 1, "nm")) == "6,000.0 px · 6,000.0 nm"
