"""Every decoder meets the same contract, and frozen means bit-identical."""

import pytest
import torch

from segstudio.learn.backbones.adapting import adapt_input
from segstudio.learn.backbones.registry import find_backbone
from segstudio.learn.networks.decoders import DECODERS
from segstudio.learn.networks.network import SegmentationNetwork, build_network
from segstudio.learn.request import Transfer

LITE = find_backbone("efficientnet_lite0")


def one_step(network: SegmentationNetwork) -> None:
    optimizer = torch.optim.SGD([p for p in network.parameters() if p.requires_grad], lr=0.1)
    network.train()
    network(torch.randn(2, 3, 64, 64)).square().mean().backward()
    optimizer.step()


@pytest.mark.parametrize("decoder", DECODERS)
def test_scores_have_the_size_of_the_image(decoder: str) -> None:
    network = build_network(LITE, decoder, 3, "parameter").eval()
    with torch.inference_mode():
        assert network(torch.zeros(1, 3, 64, 96)).shape == (1, 3, 64, 96)


@pytest.mark.parametrize("decoder", ["fpn", "unet", "fpnfine", "light", "segformer", "linknet"])
def test_no_statistic_is_taken_over_the_image(decoder: str) -> None:
    """Or a tile would say something else than the whole image; DeepLab's image pooling does so by design."""
    torch.manual_seed(0)
    network = build_network(LITE, decoder, 3, "parameter").eval()
    image = torch.randn(1, 3, 64, 1600)
    changed = image.clone()
    changed[..., 1400:] = 5.0
    with torch.inference_mode():
        before, after = network(image), network(changed)
    assert torch.allclose(before[..., :64], after[..., :64], atol=1e-4)
    assert not torch.allclose(before[..., 1400:], after[..., 1400:], atol=1e-4)


@pytest.mark.parametrize("decoder", DECODERS)
def test_feature_transfer_leaves_the_encoder_bit_identical(decoder: str) -> None:
    torch.manual_seed(0)
    network = build_network(LITE, decoder, 2, "feature")
    before = {name: value.clone() for name, value in network.state_dict().items()}
    one_step(network)
    after = network.state_dict()
    for name, value in before.items():
        if name.startswith("encoder."):
            assert torch.equal(value, after[name]), name
    assert any(not torch.equal(value, after[name]) for name, value in before.items() if name.startswith("decoder."))


def test_parameter_transfer_trains_the_encoder_but_keeps_its_statistics() -> None:
    torch.manual_seed(0)
    network = build_network(LITE, "fpn", 2, "parameter")
    before = {name: value.clone() for name, value in network.encoder.state_dict().items()}
    one_step(network)
    changed = {name for name, value in network.encoder.state_dict().items() if not torch.equal(value, before[name])}
    assert "model.conv_stem.weight" in changed
    assert not any("running" in name for name in changed)


def test_without_transfer_the_start_is_random_and_statistics_adapt() -> None:
    torch.manual_seed(0)
    first, second = build_network(LITE, "fpn", 2, "none"), build_network(LITE, "fpn", 2, "parameter")
    one, other = first.encoder.state_dict(), second.encoder.state_dict()
    assert not torch.equal(one["model.conv_stem.weight"], other["model.conv_stem.weight"])
    before = one["model.bn1.running_mean"].clone()
    one_step(first)
    assert not torch.equal(before, first.encoder.state_dict()["model.bn1.running_mean"])


def test_freezing_can_be_undone() -> None:
    network = build_network(LITE, "fpn", 2, "parameter")
    network.freeze(True)
    assert not any(parameter.requires_grad for parameter in network.encoder.parameters())
    network.freeze(False)
    assert all(parameter.requires_grad for parameter in network.encoder.parameters())


@pytest.mark.parametrize("transfer", ["parameter", "feature"])
def test_training_mode_does_not_wake_pinned_norm_layers(transfer: Transfer) -> None:
    network = build_network(LITE, "unet", 2, transfer)
    network.eval().train()
    norms = [m for m in network.encoder.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert norms
    assert not any(norm.training for norm in norms)
    assert any(m.training for m in network.decoder.modules() if isinstance(m, torch.nn.BatchNorm2d))


def test_stages_hold_every_parameter_once_from_the_stem_to_the_deepest() -> None:
    network = build_network(LITE, "fpn", 2, "parameter")
    stages = network.stages()
    named = {id(parameter): name for name, parameter in network.encoder.named_parameters()}
    assert len(stages) == 5
    assert sorted(id(parameter) for stage in stages for parameter in stage) == sorted(named)
    assert "model.conv_stem.weight" in {named[id(parameter)] for parameter in stages[0]}
    depths = [{int(named[id(p)].split(".")[2]) for p in stage if ".blocks." in named[id(p)]} for stage in stages]
    assert depths == [{0}, {1}, {2}, {3, 4}, {5, 6}]


def test_stages_follow_an_input_that_was_adapted() -> None:
    network = build_network(LITE, "fpn", 2, "parameter")
    first = network.stages()[0][0]
    adapt_input(network.encoder, 5)
    network.channels = 5
    assert network.stages()[0][0] is not first
    assert network.stages()[0][0].shape[1] == 5


@pytest.mark.parametrize("stages", [1, 3])
def test_only_the_deepest_stages_thaw(stages: int) -> None:
    """Also with norm layers that are not pinned: those of frozen stages must not drift."""
    torch.manual_seed(0)
    network = build_network(LITE, "fpn", 2, "parameter")
    network.pin_norm(False)
    network.thaw(stages)
    before = {name: value.clone() for name, value in network.encoder.state_dict().items()}
    one_step(network)
    changed = {name for name, value in network.encoder.state_dict().items() if not torch.equal(value, before[name])}
    deepest = {name for at in range(5 - stages, 5) for name in names_of(network, at)}
    assert deepest <= changed
    moving = {name.rpartition(".")[0] for name in deepest}
    assert {name.rpartition(".")[0] for name in changed} == moving
    assert not network.frozen


@pytest.mark.parametrize(("stages", "frozen"), [(0, True), (5, False), (9, False)])
def test_thawing_nothing_freezes_and_thawing_all_frees(stages: int, frozen: bool) -> None:
    network = build_network(LITE, "fpn", 2, "parameter")
    network.thaw(2)
    network.thaw(stages)
    assert network.frozen == frozen
    assert {parameter.requires_grad for parameter in network.encoder.parameters()} == {not frozen}


def test_forward_is_features_then_decode() -> None:
    network = build_network(LITE, "fpnfine", 2, "feature").eval()
    images = torch.randn(1, 3, 64, 64)
    features = network.features(images)
    assert [feature.shape[-1] for feature in features] == [64, 32, 16, 8, 4, 2]
    assert torch.equal(network(images), network.decode(features))


@pytest.mark.parametrize(
    ("decoder", "places"), [("fpn", (2, 3, 4, 5)), ("deeplabv3plus", (2, 5)), ("light", (1, 2, 3, 4, 5))]
)
def test_what_a_decoder_does_not_read_changes_no_score(decoder: str, places: tuple[int, ...]) -> None:
    network = build_network(LITE, decoder, 2, "feature").eval()
    assert network.reads() == places
    features = network.features(torch.randn(1, 3, 64, 64))
    blank = [feature if at in places else torch.zeros_like(feature) for at, feature in enumerate(features)]
    assert torch.equal(network.decode(features), network.decode(blank))


def test_asking_for_stages_and_reads_changes_nothing() -> None:
    network = build_network(LITE, "fpn", 2, "none").train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    random = torch.get_rng_state()
    network.stages()
    network.reads()
    assert torch.equal(torch.get_rng_state(), random)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert network.training


@pytest.mark.parametrize("channels", [1, 4, 7])
def test_other_channels_are_adapted_and_said(channels: int) -> None:
    network = build_network(LITE, "fpn", 2, "parameter", channels=channels).eval()
    assert network.channels == channels
    assert str(channels) in network.input_note
    with torch.inference_mode():
        assert network(torch.zeros(1, channels, 64, 64)).shape == (1, 2, 64, 64)
    assert build_network(LITE, "fpn", 2, "none").input_note == ""


def names_of(network: SegmentationNetwork, stage: int) -> set[str]:
    wanted = {id(parameter) for parameter in network.stages()[stage]}
    return {name for name, parameter in network.encoder.named_parameters() if id(parameter) in wanted}
