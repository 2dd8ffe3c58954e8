"""A step learns, a snapshot holds all of it, and parts of a batch weigh as they do within it."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from segstudio.core.classes import VOID
from segstudio.learn.device import reproducible
from segstudio.learn.request import LossSettings, Optimisation, OptimizerName, TrainSettings
from segstudio.learn.training.stepping import Batch, NotFiniteError, Stepper
from tests.learn.tiny import started

CPU = torch.device("cpu")
COUNTS = np.array([60, 40])
PLAIN = TrainSettings(transfer="none", loss=LossSettings("ce"))


def stepper(settings: TrainSettings = PLAIN) -> Stepper:
    return Stepper(started(), settings, COUNTS, CPU)


def batch(seed: int, size: int = 4) -> Batch:
    """Bright squares are class 1; a part of it all is void."""
    generator = torch.Generator().manual_seed(seed)
    target = (torch.rand((size, 1, 4, 4), generator=generator) > 0.5).float()
    target = torch.nn.functional.interpolate(target, scale_factor=8)[:, 0].long()
    images = (
        target[:, None].float().repeat(1, 3, 1, 1) * 2 - 1 + 0.1 * torch.randn((size, 3, 32, 32), generator=generator)
    )
    target[:, :5] = VOID
    return images.contiguous(memory_format=torch.channels_last), target


def nothing() -> None:
    """No pause."""


def test_steps_learn() -> None:
    learning = stepper()
    losses = [learning.step([batch(seed)], 1.0, nothing) for seed in range(60)]
    assert losses[-1] < 0.5 * losses[0]


def weights(learning: Stepper) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in learning.network.state_dict().items()}


@pytest.mark.parametrize("optimizer", ["adamw", "adam", "sgd"])
def test_a_snapshot_put_back_goes_on_bit_for_bit(optimizer: OptimizerName) -> None:
    settings = replace(PLAIN, transfer="parameter", optimisation=Optimisation(optimizer, regulariser="l2sp"))
    learning = stepper(settings)
    for seed in range(3):
        learning.step([batch(seed)], 1.0, nothing)
    kept = learning.snapshot()
    fresh = stepper(settings)
    fresh.load(kept)
    for seed in range(3, 6):
        assert learning.step([batch(seed)], 0.7, nothing) == fresh.step([batch(seed)], 0.7, nothing)
    assert all(torch.equal(value, weights(fresh)[name]) for name, value in weights(learning).items())
    assert learning.average is not None
    assert fresh.average is not None
    averages = learning.average.network.state_dict(), fresh.average.network.state_dict()
    assert all(torch.equal(value, averages[1][name]) for name, value in averages[0].items())
    assert kept.finite()


def test_a_snapshot_does_not_follow_later_steps() -> None:
    learning = stepper()
    learning.step([batch(0)], 1.0, nothing)
    kept, before = learning.snapshot(), weights(learning)
    learning.load(kept)
    for seed in range(3):
        learning.step([batch(seed)], 1.0, nothing)
    learning.load(kept)
    assert all(torch.equal(value, before[name]) for name, value in weights(learning).items())


def test_parts_of_a_batch_give_the_gradient_of_the_whole() -> None:
    def frozen_norm(learning: Stepper) -> Stepper:
        learning.network.pin_norm(True)  # its statistics would be those of each part
        return learning

    images, target = batch(1)
    assert isinstance(images, torch.Tensor)
    target[2:, :20] = VOID  # the parts are labelled unequally
    whole, parts = (frozen_norm(stepper()) for _ in range(2))
    with reproducible(True):  # half precision would blur it
        loss = whole.step([(images, target)], 1.0, nothing)
        again = parts.step([(images[:2], target[:2]), (images[2:], target[2:])], 1.0, nothing)
    assert again == pytest.approx(loss, rel=1e-5)
    gradients = [[p.grad for p in learning.network.parameters()] for learning in (whole, parts)]
    for one, other in zip(*gradients, strict=True):
        assert one is not None
        assert other is not None
        assert torch.allclose(one, other, atol=1e-6)


def test_a_loss_that_is_no_number_moves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    learning = stepper()
    before = [p.clone() for p in learning.network.parameters()]
    monkeypatch.setattr(
        "segstudio.learn.training.stepping.segmentation_loss", lambda logits, *_, **__: logits.sum() * math.nan
    )
    with pytest.raises(NotFiniteError):
        learning.step([batch(0)], 1.0, nothing)
    assert all(torch.equal(p, old) for p, old in zip(learning.network.parameters(), before, strict=True))
    assert all(p.grad is None for p in learning.network.parameters())


def test_rates_that_were_lowered_stay_so_when_only_weights_go_back() -> None:
    learning = stepper()
    learning.step([batch(0)], 1.0, nothing)
    kept = learning.snapshot()
    learning.lower_rates(0.5)
    learning.load(kept, rates=False)
    assert learning.lowered == 0.5
    learning.load(kept)
    assert learning.lowered == 1.0


def test_without_an_average_there_is_none() -> None:
    learning = stepper(replace(PLAIN, optimisation=Optimisation(average=False)))
    learning.step([batch(0)], 1.0, nothing)
    assert learning.average is None
    assert not learning.snapshot().average


def test_a_class_without_labels_has_no_weight() -> None:
    learning = Stepper(started(), replace(PLAIN, loss=LossSettings("ce", balance=1.0)), np.array([60, 0]), CPU)
    images, target = batch(0)
    target[target == 1] = VOID
    assert math.isfinite(learning.step([(images, target)], 1.0, nothing))


@pytest.mark.parametrize("at", range(6))
def test_memory_that_ends_while_the_optimiser_gets_ready_does_not_end_the_run(
    monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    learning, calls, zeros_like = stepper(), iter(range(100)), torch.zeros_like

    def fails(*rest: object, **named: object) -> torch.Tensor:
        if next(calls) == at:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return zeros_like(*rest, **named)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(torch, "zeros_like", fails)
        with pytest.raises(torch.OutOfMemoryError):
            learning.step([batch(0)], 1.0, nothing)
    learning.break_off()
    losses = [learning.step([batch(seed)], 1.0, nothing) for seed in range(60)]
    assert losses[-1] < 0.5 * losses[0]
