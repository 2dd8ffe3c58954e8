"""The candidate: a running average of the weights, steadier than the weights themselves."""

import copy

import torch

from segstudio.learn.networks.network import SegmentationNetwork

_ETA = 9.0
_LONGEST = 0.999  # decay: about the last thousand steps


class WeightAverage:
    """Averages the weights of a network, recent steps counting most.

    The average reaches over about the last tenth of all steps so far, so it needs no tuning to the length of the run,
    and the random start has left it after a few steps.

    Attributes:
        network: a copy in eval mode that carries the average.
        steps: how many it is the average of.

    Source: Shamir & Zhang 2013, polynomial-decay averaging with eta = 9; the decay is capped for open-ended runs.
    """

    def __init__(self, network: SegmentationNetwork) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self.steps = 0

    @torch.no_grad()
    def update(self, network: SegmentationNetwork) -> None:
        """Take in the weights after one more step."""
        self.steps += 1
        weight = max((_ETA + 1) / (self.steps + _ETA), 1 - _LONGEST)
        mine, theirs = [], []
        for own, new in zip(self.network.state_dict().values(), network.state_dict().values(), strict=True):
            if own.is_floating_point():
                mine.append(own)
                theirs.append(new)
            else:  # a counter, which has no average
                own.copy_(new)
        torch._foreach_lerp_(mine, theirs, weight)
