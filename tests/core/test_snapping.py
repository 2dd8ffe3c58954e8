"""Snap to edges, and masks grown from strokes."""

import numpy as np
import pytest

from segstudio.core.arrays import Bool
from segstudio.core.background import Immediately
from segstudio.core.classes import VOID, ClassTable
from segstudio.core.document import Document
from segstudio.core.geometry import Rect
from segstudio.core.picture import Picture
from segstudio.core.snapping import SNAP_LABEL, STROKES_LABEL, mask_from_strokes, snap_last_stroke
from tests.core.cutting import CLASSES, Later, disc, on, overlap


def paint(document: Document, where: Bool, value: int) -> None:
    gesture = document.begin("Brush")
    gesture.fill(document.bounds, where, value)
    gesture.finish()


def circle(side: int, radius: float, dx: float = 0, dy: float = 0) -> Bool:
    y, x = np.mgrid[:side, :side]
    return np.asarray(np.hypot(x - side / 2 - dx, y - side / 2 - dy) < radius)


def snap(document: Document) -> list[str]:
    said: list[str] = []
    snap_last_stroke(document, Immediately(), said.append)
    return said


def grow(document: Document, value: int = 1, window: Rect | None = None) -> list[str]:
    said: list[str] = []
    mask_from_strokes(document, value, window or document.bounds, Immediately(), said.append)
    return said


@pytest.mark.parametrize(("side", "radius"), [(70, 18), (300, 80), (1300, 400)])
def test_a_stroke_moves_to_the_edge_as_one_step(side: int, radius: int) -> None:
    """The last one takes several tiles and reduced cells."""
    picture, truth = disc(side, radius)
    document = on(picture)
    paint(document, circle(side, radius * 0.97, dx=max(2.0, radius * 0.05)), 1)
    painted = document.annotation.copy()
    assert snap(document)[0].startswith("Snapped: ")
    assert overlap(document.annotation == 1, truth) > max(0.96, overlap(painted == 1, truth))
    assert document.history.done[-1].label == SNAP_LABEL
    document.undo()
    np.testing.assert_array_equal(document.annotation, painted)


def test_taken_pixels_are_again_what_they_were_and_others_are_kept() -> None:
    picture, truth = disc(100, 25)
    document = on(picture)
    paint(document, ~circle(100, 27), 0)
    before = document.annotation.copy()
    paint(document, circle(100, 28), 1)
    assert snap(document)[0].startswith("Snapped: ")
    now = document.annotation
    assert overlap(now == 1, truth) > 0.95
    taken = circle(100, 28) & (now != 1)
    assert taken.any()
    np.testing.assert_array_equal(now[taken], before[taken])
    np.testing.assert_array_equal(now[~circle(100, 28)] == 0, before[~circle(100, 28)] == 0)


def test_only_void_pixels_are_added() -> None:
    picture, truth = disc(100, 25)
    document = on(picture)
    paint(document, truth & (np.arange(100) > 68), 2)
    taken = document.annotation == 2
    paint(document, circle(100, 22) & ~taken, 1)
    snap(document)
    assert (document.annotation[taken] == 2).all()
    assert overlap(document.annotation == 1, truth & ~taken) > 0.93


def test_between_a_stroke_and_its_own_class_nothing_moves() -> None:
    picture = Picture(np.random.default_rng(0).integers(80, 120, (80, 80)).astype(np.uint8))
    document = on(picture)
    left = np.zeros((80, 80), np.bool_)
    left[:, :40] = True
    paint(document, left, 1)
    paint(document, ~left, 1)
    snap(document)
    assert (document.annotation == 1).all()


def test_locked_classes_keep_their_pixels() -> None:
    picture, _ = disc(80, 20)
    document = on(picture)
    paint(document, circle(80, 23), 1)
    document.classes = CLASSES.change(1, locked=True)
    before = document.annotation.copy()
    snap(document)
    np.testing.assert_array_equal(document.annotation, before)
    assert document.kept_back == {1}


@pytest.mark.parametrize(
    ("case", "word"),
    [
        ("nothing", "no stroke"),
        ("erased", "no class"),
        ("thin", "thin"),
        ("blank", "already"),
        ("again", "was snapped"),
    ],
)
def test_it_says_why_there_is_nothing_to_snap(case: str, word: str) -> None:
    picture, _ = disc(80, 20)
    document = on(Picture(np.full((80, 80), 7, np.uint8)) if case == "blank" else picture)
    if case != "nothing":
        paint(document, circle(80, 23) if case != "thin" else np.eye(80, dtype=np.bool_), 1)
    if case == "erased":
        paint(document, circle(80, 5), VOID)
    if case == "again":
        assert "Snapped" in snap(document)[0]
    before = document.annotation.copy()
    (line,) = snap(document)
    assert word in line
    np.testing.assert_array_equal(document.annotation, before)


def test_without_an_image_both_say_so() -> None:
    document = Document(np.full((9, 9), VOID, np.uint8), CLASSES)
    paint(document, np.ones((9, 9), np.bool_), 1)
    assert "image" in snap(document)[0]
    assert "image" in grow(document)[0]


def test_an_answer_that_comes_too_late_writes_nothing() -> None:
    picture, _ = disc(80, 20)
    later, said = Later(), list[str]()
    for late in ("undone", "painting", "class gone"):
        document = on(picture)
        paint(document, circle(80, 23), 1)
        assert snap_last_stroke(document, later, said.append) is not None
        if late == "undone":
            document.undo()
        elif late == "painting":
            document.begin("Brush")
        else:
            document.classes = ClassTable.of(["background"])
        before = document.annotation.copy()
        later.catch_up()
        np.testing.assert_array_equal(document.annotation, before)
    assert [next(w for w in ("undone", "painting", "gone") if w in line) for line in said] == [
        "undone",
        "painting",
        "gone",
    ]


def test_what_was_painted_meanwhile_stays() -> None:
    picture, _ = disc(80, 20)
    document, later = on(picture), Later()
    paint(document, circle(80, 18), 1)
    snap_last_stroke(document, later, lambda _line: None)
    paint(document, ~circle(80, 18), 2)
    paint(document, circle(80, 4), 0)
    before = document.annotation.copy()
    later.catch_up()
    changed = document.annotation != before
    assert (before[changed] == 1).all()
    assert (document.annotation[circle(80, 4)] == 0).all()


@pytest.mark.parametrize("other", [False, True])
def test_an_object_grows_from_its_stroke(*, other: bool) -> None:
    picture, truth = disc(200, 50)
    document = on(picture)
    gesture = document.begin("Brush")
    gesture.line((90, 100), (110, 100), 5, 1)
    gesture.finish()
    if other:
        gesture = document.begin("Brush")
        gesture.line((10, 20), (190, 20), 5, 0)
        gesture.finish()
    strokes = document.annotation.copy()
    assert grow(document)[0].startswith("nucleus grew by ")
    assert overlap(document.annotation == 1, truth) > 0.98
    np.testing.assert_array_equal(document.annotation == 0, strokes == 0)
    assert document.history.done[-1].label == STROKES_LABEL
    document.undo()
    np.testing.assert_array_equal(document.annotation, strokes)


def test_an_object_without_a_stroke_stays_void() -> None:
    picture, truth = disc(100, 20)
    twice = Picture(np.concatenate([picture.pixels, picture.pixels], axis=1))
    document = on(twice)
    document.annotation[48:52, 45:55] = 1
    document.annotation[2:5, 5:195] = 0
    assert grow(document)[0].startswith("nucleus grew by ")
    assert overlap(document.annotation[:, :100] == 1, truth) > 0.95
    assert (document.annotation[10:, 100:] == VOID).all()


def test_growing_stays_in_its_window_and_needs_strokes_and_a_class() -> None:
    picture, _ = disc(100, 30)
    document = on(picture)
    assert "nucleus" in grow(document)[0]
    document.annotation[48:52, 45:55] = 1
    assert "class first" in grow(document, value=7)[0]
    assert "nucleus" in grow(document, window=Rect(0, 0, 20, 20))[0]
    assert "nucleus" in grow(document, window=Rect(500, 500, 600, 600))[0]
    grow(document, window=Rect(30, 30, 60, 60))
    outside = np.ones((100, 100), np.bool_)
    outside[30:60, 30:60] = False
    assert (document.annotation == 1).sum() > 40
    assert (document.annotation[outside] == VOID).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 20000), (3, 3)])
def test_tiny_images_do_no_harm(shape: tuple[int, int]) -> None:
    document = on(Picture(np.zeros(shape, np.uint8)))
    paint(document, np.ones(shape, np.bool_), 1)
    assert len(snap(document)) == 1
    assert len(grow(document)) == 1
    assert (document.annotation == 1).all()
