"""Scores against a pixel-by-pixel count, and void left out of everything."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from segstudio.core.classes import VOID
from segstudio.core.metrics import Scores, confusion_matrix
from segstudio.core.splits import assign_split

labels = st.sampled_from([0, 1, 2, VOID])
masks = arrays(np.uint8, (6, 7), elements=labels)


@given(truth=masks, prediction=masks)
def test_confusion_counts_every_labelled_pixel_once(truth: np.ndarray, prediction: np.ndarray) -> None:
    expected = np.zeros((3, 4), int)
    for t, p in zip(truth.ravel(), prediction.ravel(), strict=True):
        if t != VOID:
            expected[t, 3 if p == VOID else p] += 1
    assert np.array_equal(confusion_matrix(truth, prediction, 3), expected)


@given(truth=masks, prediction=masks, other=masks)
def test_void_pixels_change_no_score(truth: np.ndarray, prediction: np.ndarray, other: np.ndarray) -> None:
    changed = np.where(truth == VOID, other, prediction)
    assert np.array_equal(confusion_matrix(truth, prediction, 3), confusion_matrix(truth, changed, 3))


def test_known_scores() -> None:
    truth = np.array([[0, 0, 1, 1, VOID]], np.uint8)
    prediction = np.array([[0, 1, 1, 1, 2]], np.uint8)
    scores = Scores.of(confusion_matrix(truth, prediction, 3), images=1)
    assert scores.per_class_iou[:2] == pytest.approx((1 / 2, 2 / 3))
    assert scores.per_class_iou[2] is None
    assert scores.miou == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert scores.dice == pytest.approx((2 / 3 + 4 / 5) / 2)
    assert scores.pixel_accuracy == pytest.approx(3 / 4)
    assert scores.labelled_pixels == 4


def test_a_class_only_predicted_has_zero_iou_and_does_not_enter_the_mean() -> None:
    scores = Scores.of(confusion_matrix(np.array([[0, 0]], np.uint8), np.array([[0, 1]], np.uint8), 2), images=1)
    assert scores.per_class_iou == (0.5, 0.0)
    assert scores.miou == 0.5


def test_no_labelled_pixel_is_nan_not_a_crash() -> None:
    void = np.full((2, 2), VOID, np.uint8)
    scores = Scores.of(confusion_matrix(void, void, 2), images=1)
    assert np.isnan([scores.miou, scores.dice, scores.pixel_accuracy]).all()


def test_values_without_a_class_are_refused() -> None:
    with pytest.raises(ValueError, match="neither below 2 nor void"):
        confusion_matrix(np.array([[2]], np.uint8), np.array([[0]], np.uint8), 2)
    with pytest.raises(ValueError, match="neither below 2 nor void"):
        confusion_matrix(np.array([[0]], np.uint8), np.array([[7]], np.uint8), 2)


def test_two_labelled_images_give_one_of_each_split() -> None:
    assert assign_split("f" * 64, train=0, validation=0) == "train"
    assert assign_split("f" * 64, train=1, validation=0) == "validation"


def test_about_one_in_five_validates_and_the_identity_alone_decides() -> None:
    rng = np.random.default_rng(3)
    digests = [rng.bytes(32).hex() for _ in range(2000)]
    first = [assign_split(d, train=5, validation=5) for d in digests]
    assert [assign_split(d, train=900, validation=1) for d in digests] == first
    assert 0.17 < first.count("validation") / len(first) < 0.23


def test_per_class_scores() -> None:
    truth = np.array([[0, 0, 1, 1, VOID]], np.uint8)
    prediction = np.array([[0, 1, 1, VOID, 2]], np.uint8)
    matrix = confusion_matrix(truth, prediction, 4)
    scores = Scores.of(matrix, images=1)
    assert scores.per_class_dice == pytest.approx((2 / 3, 2 / 4, None, None))
    assert scores.per_class_accuracy == (0.5, 0.5, None, None)
    assert scores.confusion == tuple(map(tuple, matrix.tolist()))
    assert scores.boundary is None
    assert scores.per_class_boundary == ()
    assert scores.interval is None


def test_the_mean_boundary_score_is_over_classes_with_a_true_boundary() -> None:
    matrix = confusion_matrix(np.array([[0, 1]], np.uint8), np.array([[0, 2]], np.uint8), 3)
    counts = np.array([[4, 4, 4, 4], [0, 0, 4, 0], [4, 0, 0, 0]], np.int64)
    scores = Scores.of(matrix, images=1, boundaries=counts, interval=(float("nan"), float("nan")))
    assert scores.per_class_boundary == (1.0, 0.0, None)
    assert scores.boundary == 0.5
    assert scores.interval is None
    assert Scores.of(matrix, images=1, interval=(0.1, 0.2)).interval == (0.1, 0.2)


def test_equal_counts_are_equal_scores() -> None:
    matrix = confusion_matrix(np.array([[0, 1]], np.uint8), np.array([[0, 2]], np.uint8), 3)
    assert Scores.of(matrix, images=1) == Scores.of(matrix, images=1)


def test_a_large_image_is_counted_in_little_memory() -> None:
    truth = np.repeat(np.array([0, 1, VOID, 1], np.uint8), 1 << 20).reshape(2048, 2048)
    tracemalloc.start()
    counts = confusion_matrix(truth, np.ones_like(truth), 2)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert counts.tolist() == [[0, 1 << 20, 0], [0, 2 << 20, 0]]
    assert peak < 5 * truth.nbytes
