"""One optimiser step, and everything it moves: network, optimiser, running average; to be copied and put back."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from segstudio.core.arrays import I64
from segstudio.core.classes import VOID
from segstudio.learn.device import mixed_precision
from segstudio.learn.group.group import ALONE, Group
from segstudio.learn.networks.inheriting import StartedNetwork
from segstudio.learn.networks.network import on_device
from segstudio.learn.request import TrainSettings
from segstudio.learn.training.averaging import WeightAverage
from segstudio.learn.training.losses import class_weights, segmentation_loss
from segstudio.learn.training.optimising import Regulariser, clip, lower_rates, make_optimizer, set_rates

Inputs = Tensor | list[Tensor]  # images, or what the encoder made of them
Batch = tuple[Inputs, Tensor]
_MADE_LAST = "exp_avg_sq"  # of the state that Adam and AdamW make at the first step of a parameter


class NotFiniteError(ArithmeticError):
    """Loss or gradient of a step are no numbers; nothing was moved."""


@dataclass(frozen=True, eq=False)
class Snapshot:
    """Everything that learns at one moment, copied to the CPU.

    Attributes:
        network, average: tensors by their names in the state of network and running average.
        averaged: steps in the average.
        optimizer: state of each parameter, by its number.
        lowered: factor by which all learning rates have been lowered so far.
    """

    network: Mapping[str, Tensor]
    average: Mapping[str, Tensor]
    averaged: int
    optimizer: Mapping[int, Mapping[str, Tensor]]
    lowered: float

    def finite(self) -> bool:
        """Whether all of it are numbers."""
        tensors = [*self.network.values(), *(value for state in self.optimizer.values() for value in state.values())]
        return all(bool(tensor.isfinite().all()) for tensor in tensors)


class Stepper:
    """A network that learns, on one device.

    Args:
        started: the network as it starts; it is moved to the device.
        settings: of the run.
        counts: ``int64 (K,)`` labelled pixels of each class.
        device: where to compute.
        group: the processes that take steps together, each on crops of its own.

    Attributes:
        started: as given.
        network: as it is now, in training mode.
        average: the running average of its weights; None when the settings want none.
        device: where it computes.
        lowered: factor by which all learning rates have been lowered so far.
    """

    def __init__(
        self,
        started: StartedNetwork,
        settings: TrainSettings,
        counts: I64,
        device: torch.device,
        group: Group = ALONE,
    ) -> None:
        self.device = device
        self._group = group
        self.started = started
        self.network = on_device(started.network, device).train()
        group.sync_norms(self.network)
        group.spread(self.network)
        self._settings = settings
        self._optimizer = make_optimizer(self.network, settings.optimisation, settings.transfer)
        self._regulariser = Regulariser(self.network, settings.optimisation, settings.transfer)
        self.average = WeightAverage(self.network) if settings.optimisation.average else None
        self.lowered = 1.0
        self.weigh(counts)

    def weigh(self, counts: I64) -> None:
        """Take in how many pixels of each class are labelled by now."""
        balance = self._settings.loss.balance
        self._weights = class_weights(counts, balance).to(self.device) if balance else None

    def step(self, batches: Sequence[Batch], rate: float, pause: Callable[[], None]) -> float:
        """Learn from batches, whose gradients are added up; a batch counts by its labelled pixels.

        In a group the batches of all processes are learnt from, as if one process had them.

        Args:
            batches: inputs and ``int64 (N, H, W)`` class indices or void, on the device; of half the size of the
                images where the network `halves`.
            rate: factor on all learning rates.
            pause: called before each batch; may raise to end the step, which then has moved nothing.

        Returns:
            The mean loss.

        Raises:
            NotFiniteError: nothing was moved.
        """
        set_rates(self._optimizer, rate)
        self.drop_gradients()
        shares = _shares([target for _, target in batches], self._group)
        total = torch.zeros((), device=self.device)
        for (inputs, target), share in zip(batches, shares, strict=True):
            pause()
            with mixed_precision(self.device):
                features = self.network.features(inputs) if isinstance(inputs, Tensor) else inputs
                logits = self.network.decode(features, half=self.network.halves)
            reduce, weights = self._group.add_losses, self._weights
            loss = segmentation_loss(logits, target, self._settings.loss, weights=weights, reduce=reduce) * share
            loss.backward()  # type: ignore[no-untyped-call]
            total += loss.detach()
        self._group.add_gradients(self.network.parameters())
        value = float(total)
        norm = clip(self.network, self._settings.optimisation.clip)
        if not (math.isfinite(value) and math.isfinite(norm)):
            self.drop_gradients()
            raise NotFiniteError
        self._optimizer.step()
        self._regulariser.pull(self._optimizer)
        if self.average is not None:
            self.average.update()
        return value

    def drop_gradients(self) -> None:
        """Let go of the gradients and their memory."""
        self._optimizer.zero_grad(set_to_none=True)

    def break_off(self) -> None:
        """After a step that ended for lack of memory: let go of its gradients, and of what it has only half made."""
        self.drop_gradients()
        states = self._optimizer.state
        for parameter in [one for one, own in states.items() if "step" in own and _MADE_LAST not in own]:
            del states[parameter]

    def lower_rates(self, factor: float) -> None:
        """Take smaller steps from now on."""
        lower_rates(self._optimizer, factor)
        self.lowered *= factor

    def snapshot(self) -> Snapshot:
        """A copy of everything that learns."""
        average: dict[str, Tensor] = {}
        averaged = 0
        if self.average is not None:
            average, averaged = _copied(self.average.network.state_dict()), self.average.steps
        return Snapshot(
            network=_copied(self.network.state_dict()),
            average=average,
            averaged=averaged,
            optimizer={
                number: _copied({name: value for name, value in state.items() if isinstance(value, Tensor)})
                for number, state in self._optimizer.state_dict()["state"].items()
            },
            lowered=self.lowered,
        )

    def load(self, snapshot: Snapshot, *, rates: bool = True) -> None:
        """Put everything back as it was.

        Args:
            snapshot: of a network of this architecture, on whatever device.
            rates: whether learning rates go back too; False keeps what they were lowered to since.

        Raises:
            RuntimeError, KeyError, ValueError: when it is of another network.
        """
        self.network.load_state_dict(dict(snapshot.network))
        if self.average is not None:
            self.average.network.load_state_dict(dict(snapshot.average))
            self.average.steps = snapshot.averaged
        parameters = [parameter for group in self._optimizer.param_groups for parameter in group["params"]]
        state = {
            number: {name: _like(value, parameters[number]) for name, value in own.items()}
            for number, own in snapshot.optimizer.items()
        }
        groups: list[dict[str, Any]] = self._optimizer.state_dict()["param_groups"]
        self._optimizer.load_state_dict({"state": state, "param_groups": groups})
        if rates:
            lower_rates(self._optimizer, snapshot.lowered / self.lowered)
            self.lowered = snapshot.lowered
        self.drop_gradients()


def _shares(targets: Sequence[Tensor], group: Group) -> list[float]:
    """The share of each batch in all labelled pixels, so that parts of a batch weigh as they do within it."""
    if len(targets) == 1:
        return [1.0]
    own = torch.tensor([int((target != VOID).sum()) for target in targets], dtype=torch.float64)
    labelled = group.add(own).numpy()
    return [float(share) for share in labelled / max(labelled.sum(), 1.0)]


def _copied(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.detach().to("cpu", copy=True) for name, value in tensors.items()}


def _like(value: Tensor, parameter: Tensor) -> Tensor:
    """A copy that lies in memory as the parameter does, so that steps go on with the same bits."""
    if value.shape != parameter.shape:
        return value.clone()
    copy = torch.empty_like(parameter, dtype=value.dtype, requires_grad=False)
    return copy.copy_(value)
