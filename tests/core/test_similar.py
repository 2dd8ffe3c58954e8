"""What the wand takes, against the definition written down pixel by pixel."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from segstudio.core import similar as module
from segstudio.core.arrays import Bool
from segstudio.core.geometry import EMPTY, Rect
from segstudio.core.picture import Picture
from segstudio.core.similar import seed_colour, similar, similar_parts

shapes = st.one_of(
    st.tuples(st.integers(1, 24), st.integers(1, 24)), st.tuples(st.integers(1, 16), st.integers(1, 16), st.just(3))
)
# Few and near values make regions of many pixels.
pictures = shapes.flatmap(lambda s: arrays(np.uint8, s, elements=st.sampled_from((0, 90, 100, 112, 160, 255))))
tolerances = st.sampled_from((0, 1, 12, 24, 60, 255))


def alike(picture: Picture, seed: tuple[int, int], tolerance: int) -> Bool:
    """The definition: greatest difference of a channel to the seed's colour; the seed always."""
    values = picture.region(picture.bounds).reshape(*picture.pixels.shape[:2], -1).astype(int)
    mask: Bool = np.abs(values - seed_colour(picture, *seed)).max(axis=2) <= tolerance
    mask[seed[1], seed[0]] = True
    return mask


def connected(mask: Bool, seed: tuple[int, int]) -> Bool:
    _, numbered = cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)
    region: Bool = numbered == numbered[seed[1], seed[0]]
    return region


def whole(picture: Picture, rect: Rect, where: Bool) -> Bool:
    out = np.zeros(picture.pixels.shape[:2], np.bool_)
    out[rect.slices] = where
    return out


def any_seed(data: st.DataObject, picture: Picture) -> tuple[int, int]:
    bounds = picture.bounds
    return data.draw(st.integers(0, bounds.x1 - 1)), data.draw(st.integers(0, bounds.y1 - 1))


@settings(max_examples=50, deadline=None)
@given(pixels=pictures, tolerance=tolerances, contiguous=st.booleans(), data=st.data())
def test_it_is_what_the_definition_says(
    pixels: np.ndarray, tolerance: int, contiguous: bool, data: st.DataObject
) -> None:
    picture = Picture(pixels)
    seed = any_seed(data, picture)
    expected = alike(picture, seed, tolerance)
    found = whole(picture, *similar(picture, seed, tolerance, contiguous=contiguous))
    assert np.array_equal(found, connected(expected, seed) if contiguous else expected)


@settings(max_examples=50, deadline=None)
@given(pixels=pictures, contiguous=st.booleans(), softness=st.integers(0, 4), data=st.data())
def test_bands_change_nothing(pixels: np.ndarray, contiguous: bool, softness: int, data: st.DataObject) -> None:
    picture = Picture(pixels)
    seed = any_seed(data, picture)
    in_one = whole(picture, *similar(picture, seed, 24, contiguous=contiguous, softness=softness))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_ROWS", 3)
        seen = np.zeros(in_one.shape, np.uint8)
        for rect, where in similar_parts(picture, seed, 24, contiguous=contiguous, softness=softness):
            assert where.any()
            seen[rect.slices] += where
    assert np.array_equal(seen, in_one)


@settings(max_examples=30, deadline=None)
@given(pixels=pictures, contiguous=st.booleans(), data=st.data())
def test_more_tolerance_never_gives_less(pixels: np.ndarray, contiguous: bool, data: st.DataObject) -> None:
    picture = Picture(pixels)
    seed = any_seed(data, picture)
    before = np.zeros(pixels.shape[:2], np.bool_)
    for tolerance in (0, 10, 60, 255):
        now = whole(picture, *similar(picture, seed, tolerance, contiguous=contiguous))
        assert not (before & ~now).any()
        before = now
    assert before.all()


def test_the_colour_meant_is_the_mean_of_like_neighbours_and_leaves_others_out() -> None:
    pixels = np.array([[100, 104, 200], [96, 100, 210], [102, 98, 205]], np.uint8)
    assert seed_colour(Picture(pixels), 1, 1).tolist() == [100]
    assert seed_colour(Picture(pixels), 2, 1).tolist() == [205]
    assert seed_colour(Picture(np.array([[[7, 8, 9]]], np.uint8)), 0, 0).tolist() == [7, 8, 9]


def test_a_line_of_one_pixel_keeps_its_colour() -> None:
    pixels = np.full((20, 20), 40, np.uint8)
    pixels[:, 7] = 200
    box, where = similar(Picture(pixels), (7, 10), 24)
    assert box == Rect(7, 0, 8, 20)
    assert where.all()


def test_noise_does_not_decide_what_is_taken() -> None:
    rng = np.random.default_rng(3)
    pixels = np.clip(rng.normal(100, 5, (60, 60)), 85, 115).astype(np.uint8)
    areas = [similar(Picture(pixels), (x, 30), 30)[1].sum() for x in range(10, 50)]
    assert min(areas) > 0.95 * 3600


@pytest.mark.parametrize(("dtype", "white"), [(np.uint16, 51_000.0), (np.float32, 1.0)])
def test_deep_images_are_compared_as_they_are_displayed(dtype: type[np.generic], white: float) -> None:
    eight = np.random.default_rng(1).integers(0, 256, (40, 30)).astype(np.uint8)
    deep = Picture((eight.astype(np.float64) / 255 * white).round(6).astype(dtype), (0.0, white))
    assert np.array_equal(deep.region(deep.bounds), eight)
    wanted = similar(Picture(eight), (5, 5), 80)
    assert wanted[0] == similar(deep, (5, 5), 80)[0]
    assert np.array_equal(wanted[1], similar(deep, (5, 5), 80)[1])


@pytest.mark.parametrize("softness", [1, 2, 5])
def test_softness_closes_pinholes_drops_specks_and_keeps_straight_edges(softness: int) -> None:
    pixels = np.full((60, 60), 30, np.uint8)
    pixels[:, :30] = 200
    pixels[20, 15] = 30
    pixels[40, 45] = 200
    where = whole(Picture(pixels), *similar(Picture(pixels), (5, 5), 20, contiguous=False, softness=softness))
    assert where[:, :30].all()
    assert not where[:, 30:].any()


def test_softness_may_leave_nothing_of_a_thin_line() -> None:
    pixels = np.full((30, 30), 30, np.uint8)
    pixels[15] = 200
    box, where = similar(Picture(pixels), (15, 15), 20, softness=5)
    assert box == EMPTY
    assert not where.size


def test_nothing_outside_of_what_was_asked_for_is_given() -> None:
    pixels = np.zeros((20, 20), np.uint8)
    assert similar(Picture(pixels), (6, 6), 10, within=Rect(5, 5, 9, 8))[0] == Rect(5, 5, 9, 8)
    assert similar(Picture(pixels), (1, 1), 10, within=Rect(5, 5, 9, 8))[0] == EMPTY


@pytest.mark.parametrize("shape", [(1, 1), (20_000, 1), (1, 20_000, 3)])
def test_thin_images(shape: tuple[int, ...]) -> None:
    picture = Picture(np.full(shape, 77, np.uint8))
    box, where = similar(picture, (0, 0), 0, softness=2)
    assert box == picture.bounds
    assert where.all()


@pytest.mark.parametrize("contiguous", [True, False])
def test_it_stops_when_nobody_wants_the_answer(contiguous: bool) -> None:
    picture = Picture(np.zeros((2000, 50), np.uint8))
    assert similar(picture, (0, 0), 0, contiguous=contiguous, stop=lambda: True)[0] == EMPTY
