"""How far a run has come, and how fast it goes."""

import time
from collections import deque
from collections.abc import Callable


class Progress:
    """Steps, crops and time of a run, those before an interruption included.

    Args:
        steps, crops, rounds, seconds: where it goes on.

    Attributes:
        clock: gives seconds; set it before `begin`.
        steps: taken.
        crops: learnt from.
        rounds: scored.
    """

    def __init__(self, *, steps: int = 0, crops: int = 0, rounds: int = 0, seconds: float = 0.0) -> None:
        self.steps, self.crops, self.rounds = steps, crops, rounds
        self.clock: Callable[[], float] = time.perf_counter
        self._before = seconds
        self._began: float | None = None
        self._ended: float | None = None
        self._recent: deque[tuple[int, float]] = deque(maxlen=20)  # crops and seconds of the last steps

    def begin(self) -> None:
        """The clock runs from now on."""
        self._began = self.clock()

    def end(self) -> None:
        """Training is over; what is scored now does not count."""
        self._ended = self.clock()

    @property
    def seconds(self) -> float:
        """Time trained, rounds included."""
        if self._began is None:
            return self._before
        return self._before + (self._ended or self.clock()) - self._began

    @property
    def rate(self) -> float:
        """Crops a second over the whole run."""
        seconds = self.seconds
        return self.crops / seconds if seconds else 0.0

    @property
    def speed(self) -> float:
        """Crops a second over the last steps."""
        return sum(crops for crops, _ in self._recent) / max(sum(seconds for _, seconds in self._recent), 1e-9)

    def step(self, crops: int, seconds: float) -> None:
        """A step of so many crops took so long."""
        self.steps += 1
        self.crops += crops
        self._recent.append((crops, seconds))
