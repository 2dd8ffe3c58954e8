"""What scores say of a candidate, without a network."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segstudio.core.arrays import I64
from segstudio.learn.judging.scoring import ImageScore
from segstudio.learn.judging.verdicts import FEWEST_IMAGES, Verdict, advice, decide, no_numbers, unscored

EDGES: I64 = np.zeros((2, 4), np.int64)


def scored(*right: int, answers: bool = True) -> list[ImageScore]:
    """Images of a hundred pixels, half of them of either class, of which so many are right."""
    found = []
    for number, hits in enumerate(right):
        first, second = hits // 2, hits - hits // 2
        confusion = np.array([[first, 50 - first, 0], [50 - second, second, 0]], np.int64)
        if not answers:
            confusion = np.stack([np.zeros(2), np.zeros(2), confusion.sum(1)], axis=1).astype(np.int64)
        found.append(ImageScore(f"i{number}", confusion, EDGES))
    return found


def judged(
    candidate: list[ImageScore], *, own: list[ImageScore] | None = None, before: list[ImageScore] | None = None
) -> Verdict:
    verdict = decide(candidate, own=own, before=before, classes=2)
    assert verdict.line.startswith("Promoted" if verdict.promote else "Not promoted")
    assert verdict.line.endswith(".")
    assert "nan" not in verdict.line
    return verdict


def test_credibly_better_is_promoted() -> None:
    verdict = judged(scored(80, 82, 78, 81), before=scored(60, 61, 62, 60))
    assert (verdict.promote, verdict.outcome) == (True, "better")
    assert verdict.difference is not None
    assert 0 < verdict.difference.low < verdict.difference.mean < verdict.difference.high
    assert "better by" in verdict.line
    assert f"({verdict.difference.low:.3f} to {verdict.difference.high:.3f})" in verdict.line


def test_better_by_chance_is_not() -> None:
    verdict = judged(scored(90, 55, 60, 58), before=scored(60, 60, 62, 61))
    assert verdict.difference is not None
    assert verdict.difference.mean > 0 > verdict.difference.low
    assert (verdict.promote, verdict.outcome) == (False, "not better")
    assert "which may be chance" in verdict.line


def test_worse_and_equal_are_not() -> None:
    worse = judged(scored(50, 50, 50), before=scored(60, 60, 62))
    assert not worse.promote
    assert "worse by" in worse.line
    equal = judged(scored(60, 60, 62), before=scored(60, 60, 62))
    assert not equal.promote
    assert "no better" in equal.line


def test_within_a_run_the_higher_score_follows_if_it_beats_the_one_before_the_run() -> None:
    own, before = scored(80, 82, 78, 81), scored(60, 61, 62, 60)
    assert judged(scored(90, 70, 82, 81), own=own).promote
    assert judged(scored(82, 80, 79, 82), own=own, before=before).promote
    assert not judged(scored(70, 70, 70, 70), own=own, before=before).promote
    unsure = judged(scored(99, 99, 55, 99), own=own, before=before)
    assert unsure.difference is not None
    assert unsure.difference.mean > 0
    assert not unsure.promote
    assert "before this run" in unsure.line


def test_with_too_few_images_a_model_from_elsewhere_stays() -> None:
    few = judged(scored(100, 100), before=scored(10, 10))
    assert (few.promote, few.outcome) == (False, "too few labels")
    assert judged(scored(100, 100, 100), before=scored(10, 10, 10)).promote


def test_with_too_few_images_a_run_follows_itself() -> None:
    assert judged(scored(50)).promote
    assert judged(scored(50), own=scored(50)).promote
    assert not judged(scored(49), own=scored(60)).promote
    for verdict in (judged(scored(50)), judged(scored(50), own=scored(50))):
        assert "not verified" in verdict.line
        assert verdict.outcome == "too few labels"


def test_images_without_a_label_do_not_make_a_verdict() -> None:
    empty = [ImageScore(f"e{n}", np.zeros((2, 3), np.int64), EDGES) for n in range(5)]
    assert judged([*scored(90, 90), *empty], before=[*scored(10, 10), *empty]).outcome == "too few labels"


def test_more_images_elsewhere_are_no_lack() -> None:
    verdict = decide(scored(50), own=None, before=None, classes=2, partial=True)
    assert (verdict.promote, verdict.outcome) == (True, "better")


def test_nothing_without_numbers_blocks_or_forces() -> None:
    broken = scored(80, 80, 80, answers=False)
    assert judged(broken).outcome == "no numbers"
    assert not judged(broken, before=scored(10, 10, 10)).promote
    assert judged(scored(1, 1, 1), before=broken).promote
    assert judged(scored(1, 1, 1), own=broken, before=broken).promote
    assert not no_numbers(None).promote
    assert not judged(scored(10, 10, 10), own=broken, before=scored(50, 50, 50)).promote


@given(st.lists(st.tuples(st.integers(0, 100), st.integers(0, 100)), min_size=1, max_size=6))
def test_a_promotion_over_a_model_from_elsewhere_is_always_credible(pairs: list[tuple[int, int]]) -> None:
    verdict = judged(scored(*(a for a, _ in pairs)), before=scored(*(b for _, b in pairs)))
    assert verdict.difference is not None
    credible = verdict.difference.low > 0
    assert verdict.promote is (credible and len(pairs) >= FEWEST_IMAGES)
    if len(pairs) < 2:
        assert math.isnan(verdict.difference.low)


def test_advice_says_how_many_images_and_which_classes() -> None:
    line = advice(scored(50, 50), ["ground", "blob"])
    assert line == "2 images validate, a verdict needs 3: label about 5 more images (one in 5 validates)."
    one = scored(50)
    one[0].confusion[1] = 0
    line = advice(one, ["ground", "blob"])
    assert line.startswith("1 image validates")
    assert line.endswith("No label that validates yet: blob.")


@pytest.mark.parametrize("free", [True, False])
def test_without_scores_only_what_is_free_is_promoted(free: bool) -> None:
    verdict = unscored("Label more.", free=free)
    assert verdict.promote is free
    assert verdict.outcome == "too few labels"
    assert verdict.line.endswith("Label more.")
