"""Shapes drawn in one drag: lasso, rectangle, ellipse."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator

import numpy as np

from segstudio.core.arrays import Bool
from segstudio.core.classes import VOID
from segstudio.core.document import Document
from segstudio.core.geometry import EMPTY, Rect
from segstudio.core.polygons import Box, ellipse_parts, rasterise, rectangle_parts, simplify
from segstudio.core.strokes import Point
from segstudio.core.tools.base import Kit, Pointer, Preview, Ring, Tool

_FINENESS = 20  # a preview strays from the line by the pointer's reach over this: less than a screen pixel
_RUN = 64  # points of a lasso that are simplified together
_RING = 128  # corners of an ellipse's outline
_MOST_SHOWN = 2**18  # pixels of an ellipse that are worked out while it is dragged
_SIDE = 2048  # of the window for a preview when nobody says what is visible


class _DragShape(Tool, ABC):
    """What one drag draws, filled on release."""

    reads_labels = False

    def __init__(self, kit: Kit) -> None:
        super().__init__(kit)
        self._document: Document | None = None
        self._value = VOID

    @property
    def active(self) -> bool:
        """Whether a drag is running."""
        return self._document is not None

    def hover(self, document: Document, pointer: Pointer | None) -> None:  # noqa: ARG002  # as every tool
        """Drop a shape that was begun on another image."""
        if document is not self._document:
            self.cancel()

    def press(self, document: Document, pointer: Pointer) -> None:
        """Begin the shape; one whose release got lost is filled first, unless it is of another image."""
        self.hover(document, None)
        self.finish()
        value = self.value_for(document, pointer)
        if value is not None:
            self._document, self._value = document, value
            self._begin(pointer)

    def move(self, pointer: Pointer) -> None:
        """Go on drawing; nothing without a press."""
        if self.active:
            self._extend(pointer)

    def release(self, pointer: Pointer) -> None:
        """Fill the shape."""
        self.move(pointer)
        self.finish()

    def finish(self) -> None:
        """Fill the shape as it is."""
        document, self._document = self._document, None
        if document is None:
            return
        if self._value != VOID and self._value >= len(document.classes):
            self.kit.say("Nothing filled: its class is gone")
            return
        parts = self._parts(document.bounds)
        if parts is not None:
            self.write(document, parts, self._value, area=self._area())

    def cancel(self) -> None:
        """Drop the shape."""
        self._document = None

    @abstractmethod
    def _begin(self, pointer: Pointer) -> None:
        """Where the drag starts."""

    @abstractmethod
    def _extend(self, pointer: Pointer) -> None:
        """Where it goes on."""

    @abstractmethod
    def _parts(self, bounds: Rect) -> Iterator[tuple[Rect, Bool]] | None:
        """What to fill; None for a click, which draws nothing."""

    @abstractmethod
    def _area(self) -> Rect:
        """A rectangle that holds it."""


class LassoTool(_DragShape):
    """Fills what a freely drawn line encloses, even-odd where it crosses itself; reversed, removes it."""

    name = "lasso"
    label = "Lasso"

    def __init__(self, kit: Kit) -> None:
        super().__init__(kit)
        self._points: list[Point] = []
        self._shown: list[Point] = []
        self._open = 0  # index of the first point after those that `_shown` stands for

    @property
    def preview(self) -> Preview | None:
        """The outline as it would close now."""
        if not self.active:
            return None
        ring: Ring = np.array(self._shown + self._points[self._open :], np.float64)
        return Preview(value=self._value, rings=(ring,))

    def _begin(self, pointer: Pointer) -> None:
        self._points, self._shown, self._open = [pointer.at], [], 0

    def _extend(self, pointer: Pointer) -> None:
        if pointer.at == self._points[-1]:
            return
        self._points.append(pointer.at)
        if len(self._points) - self._open > _RUN:
            # Only new points are simplified, so that a move costs the same however long the line is.
            run = np.array(self._points[self._open :], np.float64)
            self._shown += [(x, y) for x, y in simplify(run, pointer.reach / _FINENESS).tolist()][:-1]
            self._open = len(self._points) - 1

    def _parts(self, bounds: Rect) -> Iterator[tuple[Rect, Bool]] | None:
        return rasterise(np.array(self._points, np.float64), bounds) if len(self._points) > 2 else None

    def _area(self) -> Rect:
        (x0, y0), (x1, y1) = np.min(self._points, axis=0), np.max(self._points, axis=0)
        return Rect(math.floor(x0), math.floor(y0), math.ceil(x1), math.ceil(y1))


class _BoxTool(_DragShape):
    """A shape dragged from corner to corner, in whole pixels: the pixels under press and release belong to its box.

    Shift makes it as wide as high. A click that does not move draws nothing; the smallest drag draws one pixel.
    """

    def __init__(self, kit: Kit) -> None:
        super().__init__(kit)
        self._from = Pointer((0.0, 0.0))
        self._to = self._from
        self._moved = False

    @property
    def preview(self) -> Preview | None:
        """Outline and size."""
        if not self.active:
            return None
        box = self._box()
        text = f"{box.width} × {box.height} px"
        return Preview(value=self._value, mask=self._mask(box), rings=(self._outline(box),), text=text)

    def _begin(self, pointer: Pointer) -> None:
        self._from = self._to = pointer
        self._moved = False

    def _extend(self, pointer: Pointer) -> None:
        self._to = pointer
        self._moved = self._moved or pointer.at != self._from.at

    def _parts(self, bounds: Rect) -> Iterator[tuple[Rect, Bool]] | None:
        if not self._moved:
            self.kit.say(f"{self.label}: drag from corner to corner")
            return None
        return self._fill(_floats(self._box()), bounds)

    def _area(self) -> Rect:
        return self._box()

    def _box(self) -> Rect:
        (x0, y0), (x1, y1) = self._from.pixel, self._to.pixel
        if self._to.straight:
            side = max(abs(x1 - x0), abs(y1 - y0))
            x1, y1 = x0 + (side if x1 >= x0 else -side), y0 + (side if y1 >= y0 else -side)
        return Rect(min(x0, x1), min(y0, y1), max(x0, x1) + 1, max(y0, y1) + 1)

    def _mask(self, box: Rect) -> tuple[Rect, Bool] | None:  # noqa: ARG002  # an ellipse needs it
        """The pixels it would write, where the outline does not say it exactly."""
        return None

    @abstractmethod
    def _fill(self, box: Box, bounds: Rect) -> Iterator[tuple[Rect, Bool]]:
        """The pixels of the shape in a box."""

    @abstractmethod
    def _outline(self, box: Rect) -> Ring:
        """Its outline, to be shown."""


class RectangleTool(_BoxTool):
    """Fills an upright rectangle; reversed, clears it."""

    name = "rectangle"
    label = "Rectangle"

    def _fill(self, box: Box, bounds: Rect) -> Iterator[tuple[Rect, Bool]]:
        return rectangle_parts(box, bounds)

    def _outline(self, box: Rect) -> Ring:
        x0, y0, x1, y1 = _floats(box)
        return np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], np.float64)


class EllipseTool(_BoxTool):
    """Fills an ellipse in an upright box; reversed, clears it."""

    name = "ellipse"
    label = "Ellipse"

    def _fill(self, box: Box, bounds: Rect) -> Iterator[tuple[Rect, Bool]]:
        return ellipse_parts(box, bounds)

    def _outline(self, box: Rect) -> Ring:
        turn = np.linspace(0, 2 * np.pi, _RING, endpoint=False)
        x0, y0, x1, y1 = _floats(box)
        round_ = np.stack([np.cos(turn), np.sin(turn)], axis=1) / 2
        return np.asarray(round_ * (x1 - x0, y1 - y0) + ((x0 + x1) / 2, (y0 + y1) / 2), np.float64)

    def _mask(self, box: Rect) -> tuple[Rect, Bool] | None:
        seen = box.intersect(_window(self._to)).intersect(self._document.bounds if self._document else EMPTY)
        if seen.empty or seen.width * seen.height > _MOST_SHOWN:
            return None
        where = np.zeros((seen.height, seen.width), np.bool_)
        for rect, covered in self._fill(_floats(box), seen):
            where[rect.shift(-seen.x0, -seen.y0).slices] = covered
        return seen, where


def _window(pointer: Pointer) -> Rect:
    """What a preview shows at most."""
    x, y = pointer.pixel
    around = Rect(x - _SIDE // 2, y - _SIDE // 2, x + _SIDE // 2, y + _SIDE // 2)
    return pointer.visible or around


def _floats(box: Rect) -> Box:
    return float(box.x0), float(box.y0), float(box.x1), float(box.y1)
