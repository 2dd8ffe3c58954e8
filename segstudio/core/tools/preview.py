"""What tools share that show in advance what a click would write: what they look at, and how they wait for it."""

from collections.abc import Callable
from typing import Any, TypeVar

import cv2
import numpy as np

from segstudio.core.arrays import Bool
from segstudio.core.background import Background, Stop, Task
from segstudio.core.classes import VOID
from segstudio.core.document import Document
from segstudio.core.geometry import Rect
from segstudio.core.tools.base import Palette, Pointer

T = TypeVar("T")

_UNKNOWN_SIDE = 2048  # what is looked at around the pointer when nobody says what is visible
_MOST_SIDE = 8192  # a larger mask would take more memory than a hint is worth
_GRID = 512  # a window that follows the pointer moves in such steps, so that it rarely becomes another one
_QUICK = 3 * 2**19  # pixels: more keep the hand waiting
_EXACT = 10 * 2**20  # pixels: more are seen reduced on any screen


class Newest:
    """Sends questions to the background one at a time; of those that come meanwhile only the newest is asked.

    Cancelling the question that runs whenever the pointer moves would leave a moving hand without any answer.

    Args:
        background: asked anew each time, for the window may change it.
    """

    def __init__(self, background: Callable[[], Background]) -> None:
        self._background = background
        self._task: Task | None = None
        self._waiting: Callable[[], None] | None = None
        self._round = 0

    @property
    def busy(self) -> bool:
        """Whether an answer is on its way."""
        return self._running or self._waiting is not None

    def ask(self, prepare: Callable[[], Callable[[Stop], T]], done: Callable[[T], None]) -> None:
        """Ask a question, at once or as soon as the one that runs is answered.

        Args:
            prepare: makes the work when its turn has come, on the calling thread: the place to copy what may change.
            done: gets the answer, unless `drop` was called or a newer question took this one's place before it ran.
        """
        self._waiting = lambda: self._start(prepare(), done)
        self._go_on()

    def drop(self) -> None:
        """No answer is wanted any more."""
        self._round += 1
        self._waiting = None
        if self._task is not None:
            self._task.cancel()
            self._task = None

    @property
    def _running(self) -> bool:
        # Over without an answer when the work failed: the next question must not wait for it.
        return self._task is not None and not self._task.over

    def _go_on(self) -> None:
        if self._waiting is not None and not self._running:
            start, self._waiting = self._waiting, None
            start()

    def _start(self, work: Callable[[Stop], Any], done: Callable[[Any], None]) -> None:
        this, given = self._round, False

        def answered(answer: Any) -> None:
            nonlocal given
            given = True
            if this == self._round:
                self._task = None
                done(answer)
                self._go_on()

        task = self._background().run(work, answered)
        if not given and this == self._round:
            self._task = task


def looked_at(visible: Rect | None, x: int, y: int, bounds: Rect) -> Rect:
    """The part of the image worth a preview: what is visible, bounded around a pixel of interest.

    Args:
        visible: what is on the screen; None when unknown.
        x, y: a pixel of the image; it belongs to the result, visible or not.
        bounds: the image.
    """
    if visible is None:
        return _around(x, y, _UNKNOWN_SIDE, bounds)
    window = visible.union(Rect(x, y, x + 1, y + 1)).intersect(bounds)
    if window.width <= _MOST_SIDE and window.height <= _MOST_SIDE:
        return window
    return _around(x, y, _MOST_SIDE, window)


def sampled(window: Rect, x: int, y: int, *, quick: bool = True) -> tuple[Rect, int]:
    """How densely to look at a window, that an answer comes at once.

    Args:
        window: inside the image.
        x, y: a pixel of it, which will be one of those looked at.
        quick: a first answer; otherwise the best one that is worth the time.

    Returns:
        The window, up to a step smaller at its left and top, and the step: every so many columns and rows.
    """
    size = window.width * window.height
    if size <= (_QUICK if quick else _EXACT):
        return window, 1
    step = int(np.ceil(np.sqrt(size / _QUICK)))
    return Rect(x - (x - window.x0) // step * step, y - (y - window.y0) // step * step, window.x1, window.y1), step


def spread(box: Rect, where: Bool, window: Rect, step: int) -> tuple[Rect, Bool]:
    """A mask of every `step`-th pixel of a window as a mask of all its pixels.

    Args:
        box: in units of steps from the window's corner.
        where: ``bool (h, w)`` of `box`.
        window: what was looked at, in image pixels.
        step: 1 or more.

    Returns:
        Rectangle inside the window, in image pixels, and ``bool`` of its shape.
    """
    if step > 1 and where.size:
        size = where.shape[1] * step, where.shape[0] * step
        where = cv2.resize(where.view(np.uint8), size, interpolation=cv2.INTER_NEAREST_EXACT).view(np.bool_)
    full = Rect(box.x0 * step, box.y0 * step, box.x1 * step, box.y1 * step).shift(window.x0, window.y0)
    rect = full.intersect(window)
    return rect, where[: rect.height, : rect.width]


def intended(palette: Palette, document: Document, pointer: Pointer) -> int | None:
    """The value a click would write; None without a class, and nothing is said of it."""
    if pointer.reverse:
        return VOID
    return palette.value if palette.value < len(document.classes) else None


def writable(palette: Palette, document: Document, value: int) -> Bool:
    """``bool (256,)``: whether a gesture that writes `value` may change pixels that have each value now."""
    locked = document.classes.locked()
    over = palette.over_for(value)
    may: Bool = ~locked if over is None else ~locked & (np.arange(256) == over)
    return may if not locked[value] else np.zeros_like(may)


def _around(x: int, y: int, side: int, bounds: Rect) -> Rect:
    x0, y0 = (int(v - side // 2) // _GRID * _GRID for v in (x, y))
    return Rect(x0, y0, x0 + side + _GRID, y0 + side + _GRID).intersect(bounds)
