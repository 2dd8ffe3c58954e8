"""Processes that work on one job together, as the job sees them; here the group of one. Free of torch."""

import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from torch import Tensor, nn

Value = TypeVar("Value")


class Group:
    """A process on its own: nothing is exchanged, nothing changes. `segstudio.learn.group.ranks.Ranks` is the other.

    Attributes:
        rank: number of this process, from 0; the one with 0 is the only one that writes and speaks.
        size: number of processes.
        lost: whether another process has gone, so that nobody can be asked any more.
    """

    rank = 0
    size = 1
    lost = False

    @property
    def first(self) -> bool:
        """Whether this is the process that writes and speaks."""
        return self.rank == 0

    def section(self) -> AbstractContextManager[None]:
        """Within the block, what fails in one process fails in all of them, and they leave it together.

        All of them raise the same error in the end: a stop comes first, then the gravest failure. Sections may lie
        within each other.
        """
        return nullcontext()

    def once(self, work: Callable[[], Value]) -> Value:
        """Do something in the first process only; all of them get its result, or raise its error."""
        return work()

    def gather(self, value: Value) -> list[Value]:
        """The values of all processes, in the order of their numbers."""
        return [value]

    def now(self) -> float:
        """Seconds of a clock on which all agree; among several it moves only when they meet."""
        return time.perf_counter()

    def place(self, name: str) -> str:
        """The device of that name, see `segstudio.learn.device.pick_device`, as it may be called in all processes.

        Raises:
            UsageError: when there is no such device, or not one for each process.
        """
        from segstudio.learn.device import pick_device

        return str(pick_device(name))

    def add(self, vector: "Tensor") -> "Tensor":
        """The sum of the vectors ``(n,)`` of all processes; nothing is learnt through it."""
        return vector

    def add_losses(self, sums: "Tensor") -> "Tensor":
        """The sum of the vectors of all processes, for a loss that all of them then work out of it alike.

        Its gradient is that of the own part, so that the gradients of the processes add up to the whole one.
        """
        return sums

    def add_gradients(self, parameters: "Iterable[nn.Parameter]") -> None:
        """Replace each gradient by the sum over all processes."""

    def spread(self, network: "nn.Module") -> None:
        """Give the weights and statistics of the first process to all."""

    def sync_norms(self, network: "nn.Module") -> None:
        """Let norm layers in training mode take their statistics over the crops of all processes, in place."""


ALONE = Group()
