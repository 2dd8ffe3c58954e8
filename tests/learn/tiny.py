"""The smallest network that can learn, for tests of what is around it."""

import torch
from torch import Tensor, nn

from segstudio.learn.networks.inheriting import StartedNetwork
from segstudio.learn.networks.network import SegmentationNetwork


class _Encoder(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.second = nn.Conv2d(4, 6, 3, stride=2, padding=1)

    def forward(self, images: Tensor) -> list[Tensor]:
        fine = self.norm(self.first(images)).relu()
        return [fine, self.second(fine).relu()]


class _Decoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.Conv2d(6, 4, 1)

    def forward(self, features: list[Tensor]) -> Tensor:
        deep: Tensor = nn.functional.interpolate(self.mix(features[1]), scale_factor=2.0)
        return deep + features[0]


def started(seed: int = 0, *, classes: int = 2, channels: int = 3) -> StartedNetwork:
    """A network of two stages, always with the same weights."""
    torch.manual_seed(seed)
    network = SegmentationNetwork(
        _Encoder(channels), _Decoder(), nn.Sequential(nn.Conv2d(4, classes, 1)), channels=channels
    )
    normalisation = {"mean": [0.5] * channels, "std": [0.5] * channels}
    return StartedNetwork(network, "tiny", "tiny", {}, "", normalisation, "")
