"""Who learns how fast, and where weights are pulled."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from segstudio.learn.request import OPTIMIZERS, Optimisation, OptimizerName, Transfer
from segstudio.learn.training.optimising import Regulariser, clip, full_rate, lower_rates, make_optimizer, set_rates

DECAY = Optimisation()
L2SP = Optimisation(regulariser="l2sp")


class Small(nn.Module):
    """Three stages of an encoder, a norm layer after them, a decoder, class scores."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.encoder = nn.Sequential(*(nn.Conv2d(4, 4, 1) for _ in range(3)), nn.BatchNorm2d(4))
        self.decoder = nn.Conv2d(4, 4, 1)
        self.head = nn.Conv2d(4, 2, 1)

    def stages(self) -> list[list[nn.Parameter]]:
        return [list(self.encoder[index].parameters()) for index in range(3)]

    def score_layers(self) -> list[nn.Module]:
        return [self.head]

    def forward(self, images: Tensor) -> Tensor:
        scores: Tensor = self.head(self.decoder(self.encoder(images)))
        return scores


def rates(network: Small, optimizer: torch.optim.Optimizer) -> dict[str, float]:
    names = {parameter: name for name, parameter in network.named_parameters()}
    return {names[p]: group["lr"] for group in optimizer.param_groups for p in group["params"]}


def step_without_gradient(network: Small, optimizer: torch.optim.Optimizer, regulariser: Regulariser) -> None:
    for parameter in network.parameters():
        parameter.grad = torch.zeros_like(parameter) if parameter.requires_grad else None
    optimizer.step()
    regulariser.pull(optimizer)


def named(network: Small) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in network.named_parameters()}


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("transfer", ["parameter", "feature", "structure", "none"])
def test_every_parameter_is_in_one_group(name: OptimizerName, transfer: Transfer) -> None:
    network = Small()
    optimizer = make_optimizer(network, replace(DECAY, optimizer=name), transfer)
    held = [p for group in optimizer.param_groups for p in group["params"]]
    assert len(held) == len(set(held))
    assert set(held) == set(network.parameters())
    assert all(group["lr"] == group["full_rate"] for group in optimizer.param_groups)


def test_earlier_stages_learn_less_and_what_is_new_learns_most() -> None:
    network = Small()
    found = rates(network, make_optimizer(network, Optimisation(rate=0.1, encoder_share=0.5)))
    assert found["head.weight"] == found["decoder.bias"] == 0.1
    deepest = 0.05
    assert found["encoder.3.weight"] == found["encoder.2.weight"] == found["encoder.2.bias"] == pytest.approx(deepest)
    assert found["encoder.1.weight"] == pytest.approx(0.8 * deepest)
    assert found["encoder.0.weight"] == pytest.approx(0.64 * deepest)


def test_after_a_structure_transfer_only_class_scores_are_new() -> None:
    network = Small()
    found = rates(network, make_optimizer(network, Optimisation(rate=0.1, encoder_share=0.5), "structure"))
    assert found["head.weight"] == 0.1
    assert found["decoder.weight"] == found["encoder.2.weight"] == pytest.approx(0.05)
    assert found["encoder.0.weight"] < found["encoder.1.weight"] < found["encoder.2.weight"]


def test_a_random_start_learns_at_one_rate() -> None:
    network = Small()
    assert set(rates(network, make_optimizer(network, Optimisation(rate=0.1), "none")).values()) == {0.1}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_each_optimiser_has_a_rate_it_learns_at(name: OptimizerName) -> None:
    network = Small()
    optimisation = replace(DECAY, optimizer=name)
    optimizer = make_optimizer(network, optimisation)
    images = torch.randn(8, 4, 4, 4, generator=torch.Generator().manual_seed(0))
    target = (images.sum(1) > 0).long()
    losses = []
    for _ in range(150):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(network(images), target)
        loss.backward()  # type: ignore[no-untyped-call]
        clip(network, optimisation.clip)
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0] / 2
    assert full_rate(replace(optimisation, rate=0.3)) == 0.3


def test_rates_are_set_by_a_factor_and_lowered_for_good() -> None:
    network = Small()
    optimizer = make_optimizer(network, replace(DECAY, optimizer="sgd"))
    full = rates(network, optimizer)
    set_rates(optimizer, 0.5)
    assert rates(network, optimizer) == pytest.approx({name: rate / 2 for name, rate in full.items()})
    lower_rates(optimizer, 0.5)
    assert rates(network, optimizer) == pytest.approx({name: rate / 4 for name, rate in full.items()})
    set_rates(optimizer, 1)
    assert rates(network, optimizer) == pytest.approx({name: rate / 2 for name, rate in full.items()})


@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_what_was_transferred_rises_to_its_rate_from_when_it_is_thawed(name: OptimizerName) -> None:
    network = Small()
    optimizer = make_optimizer(network, replace(DECAY, optimizer=name, regulariser="l2sp"))
    regulariser = Regulariser(network, DECAY)
    full = rates(network, optimizer)
    network.encoder[0].requires_grad_(False)
    for step in range(1, 71):
        if step == 21:
            network.encoder[0].requires_grad_(True)
        set_rates(optimizer, 0.5)
        found = rates(network, optimizer)
        assert found["head.weight"] == full["head.weight"] / 2
        assert found["encoder.2.weight"] == pytest.approx(full["encoder.2.weight"] / 2 * min(1.0, step / 50))
        assert found["encoder.0.weight"] == pytest.approx(full["encoder.0.weight"] / 2 * max(1, step - 20) / 50)
        step_without_gradient(network, optimizer, regulariser)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_decay_leads_kernels_to_zero_and_leaves_norms_and_biases(name: OptimizerName) -> None:
    network = Small()
    start = named(network)
    # Adam decays through its gradient, a step of at most its rate at a time.
    optimisation = replace(DECAY, optimizer=name, strength=200.0, rate=1e-2, encoder_share=0.25)
    optimizer, regulariser = make_optimizer(network, optimisation), Regulariser(network, optimisation)
    for _ in range(600):
        step_without_gradient(network, optimizer, regulariser)
    for key, value in network.named_parameters():
        if value.ndim > 1:
            assert value.abs().max() < 0.02
        else:
            assert torch.equal(value, start[key])


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize(("transfer", "moved"), [("parameter", ("encoder",)), ("structure", ("encoder", "decoder"))])
def test_l2sp_leads_what_was_transferred_to_its_start_and_the_rest_to_zero(
    name: OptimizerName, transfer: Transfer, moved: tuple[str, ...]
) -> None:
    network = Small()
    start = named(network)
    optimisation = replace(L2SP, optimizer=name, strength=10.0)
    optimizer = make_optimizer(network, optimisation, transfer)
    regulariser = Regulariser(network, optimisation, transfer)
    with torch.no_grad():
        for value in network.parameters():
            value.add_(1)
    away = named(network)
    for _ in range(500):
        step_without_gradient(network, optimizer, regulariser)
    for key, value in network.named_parameters():
        if value.ndim == 1:
            assert torch.equal(value, away[key])
        elif key.startswith(moved):
            assert torch.allclose(value, start[key], atol=1e-3)
        else:
            assert value.abs().max() < 0.02


def test_with_nothing_transferred_l2sp_is_decay() -> None:
    networks = Small(), Small()
    for network, optimisation in zip(networks, (DECAY, L2SP), strict=True):
        optimizer = make_optimizer(network, optimisation, "none")
        regulariser = Regulariser(network, optimisation, "none")
        for _ in range(5):
            step_without_gradient(network, optimizer, regulariser)
    assert all(torch.equal(a, b) for a, b in zip(*(network.parameters() for network in networks), strict=True))


@pytest.mark.parametrize("optimisation", [DECAY, L2SP])
def test_the_first_pull_is_that_of_adamw(optimisation: Optimisation) -> None:
    network = Small()
    start = named(network)
    optimizer = make_optimizer(network, optimisation)
    step_without_gradient(network, optimizer, Regulariser(network, optimisation))
    assert torch.allclose(network.head.weight, start["head.weight"] * (1 - 2e-3 * 0.01), rtol=1e-6)


def test_a_strength_pulls_alike_whatever_the_rate_and_with_the_schedule() -> None:
    heads = []
    for rate, factor in ((2e-3, 1.0), (0.1, 1.0), (2e-3, 0.5)):
        network = Small()
        optimisation = Optimisation(optimizer="sgd", rate=rate, strength=10.0)
        optimizer = make_optimizer(network, optimisation)
        set_rates(optimizer, factor)
        step_without_gradient(network, optimizer, Regulariser(network, optimisation))
        heads.append(network.head.weight.detach() / Small().head.weight.detach())
    assert torch.allclose(heads[0], torch.tensor(0.98))
    assert torch.allclose(heads[1], torch.tensor(0.98))
    assert torch.allclose(heads[2], torch.tensor(0.99))


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("regulariser", ["decay", "l2sp"])
def test_frozen_parts_stay_bit_for_bit(name: OptimizerName, regulariser: str) -> None:
    network = Small()
    optimisation = Optimisation(optimizer=name, regulariser=regulariser, strength=100.0)  # type: ignore[arg-type]
    optimizer, pulling = make_optimizer(network, optimisation), Regulariser(network, optimisation)
    start = named(network)
    network.encoder.requires_grad_(False)
    step_without_gradient(network, optimizer, pulling)
    for key, value in network.encoder.named_parameters():
        assert torch.equal(value, start["encoder." + key])
    assert not torch.equal(network.head.weight, start["head.weight"])


def test_the_start_is_kept_by_value() -> None:
    network = Small()
    optimisation = replace(L2SP, strength=1e9)
    optimizer, regulariser = make_optimizer(network, optimisation), Regulariser(network, optimisation)
    start, first = named(network), next(network.encoder.parameters())
    for _ in range(2):
        with torch.no_grad():
            first.fill_(7)
        step_without_gradient(network, optimizer, regulariser)
        assert torch.equal(first, start["encoder.0.weight"])


def test_clipping_tells_the_norm_it_found() -> None:
    network = Small()
    assert clip(network, 1.0) == 0  # nothing has a gradient yet
    network.head.weight.grad = torch.full_like(network.head.weight, 2.0)
    norm = 2 * math.sqrt(8)
    assert clip(network, None) == clip(network, 100.0) == pytest.approx(norm)
    assert torch.equal(network.head.weight.grad, torch.full_like(network.head.weight, 2.0))
    assert clip(network, 0.5) == pytest.approx(norm)
    assert clip(network, None) == pytest.approx(0.5, rel=1e-4)


@pytest.mark.parametrize("odd", [math.inf, math.nan])
def test_a_gradient_that_is_no_number_is_told_and_left(odd: float) -> None:
    network = Small()
    network.head.weight.grad = torch.ones_like(network.head.weight)
    network.decoder.weight.grad = torch.full_like(network.decoder.weight, odd)
    assert not math.isfinite(clip(network, 1.0))
    assert torch.equal(network.head.weight.grad, torch.ones_like(network.head.weight))
