"""Weight files to bring: whole classifiers with values that can be told apart."""

import torch
from torch import Tensor, nn

from segstudio.learn.backbones.registry import Backbone
from segstudio.learn.backbones.timm_encoders import empty_classifier, empty_encoder


def filled(shapes: dict[str, Tensor], seed: int = 0) -> dict[str, Tensor]:
    """Random tensors of these names and shapes; variances are positive."""
    generator = torch.Generator().manual_seed(seed)
    made = {}
    for name, tensor in shapes.items():
        if not tensor.is_floating_point():
            made[name] = torch.zeros(tensor.shape, dtype=tensor.dtype)
        elif name.endswith("running_var"):
            made[name] = torch.rand(tensor.shape, generator=generator) + 0.5
        else:
            made[name] = torch.randn(tensor.shape, generator=generator) * 0.05
    return made


def classifier_state(backbone: Backbone) -> dict[str, Tensor]:
    """What a file of timm holds for the backbone: encoder and classifier, random."""
    return filled(empty_classifier(backbone.encoder).state_dict())


def empty_like(backbone: Backbone) -> nn.Module:
    """A feature extractor of the backbone, ready to be loaded; until then its values are arbitrary."""
    return empty_encoder(backbone.encoder).to_empty(device="cpu").eval()
