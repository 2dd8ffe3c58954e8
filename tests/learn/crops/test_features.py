"""The bank of features: what comes out of it is what the encoder gave, seldom asked, never stale, within its budget."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from segstudio.core.arrays import I64, U8
from segstudio.core.classes import VOID
from segstudio.core.labels import LabelledImage
from segstudio.learn.backbones.registry import find_backbone
from segstudio.learn.crops.data import Batches, ImageCache, TrainingSet
from segstudio.learn.crops.features import FeatureBank, bank_of, thinned
from segstudio.learn.networks.network import SegmentationNetwork, build_network

CROP = 8
NORMALISATION = {"mean": [0.5] * 3, "std": [0.5] * 3}


class CountedCrops:
    """Crops that all differ: each is filled with its own number, in pixels and labels alike."""

    def __init__(self, size: int = 2, crop: int = CROP) -> None:
        self.size, self.crop = size, crop
        self.drawn = 0
        self.updates: list[tuple[LabelledImage, ...]] = []

    def next(self) -> tuple[U8, I64]:
        numbers = (self.drawn + np.arange(self.size)) % 250
        self.drawn += self.size
        pixels = np.broadcast_to(numbers[:, None, None, None], (self.size, self.crop, self.crop, 3)).astype(np.uint8)
        return pixels, np.broadcast_to(numbers[:, None, None], (self.size, self.crop, self.crop)).astype(np.int64)

    def update(self, images: Iterable[LabelledImage]) -> None:
        self.updates.append(tuple(images))


class PlainEncoder:
    """Gives the image, and it at half the size; counts how often it was asked."""

    def __init__(self) -> None:
        self.calls = 0
        self.factor = 1.0

    def __call__(self, pixels: U8) -> Sequence[Tensor]:
        self.calls += 1
        image = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() * self.factor
        return [image, image[:, :2, ::2, ::2]]


def numbers(batch: tuple[list[Tensor], Tensor]) -> list[int]:
    """Of the crops in a batch."""
    return [int(label) for label in batch[1][:, 0, 0]]


def test_features_come_with_the_labels_of_their_crop() -> None:
    crops = CountedCrops()
    bank = FeatureBank(crops, PlainEncoder(), size=64)
    for _ in range(80):
        features, target = bank.next()
        assert [tuple(feature.shape) for feature in features] == [(2, 3, 8, 8), (2, 2, 4, 4)]
        assert all(feature.dtype == torch.float32 for feature in features)
        assert all(feature.is_contiguous(memory_format=torch.channels_last) for feature in features)
        assert target.dtype == torch.int64
        assert target.shape == (2, CROP, CROP)
        for feature in features:  # whole numbers this small are exact in either half precision
            assert feature.flatten(1).min(1).values.tolist() == feature.flatten(1).max(1).values.tolist()
            assert feature[:, 0, 0, 0].tolist() == numbers((features, target))


def test_the_encoder_rests_most_of_the_time_yet_crops_never_run_dry() -> None:
    crops, encoder = CountedCrops(), PlainEncoder()
    bank = FeatureBank(crops, encoder, size=16, reuse=8)
    served: dict[int, int] = {}
    for _ in range(400):
        for number in numbers(bank.next()):
            served[number] = served.get(number, 0) + 1
    assert bank.steps == 400
    assert encoder.calls == bank.encoded == 16 + (400 - 16) // 8
    assert len(served) == 2 * bank.encoded  # every crop drawn was used
    assert max(served.values()) < 4 * 8
    late = {number for _ in range(20) for number in numbers(bank.next())}
    assert min(late) >= crops.drawn - 2 * 16 - 2 * 8, "the oldest crops have left"


def test_a_reuse_of_one_is_training_without_a_bank() -> None:
    crops, encoder = CountedCrops(), PlainEncoder()
    bank = FeatureBank(crops, encoder, reuse=1)
    assert [numbers(bank.next()) for _ in range(30)] == [[2 * step, 2 * step + 1] for step in range(30)]
    assert encoder.calls == 30
    assert bank.held_bytes == 0


def test_a_seed_decides_which_crops_come() -> None:
    def drawn(seed: int) -> list[list[int]]:
        bank = FeatureBank(CountedCrops(), PlainEncoder(), size=32, seed=seed)
        return [numbers(bank.next()) for _ in range(60)]

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)


@settings(max_examples=50, deadline=None)
@given(
    size=st.integers(1, 40), budget=st.integers(0, 20_000), batch=st.integers(1, 5), crop=st.sampled_from([2, 8, 10])
)
def test_the_budget_holds_beyond_one_batch(size: int, budget: int, batch: int, crop: int) -> None:
    bank = FeatureBank(CountedCrops(batch, crop), PlainEncoder(), size=size, budget_bytes=budget)
    one = crop * crop * (3 * 2 + 1) + (crop // 2) ** 2 * 2 * 2
    for _ in range(25):
        assert len(numbers(bank.next())) == batch
        assert bank.held_bytes <= max(budget, batch * one)
        assert bank.held_bytes <= max(size, batch) * one


def test_new_labels_reach_the_crops_and_no_older_crop_is_left() -> None:
    crops = CountedCrops()
    bank = FeatureBank(crops, PlainEncoder(), size=64)
    for _ in range(40):
        bank.next()
    before = crops.drawn
    bank.update(())
    assert crops.updates == [()]
    assert bank.held_bytes == 0
    assert all(number >= before for _ in range(60) for number in numbers(bank.next()))


def test_smaller_batches_and_crops_take_over() -> None:
    crops = CountedCrops(4)
    bank = FeatureBank(crops, PlainEncoder(), size=64, reuse=4)
    for _ in range(20):
        bank.next()
    crops.size = 2
    assert len(numbers(bank.next())) == 2
    crops.crop = 4
    bank.clear()
    for _ in range(40):
        features, target = bank.next()
        assert features[0].shape[2:] == target.shape[1:] == (4, 4)


def test_crops_that_changed_size_behind_its_back_are_not_mixed() -> None:
    crops = CountedCrops()
    bank = FeatureBank(crops, PlainEncoder(), size=64, reuse=3)
    for _ in range(20):
        bank.next()
    crops.crop = 4
    sizes = []
    for _ in range(20):
        features, target = bank.next()
        assert features[0].shape[2:] == target.shape[1:]
        sizes.append(target.shape[1])
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] == 4


@pytest.mark.parametrize("factor", [1e-3, 1.0, 1e2, 1e4, 1e30])
def test_no_magnitude_breaks_the_stored_features(factor: float) -> None:
    encoder = PlainEncoder()
    encoder.factor = factor
    bank = FeatureBank(CountedCrops(), encoder, size=64)
    for _ in range(60):
        features, target = bank.next()
        expected = target[:, 0, 0].float() * factor
        assert torch.allclose(features[1][:, 0, 0, 0], expected, rtol=0.01, atol=1e-4 * factor)


def test_features_that_grow_later_stay_numbers() -> None:
    encoder = PlainEncoder()
    bank = FeatureBank(CountedCrops(), encoder, size=64, reuse=2)
    bank.next()
    encoder.factor = 1e5
    assert all(bool(feature.isfinite().all()) for _ in range(40) for feature in bank.next()[0])


def test_what_the_decoder_does_not_read_takes_no_memory() -> None:
    lean = FeatureBank(CountedCrops(), PlainEncoder(), size=64, reads=(1,))
    for _ in range(40):
        features, target = lean.next()
    assert features[0].shape == (2, 3, CROP, CROP)
    assert not features[0].any()
    assert features[1][:, 0, 0, 0].tolist() == target[:, 0, 0].tolist()
    assert lean.held_bytes == 64 * (4 * 4 * 2 * 2 + CROP * CROP)


def test_labels_at_half_the_size_take_every_pixel_in_turn() -> None:
    class Corners(CountedCrops):
        def next(self) -> tuple[U8, I64]:
            pixels, labels = super().next()
            return pixels, np.broadcast_to(np.tile([[0, 1], [2, 3]], (4, 4)), labels.shape).astype(np.int64)

    bank = FeatureBank(Corners(), PlainEncoder(), size=64, half=True)
    seen = []
    for _ in range(60):
        features, target = bank.next()
        assert features[0].shape[2:] == (CROP, CROP)
        assert target.shape == (2, CROP // 2, CROP // 2)
        assert int(target.min()) == int(target.max())
        seen.append(int(target.min()))
    assert {seen.count(corner) > 5 for corner in range(4)} == {True}


def test_of_four_pixels_a_labelled_one_is_taken() -> None:
    target = torch.full((1, 4, 4), VOID)
    target[0, 1, 0] = 3
    target[0, 2, 2], target[0, 3, 3] = 1, 0
    halves = [thinned(target, phase)[0].tolist() for phase in range(4)]
    assert all(half[0] == [3, VOID] and half[1][0] == VOID for half in halves)
    assert [half[1][1] for half in halves] == [1, 0, 0, 0]


def make_network(decoder: str) -> SegmentationNetwork:
    torch.manual_seed(0)
    return build_network(find_backbone("efficientnet_lite0"), decoder, 2, "feature").train()


@pytest.mark.parametrize("decoder", ["fpn", "light"])
def test_training_on_stored_features_learns_and_leaves_the_encoder_alone(
    decoder: str, images: tuple[LabelledImage, ...], tmp_path: Path
) -> None:
    assert tmp_path.is_dir()
    network = make_network(decoder)
    before = {name: value.clone() for name, value in network.encoder.state_dict().items()}
    learning = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(learning, 5e-3)
    losses = []
    with Batches(TrainingSet(images, 2, ImageCache()), seed=0, size=2, crop=64) as batches:
        bank = bank_of(network, batches, NORMALISATION, torch.device("cpu"), size=32, reuse=8)
        for _ in range(50):
            features, target = bank.next()
            assert not any(feature.requires_grad for feature in features)
            loss = nn.functional.cross_entropy(network.decode(features), target, ignore_index=255)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            losses.append(float(loss.detach()))
    assert bank.encoded < 25
    assert np.mean(losses[-10:]) < 0.7 * np.mean(losses[:5])
    after = network.encoder.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())


@pytest.mark.parametrize("decoder", ["fpn", "light"])
def test_stored_features_decode_as_fresh_ones_do(decoder: str, images: tuple[LabelledImage, ...]) -> None:
    network = make_network(decoder).eval()
    with Batches(TrainingSet(images, 2, ImageCache()), seed=0, size=2, crop=64) as batches:
        fresh: dict[bytes, Tensor] = {}
        bank = bank_of(network, batches, NORMALISATION, torch.device("cpu"), size=64, reuse=64)
        for _ in range(40):
            features, target = bank.next()
            with torch.no_grad():
                logits = network.decode(features)
            for label, scores in zip(target, logits, strict=True):
                first = fresh.setdefault(label.numpy().tobytes(), scores)
                assert float((scores - first).abs().max()) < 0.05
    assert bank.encoded == 16
