"""The candidate follows the network and forgets its start."""

import copy

import pytest
import torch

from segstudio.learn.backbones.registry import find_backbone
from segstudio.learn.networks.network import SegmentationNetwork, build_network
from segstudio.learn.training.averaging import WeightAverage


@pytest.fixture(scope="module")
def built() -> SegmentationNetwork:
    torch.manual_seed(0)
    return build_network(find_backbone("efficientnet_lite0"), "fpn", 2, "none", pretrained=False)


@pytest.fixture
def network(built: SegmentationNetwork) -> SegmentationNetwork:
    return copy.deepcopy(built)


def fill(network: SegmentationNetwork, value: float) -> None:
    for tensor in network.state_dict().values():
        tensor.fill_(value)


def values(average: WeightAverage) -> set[float]:
    return {
        round(value, 4)
        for tensor in average.network.state_dict().values()
        if tensor.is_floating_point()
        for value in tensor.unique().tolist()
    }


def test_the_first_step_replaces_the_random_start(network: SegmentationNetwork) -> None:
    average = WeightAverage(network)
    fill(network, 3)
    average.update(network)
    assert values(average) == {3}


def test_recent_steps_count_most_and_counters_are_copied(network: SegmentationNetwork) -> None:
    average = WeightAverage(network)
    expected = 0.0
    for step in range(1, 5):
        fill(network, step)
        average.update(network)
        weight = 10 / (step + 9)
        expected += weight * (step - expected)
    assert sorted(values(average)) == pytest.approx([expected], abs=1e-3)
    counters = [tensor for tensor in average.network.state_dict().values() if not tensor.is_floating_point()]
    assert counters
    assert all(bool((tensor == 4).all()) for tensor in counters)


def test_the_average_is_apart_from_the_network(network: SegmentationNetwork) -> None:
    average = WeightAverage(network)
    fill(network, 3)
    average.update(network)
    fill(network, 8)
    assert values(average) == {3}
    assert not average.network.training
    assert not any(parameter.requires_grad for parameter in average.network.parameters())
