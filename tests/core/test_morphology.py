"""Region operations: what they mean to the pixel, and that cutting the image changes nothing."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from segstudio.core import morphology
from segstudio.core.arrays import Bool
from segstudio.core.geometry import EMPTY, Rect
from segstudio.core.morphology import Change, Member


@st.composite
def masks(draw: st.DrawFn, least: int = 1, most: int = 40) -> Bool:
    """Noise, dense or sparse, or blobs of it: everything regions look like."""
    height, width = draw(st.integers(least, most)), draw(st.integers(least, most))
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    coarse = draw(st.integers(1, 6))
    noise = rng.random((height // coarse + 1, width // coarse + 1)) < draw(st.sampled_from([0.05, 0.4, 0.6, 0.95]))
    return np.asarray(noise.repeat(coarse, axis=0).repeat(coarse, axis=1)[:height, :width])


def member_of(inside: Bool) -> Member:
    return lambda rect: inside[rect.slices]


def collected(changes: Iterable[Change], shape: tuple[int, ...]) -> tuple[Bool, Bool]:
    """All pixels that join and all that leave; each is told once."""
    joining, leaving = np.zeros(shape, np.bool_), np.zeros(shape, np.bool_)
    for change in changes:
        into = joining if change.gains else leaving
        assert change.where.any(), "an empty change was told"
        assert not (into[change.rect.slices] & change.where).any(), "a pixel was told twice"
        into[change.rect.slices] |= change.where
    return joining, leaving


def near(inside: Bool, radius: int) -> Bool:
    """By the definition: whether a member lies within `radius` pixels."""
    found = np.zeros_like(inside)
    rows, columns = np.indices(inside.shape)
    for y, x in np.argwhere(inside):
        found |= (rows - y) ** 2 + (columns - x) ** 2 <= radius * radius
    return found


def groups(inside: Bool, diagonal: bool) -> Iterator[set[tuple[int, int]]]:
    """By the definition: connected sets of members."""
    left = {(int(y), int(x)) for y, x in np.argwhere(inside)}
    while left:
        group: set[tuple[int, int]] = set()
        ahead = [left.pop()]
        while ahead:
            y, x = ahead.pop()
            group.add((y, x))
            for dy in (-1, 0, 1):
                for dx in (-1, 0, 1):
                    if (diagonal or not dy or not dx) and (y + dy, x + dx) in left:
                        left.remove((y + dy, x + dx))
                        ahead.append((y + dy, x + dx))
        yield group


@settings(max_examples=30, deadline=None)
@given(inside=masks(), radius=st.integers(0, 17))
def test_dilation_and_erosion_follow_the_euclidean_distance(inside: Bool, radius: int) -> None:
    """Radii on both sides of where the distance transform takes over."""
    assert np.array_equal(morphology.dilated(inside, radius), near(inside, radius))
    assert np.array_equal(morphology.eroded(inside, radius), ~near(~inside, radius))


def test_a_large_radius_is_a_disc_to_the_pixel() -> None:
    inside = np.zeros((421, 421), np.bool_)
    inside[210, 210] = True
    y, x = np.ogrid[-210:211, -210:211]
    assert np.array_equal(morphology.dilated(inside, 200), x * x + y * y <= 200 * 200)


@settings(max_examples=50, deadline=None)
@given(
    inside=masks(),
    operation=st.sampled_from([morphology.grow, morphology.shrink, morphology.smooth]),
    radius=st.integers(1, 20),
    window=st.integers(1, 16),
)
def test_local_operations_do_not_depend_on_how_the_image_is_cut(
    inside: Bool,
    operation: Callable[..., Iterator[Change]],
    radius: int,
    window: int,
) -> None:
    member, bounds = member_of(inside), Rect.of_shape(inside.shape)
    box = morphology.extent(member, bounds)
    whole = collected(operation(member, bounds, bounds, radius), inside.shape)
    cut = collected(morphology.settled(operation(member, box, bounds, radius, window=window)), inside.shape)
    assert np.array_equal(whole[0], cut[0])
    assert np.array_equal(whole[1], cut[1])
    assert not (whole[0] & inside).any(), "a member joined"
    assert not (whole[1] & ~inside).any(), "a pixel left that was no member"


@settings(max_examples=30, deadline=None)
@given(inside=masks(), radius=st.integers(1, 15))
def test_growing_and_shrinking_are_the_disc(inside: Bool, radius: int) -> None:
    member, bounds = member_of(inside), Rect.of_shape(inside.shape)
    joining, _ = collected(morphology.grow(member, bounds, bounds, radius, window=11), inside.shape)
    _, leaving = collected(morphology.shrink(member, bounds, bounds, radius, window=11), inside.shape)
    assert np.array_equal(inside | joining, near(inside, radius))
    assert np.array_equal(leaving, inside & near(~inside, radius))


@settings(max_examples=50, deadline=None)
@given(inside=masks(), at_once=st.integers(1, 200))
def test_holes_are_what_does_not_reach_the_outside(inside: Bool, at_once: int) -> None:
    member, bounds = member_of(inside), Rect.of_shape(inside.shape)
    joining, leaving = collected(
        morphology.fill_holes(member, morphology.extent(member, bounds), at_once=at_once), inside.shape
    )
    expected = np.zeros_like(inside)
    height, width = inside.shape
    for group in groups(~inside, diagonal=True):
        if all(0 < y < height - 1 and 0 < x < width - 1 for y, x in group):
            expected[tuple(np.array(sorted(group)).T)] = True
    assert np.array_equal(joining, expected)
    assert not leaving.any()


@settings(max_examples=50, deadline=None)
@given(inside=masks(), at_once=st.integers(1, 200), size=st.integers(1, 60))
def test_islands_are_the_small_components(inside: Bool, at_once: int, size: int) -> None:
    member, bounds = member_of(inside), Rect.of_shape(inside.shape)
    box = morphology.extent(member, bounds)
    joining, leaving = collected(morphology.drop_islands(member, box, size, at_once=at_once), inside.shape)
    expected = np.zeros_like(inside)
    for group in groups(inside, diagonal=False):
        if len(group) < size:
            expected[tuple(np.array(sorted(group)).T)] = True
    assert np.array_equal(leaving, expected)
    assert not joining.any()


def test_a_spiral_through_every_band_is_one_component() -> None:
    """Its arms meet only far from where each band sees them."""
    inside = np.zeros((41, 41), np.bool_)
    for ring in range(0, 20, 4):
        inside[ring, ring : 41 - ring] = inside[40 - ring, ring : 41 - ring] = True
        inside[ring : 41 - ring, ring] = inside[ring : 41 - ring, 40 - ring] = True
        inside[20, ring : ring + 4] = True
    size = int(inside.sum())
    bounds = Rect(0, 0, 41, 41)
    kept = collected(morphology.drop_islands(member_of(inside), bounds, size, at_once=41), inside.shape)
    gone = collected(morphology.drop_islands(member_of(inside), bounds, size + 1, at_once=41), inside.shape)
    assert not kept[1].any()
    assert np.array_equal(gone[1], inside)


def test_smoothing_removes_specks_fills_pits_and_keeps_straight_edges() -> None:
    inside = np.zeros((60, 60), np.bool_)
    inside[:, 30:] = True
    straight = inside.copy()
    inside[10, 10], inside[40, 45] = True, False
    assert np.array_equal(morphology.majority(inside, 4), straight)
    corner = np.zeros((60, 60), np.bool_)
    corner[20:, 20:] = True
    rounded = morphology.majority(corner, 9)
    assert not rounded[20, 20]
    assert rounded[20, 45]


@settings(max_examples=30, deadline=None)
@given(inside=masks(), radius=st.integers(0, 30))
def test_smoothing_treats_inside_and_outside_alike(inside: Bool, radius: int) -> None:
    assert np.array_equal(morphology.majority(~inside, radius), ~morphology.majority(inside, radius))


@pytest.mark.parametrize("radius", [0, 1, 2, 17, 52, 53, 54, 200, 400])
def test_votes_are_counted_exactly_whatever_the_radius(radius: int) -> None:
    rng = np.random.default_rng(radius)
    inside = cv2.GaussianBlur(rng.random((500, 450)), (0, 0), 9) > 0.5
    votes: NDArray[Any] = inside.astype(np.float64)
    whole = 1.0
    for part in range(3):
        side = 2 * ((radius + part) // 3) + 1
        votes = np.float64(side**2) * cv2.blur(votes, (side, side), borderType=cv2.BORDER_REPLICATE)
        whole *= side**2
    assert np.array_equal(morphology.majority(inside, radius), np.rint(votes) * 2 > whole)


@pytest.mark.parametrize("shape", [(1, 1), (1, 20000), (20000, 1)])
def test_the_thinnest_images(shape: tuple[int, int]) -> None:
    inside = np.zeros(shape, np.bool_)
    inside.flat[inside.size // 2] = True
    member, bounds = member_of(inside), Rect.of_shape(shape)
    box = morphology.extent(member, bounds)
    joining, _ = collected(morphology.grow(member, box, bounds, 200), shape)
    assert joining.sum() == min(400, inside.size - 1)
    assert collected(morphology.drop_islands(member, box, 2), shape)[1].sum() == 1
    assert not collected(morphology.fill_holes(member, box), shape)[0].any()
    assert collected(morphology.smooth(member, box, bounds, 3), shape)[1].any() == (inside.size > 1)
    assert collected(morphology.remove(member, bounds), shape)[1].sum() == 1


def test_nothing_has_no_extent_and_no_changes() -> None:
    nothing = np.zeros((30, 30), np.bool_)
    member, bounds = member_of(nothing), Rect(0, 0, 30, 30)
    assert morphology.extent(member, bounds) == EMPTY
    assert not list(morphology.fill_holes(member, EMPTY))
    assert not list(morphology.drop_islands(member, EMPTY, 5))
    assert not list(morphology.grow(member, EMPTY, bounds, 5))


def test_changes_are_told_in_small_rectangles() -> None:
    """A gesture keeps each rectangle it is told: one long diagonal must not cost its bounding box."""
    inside = np.eye(3000, dtype=np.bool_)
    changes = list(morphology.remove(member_of(inside), Rect(0, 0, 3000, 3000)))
    assert sum(change.where.size for change in changes) <= 12 * 256 * 256
    assert sum(int(change.where.sum()) for change in changes) == 3000


def test_settled_changes_are_found_before_the_first_is_given() -> None:
    inside = np.zeros((40, 40), np.bool_)
    inside[20, 20] = True
    bounds = Rect(0, 0, 40, 40)
    for change in morphology.settled(morphology.grow(member_of(inside), bounds, bounds, 3, window=4)):
        inside[change.rect.slices] |= change.where
    y, x = np.ogrid[-20:20, -20:20]
    assert np.array_equal(inside, x * x + y * y <= 9)
