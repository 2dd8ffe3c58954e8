"""Images of one object, for the tests of what finds its outline."""

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from segstudio.core.arrays import Bool
from segstudio.core.background import Immediately, Stop, Task
from segstudio.core.classes import VOID, ClassTable
from segstudio.core.document import Document
from segstudio.core.picture import Picture

T = TypeVar("T")
CLASSES = ClassTable.of(["background", "nucleus", "fibre"])


def disc(side: int, radius: float, *, grey: bool = False, noise: float = 8.0) -> tuple[Picture, Bool]:
    """A reddish disc on a bluish ground in the middle of a square image, and which pixels it covers."""
    y, x = np.mgrid[:side, :side]
    truth = np.hypot(x - side / 2, y - side / 2) < radius
    colour = np.where(truth[:, :, None], np.array([180, 90, 80]), np.array([90, 120, 200])).astype(np.float64)
    colour += np.random.default_rng(5).normal(0, noise, (side, side, 3))
    pixels = np.clip(colour, 0, 255).astype(np.uint8)
    return Picture(pixels[:, :, 0].copy() if grey else pixels), truth


def on(picture: Picture) -> Document:
    """A document without a label."""
    bounds = picture.bounds
    return Document(np.full((bounds.height, bounds.width), VOID, np.uint8), CLASSES, picture=picture)


def overlap(a: Bool, b: Bool) -> float:
    """Intersection over union."""
    return float((a & b).sum()) / max(1.0, float((a | b).sum()))


class _Held:
    def __init__(self, answer: Callable[[], None]) -> None:
        self.over = False
        self._answer = answer

    def cancel(self) -> None:
        self.over = True

    def wait(self) -> None:
        if not self.over:
            self.over = True
            self._answer()


class Later:
    """A background that does nothing until it is told to."""

    def __init__(self) -> None:
        self.tasks: list[_Held] = []

    def run(self, work: Callable[[Stop], T], done: Callable[[T], None]) -> Task:
        task = _Held(lambda: done(work(lambda: False)))
        self.tasks.append(task)
        return task

    def catch_up(self) -> None:
        """Give every answer that is wanted."""
        for task in self.tasks:
            task.wait()


class Broken:
    """A background whose work fails: over, and no answer."""

    def run(self, work: Callable[[Stop], Any], done: Callable[[Any], None]) -> Task:
        task = Immediately().run(work, lambda _answer: None)
        assert done is not None
        return task
