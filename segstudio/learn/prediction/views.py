"""Test-time augmentation: what a network says of mirrored and scaled views of one tile, averaged."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from segstudio.learn.networks.network import STRIDE
from segstudio.learn.prediction.tta import Tta

_SCALES = (1.0, 0.75, 1.25)
_ROWS, _COLUMNS = -2, -1
_SMALLEST_INPUT = 64


def mirrors(settings: Mapping[str, Any]) -> tuple[tuple[int, ...], ...]:
    """The ways of mirroring that a model has seen in training: left to right, and top to bottom if it did.

    Args:
        settings: of its training, as its card holds them.

    Returns:
        For each view the dimensions to flip; the first view is the image itself.
    """
    augmentation = settings.get("augmentation")
    vertical = isinstance(augmentation, Mapping) and augmentation.get("flip_vertical") is True
    both = ((_ROWS,), (_ROWS, _COLUMNS)) if vertical else ()
    return ((), (_COLUMNS,), *both)


def averaged(
    network: Callable[[Tensor], Tensor], images: Tensor, tta: Tta, flips: tuple[tuple[int, ...], ...]
) -> Tensor:
    """Class probabilities, the mean over the views that `tta` asks for.

    Every view is turned back exactly: mirrored sides are multiples of the stride, and scaling goes by the corners of
    pixels there and back.

    Args:
        network: gives ``(1, K, h, w)`` scores of ``(1, C, h, w)``.
        images: ``(1, C, H, W)`` float, H and W multiples of 32.
        tta: which views.
        flips: see `mirrors`.

    Returns:
        ``float32 (K, H, W)``.
    """
    if tta == "none":
        return network(images)[0].float().softmax(0)
    size = images.shape[-2:]
    total: Tensor | None = None
    scales = _SCALES if tta == "flips and scales" else (1.0,)
    for scale in scales:
        scaled = _resized(images, _scaled_size(size, scale))
        for dimensions in flips:
            scores = network(scaled.flip(dimensions))[0].float().softmax(0).flip(dimensions)
            scores = _resized(scores[None], size)[0]
            total = scores if total is None else total + scores
    assert total is not None
    return total / (len(scales) * len(flips))


def _scaled_size(size: torch.Size, scale: float) -> torch.Size:
    return torch.Size(max(_SMALLEST_INPUT, round(side * scale / STRIDE) * STRIDE) for side in size)


def _resized(images: Tensor, size: torch.Size) -> Tensor:
    if images.shape[-2:] == size:
        return images
    smaller = size[0] < images.shape[-2]
    return functional.interpolate(images, size=list(size), mode="bilinear", align_corners=False, antialias=smaller)
