"""How a run went: losses and scores over its steps, thinned so that days of training stay a few lines."""

import math
from collections.abc import Mapping, Sequence

_MOST = 400  # points


class Curve:
    """Losses averaged over equal stretches of steps, and the scores of the rounds."""

    def __init__(self) -> None:
        self._stretch = 1  # steps a point stands for
        self._losses: list[list[float]] = []
        self._open: list[float] = []
        self._rounds: list[list[float]] = []

    def add_loss(self, step: int, loss: float) -> None:
        """Take in the loss of a step."""
        self._open.append(loss)
        if len(self._open) < self._stretch:
            return
        self._losses.append([float(step), sum(self._open) / len(self._open)])
        self._open = []
        if len(self._losses) >= _MOST:
            pairs = zip(self._losses[::2], self._losses[1::2], strict=False)
            self._losses = [[second[0], (first[1] + second[1]) / 2] for first, second in pairs]
            self._stretch *= 2

    def add_round(self, step: int, seconds: float, score: float | None) -> None:
        """Take in the mean IoU of a round; None and not-a-number leave no point."""
        if score is not None and math.isfinite(score):
            self._rounds.append([float(step), round(seconds, 1), score])
            if len(self._rounds) > _MOST:
                del self._rounds[1::2]

    def data(self) -> dict[str, list[list[float]]]:
        """As model cards hold it: ``losses`` of step and loss, ``rounds`` of step, seconds and mean IoU."""
        return {"losses": [list(point) for point in self._losses], "rounds": [list(point) for point in self._rounds]}

    def state(self) -> dict[str, object]:
        """All of it, as JSON can hold it."""
        return {**self.data(), "stretch": self._stretch, "open": list(self._open)}

    def restore(self, state: Mapping[str, object]) -> None:
        """Go on from what `state` gave.

        Raises:
            ValueError: when it is something else.
        """
        losses, rounds, opened = (state.get(name) for name in ("losses", "rounds", "open"))
        stretch = state.get("stretch")
        if not isinstance(stretch, int) or stretch < 1:
            raise ValueError("no curve")
        self._losses, self._rounds = _points(losses, 2), _points(rounds, 3)
        self._open = _points([opened], None)[0]
        self._stretch = stretch


def _points(value: object, length: int | None) -> list[list[float]]:
    if not isinstance(value, Sequence):
        raise ValueError("no curve")
    points = []
    for point in value:
        if not isinstance(point, list) or length not in (None, len(point)):
            raise ValueError("no curve")
        points.append([float(number) for number in point])
    return points
