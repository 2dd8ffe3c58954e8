"""The superpixels around the pointer, for a tool to show what a drag would take."""

import math
from collections.abc import Callable

import numpy as np

from segstudio.core.arrays import U8
from segstudio.core.background import Background, Stop
from segstudio.core.geometry import Rect
from segstudio.core.superpixels import UNKNOWN, SuperpixelMap
from segstudio.core.tools.base import Pointer
from segstudio.core.tools.preview import Newest

_REACH = 5  # screen pixels of a pointer's reach
_LEAST_CELL = 8  # screen pixels: narrower cells would hide the image below their borders
_WIDE, _STEP = 384, 128  # screen pixels that are shown, and in which steps they follow the pointer
_MOST = 1024  # image pixels a side that are looked at
_ROWS = 128  # at a time: the interpreter is not kept from the hand for longer

Grid = tuple[Rect, U8]
_Asked = tuple[SuperpixelMap, Rect, int]  # where, and how many pixels apart


class Surroundings:
    """The borders of the segments around the pointer, found in the background.

    They are asked for anew when the pointer has gone some way, when the image is zoomed, and when more is known.

    Args:
        background: asked each time, for the window may change it.
        changed: called when `grid` became another one.

    Attributes:
        grid: rectangle of the image, and ``uint8 (h, w)`` of equal square blocks that cover it: 1 where another segment
            begins at the right side of a block, 2 below, 3 both. None when cells are too narrow to be seen, or none
            is in view.
    """

    def __init__(self, background: Callable[[], Background], changed: Callable[[], None]) -> None:
        self.grid: Grid | None = None
        self._newest = Newest(background)
        self._changed = changed
        self._asked: _Asked | None = None
        self._missing: list[Rect] = []

    def look(self, found: SuperpixelMap, pointer: Pointer) -> None:
        """The pointer is here, and this is known."""
        pixel = pointer.reach / _REACH
        window = _window(pointer, pixel).intersect(found.picture.bounds)
        if window.empty or found.cell < _LEAST_CELL * pixel:
            self.forget()
            return
        asked = found, window, math.ceil(pixel)
        if asked == self._asked and not self._missing:
            return
        if self._asked is not None and self._asked[0] is not found:
            self.forget()  # borders of other cells
        missing = found.missing(window)
        if asked != self._asked or missing != self._missing:
            self._asked, self._missing = asked, missing
            if len(missing) < len(found.tiles(window)):
                self._newest.ask(lambda: _work(asked), self._take)

    def forget(self) -> None:
        """Show none."""
        self._newest.drop()
        self.grid = self._asked = None

    def _take(self, grid: Grid) -> None:
        self.grid = grid
        self._changed()


def _work(asked: _Asked) -> Callable[[Stop], Grid]:
    found, window, step = asked
    known = found.copy()  # the map itself stays with the hand

    def work(_stop: Stop) -> Grid:
        high = max(1, _ROWS // step) * step
        bands = (Rect(window.x0, y, window.x1, min(y + high, window.y1)) for y in range(window.y0, window.y1, high))
        numbers = np.concatenate([known.numbers(band)[::step, ::step] for band in bands])
        edges: U8 = np.zeros(numbers.shape, np.uint8)
        for bit, one, other, at in (
            (1, numbers[:, :-1], numbers[:, 1:], edges[:, :-1]),
            (2, numbers[:-1], numbers[1:], edges[:-1]),
        ):
            at |= np.uint8(bit) * ((one != other) & (one != UNKNOWN) & (other != UNKNOWN))
        height, width = edges.shape
        return Rect(window.x0, window.y0, window.x0 + width * step, window.y0 + height * step), edges

    return work


def _window(pointer: Pointer, pixel: float) -> Rect:
    """What is shown around a pointer, of which a screen pixel takes `pixel` image pixels."""
    step = max(1, round(min(_STEP * pixel, _MOST / 4)))
    side = max(step, math.floor(min(_WIDE * pixel, _MOST - step)))
    x, y = (math.floor((at - side / 2) / step) * step for at in pointer.at)
    window = Rect(x, y, x + side + step, y + side + step)
    return window if pointer.visible is None else window.intersect(pointer.visible)
