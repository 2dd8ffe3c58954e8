"""Every decoder stands on every encoder; our own are what their docstrings say."""

import functools

import pytest
import timm
import torch
from torch import nn

from segstudio.errors import UsageError
from segstudio.learn.backbones.registry import BACKBONES, find_backbone
from segstudio.learn.networks.decoders import DECODERS, FineFpn, Light, TwoScales, find_decoder
from segstudio.learn.networks.network import build_network

LITE = find_backbone("efficientnet_lite0")
OWN = ("fpnfine", "light")
WITHOUT_DILATION = {("deeplabv3plus", "vgg16")}


@pytest.fixture
def _encoders_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Encoders take long to make, and one can serve many decoders."""
    monkeypatch.setattr(timm, "create_model", functools.cache(timm.create_model))


@pytest.mark.usefixtures("_encoders_once")
@pytest.mark.parametrize("backbone", BACKBONES)
def test_every_decoder_stands_on_every_encoder(backbone: str) -> None:
    for decoder in DECODERS.values():
        if (decoder.name, backbone) in WITHOUT_DILATION:
            with pytest.raises(UsageError, match=r"DeepLabV3\+ does not work with VGG-16\. Choose"):
                build_network(find_backbone(backbone), decoder.name, 3, "none")
            continue
        network = build_network(find_backbone(backbone), decoder.name, 3, "none").train()
        network.encoder.eval()
        with torch.no_grad():
            scores = network(torch.zeros(decoder.smallest_batch, 3, 64, 64))
        assert scores.shape == (decoder.smallest_batch, 3, 64, 64), decoder.name


@pytest.mark.parametrize("decoder", [name for name in DECODERS if DECODERS[name].smallest_batch > 1])
def test_a_batch_below_the_smallest_is_refused_by_norm_layers(decoder: str) -> None:
    network = build_network(LITE, decoder, 3, "feature").train()
    with pytest.raises(ValueError, match="more than 1 value"):
        network(torch.zeros(1, 3, 64, 64))


@pytest.mark.parametrize("decoder", DECODERS)
def test_decoders_have_neither_dropout_nor_group_norm(decoder: str) -> None:
    modules = list(build_network(LITE, decoder, 2, "none").decoder.modules())
    assert not any(isinstance(module, nn.GroupNorm) for module in modules)
    assert not any(module.p for module in modules if isinstance(module, nn.Dropout | nn.Dropout2d))


def test_the_fine_part_starts_at_zero_and_learns() -> None:
    torch.manual_seed(0)
    network = build_network(LITE, "fpnfine", 3, "feature").train()
    head = network.head
    assert isinstance(head, TwoScales)
    assert head.fine is not None
    images = torch.randn(2, 3, 64, 64)
    scales = network.decoder(network.features(images))
    assert scales[0].shape == (2, 64, 16, 16)
    assert scales[1].shape == (2, 24, 32, 32)
    assert torch.equal(head(scales), head((scales[0], torch.randn_like(scales[1]))))
    optimizer = torch.optim.SGD(network.decoder.parameters(), lr=0.1)
    optimizer.add_param_group({"params": list(head.parameters())})
    network(images).square().mean().backward()
    optimizer.step()
    assert head.fine.weight.any()
    assert not torch.equal(head(scales), head((scales[0], torch.randn_like(scales[1]))))


def test_without_features_at_stride_2_the_image_serves() -> None:
    decoder = FineFpn([5, 0, 8, 16, 32, 64], width=4, pyramid=32, segmentation=32)
    features = [torch.randn(2, depth, 64 >> at, 64 >> at) for at, depth in enumerate((5, 0, 8, 16, 32, 64))]
    before = decoder.eval()(features)[1]
    features[0] = features[0] + 1
    assert not torch.equal(before, decoder(features)[1])


def test_light_scores_add_up_over_scales() -> None:
    """Each scale reaches the sum, enlarged to stride 4."""
    channels = [3, 4, 8, 16, 32, 64]
    decoder = Light(channels, width=6).eval()
    features = [torch.zeros(1, depth, 64 >> at, 64 >> at) for at, depth in enumerate(channels)]
    silent = decoder(features)[0]
    for at in range(2, 6):
        changed = list(features)
        changed[at] = torch.randn_like(features[at])
        assert not torch.equal(decoder(changed)[0], silent), at
    assert decoder(features)[1] is features[1]


def test_light_is_many_times_smaller_than_fpn() -> None:
    def size(decoder: str) -> int:
        with torch.device("meta"):
            network = build_network(LITE, decoder, 3, "none")
        return sum(parameter.numel() for parameter in network.decoder.parameters())

    assert size("light") * 10 < size("fpn")


@pytest.mark.parametrize("decoder", OWN)
def test_own_decoders_take_any_shape_of_multiples_of_32(decoder: str) -> None:
    network = build_network(LITE, decoder, 4, "none").eval()
    with torch.inference_mode():
        for height, width in ((32, 32), (64, 160), (96, 32)):
            assert network(torch.zeros(1, 3, height, width)).shape == (1, 4, height, width)


@pytest.mark.parametrize("decoder", DECODERS)
def test_every_decoder_has_its_score_layers_in_the_head(decoder: str) -> None:
    """What they give is the scores: zeroed, nothing is left of them."""
    network = build_network(LITE, decoder, 3, "none").eval()
    layers = network.score_layers()
    assert all(layer.out_channels == 3 for layer in layers)
    _zero(layers)
    with torch.inference_mode():
        assert not network(torch.randn(1, 3, 64, 64)).any()


def _zero(layers: list[nn.Conv2d]) -> None:
    assert layers
    for layer in layers:
        nn.init.zeros_(layer.weight)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)


def test_an_unknown_decoder_lists_the_known() -> None:
    with pytest.raises(UsageError, match=r"no decoder 'mask'\. Choose one of fpn, unet"):
        find_decoder("mask")
