"""Halved copies follow what they are copies of, wherever and however often it changes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segstudio.core.classes import VOID
from segstudio.core.geometry import Rect
from segstudio.core.pyramid import LabelPyramid, NearestPyramid, Pyramid, level_for
from segstudio.core.view import View

HEIGHT, WIDTH = 601, 1100  # odd, and three halvings down to 256
changes = st.lists(
    st.tuples(
        st.integers(0, WIDTH - 1), st.integers(0, HEIGHT - 1), st.integers(1, 300), st.integers(1, 300),
        st.sampled_from([0, 1, 2, VOID]), st.one_of(st.none(), st.integers(0, 3)),
    ),
    max_size=8,
)  # fmt: skip


def halved(labels: np.ndarray) -> np.ndarray:
    """The definition, block by block."""
    height, width = labels.shape
    out = np.full(((height + 1) // 2, (width + 1) // 2), VOID, np.uint8)
    for dy in (0, 1):
        for dx in (0, 1):
            part = labels[dy::2, dx::2]
            box = out[: part.shape[0], : part.shape[1]]
            np.minimum(box, part, out=box)
    corner = labels[::2, ::2]
    return np.where(corner == VOID, out, corner)


def assert_follows(pyramid: LabelPyramid, labels: np.ndarray) -> None:
    for number in range(pyramid.count):
        assert np.array_equal(pyramid.level(number), labels)
        labels = halved(labels)


@settings(max_examples=25)
@given(steps=changes, start=st.sampled_from(["void", "mixed"]))
def test_labels_follow_any_changes(steps: list[tuple[int, int, int, int, int, int | None]], start: str) -> None:
    labels = np.full((HEIGHT, WIDTH), VOID, np.uint8)
    if start == "mixed":
        labels[:] = np.random.default_rng(0).choice(np.array([0, 1, 2, VOID], np.uint8), labels.shape)
    pyramid = LabelPyramid(labels)
    for x, y, width, height, value, asked in steps:
        rect = Rect(x, y, x + width, y + height).intersect(Rect(0, 0, WIDTH, HEIGHT))
        labels[rect.slices] = value
        pyramid.touch(rect)
        if asked is not None:
            pyramid.level(min(asked, pyramid.count - 1))
    assert_follows(pyramid, labels)


def test_very_many_changes_far_apart_are_followed() -> None:
    labels = np.full((HEIGHT, WIDTH), VOID, np.uint8)
    pyramid = LabelPyramid(labels)
    for at in range(200):
        x, y = at * 7919 % WIDTH, at * 104729 % HEIGHT
        labels[y, x] = at % 5
        pyramid.touch(Rect(x, y, x + 1, y + 1))
    assert_follows(pyramid, labels)


def test_the_thinnest_stroke_is_seen_in_every_copy() -> None:
    labels = np.full((1024, 1024), VOID, np.uint8)
    pyramid = LabelPyramid(labels)
    labels[301, 77] = 3
    pyramid.touch(Rect(77, 301, 78, 302))
    for number in range(pyramid.count):
        assert (pyramid.level(number) == 3).sum() == 1


def test_a_change_outside_the_image_is_none() -> None:
    labels = np.zeros((600, 600), np.uint8)
    pyramid = LabelPyramid(labels)
    before = [pyramid.level(n).copy() for n in range(pyramid.count)]
    pyramid.touch(Rect(700, 700, 900, 900))
    pyramid.touch(Rect(-50, -50, 0, 0))
    assert all(np.array_equal(pyramid.level(n), copy) for n, copy in enumerate(before))


@pytest.mark.parametrize("shape", [(1, 1), (1, 5000), (5000, 1), (257, 256)])
def test_extreme_shapes_have_copies_of_the_same_sizes(shape: tuple[int, int]) -> None:
    image, labels, opinion = Pyramid(np.zeros(shape, np.uint8)), LabelPyramid(np.zeros(shape, np.uint8)), NearestPyramid
    nearest = opinion(np.zeros(shape, np.uint8))
    assert labels.count == len(image.levels)
    for number, level in enumerate(image.levels):
        assert labels.level(number).shape == nearest.level(number).shape == level.shape
    assert max(image.levels[-1].shape) <= 256


def test_a_level_has_pixels_of_at_most_the_views_size() -> None:
    assert [level_for(View(scale), 5) for scale in (2, 1, 0.6, 0.5, 0.3, 0.25, 0.01)] == [0, 0, 0, 1, 1, 2, 4]


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_part_that_was_asked_for_is_up_to_date_and_the_rest_when_it_is(data: st.DataObject) -> None:
    shape = data.draw(st.sampled_from([(700, 900), (1, 2000), (513, 515)]))
    labels = np.full(shape, VOID, np.uint8)
    pyramid = LabelPyramid(labels)
    rng = np.random.default_rng(0)

    def box(height: int, width: int) -> Rect:
        x, y = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
        return Rect(x, y, data.draw(st.integers(x + 1, width)), data.draw(st.integers(y + 1, height)))

    for _ in range(data.draw(st.integers(1, 5))):
        rect = box(*shape)
        labels[rect.slices] = rng.choice(np.array([0, 1, VOID], np.uint8), (rect.height, rect.width))
        pyramid.touch(rect)
        number = data.draw(st.integers(0, pyramid.count - 1))
        part = box(*pyramid.level(number, Rect(0, 0, 0, 0)).shape)
        found = pyramid.level(number, part)[part.slices].copy()
        assert np.array_equal(found, LabelPyramid(labels).level(number)[part.slices])
    assert_follows(pyramid, labels)
