"""What a step learns from: crops on their way to the device, or features of the frozen encoder from a bank."""

from collections.abc import Iterable
from typing import Any

import torch

from segstudio.core.labels import LabelledImage
from segstudio.learn.crops.data import Batches
from segstudio.learn.crops.features import BUDGET_BYTES, FeatureBank, bank_of, thinned
from segstudio.learn.prediction.predicting import to_input
from segstudio.learn.training.memory import Rung
from segstudio.learn.training.stepping import Batch, Stepper


class Feed:
    """The next batch, whatever it comes from.

    Args:
        batches: of crops.
        stored: whether to train on stored features; the encoder must be frozen then.
        seed: of the choice among stored features.
    """

    def __init__(self, batches: Batches, *, stored: bool, seed: int) -> None:
        self._batches = batches
        self._stored = stored
        self._seed = seed
        self._budget = BUDGET_BYTES
        self._bank: tuple[Stepper, FeatureBank] | None = None
        self._drawn = 0  # batches

    def draw(self, stepper: Stepper, rung: Rung) -> Batch:
        """The next batch for a network and a rung, on its device.

        Returns:
            Normalised images ``(N, C, H, W)``, or stored features of each scale; ``int64 (N, H, W)`` class indices or
            void, of half the size where the network `halves`, see `segstudio.learn.crops.features.thinned`.
        """
        if (self._batches.size, self._batches.crop) != (rung.batch, rung.crop):
            self._bank = None
            self._budget //= 2  # memory was short, and the bank has its part in it
            self._batches.size, self._batches.crop = rung.batch, rung.crop
        if self._stored:
            return self._bank_of(stepper).next()
        pixels, target = self._batches.next()
        images = to_input(pixels, stepper.started.normalisation, stepper.device)
        labels = torch.from_numpy(target).to(stepper.device)
        self._drawn += 1
        return images, thinned(labels, self._drawn % 4) if stepper.network.halves else labels

    def update(self, images: Iterable[LabelledImage]) -> None:
        """Take in newer labels."""
        if self._bank is None:
            self._batches.update(images)
        else:
            self._bank[1].update(images)

    def state(self) -> dict[str, Any]:
        """What `restore` needs to draw the same crops from here on; JSON can hold it."""
        return {**self._batches.state(), "drawn": self._drawn}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from where `state` was asked for."""
        self._batches.restore(state)
        self._drawn = int(state.get("drawn", 0))

    def _bank_of(self, stepper: Stepper) -> FeatureBank:
        if self._bank is None or self._bank[0] is not stepper:
            self._bank = None  # its memory goes before the next one takes some
            normalisation, device = stepper.started.normalisation, stepper.device
            bank = bank_of(
                stepper.network,
                self._batches,
                normalisation,
                device,
                budget_bytes=self._budget,
                seed=self._seed,
                half=stepper.network.halves,
            )
            self._bank = stepper, bank
        return self._bank[1]
