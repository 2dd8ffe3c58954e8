"""Patches: small for what is uniform, exact for everything, and readable from journals of before."""

import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segstudio.core.classes import VOID, ClassTable
from segstudio.core.document import Document
from segstudio.core.geometry import Rect
from segstudio.core.history import History, Patch, Piece, is_uniform, uniform

CLASSES = ClassTable.of(["background", "nucleus", "fibre"])
SHAPE = (800, 900)
WHOLE = Rect.of_shape(SHAPE)
anywhere = st.tuples(st.integers(0, 899), st.integers(0, 799), st.integers(1, 900), st.integers(1, 800)).map(
    lambda t: Rect(t[0], t[1], t[0] + t[2], t[1] + t[3]).intersect(WHOLE)
)
rects = st.one_of(anywhere, st.sampled_from([WHOLE, Rect(0, 0, 850, 790), Rect(256, 256, 512, 512)]))
fills = st.tuples(rects, st.sampled_from([0, 1, 2, VOID]), st.sampled_from(["all", "some", "values"]))
Fill = tuple[Rect, int, str]


def document_of(annotation: np.ndarray | None = None, classes: ClassTable = CLASSES) -> Document:
    return Document(np.full(SHAPE, VOID, np.uint8) if annotation is None else annotation, classes)


def fill_whole(document: Document, value: int) -> Patch:
    gesture = document.begin("Fill")
    gesture.fill(document.bounds, np.ones(document.annotation.shape, np.bool_), value)
    patch = gesture.finish()
    assert patch is not None
    return patch


def written(rect: Rect, value: int, kind: str) -> tuple[np.ndarray, int | np.ndarray]:
    """Where and what a fill writes."""
    rng = np.random.default_rng(rect.x0 + rect.y1)
    shape = rect.height, rect.width
    where = np.ones(shape, np.bool_) if kind == "all" else rng.random(shape) < 0.5
    return where, rng.integers(0, 3, shape, dtype=np.uint8) if kind == "values" else value


@settings(max_examples=40)
@given(steps=st.lists(fills, min_size=1, max_size=4), locked=st.booleans(), over=st.sampled_from([None, VOID, 1]))
def test_a_gesture_writes_what_it_should_and_its_patch_takes_it_back(
    steps: list[Fill], locked: bool, over: int | None
) -> None:
    """Against the definition, pixel by pixel: uniform tiles, ragged ones and large rectangles go different ways."""
    document = document_of(classes=CLASSES.change(2, locked=locked))
    model = document.annotation.copy()
    dirty: list[Rect] = []
    document.on_change.append(dirty.append)
    gesture = document.begin("test", over=over)
    for rect, value, kind in steps:
        where, values = written(rect, value, kind)
        before = model.copy()
        region = model[rect.slices]
        may = where if over is None else where & (region == over)
        if locked:
            may = may & (region != 2) & (np.broadcast_to(values, region.shape) != 2)
        model[rect.slices] = np.where(may, values, region)
        told = gesture.fill(rect, where, values)
        rows, columns = np.nonzero(model != before)
        around = Rect(columns.min(), rows.min(), columns.max() + 1, rows.max() + 1) if rows.size else None
        assert told.empty if around is None else told == told.union(around)
        assert np.array_equal(document.annotation, model)
    covered = np.zeros(SHAPE, np.bool_)
    for rect in dirty:
        covered[rect.slices] = True
    assert covered[model != VOID].all()
    patch = gesture.finish()
    if patch is None:
        assert (model == VOID).all()
        return
    again = Patch.from_bytes(patch.to_bytes())
    assert again.to_bytes() == patch.to_bytes()
    for one in (patch, again):
        array = model.copy()
        one.revert(array)
        assert (array == VOID).all()
        one.apply(array)
        assert np.array_equal(array, model)


def test_filling_a_whole_image_takes_next_to_no_memory() -> None:
    document = document_of()
    patch = fill_whole(document, 1)
    assert (document.annotation == 1).all()
    assert patch.nbytes < 100
    assert len(patch.to_bytes()) < 500
    document.undo()
    assert (document.annotation == VOID).all()
    document.redo()
    assert (document.annotation == 1).all()


def test_neighbours_of_other_values_stay_apart() -> None:
    document = document_of()
    gesture = document.begin("test")
    for column, value in ((0, 1), (256, 2), (512, 2)):
        gesture.fill(Rect(column, 0, column + 256, 256), np.ones((256, 256), np.bool_), value)
    patch = gesture.finish()
    assert patch is not None
    assert patch.rects == (Rect(0, 0, 256, 256), Rect(256, 0, 768, 256))
    painted = document.annotation.copy()
    document.undo()
    document.redo()
    assert np.array_equal(document.annotation, painted)


@pytest.mark.parametrize(("locked", "over"), [(1, None), (2, None), (None, VOID), (None, 2)])
def test_a_fill_of_uniform_tiles_keeps_to_locks_and_to_what_it_may_write_over(
    locked: int | None, over: int | None
) -> None:
    classes = CLASSES if locked is None else CLASSES.change(locked, locked=True)
    document = document_of(np.full(SHAPE, 1, np.uint8), classes)
    gesture = document.begin("Fill", over=over)
    assert gesture.fill(WHOLE, np.ones(SHAPE, np.bool_), 2).empty
    assert gesture.finish() is None
    assert (document.annotation == 1).all()
    assert document.kept_back == (frozenset() if locked is None else {locked})


def test_a_cancelled_fill_leaves_no_trace_and_is_told() -> None:
    document = document_of(np.random.default_rng(0).integers(0, 3, SHAPE, dtype=np.uint8))
    before = document.annotation.copy()
    gesture = document.begin("Fill")
    gesture.fill(WHOLE, np.ones(SHAPE, np.bool_), 1)
    told: list[Rect] = []
    document.on_change.append(told.append)
    gesture.cancel()
    assert np.array_equal(document.annotation, before)
    around = told[0]
    for rect in told:
        around = around.union(rect)
    assert around == WHOLE
    assert not document.history.can_undo


def test_a_step_over_very_many_pieces_is_told_as_one_rectangle() -> None:
    pieces = [Piece(Rect(x, x, x + 1, x + 1), uniform(VOID, (1, 1)), uniform(1, (1, 1))) for x in range(0, 400, 2)]
    history = History()
    history.push(Patch("annotation", "Fill", pieces))
    document = Document(np.full(SHAPE, VOID, np.uint8), CLASSES, history=history)
    document.redo()
    told: list[Rect] = []
    document.on_change.append(told.append)
    document.undo()
    assert told == [Rect(0, 0, 399, 399)]


def old_format(rect: Rect, old: np.ndarray, new: np.ndarray, label: bytes = b"Brush") -> bytes:
    """A patch as journals hold it that were written before there were uniform pieces."""
    head = struct.pack("<BHI", 0, len(label), 1) + label
    place = struct.pack("<4I", rect.x0, rect.y0, rect.x1, rect.y1)
    return head + place + zlib.compress(old.tobytes() + new.tobytes(), 1)


def test_patches_of_older_journals_are_read_and_written_unchanged() -> None:
    old, new = np.full((4, 6), VOID, np.uint8), np.arange(24, dtype=np.uint8).reshape(4, 6)
    data = old_format(Rect(3, 5, 9, 9), old, new)
    patch = Patch.from_bytes(data)
    assert (patch.label, patch.layer, patch.rect) == ("Brush", "annotation", Rect(3, 5, 9, 9))
    assert np.array_equal(patch.pieces[0].old, old)
    assert np.array_equal(patch.pieces[0].new, new)
    assert patch.to_bytes() == data
    assert Patch("annotation", "Brush", patch.pieces).to_bytes() == data, "what has no uniform side is as ever"


def test_the_first_piece_is_had_without_the_others() -> None:
    document = document_of()
    gesture = document.begin("test")
    gesture.fill(Rect(200, 200, 400, 400), np.random.default_rng(0).random((200, 200)) < 0.5, 1)
    patch = gesture.finish()
    assert patch is not None
    assert len(patch.rects) == 4
    whole = patch.pieces[0]
    patch.pack()
    first = patch.first_piece()
    assert first is not None
    assert first.rect == whole.rect
    assert np.array_equal(first.new, whole.new)
    assert np.array_equal(first.old, whole.old)
    assert Patch("annotation", "nothing", []).first_piece() is None


@pytest.mark.parametrize("keep", [10, 30, 60])
def test_a_patch_cut_short_is_refused(keep: int) -> None:
    old, new = np.full((40, 60), VOID, np.uint8), np.random.default_rng(0).integers(0, 99, (40, 60), dtype=np.uint8)
    data = Patch("annotation", "Brush", [Piece(Rect(0, 0, 60, 40), uniform(VOID, (40, 60)), new)]).to_bytes()
    for whole in (data, old_format(Rect(0, 0, 60, 40), old, new)):
        with pytest.raises(ValueError, match="damaged patch"):
            Patch.from_bytes(whole[:keep]).first_piece()
        with pytest.raises(ValueError, match="damaged patch"):
            assert Patch.from_bytes(whole[:keep]).pieces


def test_uniform_values_are_one_byte_and_read_only() -> None:
    values = uniform(7, (300, 400))
    assert is_uniform(values)
    assert is_uniform(values[10:20, 30:40])
    assert not is_uniform(np.full((300, 400), 7, np.uint8))
    assert (values == 7).all()
    assert values.shape == (300, 400)
    assert Piece(Rect(0, 0, 400, 300), values, values).nbytes == 2
    with pytest.raises(ValueError, match="read-only"):
        values[0, 0] = 1


@pytest.mark.parametrize("shape", [(1, 1), (1, 20000), (20000, 1)])
def test_extreme_shapes_are_filled_and_restored(shape: tuple[int, int]) -> None:
    document = Document(np.full(shape, VOID, np.uint8), CLASSES)
    fill_whole(document, 2)
    assert (document.annotation == 2).all()
    document.undo()
    assert (document.annotation == VOID).all()


def test_a_label_too_long_to_be_kept_is_cut_between_letters() -> None:
    piece = Piece(Rect(0, 0, 1, 1), np.zeros((1, 1), np.uint8), np.ones((1, 1), np.uint8))
    label = Patch.from_bytes(Patch("annotation", "x" + "é" * 40000, [piece]).to_bytes()).label
    assert label == "x" + "é" * 32767
