"""Brush and eraser."""

import math

from segstudio.core.classes import VOID
from segstudio.core.document import Document
from segstudio.core.gesture import Gesture
from segstudio.core.strokes import MIN_SIZE, Point
from segstudio.core.tools.base import Cursor, Kit, Pointer, Tool, ToolName


class BrushTool(Tool):
    """Paints the class in hand, or void when it erases; reversed, the other way round.

    Args:
        kit: class, size and shape, shared with other tools.
        erases: whether the plain button erases.
    """

    cursor: Cursor = "brush"

    def __init__(self, kit: Kit, *, erases: bool = False) -> None:
        super().__init__(kit)
        self.name: ToolName = "eraser" if erases else "brush"
        self.label = "Eraser" if erases else "Brush"
        self._erases = erases
        self._gesture: Gesture | None = None
        self._document: Document | None = None
        self._last: Point | None = None
        self._before: Point | None = None  # where the stroke before this one ended
        self._last_size = MIN_SIZE
        self._value = VOID

    @property
    def active(self) -> bool:
        """Whether a stroke is running. One that the document ended by itself is over here too."""
        return self._gesture is not None and self._document is not None and self._document.gesture is self._gesture

    @property
    def erases(self) -> bool:
        """Whether the plain button erases."""
        return self._erases

    def press(self, document: Document, pointer: Pointer) -> None:
        """Begin a stroke with a dab, or with a straight line from the last stroke's end."""
        self.finish()
        if document is not self._document:
            self._last = None
        erase = self._erases != pointer.reverse
        value = VOID if erase else self.value_for(document, Pointer(pointer.at))
        if value is None:
            return
        self._value = value
        self._document, self._before = document, self._last
        self._gesture = document.begin("Eraser" if erase else "Brush", over=self.palette.over_for(value))
        start = self._last if pointer.straight and self._last is not None else pointer.at
        self._last_size = self._size(pointer)
        self._drag(start, pointer)

    def move(self, pointer: Pointer) -> None:
        """Go on painting; nothing when no stroke is running."""
        if self.active and self._last is not None:
            self._drag(self._last, pointer)

    def release(self, pointer: Pointer) -> None:
        """End the stroke."""
        if self.active and self._gesture is not None:
            # A pen that leaves the tablet presses with nothing: its last stretch stays as wide as it was.
            self._drag(self._last or pointer.at, pointer, self._last_size)
            self._gesture.finish()
        self._gesture = None

    def finish(self) -> None:
        """End the stroke where it is."""
        if self.active and self._gesture is not None:
            self._gesture.finish()
        self._gesture = None

    def cancel(self) -> None:
        """Drop the running stroke, leaving no trace."""
        if self.active and self._gesture is not None:
            self._gesture.cancel()
            self._last = self._before
        self._gesture = None

    def _size(self, pointer: Pointer) -> int:
        pressed = pointer.pressure if self.palette.pressure else 1.0
        return max(MIN_SIZE, round(self.palette.size * min(1.0, max(0.0, pressed))))

    def _drag(self, start: Point, pointer: Pointer, size: int | None = None) -> None:
        """Paint a stretch whose width goes from the last size to this one, a pixel at a time where that shows."""
        assert self._gesture is not None
        end, first, last = pointer.at, self._last_size, self._size(pointer) if size is None else size
        length = math.hypot(end[0] - start[0], end[1] - start[1])
        steps = max(1, min(abs(last - first), math.ceil(length / 2)))
        a = start
        for step in range(1, steps + 1):
            share = step / steps
            b = (start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share)
            width = round(first + (last - first) * share)
            self._gesture.line(a, b, width, self._value, self.palette.shape)
            a = b
        self._last, self._last_size = end, last
