"""Tools as state machines over image coordinates. They know no window; a test paints with them."""

from dataclasses import dataclass
from typing import Literal, Protocol

from segstudio.core.classes import VOID
from segstudio.core.document import Document, Gesture
from segstudio.core.geometry import EMPTY, Rect
from segstudio.core.history import Patch
from segstudio.core.strokes import MAX_SIZE, MIN_SIZE, Point


@dataclass(frozen=True, slots=True)
class Pointer:
    """A pointer event.

    Attributes:
        at: x, y in image coordinates, also outside the image; the first pixel spans 0..1.
        reverse: right button or Alt: take away instead of adding.
        straight: Shift: go on from the end of the last stroke.
    """

    at: Point
    reverse: bool = False
    straight: bool = False


class Tool(Protocol):
    """What the canvas asks of a tool."""

    label: str

    def press(self, document: Document, pointer: Pointer) -> Rect: ...
    def move(self, pointer: Pointer) -> Rect: ...
    def release(self, pointer: Pointer) -> Patch | None: ...
    def cancel(self) -> None: ...
    @property
    def active(self) -> bool: ...


@dataclass(slots=True)
class Palette:
    """What all painting tools share: the class in hand and the brush size.

    Attributes:
        value: class index painted with.
        previous: class index in hand before, for a quick swap.
        size: brush diameter in pixels, 1..2000.
    """

    value: int = 0
    previous: int = 0
    size: int = 15

    def choose(self, value: int) -> None:
        if value != self.value:
            self.value, self.previous = value, self.value

    def swap(self) -> None:
        self.value, self.previous = self.previous, self.value

    def resize(self, factor: float) -> None:
        """Scale the size, by at least one pixel."""
        step = 1 if factor > 1 else -1
        scaled = round(self.size * factor)
        self.size = min(MAX_SIZE, max(MIN_SIZE, scaled if scaled != self.size else self.size + step))


class BrushTool:
    """Paints the class in hand, or void when it erases; reversed, the other way round.

    Args:
        palette: class and size, shared with other tools.
        erases: whether the plain button erases.
    """

    def __init__(self, palette: Palette, *, erases: bool = False) -> None:
        self.label = "Eraser" if erases else "Brush"
        self._palette = palette
        self._erases = erases
        self._gesture: Gesture | None = None
        self._document: Document | None = None
        self._last: Point | None = None
        self._value = VOID

    @property
    def active(self) -> bool:
        """Whether a stroke is running. One that the document ended by itself is over here too."""
        return self._gesture is not None and self._document is not None and self._document.gesture is self._gesture

    def press(self, document: Document, pointer: Pointer) -> Rect:
        """Begin a stroke with a dab, or with a straight line from the last stroke's end."""
        if document is not self._document:
            self._last = None
        erase = self._erases != pointer.reverse
        self._value = VOID if erase else self._palette.value
        self._document = document
        self._gesture = document.begin("Eraser" if erase else "Brush")
        start = self._last if pointer.straight and self._last is not None else pointer.at
        return self._drag(start, pointer.at)

    def move(self, pointer: Pointer) -> Rect:
        """Go on painting; nothing when no stroke is running."""
        if not self.active or self._last is None:
            return EMPTY
        return self._drag(self._last, pointer.at)

    def release(self, pointer: Pointer) -> Patch | None:
        """End the stroke; returns what it changed."""
        if not self.active or self._gesture is None:
            return None
        self.move(pointer)
        gesture, self._gesture = self._gesture, None
        return gesture.finish()

    def cancel(self) -> None:
        """Drop the running stroke, leaving no trace."""
        if self.active and self._gesture is not None:
            self._gesture.cancel()
        self._gesture = None

    def _drag(self, start: Point, end: Point) -> Rect:
        assert self._gesture is not None
        dirty = self._gesture.line(start, end, self._palette.size, self._value)
        self._last = end
        return dirty


ToolName = Literal["brush", "eraser"]


def make_tools(palette: Palette) -> dict[ToolName, Tool]:
    """Every tool, by name, sharing one palette."""
    return {"brush": BrushTool(palette), "eraser": BrushTool(palette, erases=True)}
