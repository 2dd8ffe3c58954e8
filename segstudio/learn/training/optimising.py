"""How weights move: optimisers with a learning rate for every depth, and what pulls weights back."""

import math
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from segstudio.learn.request import Optimisation, OptimizerName, Transfer

_RATES: dict[OptimizerName, float] = {"adamw": 2e-3, "adam": 2e-3, "sgd": 0.1}
_MOMENTUM = 0.9
_RISING = 50  # steps after which what was transferred learns at its full rate
_STAGE_FACTOR = 0.8  # learning rate of a stage against that of the next deeper one
_PULL = 2e-3  # share of the way that a strength of 1 pulls in one step at the full rate
_START_STRENGTH = 100  # of the pull toward the start, against that toward zero
_ADAM_STRENGTH = 0.01  # of the penalty in Adam's gradient, which the learning rate does not scale


class Network(Protocol):
    """What is asked of a network; `segstudio.learn.networks.network.SegmentationNetwork` has it."""

    @property
    def encoder(self) -> nn.Module:
        """The part that may come from a backbone."""

    def parameters(self) -> Iterator[nn.Parameter]:
        """All of them, those of the encoder included."""

    def stages(self) -> list[list[nn.Parameter]]:
        """Parameters of the encoder, stage by stage from the stem to the deepest."""

    def score_layers(self) -> Sequence[nn.Module]:
        """The layers that give the scores of classes."""


def make_optimizer(
    network: Network, optimisation: Optimisation, transfer: Transfer = "parameter"
) -> torch.optim.Optimizer:
    """An optimiser over the whole network, frozen parts too; those are left alone while they have no gradient.

    What starts new learns at the full rate, what was transferred at a share of it: the deepest stage of the encoder at
    `encoder_share`, every earlier one at 0.8 of the next, since early features serve any images. After a structure
    transfer only the layers of class scores are new. With Adam and AdamW, whose first steps are as large as any, the
    rate of a transferred part rises over its first 50 steps, so that thawing it spoils nothing.

    Args:
        network: on the device it will train on.
        optimisation: which optimiser, its rate and the share of it.
        transfer: with ``none`` all learns at the full rate.

    Returns:
        AdamW, Adam or SGD with Nesterov momentum. Each group holds its rate at a factor of 1 as ``full_rate``, and as
        ``rising`` the steps until it has it. Weights are pulled back by a `Regulariser`, but for Adam's decay, which is
        part of its gradient.

    Sources: Howard & Ruder 2018, section 3.2 (rates by depth); Loshchilov & Hutter 2019 (what tells AdamW from Adam);
    Ma & Yarats 2021 (linear warm-up for Adam).
    """
    rate = full_rate(optimisation)
    decay = optimisation.strength * _ADAM_STRENGTH if _in_gradient(optimisation) else 0.0
    groups: list[dict[str, Any]] = []
    for parameters, share, rising in _parts(network, transfer, optimisation.encoder_share):
        for chosen, pulled in (
            ([p for p in parameters if _is_kernel(p)], decay),
            ([p for p in parameters if not _is_kernel(p)], 0.0),
        ):
            if chosen:
                own = rate * share
                own_rates = {"lr": own, "full_rate": own, "rising": rising}
                groups.append({"params": chosen, **own_rates, "weight_decay": pulled})
    # Fused steps take a third of the time on a CPU.
    match optimisation.optimizer:
        case "adamw":
            return torch.optim.AdamW(groups, fused=True)
        case "adam":
            return torch.optim.Adam(groups, fused=True)
        case "sgd":
            return torch.optim.SGD(groups, lr=rate, momentum=_MOMENTUM, nesterov=True, fused=True)


def full_rate(optimisation: Optimisation) -> float:
    """Learning rate of what starts new: the one asked for, else one that suits the optimiser."""
    return _RATES[optimisation.optimizer] if optimisation.rate is None else optimisation.rate


def set_rates(optimizer: torch.optim.Optimizer, factor: float) -> None:
    """Set every learning rate to `factor` times its full one, or to the part of that to which it has risen.

    The factor is that of `segstudio.learn.training.schedule.rate`.
    """
    for group in optimizer.param_groups:
        group["lr"] = group["full_rate"] * factor * _risen(optimizer, group)


def _risen(optimizer: torch.optim.Optimizer, group: dict[str, Any]) -> float:
    """How far the rate of a group has risen, by the steps Adam has counted; steps of SGD start small anyway."""
    if not group["rising"] or not isinstance(optimizer, torch.optim.Adam | torch.optim.AdamW):
        return 1.0
    counted = next((optimizer.state[p]["step"] for p in group["params"] if p in optimizer.state), 0)
    risen = (float(counted) + 1) / float(group["rising"])
    if risen >= 1:
        group["rising"] = 0  # nobody needs to look again
    return min(1.0, risen)


def lower_rates(optimizer: torch.optim.Optimizer, factor: float) -> None:
    """Multiply the full rates, and those of the moment, by `factor` for good."""
    for group in optimizer.param_groups:
        group["full_rate"] *= factor
        group["lr"] *= factor


def clip(network: Network, largest: float | None) -> float:
    """Shorten the gradient to a norm of at most `largest`, so that no single odd batch can do much.

    Returns:
        The norm it had; when that is no finite number, the gradient is left as it is and should not be used. None for
        `largest` only measures.
    """
    parameters = [parameter for parameter in network.parameters() if parameter.grad is not None]
    norm = nn.utils.get_total_norm([parameter.grad for parameter in parameters if parameter.grad is not None])
    value = float(norm)
    if largest is not None and math.isfinite(value):
        nn.utils.clip_grads_with_norm_(parameters, largest, norm)
    return value


class Regulariser:
    """Pulls weights back after each step: toward zero, or what was transferred toward where it started.

    Only kernels are pulled; norm layers and biases go free, and so does what has no gradient, frozen parts above all.
    One step pulls by a share of the way that depends on the strength and on where schedule and depth have the learning
    rate, not on the rate itself: so a strength means the same to every optimiser.

    Make it on the device where the network trains, while it still has the weights it starts from: before those of an
    interrupted run are put in.

    Sources: Loshchilov & Hutter 2019, algorithm 2 (decoupled decay); Li et al. 2018, eq. 3 (L2-SP). There the pull to
    the start is ten times the one to zero, and the momentum of SGD makes it ten times stronger: a hundred times here.
    """

    def __init__(self, network: Network, optimisation: Optimisation, transfer: Transfer = "parameter") -> None:
        self._rate = full_rate(optimisation)
        self._strength = 0.0 if _in_gradient(optimisation) else optimisation.strength
        self._starts: dict[nn.Parameter, Tensor] = {}
        if optimisation.regulariser == "l2sp":
            kept = _transferred(network, transfer)
            self._starts = {p: p.detach().clone() for p in network.parameters() if p in kept and _is_kernel(p)}

    @torch.no_grad()
    def pull(self, optimizer: torch.optim.Optimizer) -> None:
        """Pull once, after a step of `optimizer`, which tells the learning rates of the moment."""
        if not self._strength:
            return
        for group in optimizer.param_groups:
            share = _PULL * self._strength * group["lr"] / self._rate
            moving = [p for p in group["params"] if _is_kernel(p) and p.requires_grad and p.grad is not None]
            if shrinking := [p for p in moving if p not in self._starts]:
                torch._foreach_mul_(shrinking, 1 - min(1.0, share))
            if returning := [p for p in moving if p in self._starts]:
                starts = [self._starts[p] for p in returning]
                torch._foreach_lerp_(returning, starts, min(1.0, share * _START_STRENGTH))


def _is_kernel(parameter: nn.Parameter) -> bool:
    return parameter.ndim > 1


def _in_gradient(optimisation: Optimisation) -> bool:
    return optimisation.optimizer == "adam" and optimisation.regulariser == "decay"


def _transferred(network: Network, transfer: Transfer) -> set[nn.Parameter]:
    """What did not start new."""
    if transfer == "none":
        return set()
    if transfer == "structure":
        new = {parameter for layer in network.score_layers() for parameter in layer.parameters()}
        return {parameter for parameter in network.parameters() if parameter not in new}
    return set(network.encoder.parameters())


def _parts(network: Network, transfer: Transfer, encoder_share: float) -> list[tuple[list[nn.Parameter], float, int]]:
    """Parameters with the share of the full rate they learn at, and the steps in which that rises: stages from the stem
    on, then what else was transferred, then what is new."""
    transferred = _transferred(network, transfer)
    stages = network.stages() if transferred else []
    deepest = len(stages) - 1
    parts = [(stage, encoder_share * _STAGE_FACTOR ** (deepest - at), _RISING) for at, stage in enumerate(stages)]
    placed = {parameter for stage in stages for parameter in stage}
    others = [parameter for parameter in network.parameters() if parameter not in placed]
    parts.append(([parameter for parameter in others if parameter in transferred], encoder_share, _RISING))
    parts.append(([parameter for parameter in others if parameter not in transferred], 1.0, 0))
    return parts
