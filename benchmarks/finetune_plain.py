"""The loop anyone would write first, to be beaten: a published decoder, AdamW, cross-entropy, random crops."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import segmentation_models_pytorch as smp
import torch
from torch import nn

from benchmarks.finetune_cases import Case, State, card_for, copied, say, score_of
from segstudio.core.arrays import I64, U8
from segstudio.core.classes import VOID
from segstudio.learn.backbones.registry import Backbone, find_backbone
from segstudio.learn.backbones.weights import load_encoder_weights
from segstudio.learn.networks.network import SegmentationNetwork
from segstudio.learn.networks.saving import LoadedModel
from segstudio.storage.images import read_image

DECODERS = ("FPN", "Unet")
BATCH = 8
CROP = 256
SCALES = (0.6, 1.6)
RATE = 1e-3
ENCODER_RATE = 3e-4


@dataclass(eq=False)
class Plain:
    """What the plain loop reached.

    Attributes:
        scores: mean IoU on all validation pixels after each number of seconds asked for.
        intervals: seconds of each step.
    """

    scores: dict[float, float] = field(default_factory=dict)
    intervals: list[float] = field(default_factory=list)


class Crops:
    """Batches of random crops of images that were decoded once.

    Args:
        case: whose training images to cut.
        backbone: whose normalisation to use.
        batch: crops.
        crop: side in pixels.
        seed: of places, scales and mirroring.
    """

    def __init__(self, case: Case, backbone: Backbone, *, batch: int, crop: int, seed: int) -> None:
        self._pairs = [(_rgb(image.path), image.annotation()) for image in case.of("train")]
        self._rng = np.random.default_rng(seed)
        self._batch, self._crop = batch, crop
        self._mean = torch.tensor(backbone.mean)[:, None, None]
        self._std = torch.tensor(backbone.std)[:, None, None]

    def next(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Normalised ``(N, 3, crop, crop)`` images and ``int64 (N, crop, crop)`` labels."""
        drawn = [self._cut(*self._pairs[int(self._rng.integers(len(self._pairs)))]) for _ in range(self._batch)]
        pixels = np.ascontiguousarray(np.stack([pixels for pixels, _ in drawn]).transpose(0, 3, 1, 2))
        labels: I64 = np.stack([labels for _, labels in drawn]).astype(np.int64)
        return (torch.from_numpy(pixels).float() / 255 - self._mean) / self._std, torch.from_numpy(labels)

    def _cut(self, pixels: U8, labels: U8) -> tuple[U8, U8]:
        """As if the image were scaled and then cropped; an image that is too small is enlarged."""
        side = round(self._crop / self._rng.uniform(*SCALES))
        height, width = (min(side, length) for length in labels.shape)
        y, x = (
            int(self._rng.integers(labels.shape[0] - height + 1)),
            int(self._rng.integers(labels.shape[1] - width + 1)),
        )
        window, size = np.s_[y : y + height, x : x + width], (self._crop, self._crop)
        image = np.asarray(cv2.resize(pixels[window], size, interpolation=cv2.INTER_LINEAR), np.uint8)
        target = np.asarray(cv2.resize(labels[window], size, interpolation=cv2.INTER_NEAREST), np.uint8)
        step = -1 if self._rng.random() < 0.5 else 1
        return image[:, ::step], target[:, ::step]


def train_plain(case: Case, decoder: str, backbone_name: str, marks: Sequence[float], seed: int) -> Plain:
    """Train for the longest of `marks`, in seconds, and score the network as it was at each of them.

    Args:
        case: what to train on.
        decoder: class name in segmentation_models_pytorch, at its published width.
        backbone_name: of the encoder and its weights, the same as ours.
        marks: seconds of training.
        seed: of everything.
    """
    backbone = find_backbone(backbone_name)
    torch.manual_seed(seed)
    whole = getattr(smp, decoder)(f"tu-{backbone.encoder}", encoder_weights=None, classes=len(case.classes))
    load_encoder_weights(whole.encoder.model, backbone)
    network = SegmentationNetwork(whole.encoder, whole.decoder, whole.segmentation_head)
    crops = Crops(case, backbone, batch=BATCH, crop=CROP, seed=seed)
    plain, copies = _loop(network, crops, marks)
    model = LoadedModel(network, card_for(case, backbone, decoder), torch.device("cpu"))
    for mark, state in copies:
        plain.scores[mark] = score_of(model, case, state)
        say(f"  plain {decoder}: {mark:.0f} s, mean IoU {plain.scores[mark]:.3f}")
    return plain


def step_times(network: SegmentationNetwork, crops: Crops, seconds: float) -> list[float]:
    """Seconds of each step of the plain loop with this network."""
    return _loop(network, crops, [seconds])[0].intervals


def _loop(
    network: SegmentationNetwork, crops: Crops, marks: Sequence[float]
) -> tuple[Plain, list[tuple[float, State]]]:
    fresh = [*network.decoder.parameters(), *network.head.parameters()]
    groups = [{"params": network.encoder.parameters(), "lr": ENCODER_RATE}, {"params": fresh, "lr": RATE}]
    optimizer = torch.optim.AdamW(groups)
    network.train()
    plain = Plain()
    copies: list[tuple[float, State]] = []
    trained = 0.0
    for mark in sorted(marks):
        while trained < mark:
            began = time.perf_counter()
            images, target = crops.next()
            loss = nn.functional.cross_entropy(network(images), target, ignore_index=VOID)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            plain.intervals.append(time.perf_counter() - began)
            trained += plain.intervals[-1]
        copies.append((mark, copied(network.state_dict())))
    return plain, copies


def _rgb(path: Path) -> U8:
    pixels = read_image(path).display()
    return pixels if pixels.ndim == 3 else np.repeat(pixels[:, :, None], 3, axis=2)
