"""Steps that survive: too little memory, losses that are no numbers, a device that vanishes."""

import logging
from collections.abc import Callable
from pathlib import Path

import torch

from segstudio.errors import TrainingError
from segstudio.learn.device import pick_device
from segstudio.learn.events import NoteKind
from segstudio.learn.group.group import ALONE, Group
from segstudio.learn.request import TrainSettings
from segstudio.learn.training.memory import Rung, free, is_device_lost, is_out_of_memory, lower, on_cpu, remember
from segstudio.learn.training.stepping import Batch, NotFiniteError, Snapshot, Stepper

_log = logging.getLogger(__name__)
_COPY_SECONDS = 10.0  # between copies of the weights
_FRUITLESS = 4  # steps back in a row, before the run gives up
_LOWERED = 0.5  # learning rates after a step back
_NOT_DETERMINISTIC = "does not have a deterministic implementation"
_SOUND_STEPS = 25  # after which a step back counts as fruitful

Note = Callable[[NoteKind, str], None]
Build = Callable[[torch.device], Stepper]


class Recovery:
    """Takes steps, and goes on where a plain loop would end.

    Args:
        build: makes everything that learns, as it is at the start of the run, on a device.
        rung: to start at.
        top: what the settings ask for.
        models: folder in which the rung is remembered.
        settings: of the run.
        note: told a line for a person whenever something was mended.
        group: the processes that take the steps together; what one of them finds, all of them mend.

    Attributes:
        stepper: what learns; another one after a change of device.
        rung: how much a step asks of the memory now.
    """

    def __init__(
        self,
        build: Build,
        rung: Rung,
        *,
        top: Rung,
        models: Path,
        settings: TrainSettings,
        note: Note,
        group: Group = ALONE,
    ) -> None:
        self._build, self._top, self._group = build, top, group
        self._models, self._settings, self._note = models, settings, note
        self.rung = rung
        self.stepper = self._built()
        self._good: Snapshot = self.stepper.snapshot()
        self._copied = group.now()
        self._sound = 0  # steps since the last step back
        self._back = 0  # steps back without enough sound steps between them

    def load(self, snapshot: Snapshot) -> None:
        """Go on from there."""
        self.stepper.load(snapshot)
        self._good = snapshot

    def step(self, draw: Callable[[Stepper, Rung], Batch], rate: float, pause: Callable[[], None]) -> float | None:
        """Take one step.

        Args:
            draw: gives the next batch for what learns and a rung.
            rate, pause: as for `Stepper.step`.

        Returns:
            The loss; None when the step could not be taken, and the next one may.

        Raises:
            TrainingError: at the bottom of the ladder, or when steps back bear no fruit.
        """
        try:
            with self._group.section():
                if self._group.now() - self._copied > _COPY_SECONDS:
                    self._keep()
                batches = [draw(self.stepper, self.rung) for _ in range(self.rung.accumulation)]
                loss = self.stepper.step(batches, rate, pause)
        except NotFiniteError:
            self._step_back()
            return None
        except (RuntimeError, MemoryError) as error:
            if is_out_of_memory(error):
                failure = "memory"
            elif is_device_lost(error) and self.rung.device != "cpu":
                failure = "device"
            elif _NOT_DETERMINISTIC in str(error):
                raise TrainingError(
                    f"{self.rung.device} cannot repeat these steps bit for bit",
                    remedy="Train without determinism, or on the device cpu",
                ) from error
            else:
                raise
            _log.warning("%s: %s", failure, _line(error))
        else:
            self._sound += 1
            if self._sound >= _SOUND_STEPS:
                self._back = 0
            return loss
        # Out here the error is gone, and with its traceback the tensors of the step.
        if failure == "memory":
            self._climb_down()
        else:
            self._leave_device()
        return None

    def snapshot(self) -> Snapshot:
        """A copy of everything that learns as it is now; the last good one if that cannot be had."""
        try:
            with self._group.section():
                self._keep()
        except (RuntimeError, MemoryError) as error:
            if not (is_out_of_memory(error) or is_device_lost(error)):
                raise
            _log.warning("the weights cannot be copied: %s", _line(error))
        return self._good

    def _keep(self) -> None:
        fresh = self.stepper.snapshot()
        self._copied = self._group.now()
        if fresh.finite():
            self._good = fresh

    def _step_back(self) -> None:
        self._back += 1
        if self._back > _FRUITLESS:
            raise TrainingError("the loss is no number any more", remedy="Train again with a lower rate")
        self._sound = 0
        self.stepper.load(self._good, rates=False)
        self.stepper.lower_rates(_LOWERED)
        self._note("numbers", "The loss was no number: back to the last good weights, with half the learning rate.")

    def _climb_down(self) -> None:
        self.stepper.break_off()
        free(self.stepper.device)
        below = lower(self.rung, self._top, smallest_batch=self.stepper.started.smallest_batch)
        if below is None:
            raise TrainingError("there is too little memory", remedy="Close other programs or choose smaller crops")
        moves = below.device != self.rung.device
        if moves and self._group.size == 1:
            self.snapshot()
        self.rung = below
        if moves:
            device = self.stepper.device
            self._rebuild()
            free(device)
        elif self._group.size > 1:  # some may have moved before another one failed
            self.stepper.load(self._good, rates=False)
        self._group.once(lambda: remember(self._models, self._settings, self._top, below))
        self._note("memory", f"Out of memory: training goes on with {below}.")

    def _leave_device(self) -> None:
        lost, self.rung = self.rung.device, on_cpu(self._top)
        self._rebuild()
        self._note("device", f"The device {lost} failed: training goes on, on the CPU, from the last good weights.")

    def _rebuild(self) -> None:
        """Make everything anew on the device of the rung, since what lies on the old one may be out of reach."""
        lowered = self.stepper.lowered
        self.stepper = self._built()
        self.stepper.load(self._good, rates=False)
        self.stepper.lower_rates(lowered)

    def _built(self) -> Stepper:
        """On the device of the rung; on the CPU when not even the network fits there."""
        try:
            with self._group.section():
                return self._build(pick_device(self.rung.device))
        except (RuntimeError, MemoryError) as error:
            if self.rung.device == "cpu" or not (is_out_of_memory(error) or is_device_lost(error)):
                raise
            kind: NoteKind = "memory" if is_out_of_memory(error) else "device"
            _log.warning("%s: %s", kind, _line(error))
        what = "has too little memory for the network" if kind == "memory" else "failed"
        self._note(kind, f"The device {self.rung.device} {what}: training goes on, on the CPU.")
        self.rung = on_cpu(self._top)
        return self._build(torch.device("cpu"))


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:500]
