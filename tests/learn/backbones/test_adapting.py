"""The first convolution takes any number of channels, and grey is what repeated grey was."""

from collections.abc import Sequence

import pytest
import segmentation_models_pytorch as smp
import timm
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from segstudio.errors import UsageError
from segstudio.learn.backbones.adapting import adapt_input, adapt_kernel, first_convolution, normalisation_for
from segstudio.learn.backbones.registry import BACKBONES, Backbone, find_backbone
from segstudio.learn.backbones.timm_encoders import empty_encoder

EVERY = pytest.mark.parametrize("backbone", BACKBONES.values(), ids=lambda item: item.name)


def normalised(image: Tensor, backbone: Backbone, channels: int) -> Tensor:
    """``(N, C, H, W)`` in 0..1 as the network gets it."""
    values = normalisation_for(backbone, channels)
    mean, std = (torch.tensor(values[key]).view(1, -1, 1, 1) for key in ("mean", "std"))
    return (image - mean) / std


def features(encoder: nn.Module, batch: Tensor) -> Sequence[Tensor]:
    with torch.inference_mode():
        found: Sequence[Tensor] = encoder.eval()(batch)
    return found


@EVERY
def test_grey_alone_is_what_grey_repeated_as_colours_was(backbone: Backbone) -> None:
    torch.manual_seed(1)
    encoder = empty_encoder(backbone.encoder)
    grey = torch.rand(1, 1, 64, 64)
    convolution = first_convolution(encoder)[1].to_empty(device="cpu")
    convolution.reset_parameters()
    before = convolution(normalised(grey.expand(-1, 3, -1, -1), backbone, 3))
    line = adapt_input(encoder, 1, backbone=backbone)
    after = convolution(normalised(grey, backbone, 1))
    # Where it pads, three means cannot be one grey value; where they are equal, the border is exact too.
    border = 0 if len(set(backbone.mean)) == 1 else 2
    inside = slice(border, after.shape[-1] - border)
    torch.testing.assert_close(after[..., inside, inside], before[..., inside, inside], atol=2e-5, rtol=1e-4)
    assert line == "The first convolution takes 1 channel: the sum of the colour kernels, as if grey were repeated."


def test_the_whole_encoder_sees_grey_as_before() -> None:
    lite = find_backbone("efficientnet_lite0")
    torch.manual_seed(1)
    encoder = timm.create_model(lite.encoder, features_only=True)
    grey = torch.rand(2, 1, 64, 64)
    before = features(encoder, normalised(grey.expand(-1, 3, -1, -1), lite, 3))
    adapt_input(encoder, 1, backbone=lite)
    assert first_convolution(encoder)[1].bias is None
    for old, new in zip(before, features(encoder, normalised(grey, lite, 1)), strict=True):
        torch.testing.assert_close(new, old, atol=1e-5, rtol=1e-4)


def test_without_a_backbone_means_count_as_equal_and_grey_is_exact_at_borders_too() -> None:
    torch.manual_seed(1)
    encoder = timm.create_model("resnet18", features_only=True)
    grey = torch.randn(1, 1, 64, 64)
    before = features(encoder, grey.expand(-1, 3, -1, -1))[0]
    adapt_input(encoder, 1)
    torch.testing.assert_close(features(encoder, grey)[0], before, atol=1e-5, rtol=1e-4)


@EVERY
@pytest.mark.parametrize("channels", [1, 5])
def test_every_encoder_takes_any_number_of_channels(backbone: Backbone, channels: int) -> None:
    encoder = empty_encoder(backbone.encoder)
    line = adapt_input(encoder, channels, backbone=backbone)
    stages = features(encoder, torch.zeros(1, channels, 64, 64, device="meta"))
    assert tuple(stages[-1].shape[-2:]) == (2, 2)
    assert line.startswith(f"The first convolution takes {channels} channel")
    assert "\n" not in line


def test_a_network_of_smp_takes_five_channels_after_its_encoder_does() -> None:
    network = smp.FPN("tu-resnet18", encoder_weights=None, classes=2).eval()
    adapt_input(network.encoder, 5)
    with torch.inference_mode():
        assert network(torch.zeros(1, 5, 64, 64)).shape == (1, 2, 64, 64)


def test_more_channels_keep_the_colours_and_the_size_of_activations() -> None:
    torch.manual_seed(0)
    kernel = torch.randn(8, 3, 3, 3)
    made, how = adapt_kernel(kernel, 5)
    torch.testing.assert_close(made[:, :3], kernel * 3 / 5)
    torch.testing.assert_close(made[:, 4:], kernel.mean(1, keepdim=True) * 3 / 5)
    assert "3/5" in how


@settings(max_examples=30)
@given(before=st.integers(1, 6), after=st.integers(1, 6), seed=st.integers(0, 99))
def test_the_answer_to_one_value_in_all_channels_is_kept(before: int, after: int, seed: int) -> None:
    """The sum over channels is what an even input gets; it stays the same, whatever the numbers of channels."""
    kernel = torch.randn(4, before, 3, 3, generator=torch.Generator().manual_seed(seed))
    made, _ = adapt_kernel(kernel, after)
    assert made.shape == (4, after, 3, 3)
    torch.testing.assert_close(made.sum(1), kernel.sum(1), atol=1e-5, rtol=1e-4)


def test_as_many_channels_as_before_change_nothing() -> None:
    encoder = timm.create_model("resnet18", features_only=True)
    kernel = first_convolution(encoder)[1].weight
    assert adapt_input(encoder, 3) == "The first convolution takes 3 channels as pretrained."
    assert first_convolution(encoder)[1].weight is kernel


def test_a_frozen_encoder_stays_frozen() -> None:
    encoder = timm.create_model("resnet18", features_only=True).requires_grad_(False)
    adapt_input(encoder, 1, backbone=find_backbone("resnet18"))
    assert not any(parameter.requires_grad for parameter in encoder.parameters())


def test_normalisation_has_a_value_for_each_channel() -> None:
    resnet = find_backbone("resnet34")
    assert normalisation_for(resnet, 3) == {"mean": list(resnet.mean), "std": list(resnet.std)}
    for channels in (1, 2, 5):
        found = normalisation_for(resnet, channels)
        assert [len(found["mean"]), len(found["std"])] == [channels, channels]
        assert found["mean"][-1] == pytest.approx(sum(resnet.mean) / 3)


def test_what_cannot_be_is_one_line() -> None:
    with pytest.raises(UsageError, match="0 channels"):
        adapt_input(nn.Conv2d(3, 4, 3), 0)
    with pytest.raises(UsageError, match="no convolution"):
        adapt_input(nn.Linear(3, 4), 1)
