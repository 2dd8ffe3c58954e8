"""Whether this process is one of several that torchrun started; free of torch."""

import os
from dataclasses import dataclass

from segstudio.errors import UsageError

_NAMES = ("RANK", "WORLD_SIZE", "LOCAL_RANK")


@dataclass(frozen=True, slots=True)
class Launch:
    """The place of a process among those that were started together.

    Attributes:
        rank: its number among all, from 0.
        size: how many there are.
        local: its number on this machine, from 0.
    """

    rank: int
    size: int
    local: int


def find_launch() -> Launch | None:
    """What torchrun says of this process; None for one that is alone.

    Raises:
        UsageError: the variables of the environment contradict each other.
    """
    if any(name not in os.environ for name in _NAMES):
        return None
    remedy = f"Start it with torchrun, or unset {', '.join(_NAMES)}"
    try:
        rank, size, local = (int(os.environ[name]) for name in _NAMES)
    except ValueError as error:
        raise UsageError("the place among several processes is no number", remedy=remedy) from error
    if not 0 <= local <= rank < size:
        raise UsageError(f"there is no process {rank} of {size}", remedy=remedy)
    return Launch(rank, size, local) if size > 1 else None
