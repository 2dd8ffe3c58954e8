"""Feature transfer made fast: features of augmented crops are kept, and most steps need no more than the decoder.

The encoder is frozen, so the features of a crop never change. Crops do have to: a decoder that sees the same few again
and again learns them by heart. So one batch in `REUSE` is drawn and encoded anew and takes the place of the oldest.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from segstudio.core.arrays import I64, U8
from segstudio.core.classes import VOID
from segstudio.core.labels import LabelledImage
from segstudio.learn.device import mixed_precision
from segstudio.learn.networks.network import SegmentationNetwork
from segstudio.learn.prediction.predicting import to_input

REUSE = 16  # steps a crop serves on average: the encoder takes about an eighth of the time, and crops never run dry
CROPS = 512
BUDGET_BYTES = 1 << 29
_FIRST = 16  # batches that are all fresh, so that the first ones are not learnt by heart
_HALF_LIMIT = 4096.0  # magnitudes from which float16, which ends at 65504, leaves too little room for later crops

Encode = Callable[[U8], Sequence[Tensor]]


class CropSource(Protocol):
    """Where crops come from: `segstudio.learn.crops.data.Batches`."""

    size: int

    def next(self) -> tuple[U8, I64]:
        """``uint8 (N, crop, crop, C)`` and ``int64 (N, crop, crop)``."""

    def update(self, images: Iterable[LabelledImage]) -> None:
        """Take in newer labels."""


class FeatureBank:
    """Batches of encoder features with their labels, most of them from memory.

    Which crops come when is decided by the seed alone. The bank itself is no part of a run that is resumed: it fills
    again, so a run on stored features does not go on bit for bit.

    Args:
        batches: where fresh crops come from; its `size` is that of the bank's batches too.
        encode: features of ``uint8 (N, H, W, C)`` crops, ``(N, c, h, w)`` each, from the finest scale to the coarsest.
        size: crops to keep at most.
        budget_bytes: memory for them at most, wherever the features are; one batch is kept in any case.
        seed: of the choice among the stored crops.
        reuse: steps a crop serves on average; 1 keeps nothing.
        reads: positions of the features that the decoder reads; None takes all. Of the others just the size is kept,
            and they come out as zeros.
        half: labels come at half the size, of one pixel in each square of four, another one each time. With class
            scores at that size, too, a step with many classes takes half the time, and learns the same on average.

    Attributes:
        steps: batches handed out.
        encoded: batches that had to be encoded for them.
    """

    def __init__(
        self,
        batches: CropSource,
        encode: Encode,
        *,
        size: int = CROPS,
        budget_bytes: int = BUDGET_BYTES,
        seed: int = 0,
        reuse: int = REUSE,
        reads: Collection[int] | None = None,
        half: bool = False,
    ) -> None:
        self._batches = batches
        self._encode = encode
        self._size, self._budget, self._reuse = size, budget_bytes, reuse
        self._reads, self._half = reads, half
        self._rng = np.random.default_rng(seed)
        self.steps = self.encoded = 0
        self.clear()

    def next(self) -> tuple[list[Tensor], Tensor]:
        """A batch to train on.

        Returns:
            ``(N, c, h, w)`` float32 features of each scale, channels last in memory, and ``(N, H, W)`` int64 class
            indices or void, ``(N, H/2, W/2)`` with `half`, on the device of the features.

        Raises:
            ImageError: as `segstudio.learn.crops.data.TrainingSet.batch`.
        """
        self.steps += 1
        self._since += 1
        if self._since >= self._reuse or self._fresh < _FIRST:
            return self._draw_anew()
        count = self._batches.size
        chosen = torch.from_numpy(self._rng.choice(self._filled, count, replace=count > self._filled))
        target = self._target[chosen.to(self._target.device)]
        return [scale.take(chosen) for scale in self._scales], self._thinned(target).long()

    def update(self, images: Iterable[LabelledImage]) -> None:
        """Take in newer labels. Every stored crop goes: its labels may have been corrected since."""
        self._batches.update(images)
        self.clear()

    def clear(self) -> None:
        """Forget every crop and give its memory back; call it too when crops change their size."""
        self._scales: list[_Scale] = []
        self._target = torch.empty(0)
        self._capacity = self._filled = self._oldest = self._fresh = self._since = 0

    @property
    def held_bytes(self) -> int:
        """Memory of the stored crops, labels included."""
        return sum(scale.bytes for scale in self._scales) + self._target.nbytes

    def _draw_anew(self) -> tuple[list[Tensor], Tensor]:
        pixels, labels = self._batches.next()
        with torch.no_grad():
            features = [feature.detach() for feature in self._encode(pixels)]
        target = torch.from_numpy(labels).to(features[0].device)
        self.encoded += 1
        if self._reuse > 1:
            self._store(features, target)
        self._fresh += 1
        self._since = 0
        return [feature.float().contiguous(memory_format=torch.channels_last) for feature in features], self._thinned(
            target
        )

    def _thinned(self, target: Tensor) -> Tensor:
        return thinned(target, int(self._rng.integers(4))) if self._half else target

    def _store(self, features: list[Tensor], target: Tensor) -> None:
        shapes = [feature.shape[1:] for feature in features]
        if shapes != [scale.shape for scale in self._scales] or target.shape[1:] != self._target.shape[1:]:
            self._make_room(features, target)
        taken = min(len(target), self._capacity)
        slots = (self._oldest + torch.arange(taken, device=target.device)) % self._capacity
        for scale, feature in zip(self._scales, features, strict=True):
            scale.put(slots, feature[:taken])
        self._target[slots] = target[:taken].to(torch.uint8)
        self._oldest = (self._oldest + taken) % self._capacity
        self._filled = min(self._filled + taken, self._capacity)

    def _make_room(self, features: list[Tensor], target: Tensor) -> None:
        """Memory for as many crops of this size as the budget allows."""
        self.clear()
        reads = range(len(features)) if self._reads is None else self._reads
        kinds = [_kind(feature) if place in reads else None for place, feature in enumerate(features)]
        pairs = list(zip(features, kinds, strict=True))
        one = target[0].numel() + sum(feature[0].numel() * kind.itemsize for feature, kind in pairs if kind)
        self._capacity = max(len(target), min(self._size, self._budget // one))
        self._scales = [_Scale(feature, kind, self._capacity) for feature, kind in pairs]
        self._target = torch.empty((self._capacity, *target.shape[1:]), dtype=torch.uint8, device=target.device)


def thinned(target: Tensor, phase: int) -> Tensor:
    """Labels of half the size, to learn from class scores of half the size.

    Of every four pixels one is taken, and where that is void another one: of thin strokes little would be left.

    Args:
        target: ``(N, H, W)`` class indices or void, H and W even.
        phase: which of the four, 0..3; let it change from step to step.

    Returns:
        ``(N, H/2, W/2)``.
    """
    taken: Tensor | None = None
    for place in range(phase, phase + 4):
        row, column = divmod(place % 4, 2)
        others = target[:, row::2, column::2]
        taken = others if taken is None else torch.where(taken == VOID, others, taken)
    assert taken is not None
    return taken


class _Scale:
    """Stored features of one scale, pixel by pixel, so that a batch taken out of them is channels last.

    Args:
        example: features of a batch.
        kind: to store them as; None stores nothing and gives zeros of the right shape.
        capacity: crops.
    """

    def __init__(self, example: Tensor, kind: torch.dtype | None, capacity: int) -> None:
        self.shape = example.shape[1:]
        self._nothing = torch.zeros((), device=example.device)
        self._values: Tensor | None = None
        if kind is not None:
            channels, height, width = self.shape
            self._values = torch.empty((capacity, height, width, channels), dtype=kind, device=example.device)

    @property
    def bytes(self) -> int:
        return 0 if self._values is None else self._values.nbytes

    def put(self, slots: Tensor, features: Tensor) -> None:
        if self._values is not None:
            limit = torch.finfo(self._values.dtype).max
            self._values[slots] = features.clamp(-limit, limit).permute(0, 2, 3, 1).to(self._values.dtype)

    def take(self, slots: Tensor) -> Tensor:
        if self._values is None:
            return self._nothing.expand(len(slots), *self.shape)
        return self._values[slots.to(self._values.device)].float().permute(0, 3, 1, 2)


def _kind(feature: Tensor) -> torch.dtype:
    """Half the memory either way: float16 is finer, bfloat16 reaches further."""
    return torch.float16 if float(feature.abs().max()) < _HALF_LIMIT else torch.bfloat16


def bank_of(
    network: SegmentationNetwork,
    batches: CropSource,
    normalisation: dict[str, list[float]],
    device: torch.device,
    *,
    size: int = CROPS,
    budget_bytes: int = BUDGET_BYTES,
    seed: int = 0,
    reuse: int = REUSE,
    half: bool = False,
) -> FeatureBank:
    """The bank of a network whose encoder is frozen.

    Args:
        network: on `device`; train it with ``network.decode(features)``.
        batches: where crops come from.
        normalisation: as for `segstudio.learn.prediction.predicting.to_input`.
        device: where features are computed and kept.
        size, budget_bytes, seed, reuse, half: as for `FeatureBank`.
    """

    def encode(pixels: U8) -> list[Tensor]:
        with torch.no_grad(), mixed_precision(device):
            return list(network.features(to_input(pixels, normalisation, device)))

    return FeatureBank(
        batches,
        encode,
        size=size,
        budget_bytes=budget_bytes,
        seed=seed,
        reuse=reuse,
        reads=network.reads(),
        half=half,
    )
