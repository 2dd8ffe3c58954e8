"""The candidate: a running average of the weights, steadier than the weights themselves."""

import copy

import torch
from torch import Tensor

from segstudio.learn.networks.network import SegmentationNetwork

_ETA = 9.0
_LONGEST = 0.999  # decay: about the last thousand steps


class WeightAverage:
    """Averages the weights of a network, recent steps counting most.

    The average reaches over about the last tenth of all steps so far, so it needs no tuning to the length of the run,
    and the random start has left it after a few steps.

    Args:
        network: whose weights; they are followed in place.

    Attributes:
        network: a copy in eval mode that carries the average.
        steps: how many it is the average of.

    Source: Shamir & Zhang 2013, polynomial-decay averaging with eta = 9; the decay is capped for open-ended runs.
    """

    def __init__(self, network: SegmentationNetwork) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self.steps = 0
        # Found once: to ask a network for its state at every step takes longer than to average a decoder.
        self._parameters = list(zip(self.network.parameters(), network.parameters(), strict=True))
        modules = zip(self.network.modules(), network.modules(), strict=True)
        self._buffers = [
            (own, new, module)
            for average, module in modules
            for own, new in zip(average.buffers(recurse=False), module.buffers(recurse=False), strict=True)
        ]

    @torch.no_grad()
    def update(self) -> None:
        """Take in the weights of the network after one more step.

        What does not learn is what it was from the start, and is left alone: parameters without a gradient, and the
        statistics of norm layers that are pinned.
        """
        self.steps += 1
        weight = max((_ETA + 1) / (self.steps + _ETA), 1 - _LONGEST)
        moved: list[tuple[Tensor, Tensor]] = [(own, new) for own, new in self._parameters if new.requires_grad]
        for own, new, module in self._buffers:
            if module.training and own.is_floating_point():
                moved.append((own, new))
            elif module.training:  # a counter, which has no average
                own.copy_(new)
        if moved:
            torch._foreach_lerp_([own for own, _ in moved], [new for _, new in moved], weight)
