"""Void pixels must be as if they were not there."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from segstudio.core.classes import VOID
from segstudio.learn.losses import masked_cross_entropy, masked_dice, segmentation_loss

Loss = Callable[[Tensor, Tensor], Tensor]
LOSSES: tuple[Loss, ...] = (
    masked_cross_entropy,
    masked_dice,
    lambda logits, target: segmentation_loss(logits, target, dice=0.5),
)


def example() -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 3, 64, 64, generator=generator)
    target = torch.randint(0, 3, (2, 64, 64), generator=generator)
    void = torch.rand(2, 64, 64, generator=generator) < 0.6
    return logits, target.masked_fill(void, VOID), void


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("value", [50.0, -1e4, float("inf"), float("nan")])
def test_void_pixels_change_neither_loss_nor_gradient(loss: Loss, value: float) -> None:
    logits, target, void = example()
    first = logits.clone().requires_grad_()
    second = logits.masked_fill(void[:, None], value).requires_grad_()
    before, after = loss(first, target), loss(second, target)
    before.backward()  # type: ignore[no-untyped-call]
    after.backward()  # type: ignore[no-untyped-call]
    assert torch.equal(before, after)
    assert before > 0
    assert first.grad is not None
    assert second.grad is not None
    assert torch.equal(first.grad, second.grad)
    assert not second.grad.permute(0, 2, 3, 1)[void].any()
    assert first.grad.permute(0, 2, 3, 1)[~void].any()


@pytest.mark.parametrize("loss", LOSSES)
def test_the_loss_is_that_of_the_labelled_pixels_alone(loss: Loss) -> None:
    logits, target, void = example()
    flat = logits.permute(0, 2, 3, 1)[~void].T[None, :, :, None]
    assert torch.allclose(loss(logits, target), loss(flat, target[~void][None, :, None]), atol=1e-5)


@pytest.mark.parametrize("loss", LOSSES)
def test_nothing_labelled_is_zero_with_zero_gradient(loss: Loss) -> None:
    logits = torch.randn(1, 3, 8, 8, requires_grad=True)
    value = loss(logits, torch.full((1, 8, 8), VOID))
    value.backward()  # type: ignore[no-untyped-call]
    assert value == 0
    assert logits.grad is not None
    assert not logits.grad.any()


def test_dice_is_near_zero_when_right_and_near_one_when_wrong() -> None:
    target = torch.tensor([[[0, 1], [1, VOID]]])
    right = torch.zeros(1, 2, 2, 2)
    right[0, 0, 0, 0] = right[0, 1, 0, 1] = right[0, 1, 1, 0] = 40
    assert masked_dice(right, target) < 1e-4
    assert masked_dice(-right, target) > 0.99


def test_a_class_without_labels_does_not_dilute_dice() -> None:
    target = torch.zeros(1, 4, 4, dtype=torch.int64)
    logits = torch.randn(1, 2, 4, 4, generator=torch.Generator().manual_seed(0))
    absent = torch.full((1, 5, 4, 4), -40.0)
    assert torch.allclose(masked_dice(logits, target), masked_dice(torch.cat([logits, absent], 1), target), atol=1e-4)
