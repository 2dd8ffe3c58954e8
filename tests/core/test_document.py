"""Painting, undo, locked classes, accepting and rejecting: what a person relies on."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segstudio.core.classes import VOID, ClassTable
from segstudio.core.document import Document
from segstudio.core.geometry import Rect
from segstudio.core.gesture import Done
from segstudio.core.history import Entry, History, Patch
from segstudio.core.proposal import Proposal
from segstudio.core.tools.base import Kit, Palette, Pointer, ToolName
from segstudio.core.tools.brush import BrushTool
from segstudio.core.tools.catalogue import make_tools

CLASSES = ClassTable.of(["background", "nucleus", "fibre"])
TOOLS: tuple[ToolName, ...] = ("brush", "eraser")


def empty(width: int = 64, height: int = 48) -> Document:
    return Document(np.full((height, width), VOID, np.uint8), CLASSES)


def dab(document: Document, x: float, y: float, value: int, size: int = 9) -> Patch | None:
    """Paint one; returns the stroke it made, if it changed anything."""
    before = document.history.done[-1:]
    tool = BrushTool(Kit(Palette(value=value, size=size)))
    tool.press(document, Pointer((x, y)))
    tool.release(Pointer((x, y)))
    assert document.gesture is None
    last = document.history.done[-1:]
    return last[0] if last and last != before else None


Stroke = tuple[ToolName, list[tuple[float, float]], int, int, bool]
strokes: st.SearchStrategy[Stroke] = st.tuples(
    st.sampled_from(TOOLS),
    st.lists(st.tuples(st.floats(-30, 330), st.floats(-30, 330)), min_size=1, max_size=4),
    st.integers(0, 2),
    st.sampled_from([1, 2, 9, 40, 300]),
    st.booleans(),
)


@settings(max_examples=60)
@given(sequence=st.lists(st.one_of(strokes, st.sampled_from(["undo", "redo"])), max_size=12))
def test_undo_and_redo_restore_every_byte_for_any_sequence(sequence: list[Stroke | str]) -> None:
    """300 x 300 spans several tiles, so patches have several pieces."""
    document = Document(np.full((300, 300), VOID, np.uint8), CLASSES)
    dirty: list[Rect] = []
    document.on_change.append(dirty.append)
    states = [document.annotation.copy()]  # after each stroke that can be undone
    ahead: list[np.ndarray] = []
    for step in sequence:
        before = document.annotation.copy()
        dirty.clear()
        if isinstance(step, str) and step == "undo":
            assert (document.undo() is not None) == (len(states) > 1)
            if len(states) > 1:
                ahead.append(states.pop())
        elif isinstance(step, str):
            assert (document.redo() is not None) == bool(ahead)
            if ahead:
                states.append(ahead.pop())
        else:
            name, points, value, size, reverse = step
            tool = make_tools(Kit(Palette(value=value, size=size)))[name]
            tool.press(document, Pointer(points[0], reverse=reverse))
            for point in points[1:]:
                tool.move(Pointer(point))
            tool.release(Pointer(points[-1]))
            if len(document.history.done) == len(states):
                states.append(document.annotation.copy())
                ahead.clear()
        assert np.array_equal(document.annotation, states[-1])
        outside = before != document.annotation
        for rect in dirty:
            outside[rect.slices] = False
        assert not outside.any(), "a changed pixel lies in no dirty rectangle"


@settings(max_examples=40)
@given(sequence=st.lists(strokes, min_size=1, max_size=6), locked=st.integers(0, 2))
def test_a_locked_class_never_changes(sequence: list[Stroke], locked: int) -> None:
    rng = np.random.default_rng(0)
    annotation = rng.choice(np.array([0, 1, 2, VOID], np.uint8), (300, 300))
    document = Document(annotation.copy(), CLASSES.change(locked, locked=True))
    for name, points, value, size, reverse in sequence:
        tool = make_tools(Kit(Palette(value=value, size=size)))[name]
        tool.press(document, Pointer(points[0], reverse=reverse))
        for point in points[1:]:
            tool.move(Pointer(point))
        tool.release(Pointer(points[-1]))
    assert np.array_equal(document.annotation == locked, annotation == locked)


def test_a_stroke_tells_the_journal_once() -> None:
    document = empty()
    told: list[Entry] = []
    document.on_commit.append(told.append)
    dab(document, 10, 10, 1)
    document.undo()
    document.undo()  # nothing left: says nothing
    document.redo()
    assert [entry.kind for entry in told] == ["do", "undo", "redo"]
    assert told[0].patch is not None
    assert told[0].patch.label == "Brush"


def test_painting_what_is_already_there_is_no_stroke() -> None:
    document = empty()
    assert dab(document, 10, 10, 1) is not None
    assert dab(document, 10, 10, 1) is None
    assert len(document.history.done) == 1


def test_a_cancelled_stroke_leaves_no_trace() -> None:
    document = empty()
    dab(document, 10, 10, 1)
    before = document.annotation.copy()
    tool = BrushTool(Kit(Palette(value=2, size=20)))
    tool.press(document, Pointer((12, 12)))
    tool.move(Pointer((40, 30)))
    assert not np.array_equal(document.annotation, before)
    tool.cancel()
    tool.release(Pointer((40, 30)))
    assert np.array_equal(document.annotation, before)
    assert len(document.history.done) == 1


def test_undo_in_the_middle_of_a_stroke_drops_that_stroke_only() -> None:
    document = empty()
    dab(document, 10, 10, 1)
    before = document.annotation.copy()
    tool = BrushTool(Kit(Palette(value=2)))
    tool.press(document, Pointer((30, 30)))
    assert document.undo() is None
    assert np.array_equal(document.annotation, before)
    assert not tool.active
    tool.move(Pointer((50, 40)))
    tool.release(Pointer((50, 40)))
    assert np.array_equal(document.annotation, before)
    assert len(document.history.done) == 1


def test_a_stroke_outside_the_image_does_nothing() -> None:
    document = empty()
    assert dab(document, -100, -100, 1) is None
    assert (document.annotation == VOID).all()


def test_right_button_takes_away_and_the_eraser_reversed_adds() -> None:
    document = empty()
    tools = make_tools(Kit(Palette(value=1, size=5)))
    tools["eraser"].press(document, Pointer((10, 10), reverse=True))
    tools["eraser"].release(Pointer((10, 10)))
    assert document.annotation[10, 10] == 1
    tools["brush"].press(document, Pointer((10, 10), reverse=True))
    tools["brush"].release(Pointer((10, 10)))
    assert document.annotation[10, 10] == VOID


def test_shift_click_draws_straight_from_the_last_stroke() -> None:
    document = empty()
    tool = BrushTool(Kit(Palette(value=1, size=1)))
    tool.press(document, Pointer((5, 20)))
    tool.release(Pointer((5, 20)))
    tool.press(document, Pointer((45, 20), straight=True))
    tool.release(Pointer((45, 20)))
    assert (document.annotation[20, 5:46] == 1).all()


def test_a_brush_larger_than_the_image_fills_it() -> None:
    document = empty()
    dab(document, 30, 20, 2, size=2000)
    assert (document.annotation == 2).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 20000), (20000, 1)])
def test_extreme_images_can_be_painted_and_undone(shape: tuple[int, int]) -> None:
    document = Document(np.full(shape, VOID, np.uint8), CLASSES)
    tool = BrushTool(Kit(Palette(value=1, size=3)))
    tool.press(document, Pointer((0.5, 0.5)))
    tool.release(Pointer((shape[1] - 0.5, shape[0] - 0.5)))
    assert (document.annotation == 1).all()
    document.undo()
    assert (document.annotation == VOID).all()


def changed_by(act: Callable[[Done], None]) -> Patch | None:
    """What an edit changed, which must be over by now."""
    answers: list[Patch | None] = []
    act(answers.append)
    (patch,) = answers
    return patch


def proposed() -> Document:
    """Two nuclei and background, as a model might say it; the left nucleus less surely."""
    document = empty()
    classes = np.zeros((48, 64), np.uint8)
    confidence = np.full((48, 64), 250, np.uint8)
    classes[5:15, 5:15] = 1
    confidence[5:15, 5:15] = 100
    classes[5:15, 40:50] = 1
    document.set_proposal(Proposal(classes, confidence, "m0001"))
    return document


def test_accepting_a_region_takes_that_region_in_one_step() -> None:
    document = proposed()
    patch = changed_by(lambda done: document.accept_region(8, 8, done=done))
    assert patch is document.history.done[-1]
    assert (document.annotation[5:15, 5:15] == 1).all()
    assert (document.annotation == VOID).sum() == 48 * 64 - 100
    document.undo()
    assert (document.annotation == VOID).all()


def test_accepting_never_touches_what_a_person_painted() -> None:
    document = proposed()
    dab(document, 10, 10, 2, size=5)
    painted = document.annotation == 2
    document.accept_region(5, 5)
    document.accept_above(0)
    assert (document.annotation[painted] == 2).all()
    assert not (document.annotation == VOID).any()


def test_accepting_above_the_threshold_leaves_the_unsure_pixels() -> None:
    document = proposed()
    document.accept_above(200)
    assert (document.annotation[5:15, 5:15] == VOID).all()
    assert (document.annotation[5:15, 40:50] == 1).all()
    assert document.annotation[0, 0] == 0
    assert len(document.history.done) == 1


def test_a_rejected_region_stays_rejected_for_the_next_model_until_undone() -> None:
    document = proposed()
    first = document.proposal
    assert first is not None
    assert changed_by(lambda done: document.reject_region(8, 8, done=done)) is not None
    assert changed_by(lambda done: document.accept_region(8, 8, done=done)) is None
    document.set_proposal(Proposal(first.classes.copy(), first.confidence.copy(), "m0002"))
    document.accept_above(0)
    assert (document.annotation[5:15, 5:15] == VOID).all()
    document.undo()
    document.undo()
    assert changed_by(lambda done: document.accept_region(8, 8, done=done)) is not None


def test_another_class_where_one_was_rejected_is_shown() -> None:
    document = proposed()
    document.reject_region(8, 8)
    fibre = np.full((48, 64), 2, np.uint8)
    document.set_proposal(Proposal(fibre, np.full((48, 64), 255, np.uint8), "m0002"))
    assert (document.proposed(document.bounds) == 2).all()


def test_a_proposal_of_another_size_is_refused() -> None:
    small = np.zeros((4, 4), np.uint8)
    with pytest.raises(ValueError, match="proposal is"):
        empty().set_proposal(Proposal(small, small, "m"))


def test_where_no_model_has_spoken_there_is_nothing_to_accept() -> None:
    document = empty()
    assert changed_by(lambda done: document.accept_above(0, done=done)) is None
    assert changed_by(lambda done: document.accept_region(900, -1, done=done)) is None
    assert not document.history.done


@pytest.mark.parametrize("step", ["accept_region", "reject_region"])
def test_where_the_model_says_nothing_there_is_nothing_to_accept_or_reject(step: str) -> None:
    document = empty()
    dab(document, 40, 20, 1)
    classes = np.full((48, 64), VOID, np.uint8)
    classes[:5] = 2
    document.set_proposal(Proposal(classes, np.full((48, 64), 255, np.uint8), "m0001"))
    before = document.annotation.copy()
    assert changed_by(lambda done: getattr(document, step)(8, 20, done=done)) is None
    assert np.array_equal(document.annotation, before)
    assert len(document.history.done) == 1


def test_a_region_larger_than_the_search_window_is_found_whole() -> None:
    document = Document(np.full((700, 900), VOID, np.uint8), CLASSES)
    classes = np.zeros((700, 900), np.uint8)
    classes[10:690, 20:880] = 1
    classes[300, 20:880] = 0  # two halves
    document.set_proposal(Proposal(classes, np.full((700, 900), 255, np.uint8), "m"))
    document.accept_region(450, 350)
    assert (document.annotation[301:690, 20:880] == 1).all()
    assert (document.annotation[:301] == VOID).all()


@given(data=st.binary(max_size=200))
def test_damaged_patches_are_refused_not_believed(data: bytes) -> None:
    try:
        patch = Patch.from_bytes(data)
        pieces = patch.pieces
    except ValueError:
        return
    assert all(piece.new.shape == (piece.rect.height, piece.rect.width) for piece in pieces)


def test_a_patch_survives_the_journal() -> None:
    document = Document(np.full((600, 600), VOID, np.uint8), CLASSES)
    patch = dab(document, 256, 256, 1, size=200)
    assert patch is not None
    assert len(patch.rects) == 4
    again = Patch.from_bytes(patch.to_bytes())
    blank = np.full((600, 600), VOID, np.uint8)
    again.apply(blank)
    assert np.array_equal(blank, document.annotation)
    again.revert(blank)
    assert (blank == VOID).all()
    assert (again.label, again.layer, again.rect) == (patch.label, patch.layer, patch.rect)


def test_packing_keeps_the_values_and_saves_memory() -> None:
    document = Document(np.full((600, 600), VOID, np.uint8), CLASSES)
    patch = dab(document, 300, 300, 1, size=400)
    assert patch is not None
    before = patch.nbytes
    patch.pack()
    patch.pack()
    assert patch.nbytes < before / 20
    document.undo()
    assert (document.annotation == VOID).all()


def test_history_forgets_the_oldest_strokes_beyond_its_bytes() -> None:
    document = Document(np.full((256, 256), VOID, np.uint8), CLASSES, history=History(limit_bytes=40_000))
    for i in range(10):
        dab(document, 20 + 20 * i, 100, i % 2, size=60)
    assert 1 <= len(document.history.done) < 10
    assert document.history.nbytes <= 40_000
    while document.undo() is not None:
        pass
    assert (document.annotation != VOID).any()  # the forgotten ones stay painted


def test_a_class_locked_while_a_stroke_runs_is_kept_from_there_on() -> None:
    document = Document(np.full((20, 60), 2, np.uint8), CLASSES)
    tool = BrushTool(Kit(Palette(value=1, size=9)))
    tool.press(document, Pointer((10, 10)))
    document.classes = document.classes.change(2, locked=True)
    painted = document.annotation.copy()
    tool.move(Pointer((50, 10)))
    tool.release(Pointer((50, 10)))
    assert np.array_equal(document.annotation, painted)
    assert document.kept_back == {2}
