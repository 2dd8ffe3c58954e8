"""Every decoder meets the same contract, and frozen means bit-identical."""

import pytest
import torch

from segstudio.errors import UsageError
from segstudio.learn.backbones import find_backbone
from segstudio.learn.networks import DECODERS, SegmentationNetwork, build_network
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


@pytest.mark.parametrize("decoder", ["fpn", "unet", "segformer"])
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


def test_an_unknown_decoder_lists_the_known() -> None:
    with pytest.raises(UsageError, match=r"no decoder 'mask'\. Choose one of fpn, unet"):
        build_network(LITE, "mask", 2, "parameter")
