"""Void pixels must be as if they were not there, and a batch in parts as if it were whole."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from segstudio.core.classes import VOID
from segstudio.learn.request import LOSSES, LossKind, LossSettings
from segstudio.learn.training import losses
from segstudio.learn.training.losses import class_weights, segmentation_loss

Loss = Callable[[Tensor, Tensor], Tensor]


def loss_of(kind: LossKind, smoothing: float = 0.0, weights: Tensor | None = None) -> partial[Tensor]:
    return partial(segmentation_loss, settings=LossSettings(kind, smoothing=smoothing), weights=weights)


WEIGHTS = torch.tensor([0.5, 1.0, 2.0])
ALL: tuple[Loss, ...] = (
    *(loss_of(kind) for kind in LOSSES),
    *(loss_of(kind, 0.1, WEIGHTS) for kind in LOSSES),
)
NAMES = (*LOSSES, *(f"{kind}, smoothed and weighted" for kind in LOSSES))
every_loss = pytest.mark.parametrize("loss", ALL, ids=NAMES)


def example() -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 3, 64, 64, generator=generator)
    target = torch.randint(0, 3, (2, 64, 64), generator=generator)
    void = torch.rand(2, 64, 64, generator=generator) < 0.6
    return logits, target.masked_fill(void, VOID), void


def gradient(loss: Loss, logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    leaf = logits.detach().requires_grad_()
    value = loss(leaf, target)
    value.backward()  # type: ignore[no-untyped-call]
    assert leaf.grad is not None
    return value.detach(), leaf.grad


@every_loss
@pytest.mark.parametrize("value", [50.0, -1e4, float("inf"), float("nan")])
def test_void_pixels_change_neither_loss_nor_gradient(loss: Loss, value: float) -> None:
    logits, target, void = example()
    before, first = gradient(loss, logits, target)
    after, second = gradient(loss, logits.masked_fill(void[:, None], value), target)
    assert torch.equal(before, after)
    assert before > 0
    assert torch.equal(first, second)
    assert not second.permute(0, 2, 3, 1)[void].any()
    assert first.permute(0, 2, 3, 1)[~void].any()


@every_loss
def test_the_loss_is_that_of_the_labelled_pixels_alone(loss: Loss) -> None:
    logits, target, void = example()
    flat = logits.permute(0, 2, 3, 1)[~void].T[None, :, :, None]
    assert torch.allclose(loss(logits, target), loss(flat, target[~void][None, :, None]), atol=1e-5)


@every_loss
def test_nothing_labelled_is_zero_with_zero_gradient(loss: Loss) -> None:
    value, slope = gradient(loss, torch.randn(1, 3, 8, 8), torch.full((1, 8, 8), VOID))
    assert value == 0
    assert not slope.any()


@every_loss
def test_one_labelled_pixel_is_enough(loss: Loss) -> None:
    target = torch.full((1, 8, 8), VOID)
    target[0, 3, 5] = 2
    value, slope = gradient(loss, torch.zeros(1, 3, 8, 8), target)
    assert value > 0
    assert slope[0, :, 3, 5].tolist()[2] < 0
    assert slope.count_nonzero() <= 3


@every_loss
def test_the_gradient_is_that_of_the_value(loss: Loss) -> None:
    logits = torch.randn(1, 3, 4, 5, generator=torch.Generator().manual_seed(1))
    target = torch.tensor([0, 1, 1, VOID, 2]).repeat(1, 4, 1)
    _, slope = gradient(loss, logits, target)
    way = torch.randn(logits.shape, generator=torch.Generator().manual_seed(2)) * 1e-2
    rise = loss(logits + way, target) - loss(logits - way, target)
    assert rise.item() == pytest.approx(2 * float((slope * way).sum()), rel=0.02, abs=1e-5)


@every_loss
@pytest.mark.parametrize("scale", [1e3, 1e30])
def test_scores_beyond_all_measure_give_numbers(loss: Loss, scale: float) -> None:
    logits, target, _ = example()
    value, slope = gradient(loss, logits * scale, target)
    assert value.isfinite()
    assert slope.isfinite().all()


@pytest.mark.parametrize("kind", LOSSES)
def test_half_precision_scores_are_summed_in_float32(kind: LossKind) -> None:
    logits, target, _ = example()
    half = logits.bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        value, slope = gradient(loss_of(kind), half, target)
    assert value.dtype == torch.float32
    assert slope.dtype == torch.bfloat16
    assert value.item() == pytest.approx(loss_of(kind)(half.float(), target).item(), rel=1e-6)


@pytest.mark.parametrize("kind", LOSSES)
def test_each_loss_teaches_an_overlap(kind: LossKind) -> None:
    _, target, void = example()
    logits = torch.zeros(2, 3, 64, 64)
    first = loss_of(kind)(logits, target)
    for _ in range(30):
        value, slope = gradient(loss_of(kind), logits, target)
        logits = logits - 3000 * slope
    assert value < first / 3
    assert (logits.argmax(1) == target)[~void].float().mean() > 0.99


@pytest.mark.parametrize("kind", ["ce", "focal", "ce_dice", "ce_tversky"])
def test_a_batch_in_two_shards_has_the_loss_and_gradient_of_the_whole(kind: LossKind) -> None:
    logits, target, _ = example()
    target[1, :, 32:] = VOID  # the shards are not alike
    loss = loss_of(kind, 0.1, WEIGHTS)
    value, slope = gradient(loss, logits, target)
    sums: list[Tensor] = []

    def keep(own: Tensor) -> Tensor:
        sums.append(own.detach())
        return own

    for shard in range(2):
        partial(loss, reduce=keep)(logits[shard : shard + 1], target[shard : shard + 1])
    for shard in range(2):
        shared = partial(loss, reduce=lambda own, other=sums[1 - shard]: own + other)
        part, part_slope = gradient(shared, logits[shard : shard + 1], target[shard : shard + 1])
        assert part.item() == pytest.approx(value.item(), rel=1e-5)
        assert torch.allclose(part_slope, slope[shard : shard + 1], atol=1e-8)


@pytest.mark.parametrize("kind", LOSSES)
def test_processes_exchange_once_the_same_length_whatever_their_labels(kind: LossKind) -> None:
    logits, target, _ = example()
    lengths: list[int] = []

    def count(own: Tensor) -> Tensor:
        lengths.append(own.numel())
        return own

    for labels in (target, torch.full_like(target, VOID), target.masked_fill(target == 1, VOID)):
        segmentation_loss(logits, labels, LossSettings(kind), reduce=count)
    assert len(lengths) == 3
    assert len(set(lengths)) == 1


def test_lovasz_averages_the_classes_of_all_processes() -> None:
    logits, target, _ = example()
    labelled = LossSettings("ce_lovasz")
    alone = segmentation_loss(logits, target, labelled)
    doubled = segmentation_loss(logits, target, labelled, reduce=lambda own: 2 * own)
    assert doubled.item() == pytest.approx(alone.item(), rel=1e-6)


def dice(logits: Tensor, target: Tensor) -> Tensor:
    """The term for overlap, which is added by half."""
    return 2 * (loss_of("ce_dice")(logits, target) - loss_of("ce")(logits, target))


def test_dice_is_near_zero_when_right_and_near_one_when_wrong() -> None:
    target = torch.tensor([[[0, 1], [1, VOID]]])
    right = torch.zeros(1, 2, 2, 2)
    right[0, 0, 0, 0] = right[0, 1, 0, 1] = right[0, 1, 1, 0] = 40
    assert dice(right, target) < 1e-4
    assert dice(-right, target) > 0.99


def test_a_class_without_labels_does_not_dilute_dice() -> None:
    target = torch.zeros(1, 4, 4, dtype=torch.int64)
    logits = torch.randn(1, 2, 4, 4, generator=torch.Generator().manual_seed(0))
    absent = torch.full((1, 5, 4, 4), -40.0)
    assert torch.allclose(dice(logits, target), dice(torch.cat([logits, absent], 1), target), atol=1e-4)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_cross_entropy_is_that_of_torch(smoothing: float) -> None:
    logits, target, _ = example()
    # Torch spreads its share over all classes, the true one among them.
    expected = functional.cross_entropy(logits, target, ignore_index=VOID, label_smoothing=smoothing * 3 / 2)
    assert loss_of("ce", smoothing)(logits, target).item() == pytest.approx(expected.item(), rel=1e-5)


def test_weighted_cross_entropy_is_that_of_torch() -> None:
    logits, target, _ = example()
    expected = functional.cross_entropy(logits, target, WEIGHTS, ignore_index=VOID)
    assert loss_of("ce", weights=WEIGHTS)(logits, target).item() == pytest.approx(expected.item(), rel=1e-5)


def test_focal_loss_by_hand() -> None:
    chance = torch.tensor([0.9, 0.2])
    logits = torch.stack([chance.log(), (1 - chance).log()])[None, :, :, None]
    expected = (0.1**2 * -torch.tensor(0.9).log() + 0.8**2 * -torch.tensor(0.2).log()) / 2
    assert loss_of("focal")(logits, torch.zeros(1, 2, 1, dtype=torch.int64)).item() == pytest.approx(expected.item())


def test_tversky_by_hand_minds_missed_pixels_more_than_pixels_too_many() -> None:
    target = torch.tensor([[[0, 0, 0, 1]]])
    said = torch.tensor([[0, 0, 1, 1]])
    logits = functional.one_hot(said, 2).permute(2, 0, 1)[None].float() * 40
    ground, thing = 2 / (2 + 0.7), 1 / (1 + 0.3)
    term = 2 * (loss_of("ce_tversky")(logits, target) - loss_of("ce")(logits, target))
    assert term.item() == pytest.approx(1 - (ground + thing) / 2, abs=1e-4)


@pytest.mark.parametrize("seed", range(3))
def test_lovasz_of_certain_answers_is_one_minus_intersection_over_union(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    target, said = torch.randint(0, 3, (2, 1, 16, 16), generator=generator)
    logits = functional.one_hot(said, 4).permute(0, 3, 1, 2).float() * 60  # a fourth class is never labelled
    jaccard = [float(((said == k) & (target == k)).sum() / ((said == k) | (target == k)).sum()) for k in range(3)]
    term = 2 * (loss_of("ce_lovasz")(logits, target) - loss_of("ce")(logits, target))
    assert term.item() == pytest.approx(1 - sum(jaccard) / 3, abs=1e-4)


def test_lovasz_of_some_pixels_is_near_that_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(0)
    target = torch.randint(0, 3, (2, 128, 128), generator=generator)
    logits = functional.one_hot(target, 3).permute(0, 3, 1, 2) + torch.randn(2, 3, 128, 128, generator=generator)
    some, slope = gradient(loss_of("ce_lovasz"), logits, target)
    monkeypatch.setattr(losses, "_LOVASZ_PIXELS", 10**9)
    every = loss_of("ce_lovasz")(logits, target)
    assert some != every
    assert some.item() == pytest.approx(every.item(), abs=0.01)
    assert slope.flatten(1).any(1).all()  # pixels of all images are among them


@settings(max_examples=50, deadline=None)
@given(counts=st.lists(st.integers(0, 10**9), min_size=1, max_size=9), balance=st.floats(0, 1))
def test_class_weights_average_one_over_the_labelled_pixels(counts: list[int], balance: float) -> None:
    weights = class_weights(counts, balance)
    assert weights.dtype == torch.float32
    assert weights.isfinite().all()
    assert [weight == 0 for weight in weights.tolist()] == [count == 0 for count in counts]
    if any(counts):
        pixels = torch.tensor(counts, dtype=torch.float64)
        assert float((weights * pixels).sum() / pixels.sum()) == pytest.approx(1, rel=1e-5)


def test_class_weights_from_all_pixels_alike_to_all_classes_alike() -> None:
    counts = [900, 0, 100]
    assert class_weights(counts, 0).tolist() == [1, 0, 1]
    even = class_weights(counts, 1)
    assert float(even[0] * 900) == pytest.approx(float(even[2] * 100), rel=1e-5)
    half = class_weights(counts, 0.5)
    assert 1 < float(half[2] / half[0]) < float(even[2] / even[0])


def test_labels_of_a_class_that_had_none_when_weights_were_made_do_no_harm() -> None:
    logits, target, _ = example()
    value, slope = gradient(loss_of("ce", weights=torch.zeros(3)), logits, target)
    assert value == 0
    assert not slope.any()
