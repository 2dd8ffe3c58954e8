"""Intervals over images: wide where images disagree, deterministic, and fair to both models."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from segstudio.core.bootstrap import difference, interval
from segstudio.core.metrics import Scores


def confusions(random: np.random.Generator, images: int, skill: float, spread: float = 0.05) -> np.ndarray:
    """Images of 1000 pixels of two classes, about `skill` of them right."""
    found = np.zeros((images, 2, 3), np.int64)
    for image in found:
        share = float(np.clip(random.normal(skill, spread), 0, 1))
        for index in (0, 1):
            right = round(500 * share)
            image[index, index], image[index, 1 - index] = right, 500 - right
    return found


def miou(matrices: np.ndarray) -> float:
    return Scores.of(matrices.sum(axis=0), images=len(matrices)).miou


matrices = arrays(np.int64, (4, 3, 4), elements=st.integers(0, 50))


@settings(max_examples=50, deadline=None)
@given(matrices)
def test_the_interval_is_in_range_and_holds_the_score_of_alike_images(given_: np.ndarray) -> None:
    low, high = interval(given_, resamples=200)
    labelled = (given_.sum(axis=(1, 2)) > 0).sum()
    assert math.isnan(low) == (labelled < 2)
    if labelled >= 2:
        assert 0 <= low <= high <= 1
    same = np.repeat(given_[:1], 5, axis=0)
    if same.any():
        assert interval(same, resamples=50) == pytest.approx((miou(same), miou(same)))


@settings(max_examples=50, deadline=None)
@given(matrices)
def test_a_model_is_not_better_than_itself(given_: np.ndarray) -> None:
    found = difference(given_, given_, resamples=100)
    if not math.isnan(found.low):
        assert (found.mean, found.low, found.high, found.probability) == (0, 0, 0, 0.5)


@settings(max_examples=50, deadline=None)
@given(matrices, st.integers(0, 2**32))
def test_swapping_the_models_turns_the_sign(given_: np.ndarray, seed: int) -> None:
    order = np.random.default_rng(seed)
    other = order.permuted(given_, axis=2)  # other answers to the same truth
    there, back = difference(given_, other, resamples=100), difference(other, given_, resamples=100)
    assert there.mean == pytest.approx(-back.mean, nan_ok=True)
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low), nan_ok=True)
    if not math.isnan(there.mean):
        assert there.mean == pytest.approx(miou(given_) - miou(other))


def test_better_everywhere_is_better_in_every_draw() -> None:
    random = np.random.default_rng(0)
    worse = confusions(random, 6, 0.6)
    better = worse.copy()
    better[:, [0, 1], [0, 1]] += 40
    better[:, [0, 1], [1, 0]] -= 40
    found = difference(better, worse)
    assert 0 < found.low <= found.mean <= found.high
    assert found.probability == 1


def test_one_seed_gives_one_answer() -> None:
    random = np.random.default_rng(1)
    first, second = confusions(random, 8, 0.7), confusions(random, 8, 0.6)
    assert difference(first, second, seed=3) == difference(first, second, seed=3)
    assert interval(first, seed=3) == interval(first, seed=3) != interval(first, seed=4)


def test_more_images_and_lower_levels_are_narrower() -> None:
    random = np.random.default_rng(2)
    few, many = confusions(random, 5, 0.7), confusions(random, 100, 0.7)
    widths = [high - low for low, high in (interval(few), interval(many), interval(many, level=0.5))]
    assert widths[0] > widths[1] > widths[2] > 0


def test_images_without_labels_change_nothing() -> None:
    random = np.random.default_rng(3)
    some = confusions(random, 5, 0.7)
    assert interval(np.concatenate([some, np.zeros_like(some)])) == interval(some)


def test_a_class_of_one_image_may_be_absent_from_a_draw() -> None:
    random = np.random.default_rng(4)
    some = np.zeros((4, 3, 4), np.int64)
    some[:, :2, :2] = confusions(random, 4, 0.7)[:, :, :2]
    some[0, 2] = [0, 0, 300, 0]
    low, high = interval(some)
    assert math.isfinite(low)
    assert low < miou(some) < high
    assert difference(some, some).high == 0


def test_few_images_give_as_wide_an_interval_as_they_should() -> None:
    """Of models that are equal in truth, about one in twenty is taken for better; with four images a few more."""
    random = np.random.default_rng(5)
    for images, most in ((4, 0.10), (10, 0.09)):
        found = [
            difference(confusions(random, images, 0.7), confusions(random, images, 0.7), resamples=300).low > 0
            for _ in range(300)
        ]
        assert np.mean(found) < most


def test_other_pixels_cannot_be_compared() -> None:
    random = np.random.default_rng(6)
    some = confusions(random, 3, 0.7)
    with pytest.raises(ValueError, match="same pixels"):
        difference(some, some[:2])
    with pytest.raises(ValueError, match="same pixels"):
        difference(some, some + 1 * (np.arange(3) == 0)[None, None])


def test_nothing_labelled_is_nan_not_a_crash() -> None:
    nothing = np.zeros((3, 2, 3), np.int64)
    assert all(map(math.isnan, interval(nothing)))
    assert math.isnan(difference(nothing, nothing).mean)
    assert math.isnan(difference(nothing[:0], nothing[:0]).low)
