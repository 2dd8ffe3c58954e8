"""Places are drawn fairly, within bounded memory, and a seed decides them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segstudio.core.arrays import U8
from segstudio.core.classes import VOID
from segstudio.learn.crops import sampling
from segstudio.learn.crops.sampling import PLACES, Sampler, Source, find_places


def source(key: str, annotation: U8, *, bytes_: int = 100, classes: int = 3) -> Source:
    return Source(key, find_places(annotation, classes, 1), annotation.size, bytes_)


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32), width=st.integers(1, 40), height=st.integers(1, 60), band=st.integers(1, 500))
def test_places_are_of_the_class_they_are_said_to_be(seed: int, width: int, height: int, band: int) -> None:
    rng = np.random.default_rng(seed)
    annotation = rng.choice(np.array([0, 1, 2, 9, VOID], np.uint8), (height, width))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sampling, "_BAND", band)
        found = find_places(annotation, 3, 0)
    for index in range(3):
        rows, columns = found.places[index].T
        assert found.counts[index] == (annotation == index).sum()
        assert len(rows) == min(PLACES, found.counts[index])
        assert (annotation[rows, columns] == index).all()
        if len(rows) < PLACES:
            assert len({(int(r), int(c)) for r, c in found.places[index]}) == len(rows)


def test_places_of_large_areas_are_spread_over_them() -> None:
    found = find_places(np.zeros((400, 400), np.uint8), 1, 0).places[0]
    assert np.abs(found.mean(axis=0) - 200).max() < 25
    assert len(found) == PLACES


def sampler(sizes: list[int], room: int) -> Sampler:
    rng = np.random.default_rng(0)
    return Sampler(
        [source(f"{n}", rng.integers(0, 3, (8, 8), np.uint8), bytes_=b) for n, b in enumerate(sizes)], 3, room
    )


def shares(drawn: Sampler, draws: int, images: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    keys = [int(drawn.draw(rng, 8)[0]) for _ in range(draws)]
    return np.bincount(keys, minlength=images) / draws


def test_a_few_at_hand_give_each_image_the_same_share_as_all_in_memory() -> None:
    everything = shares(sampler([100] * 8, 800), 40_000, 8)
    crowded = shares(sampler([100] * 8, 400), 40_000, 8)
    assert np.abs(crowded - everything).max() < 0.03
    mixed = shares(sampler([300, 100, 100, 100, 100, 100, 100, 300], 600), 40_000, 8)
    assert mixed.min() > 0.05
    assert mixed.max() < 0.25


def test_what_is_at_hand_fits() -> None:
    drawn = sampler([100, 200, 50, 400, 100, 90], 500)
    sizes = {"0": 100, "1": 200, "2": 50, "3": 400, "4": 100, "5": 90}
    rng = np.random.default_rng(0)
    for _ in range(3000):
        key, _, _ = drawn.draw(rng, 8)
        hand = set(drawn.state()["hand"])
        assert key in hand
        assert sum(sizes[one] for one in hand) <= 375 or len(hand) == 1


def test_nothing_is_at_hand_when_all_fit() -> None:
    drawn = sampler([100] * 4, 400)
    drawn.draw(np.random.default_rng(0), 8)
    assert drawn.state()["hand"] == []


def test_images_that_are_gone_leave_the_hand() -> None:
    drawn = sampler([100] * 4, 200)
    drawn.restore({"hand": ["7", "2"], "left": 5})
    assert drawn.state()["hand"] == ["2"]
    drawn.restore({"hand": ["7"], "left": 5})
    drawn.draw(np.random.default_rng(0), 8)
    assert drawn.state()["hand"]


def test_classes_without_labels_are_never_drawn() -> None:
    drawn = Sampler([source("a", np.full((9, 9), 1, np.uint8), classes=5)], 5, 1000)
    rng = np.random.default_rng(0)
    for _ in range(50):
        key, row, column = drawn.draw(rng, 8)
        assert key == "a"
        assert 0 <= row < 9
        assert 0 <= column < 9
