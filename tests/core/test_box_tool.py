"""Box to mask as a hand uses it."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segstudio.core.background import Background, Immediately
from segstudio.core.classes import VOID, ClassTable
from segstudio.core.document import Document
from segstudio.core.geometry import Rect
from segstudio.core.picture import Picture
from segstudio.core.strokes import Point
from segstudio.core.tools.base import Kit, Palette, Pointer
from segstudio.core.tools.box import BoxTool
from tests.core.cutting import CLASSES, Broken, Later, disc, on, overlap

ROUND: list[Point] = [(10, 10), (60, 60), (90, 90)]
PICTURE, TRUTH = disc(100, 25)


class Hand:
    """The tool with what it said, and how often its preview changed by itself."""

    def __init__(self, background: Background | None = None, visible: Rect | None = None) -> None:
        self.said: list[str] = []
        self.told = 0
        self.visible = visible
        self.kit = Kit(Palette(value=1), background=background or Immediately(), say=self.said.append)
        self.tool = BoxTool(self.kit)
        self.tool.on_changed = self._told

    def drag(self, document: Document, path: list[Point], *, reverse: bool = False, release: bool = True) -> None:
        start = Pointer(path[0], reverse=reverse, visible=self.visible)
        self.tool.press(document, start)
        for at in path[1:]:
            self.tool.move(replace(start, at=at))
        if release:
            self.tool.release(replace(start, at=path[-1]))

    def _told(self) -> None:
        self.told += 1


def test_a_box_labels_its_object_as_one_stroke() -> None:
    document, hand = on(PICTURE), Hand()
    hand.drag(document, ROUND)
    assert overlap(document.annotation == 1, TRUTH) > 0.97
    assert not hand.tool.active
    assert hand.tool.preview is None
    assert [patch.label for patch in document.history.done] == ["Box to mask"]
    document.undo()
    assert (document.annotation == VOID).all()


def test_dragging_shows_what_the_release_will_do() -> None:
    document, hand = on(PICTURE), Hand(visible=Rect(0, 0, 70, 200))
    hand.drag(document, ROUND, release=False)
    shown = hand.tool.preview
    assert hand.tool.active
    assert shown is not None
    assert shown.mask is not None
    assert not shown.busy
    assert (shown.value, shown.text, shown.mask[0]) == (1, "81 × 81 px", Rect(10, 10, 70, 91))
    assert overlap(shown.mask[1], TRUTH[10:91, 10:70]) > 0.95
    assert shown.rings[0].tolist() == [[10, 10], [91, 10], [91, 91], [10, 91]]
    assert hand.told == 2


def test_of_a_large_visible_part_the_outline_is_shown() -> None:
    picture, truth = disc(1400, 300)
    document, hand = on(picture), Hand(visible=Rect(0, 0, 1400, 1400))
    hand.drag(document, [(20, 20), (1380, 1380)], release=False)
    shown = hand.tool.preview
    assert shown is not None
    assert shown.mask is None
    outline = shown.rings[1]
    distance = np.hypot(outline[:, 0] - 700, outline[:, 1] - 700)
    assert np.abs(distance - 300).max() < 40
    hand.tool.cancel()
    assert not truth[document.annotation == 1].any()
    assert not document.history.done


def test_only_the_newest_preview_is_worked_out_while_one_is_on_its_way() -> None:
    later = Later()
    document, hand = on(PICTURE), Hand(later)
    hand.drag(document, [(10, 10), (50, 50), (60, 60), (70, 70), (90, 90)], release=False)
    assert len(later.tasks) == 1
    shown = hand.tool.preview
    assert shown is not None
    assert shown.busy
    later.tasks[0].wait()
    assert len(later.tasks) == 2
    later.tasks[1].wait()
    shown = hand.tool.preview
    assert shown is not None
    assert shown.mask is not None
    assert shown.mask[0] == Rect(10, 10, 91, 91)
    assert len(later.tasks) == 2


@pytest.mark.parametrize("end", ["answer", "press", "finish"])
def test_the_object_is_written_whenever_it_is_found(end: str) -> None:
    at_once, waiting = on(PICTURE), on(PICTURE)
    Hand().drag(at_once, ROUND)
    later = Later()
    hand = Hand(later)
    hand.drag(waiting, ROUND)
    assert hand.tool.active
    assert (waiting.annotation == VOID).all()
    shown = hand.tool.preview
    assert shown is not None
    assert shown.busy
    if end == "answer":
        later.catch_up()
    elif end == "press":
        hand.tool.press(waiting, Pointer((3, 3)))
    else:
        hand.tool.finish()
        assert not hand.tool.active
    np.testing.assert_array_equal(waiting.annotation, at_once.annotation)


def test_what_is_painted_after_the_release_does_not_change_the_search() -> None:
    at_once, waiting = on(PICTURE), on(PICTURE)
    Hand().drag(at_once, ROUND)
    later = Later()
    Hand(later).drag(waiting, ROUND)
    waiting.annotation[40:60, 40:60] = 2
    later.catch_up()
    expected = at_once.annotation.copy()
    expected[40:60, 40:60] = 2
    np.testing.assert_array_equal(waiting.annotation, expected)


def test_finish_ends_a_drag_as_if_released_there() -> None:
    released, finished = on(PICTURE), on(PICTURE)
    Hand().drag(released, ROUND)
    hand = Hand()
    hand.drag(finished, ROUND, release=False)
    hand.tool.finish()
    np.testing.assert_array_equal(released.annotation, finished.annotation)


@pytest.mark.parametrize("released", [False, True])
def test_esc_drops_it(*, released: bool) -> None:
    later = Later()
    document, hand = on(PICTURE), Hand(later)
    hand.drag(document, ROUND, release=released)
    hand.tool.cancel()
    later.catch_up()
    assert not hand.tool.active
    assert (document.annotation == VOID).all()


def test_other_classes_are_never_written_over_unless_asked_for() -> None:
    document, hand = on(PICTURE), Hand()
    document.annotation[45:55, 20:80] = 2
    document.annotation[20:24, 20:80] = 0
    before = document.annotation.copy()
    hand.drag(document, ROUND)
    np.testing.assert_array_equal(document.annotation[before != VOID], before[before != VOID])
    assert (document.annotation[30:44, 45:55] == 1).all()
    hand.kit.palette.over = 2
    hand.drag(document, ROUND)
    assert (document.annotation[46:54, 30:70] == 1).all()
    np.testing.assert_array_equal(document.annotation == 0, before == 0)
    outside = ~TRUTH & (before == 2)
    assert (document.annotation[outside] == 2).mean() > 0.95


def test_reverse_clears_the_object_of_the_class_in_hand() -> None:
    document, hand = on(PICTURE), Hand()
    document.annotation[:] = 1
    document.annotation[:, 50:54] = 2
    hand.drag(document, ROUND, reverse=True)
    cleared = document.annotation == VOID
    assert overlap(cleared | (document.annotation == 2), TRUTH | (document.annotation == 2)) > 0.93
    assert not cleared[:, 50:54].any()
    hand.kit.palette.over = 2
    before = document.annotation.copy()
    hand.drag(document, ROUND, reverse=True)
    assert "limited" in hand.said[-1]
    np.testing.assert_array_equal(document.annotation, before)


def test_a_locked_class_is_kept_back() -> None:
    document, hand = on(PICTURE), Hand()
    document.classes = CLASSES.change(1, locked=True)
    hand.drag(document, ROUND)
    assert (document.annotation == VOID).all()
    assert document.kept_back == {1}
    assert hand.said == []


def test_nothing_happens_without_image_class_or_drag_and_it_says_why() -> None:
    hand = Hand()
    hand.drag(Document(np.full((50, 50), VOID, np.uint8), CLASSES), ROUND)
    document = on(PICTURE)
    hand.drag(document, [(50, 50), (50.4, 50.4)])
    hand.drag(document, [(-80, -80), (-20, -10)])
    hand.tool.release(Pointer((5, 5)))
    hand.tool.move(Pointer((5, 5)))
    hand.kit.palette.value = 9
    hand.drag(document, ROUND)
    assert [next(w for w in ("image", "drag", "class first") if w in line) for line in hand.said] == [
        "image",
        "drag",
        "class first",
    ]
    assert not document.history.done
    assert not hand.tool.active


def test_an_object_that_is_labelled_already_is_said_to_be() -> None:
    document, hand = on(PICTURE), Hand()
    hand.drag(document, ROUND)
    hand.drag(document, [(40, 40), (60, 60)])
    assert "Nothing changed" in hand.said[-1]
    assert len(document.history.done) == 1


def test_a_class_that_is_gone_is_not_written() -> None:
    later = Later()
    document, hand = on(PICTURE), Hand(later)
    hand.drag(document, ROUND)
    document.classes = ClassTable.of(["background"])
    later.catch_up()
    assert (document.annotation == VOID).all()
    assert "gone" in hand.said[-1]


def test_another_document_drops_a_drag_but_not_what_was_released() -> None:
    later = Later()
    first, second, hand = on(PICTURE), on(PICTURE), Hand(later)
    hand.drag(first, ROUND)
    hand.drag(second, ROUND, release=False)
    hand.tool.hover(first, Pointer((1, 1)))
    later.catch_up()
    assert (first.annotation == 1).any()
    assert (second.annotation == VOID).all()


def test_work_that_failed_leaves_the_tool_usable() -> None:
    document, hand = on(PICTURE), Hand(Broken())
    hand.drag(document, ROUND)
    assert not hand.tool.active
    assert hand.tool.preview is None
    hand.kit.background = Immediately()
    hand.drag(document, ROUND)
    assert (document.annotation == 1).any()


@pytest.mark.parametrize("shape", [(1, 1), (1, 20000), (2, 3)])
def test_a_degenerate_image_takes_the_whole_box(shape: tuple[int, int]) -> None:
    document, hand = on(Picture(np.zeros(shape, np.uint8))), Hand()
    hand.drag(document, [(-5, -5), (30000, 30000)])
    assert (document.annotation == 1).all()


points = st.tuples(st.floats(-30, 130), st.floats(-30, 130))
gestures = st.tuples(st.lists(points, min_size=2, max_size=3), st.booleans(), st.integers(0, 2))


@settings(max_examples=12, deadline=None)
@given(sequence=st.lists(gestures, min_size=1, max_size=3))
def test_equal_events_give_equal_masks_whatever_was_shown(sequence: list[tuple[list[Point], bool, int]]) -> None:
    one, two = on(PICTURE), on(PICTURE)
    later = Later()
    for document, hand in ((one, Hand(visible=Rect(0, 0, 10, 10))), (two, Hand(later))):
        for path, reverse, value in sequence:
            hand.kit.palette.value = value
            hand.drag(document, path, reverse=reverse)
        hand.tool.finish()
    np.testing.assert_array_equal(one.annotation, two.annotation)
    while two.undo() is not None:
        pass
    assert (two.annotation == VOID).all()
