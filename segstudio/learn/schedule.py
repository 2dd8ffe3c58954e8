"""What happens when in a run: learning rate, unfreezing, validation rounds, the end."""

import math
from dataclasses import dataclass

_WARM_UP = 10  # steps
_LAST_RATE = 0.02  # of the full one, when the budget is used up
_FROZEN_SHARE = 0.4  # of a known budget
_FROZEN_SECONDS = 60.0  # when the run is open-ended
_FIRST_ROUND = 15.0  # seconds: a person sees a proposal soon
_GROWTH = 1.6
_LONGEST_PAUSE = 300.0  # seconds between rounds
_LABELS_PAUSE = 30.0  # seconds until new labels show
_VALIDATION_SHARE = 1 / 10  # of the time, at most


@dataclass(frozen=True, slots=True)
class Budget:
    """How long a run may take.

    Attributes:
        seconds: of training, validation rounds included; None for no limit.
        steps: of the optimiser; None for no limit.
    """

    seconds: float | None
    steps: int | None

    def used(self, seconds: float, steps: int) -> float | None:
        """Share of the budget that is gone, 0..1; None when nothing limits the run."""
        shares = []
        if self.seconds is not None:
            shares.append(seconds / self.seconds if self.seconds > 0 else 1.0)
        if self.steps is not None:
            shares.append(steps / self.steps if self.steps > 0 else 1.0)
        return min(1.0, max(shares)) if shares else None

    def remaining(self, seconds: float) -> float | None:
        """Seconds left, None without a limit in time."""
        return None if self.seconds is None else max(0.0, self.seconds - seconds)


def rate(step: int, used: float | None) -> float:
    """Factor on the learning rates: a linear warm-up, then a half cosine to the end of a known budget.

    Args:
        step: counted from 1.
        used: share of the budget gone, None for an open end, where the rate stays and weight averaging settles it.

    Source: Loshchilov & Hutter 2017, eq. 5, without restarts.
    """
    warm = min(1.0, step / _WARM_UP)
    if used is None:
        return warm
    return warm * (_LAST_RATE + (1 - _LAST_RATE) * 0.5 * (1 + math.cos(math.pi * used)))


def encoder_rests(used: float | None, seconds: float) -> bool:
    """Whether the encoder is still held: steps are faster, and a random decoder would only spoil it."""
    return seconds < _FROZEN_SECONDS if used is None else used < _FROZEN_SHARE


class Rounds:
    """When the candidate is scored: early at first, then ever more rarely, never more than a tenth of the time."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._pause = _FIRST_ROUND
        self._last = 0.0
        self._cost = 0.0
        self.labels_changed = False

    def due(self, seconds: float) -> bool:
        """Whether to score now; near the end of the budget no more, as the final scoring follows anyway."""
        pause = min(self._pause, _LABELS_PAUSE) if self.labels_changed else self._pause
        pause = max(pause, self._cost * (1 / _VALIDATION_SHARE - 1))
        remaining = self._budget.remaining(seconds)
        return seconds - self._last >= pause and (remaining is None or remaining > pause / 3)

    def finished(self, seconds: float, cost: float) -> None:
        """A round has ended at `seconds` and took `cost` seconds."""
        self._last = seconds
        self._cost = cost
        self._pause = min(self._pause * _GROWTH, _LONGEST_PAUSE)
        self.labels_changed = False
