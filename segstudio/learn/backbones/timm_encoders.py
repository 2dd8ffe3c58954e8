"""Any encoder of timm as a backbone, described by what timm says of it."""

from difflib import get_close_matches
from functools import lru_cache

import timm
import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from segstudio.errors import UsageError
from segstudio.learn.backbones.registry import MACS_SIDE, TIMM_PREFIX, Backbone

# Strides of the features; what decoders of segmentation_models_pytorch can take, down to the deepest stage.
_PYRAMIDS = ([4, 8, 16, 32], [2, 4, 8, 16, 32], [1, 2, 4, 8, 16, 32])
_LICENCES = {"apache-2.0": "Apache-2.0", "bsd-3-clause": "BSD-3-Clause", "mit": "MIT"}
_ANOTHER = "Choose another, for instance timm:regnety_002"


@lru_cache(maxsize=64)
def describe(name: str) -> Backbone:
    """The encoder `name` of timm, with or without a tag for its weights, as a backbone ``timm:NAME``.

    Raises:
        UsageError: when timm has no such model or tag (the line has those that are close), or when the model cannot
            be the encoder of a segmentation network.
    """
    encoder = _build(name)
    published = timm.get_pretrained_cfg(name)
    mean, std = tuple(published.mean), tuple(published.std)
    if len(mean) != 3 or len(std) != 3:
        raise UsageError(f"timm's '{name}' was not trained on RGB images", remedy=_ANOTHER)
    try:
        macs = count_macs(encoder)
    except (RuntimeError, AssertionError, ValueError) as error:
        raise UsageError(f"timm's '{name}' takes images of one size only", remedy=_ANOTHER) from error
    hub = published.hf_hub_id or ""
    return Backbone(
        name=f"{TIMM_PREFIX}{name}",
        title=f"{name} (timm)",
        encoder=name,
        parameters=sum(parameter.numel() for parameter in encoder.parameters()),
        macs=macs,
        mean=mean,
        std=std,
        weights="hub" if hub else "none",
        source=hub or "no published weights",
        licence=_LICENCES.get(published.license or "", published.license or "unknown"),
        hub=hub,
        hub_file=published.hf_hub_filename or "model.safetensors",
    )


def empty_encoder(name: str) -> nn.Module:
    """timm's feature extractor `name` on the meta device: names and shapes without memory."""
    with torch.device("meta"):
        built: nn.Module = timm.create_model(name, features_only=True)
    return built


def empty_classifier(name: str) -> nn.Module:
    """timm's whole classifier `name` on the meta device: names and shapes without memory."""
    with torch.device("meta"):
        built: nn.Module = timm.create_model(name)
    return built


def count_macs(encoder: nn.Module, side: int = MACS_SIDE) -> int:
    """Multiplications with addition that convolutions and linear layers do for one RGB image.

    Args:
        encoder: on the meta device, so that nothing is computed.
        side: of the square image, in pixels.
    """
    total = 0

    def count(module: nn.Module, _: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal total
        weight = module.weight
        assert isinstance(weight, Tensor)
        total += output.numel() * weight[0].numel()

    handles: list[RemovableHandle] = [
        module.register_forward_hook(count) for module in encoder.modules() if isinstance(module, nn.Conv2d | nn.Linear)
    ]
    training = encoder.training
    try:
        with torch.no_grad():
            encoder.eval()(torch.zeros(1, 3, side, side, device="meta"))
    finally:
        encoder.train(training)
        for handle in handles:
            handle.remove()
    return total


def _build(name: str) -> nn.Module:
    architecture, _, tag = name.partition(".")
    if not timm.is_model(architecture):
        near = get_close_matches(architecture, timm.list_models(), n=3)
        remedy = f"Did you mean {', '.join(TIMM_PREFIX + other for other in near)}" if near else _ANOTHER
        raise UsageError(f"timm has no encoder '{name}'", remedy=remedy)
    tags = [other.partition(".")[2] for other in timm.list_pretrained(architecture)]
    if tag and tag not in tags:
        known = f"Choose one of {', '.join(f'{TIMM_PREFIX}{architecture}.{other}' for other in tags)}"
        raise UsageError(
            f"timm has no weights '{tag}' of {architecture}", remedy=known if tags else f"Use timm:{architecture}"
        )
    try:
        encoder = empty_encoder(name)
        strides = list(encoder.feature_info.reduction())  # type: ignore[union-attr,operator]
    except (RuntimeError, AssertionError, AttributeError, TypeError, ValueError, KeyError) as error:
        raise UsageError(f"timm's '{name}' cannot be an encoder", remedy=_ANOTHER) from error
    if strides not in _PYRAMIDS:
        raise UsageError(f"timm's '{name}' gives no pyramid of features down to 1/32", remedy=_ANOTHER)
    return encoder
