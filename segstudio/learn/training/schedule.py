"""What happens when in a run: learning rate, unfreezing, validation rounds, the end."""

import math
from dataclasses import dataclass

from segstudio.learn.request import Schedule, Unfreezing

_WARM_UP = 10  # steps
_LAST_RATE = 0.02  # of the full one, when the budget is used up
_POWER = 0.9  # of the polynomial schedule
_LEVEL = 1000  # steps at the full rate in an open-ended run
_FROZEN_SHARE = 0.4  # of a known budget
_FROZEN_SECONDS = 60.0  # when the run is open-ended
_GRADUAL_SHARES = (0.15, 0.55)  # of a known budget: when the deepest stage is thawed, and when the first
_GRADUAL_SECONDS = (20.0, 120.0)
_FIRST_ROUND = 15.0  # seconds: a person sees a proposal soon
_GROWTH = 1.6
_LONGEST_PAUSE = 300.0  # seconds between rounds
_LABELS_PAUSE = 30.0  # seconds until new labels show
_VALIDATION_SHARE = 1 / 10  # of the time, at most
_NOISE = 0.003  # mean IoU, from round to round
_PATIENCE = 3  # rounds
_PLATEAU_SECONDS = 180.0
_PLATEAU_SHARE = 0.2  # of the run so far


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


def rate(step: int, used: float | None, schedule: Schedule = "auto") -> float:
    """Factor on the learning rates: a linear warm-up, then what the schedule says.

    Without a known end there is nothing to fall toward. All but ``constant`` then stay at the full rate for 1000 steps
    and fall with the square root of the steps, which is slow enough to take in labels that come late; the running
    average of the weights, over a tenth of all steps, does the rest of what a falling rate is for.

    Args:
        step: counted from 1.
        used: share of the budget gone, None for an open end.
        schedule: ``cosine`` and ``auto``, a half cosine; ``poly``, a power of what is left; ``constant``.

    Sources: Loshchilov & Hutter 2017, eq. 5, without restarts; Chen et al. 2018, section 4.1 (poly); Shamir & Zhang
    2013 (square root, with averages).
    """
    warm = min(1.0, step / _WARM_UP)
    if schedule == "constant":
        return warm
    if used is None:
        return warm * min(1.0, math.sqrt(_LEVEL / step))
    falling = (1 - used) ** _POWER if schedule == "poly" else 0.5 * (1 + math.cos(math.pi * used))
    return warm * (_LAST_RATE + (1 - _LAST_RATE) * falling)


def thawed(used: float | None, seconds: float, stages: int, how: Unfreezing) -> int:
    """How many stages of a transferred encoder learn, counted from the deepest; once learning they go on.

    At first a random decoder would only spoil them, and steps without them are faster. The deepest come first: they are
    the most particular to what the backbone was trained on, and cost least, as the gradient ends there.

    Args:
        used: share of the budget gone, None for an open end.
        seconds: since the run began.
        stages: how many the encoder has.
        how: ``gradual`` thaws one by one; ``at once`` all together; ``from the start`` holds none.

    Source: Howard & Ruder 2018, section 3.3 (gradual unfreezing).
    """
    if how == "from the start":
        return stages
    if how == "at once":
        rests = seconds < _FROZEN_SECONDS if used is None else used < _FROZEN_SHARE
        return 0 if rests else stages
    first, last = _GRADUAL_SECONDS if used is None else _GRADUAL_SHARES
    gone = ((seconds if used is None else used) - first) / (last - first)
    return 0 if gone < 0 else min(stages, 1 + int(gone * (stages - 1)))


class Rounds:
    """When the candidate is scored: early at first, then ever more rarely, never more than a tenth of the time."""

    def __init__(self, budget: Budget, began: float = 0.0, *, pause: float | None = None) -> None:
        """`began`: seconds that the run had trained before, when it goes on; `pause`: between all rounds alike."""
        self._budget = budget
        self._pause = _FIRST_ROUND if pause is None else pause
        self._growth = _GROWTH if pause is None else 1.0
        self._last = began
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
        self._pause = min(self._pause * self._growth, _LONGEST_PAUSE)
        self.labels_changed = False


class Plateau:
    """Notices that the score has stopped rising, and says so once.

    A rise is one beyond the noise over the last rise, so that many small ones count in the end. Nothing was gained when
    several rounds and some minutes, in a long run also a good part of its time, have brought no rise.
    """

    def __init__(self) -> None:
        self._best: float | None = None
        self._since = 0.0
        self._rounds = 0
        self._said = False

    def forget(self) -> None:
        """Begin anew, as after new labels: they change both what can be learnt and what is scored."""
        self._best, self._rounds, self._said = None, 0, False

    def seen(self, seconds: float, score: float | None, *, noise: float = _NOISE) -> str:
        """Take in a round.

        Args:
            seconds: when, since the run began.
            score: of the round's candidate, 0..1. None and nan, when nothing validates, tell nothing.
            noise: difference between two rounds that means nothing.

        Returns:
            A line for a person when a plateau is noticed; empty otherwise, also while the same one lasts.
        """
        if score is None or not math.isfinite(score):
            return ""
        if self._best is None or score > self._best + noise:
            self._best, self._since, self._rounds, self._said = score, seconds, 0, False
            return ""
        self._rounds += 1
        lasted = seconds - self._since
        if self._said or self._rounds < _PATIENCE or lasted < max(_PLATEAU_SECONDS, _PLATEAU_SHARE * seconds):
            return ""
        self._said = True
        minutes = round(lasted / 60)
        return f"The score has not risen for {minutes} minutes: more labels will help more than more training."
