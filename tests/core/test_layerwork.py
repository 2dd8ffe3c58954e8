"""What is done to a whole annotation: one stroke each, nothing of a locked class, nothing beside what was asked."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segstudio.core.arrays import U8
from segstudio.core.classes import VOID, ClassTable
from segstudio.core.document import Document
from segstudio.core.gesture import Done, nobody
from segstudio.core.history import Patch
from segstudio.core.layerwork import copy_labels, delete_class, delete_region, fill_void, replace_class
from segstudio.errors import UsageError

CLASSES = ClassTable.of(["background", "nucleus", "fibre"])


def noise(seed: int, shape: tuple[int, int] = (300, 530)) -> U8:
    """Several tiles, so that strokes have several pieces."""
    return np.random.default_rng(seed).choice(np.array([0, 1, 2, VOID], np.uint8), shape)


Action = tuple[str, Callable[[Document, Done], None], Callable[[U8], U8]]
ACTIONS: tuple[Action, ...] = (
    ("Copy labels", lambda d, f: copy_labels(d, noise(9), done=f), lambda a: np.where(a == VOID, noise(9), a)),
    ("Fill void with fibre", lambda d, f: fill_void(d, 2, done=f), lambda a: np.where(a == VOID, np.uint8(2), a)),
    ("Delete all nucleus", lambda d, f: delete_class(d, 1, done=f), lambda a: np.where(a == 1, np.uint8(VOID), a)),
    (
        "Replace nucleus by background",
        lambda d, f: replace_class(d, 1, 0, done=f),
        lambda a: np.where(a == 1, np.uint8(0), a),
    ),
)


@pytest.mark.parametrize(("label", "act", "meant"), ACTIONS)
def test_each_is_one_stroke_that_can_be_undone(
    label: str, act: Callable[[Document, Done], None], meant: Callable[[U8], U8]
) -> None:
    before = noise(0)
    document = Document(before.copy(), CLASSES)
    told: list[Patch | None] = []
    act(document, told.append)
    assert told == [*document.history.done]
    assert [stroke.label for stroke in document.history.done] == [label]
    assert np.array_equal(document.annotation, meant(before))
    document.undo()
    assert np.array_equal(document.annotation, before)


@settings(max_examples=20, deadline=None)
@given(which=st.sampled_from(ACTIONS), locked=st.integers(0, 2), seed=st.integers(0, 99))
def test_a_locked_class_neither_loses_nor_gains(which: Action, locked: int, seed: int) -> None:
    before = noise(seed, (40, 30))
    document = Document(before.copy(), CLASSES.change(locked, locked=True))
    if which is ACTIONS[0]:
        copy_labels(document, noise(9, (40, 30)))
    else:
        which[1](document, nobody)
    assert np.array_equal(document.annotation == locked, before == locked)


@pytest.mark.parametrize("act", [a[1] for a in ACTIONS[1:]])
def test_nothing_to_do_is_no_stroke(act: Callable[[Document, Done], None]) -> None:
    document = Document(np.zeros((20, 20), np.uint8), CLASSES)
    told: list[Patch | None] = []
    act(document, told.append)
    copy_labels(document, noise(1, (20, 20)), done=told.append)
    assert told == [None, None]
    assert not document.history.done


def test_labels_of_another_size_are_refused_in_a_line() -> None:
    document = Document(np.full((20, 30), VOID, np.uint8), CLASSES)
    with pytest.raises(UsageError, match=r"40 x 20 pixels do not fit an image of 30 x 20") as refusal:
        copy_labels(document, np.zeros((20, 40), np.uint8))
    assert "one size" in str(refusal.value)
    assert document.gesture is None


def test_labels_without_a_class_here_are_not_copied() -> None:
    document = Document(np.full((1, 4), VOID, np.uint8), CLASSES)
    copy_labels(document, np.array([[0, 3, 200, VOID]], np.uint8))
    assert document.annotation.tolist() == [[0, VOID, VOID, VOID]]


@pytest.mark.parametrize("value", [-1, 3, VOID])
def test_a_class_that_is_not_there_is_refused(value: int) -> None:
    document = Document(np.full((4, 4), VOID, np.uint8), CLASSES)
    for act in (fill_void, delete_class, lambda d, v: replace_class(d, 0, v), lambda d, v: replace_class(d, v, 0)):
        with pytest.raises(UsageError, match="there is no class"):
            act(document, value)
    assert (document.annotation == VOID).all()
    assert document.gesture is None


def test_a_region_is_deleted_and_its_neighbours_are_not() -> None:
    labels = np.full((4, 9), VOID, np.uint8)
    labels[:2, :4] = labels[2:, 4:8] = 1  # they touch at a corner only
    document = Document(labels.copy(), CLASSES)
    told: list[Patch | None] = []
    delete_region(document, 8, 0, done=told.append)
    assert told == [None]
    delete_region(document, 3, 1, done=told.append)
    assert told[1] is document.history.done[-1]
    assert (document.annotation[:2] == VOID).all()
    assert np.array_equal(document.annotation[2:], labels[2:])


@pytest.mark.parametrize("shape", [(1, 1), (1, 20000)])
def test_the_thinnest_images(shape: tuple[int, int]) -> None:
    document = Document(np.full(shape, VOID, np.uint8), CLASSES)
    fill_void(document, 1)
    assert (document.annotation == 1).all()
