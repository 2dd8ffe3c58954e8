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
    average.update()
    assert values(average) == {3}


def test_recent_steps_count_most_and_counters_are_copied(network: SegmentationNetwork) -> None:
    average = WeightAverage(network)
    expected = 0.0
    for step in range(1, 5):
        fill(network, step)
        average.update()
        weight = 10 / (step + 9)
        expected += weight * (step - expected)
    assert sorted(values(average)) == pytest.approx([expected], abs=1e-3)
    counters = [tensor for tensor in average.network.state_dict().values() if not tensor.is_floating_point()]
    assert counters
    assert all(bool((tensor == 4).all()) for tensor in counters)


def test_the_average_is_apart_from_the_network(network: SegmentationNetwork) -> None:
    average = WeightAverage(network)
    fill(network, 3)
    average.update()
    fill(network, 8)
    assert values(average) == {3}
    assert not average.network.training
    assert not any(parameter.requires_grad for parameter in average.network.parameters())


def test_what_does_not_learn_stays_what_it_was_to_the_bit(network: SegmentationNetwork) -> None:
    network.pin_norm(True)
    network.train()
    network.thaw(0)
    average = WeightAverage(network)
    before = {name: tensor.clone() for name, tensor in average.network.state_dict().items()}
    for _ in range(3):
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.add_(1.0 if parameter.requires_grad else 0.0)
        average.update()
    for name, tensor in average.network.state_dict().items():
        learns = not name.startswith("encoder.") and name in dict(network.named_parameters())
        assert tensor.equal(before[name]) != learns, name


def test_what_starts_to_learn_later_is_followed_from_then_on(network: SegmentationNetwork) -> None:
    network.thaw(0)
    average = WeightAverage(network)
    average.update()
    network.thaw(len(network.stages()))
    first = next(network.encoder.parameters())
    own = next(average.network.encoder.parameters()).clone()
    with torch.no_grad():
        first.add_(1.0)
    average.update()
    moved = next(average.network.encoder.parameters())
    assert torch.allclose(moved, own + 10 / 11, atol=1e-5)
