"""Points set by clicks: what the tools have in common whose shape stays open between one click and the next."""

import math
from abc import ABC, abstractmethod
from copy import copy
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from segstudio.core.classes import VOID
from segstudio.core.document import Document
from segstudio.core.geometry import Rect
from segstudio.core.polygons import rasterise
from segstudio.core.strokes import Point
from segstudio.core.tools.base import Kit, Pointer, Ring, Tool
from segstudio.core.tools.preview import intended

Shape = dict[str, Any]  # an open shape, as a tool lays it aside

STILL = 0.5  # of the pointer's reach: a hand that clicks may tremble by this


class PointTool(Tool, ABC):
    """A shape of points, open until a click on the first one, Enter or a double click closes it.

    Points belong to one image. An open shape waits there when the hand is called away, to another tool or another
    image, and is there again when it comes back; only Esc drops it.

    Attributes:
        least: points that a click on the first one closes.
        shape: names of the attributes that an open shape consists of.
    """

    reads_labels = False
    least = 3
    shape: tuple[str, ...] = ("_points", "_order")

    def __init__(self, kit: Kit) -> None:
        super().__init__(kit)
        self._document: Document | None = None
        self._points: list[Point] = []
        self._order: list[int] = []  # indices of the points as they were set
        self._pointer: Pointer | None = None
        self._held: int | None = None  # index of the point that the button drags
        self._fresh = False  # whether it was set by this press, and so follows the hand at once
        self._moved = False  # whether the hand has moved since the press, more than it trembles
        self._pressed = Pointer((0.0, 0.0))
        self._grip: Point = (0.0, 0.0)  # from the pointer to the point it holds
        self._closed_at: Point | None = None
        self._aside: WeakKeyDictionary[Document, Shape] = WeakKeyDictionary()

    @property
    def active(self) -> bool:
        """Whether there are points."""
        return bool(self._points)

    def hover(self, document: Document, pointer: Pointer | None) -> None:
        """Show what a click would do."""
        self._take(document)
        self._pointer = pointer
        if self._closed_at is not None and (pointer is None or math.dist(pointer.at, self._closed_at) > pointer.reach):
            self._closed_at = None
        self._look()

    def move(self, pointer: Pointer) -> None:
        """Move the point that is held; one that was there before only once the hand means it."""
        if self._held is None:
            return
        self._pointer = pointer
        self._moved = self._moved or math.dist(pointer.at, self._pressed.at) > pointer.reach * STILL
        if self._loose:
            self._points[self._held] = self._placed((pointer.at[0] + self._grip[0], pointer.at[1] + self._grip[1]))
        self._look()

    def confirm(self) -> bool:
        """Close the shape."""
        if self.unfinished:
            self._close()
            return True
        # The second half of a double click on the first point, or Enter after it, means the shape just closed.
        closed, self._closed_at = self._closed_at is not None, None
        return closed

    def back(self) -> bool:
        """Remove the point that was set last."""
        if not self.unfinished:
            return False
        self._let_go()
        self._remove_last()
        self._look()
        return True

    def finish(self) -> None:
        """The hand is called away: an open shape waits."""
        self._let_go()
        self._pointer = self._closed_at = None
        self._look()

    def cancel(self) -> None:
        """Drop all points."""
        self._forget()
        self._document = self._pointer = self._closed_at = None
        self._look()

    def lay_aside(self) -> Shape | None:
        """Take the open shape away, to be given back with `take_up`; None when there is none."""
        self.finish()
        shape = {name: copy(getattr(self, name)) for name in self.shape} if self.unfinished else None
        self.cancel()
        return shape

    def take_up(self, document: Document, shape: Shape) -> None:
        """Go on with a shape that was laid aside, on the same image."""
        self._take(document)
        if not self._points:
            for name, value in shape.items():
                setattr(self, name, value)
            self._look()

    @property
    def _loose(self) -> bool:
        """Whether the point that is held follows the pointer."""
        return self._fresh or self._moved

    @abstractmethod
    def _close(self, click: Pointer | None = None) -> None:
        """Close the shape, by a click on its first point or otherwise; what cannot be closed yet stays open."""

    def _look(self) -> None:
        """Points or pointer are others: the moment to work out a preview that takes long."""

    def _let_go(self) -> None:
        """The point that is held stays where it is."""
        self._held = None

    def _placed(self, at: Point) -> Point:
        """Where a point comes to lie that the hand wants there."""
        return at

    def _take(self, document: Document) -> None:
        """Work on this image from now on."""
        last = self._document
        if document is last:
            return
        if (shape := self.lay_aside()) is not None and last is not None:
            self._aside[last] = shape
        self._document = document
        if (shape := self._aside.pop(document, None)) is not None:
            self.take_up(document, shape)

    def _set(self, index: int, at: Point) -> None:
        """Put a new point before the one of an index, or at the end."""
        self._order = [*(other + (other >= index) for other in self._order), index]
        self._points.insert(index, at)

    def _remove_last(self) -> int:
        """Take the point away that was set last; returns its index."""
        index = self._order.pop()
        self._order = [other - (other > index) for other in self._order]
        del self._points[index]
        return index

    def _forget(self) -> None:
        """Have no points."""
        self._points.clear()
        self._order.clear()
        self._held = None

    def _hit(self, pointer: Pointer) -> int | None:
        """Index of the nearest point within reach; the first one wins over others when a click on it closes."""
        distances = [math.dist(point, pointer.at) for point in self._points]
        near = [index for index, distance in enumerate(distances) if distance <= pointer.reach]
        return 0 if 0 in near and self._closes(0) else min(near, key=distances.__getitem__, default=None)

    def _closes(self, index: int | None) -> bool:
        return index == 0 and len(self._points) >= self.least

    def _array(self) -> Ring:
        return np.array(self._points, np.float64).reshape(-1, 2)


class OutlineTool(PointTool):
    """Fills what an outline through points encloses; clears it when its first point was set in reverse.

    A click sets a point at the end or, where it meets the outline, on it. Any point can be dragged.

    Attributes:
        too_few: said when there are not enough points to close.
    """

    too_few: str
    shape = (*PointTool.shape, "_reverse")

    def __init__(self, kit: Kit) -> None:
        super().__init__(kit)
        self._reverse = False

    def press(self, document: Document, pointer: Pointer) -> None:
        """Take hold of the point there, or of a new one."""
        self._take(document)
        self._let_go()
        self._closed_at = None
        if not self._ready(document):
            return
        if not self._points:
            if self.value_for(document, pointer) is None:
                return
            self._reverse = pointer.reverse
        self._pointer = self._pressed = pointer
        self._held, self._fresh, self._moved, self._grip = self._hit(pointer), False, False, (0.0, 0.0)
        if self._held is None:
            on_line = self._on_line(pointer)
            self._fresh = on_line is None
            self._held, at = on_line or (len(self._points), self._placed(pointer.at))
            self._set(self._held, at)
        if not self._fresh:
            x, y = self._points[self._held]
            self._grip = x - pointer.at[0], y - pointer.at[1]
        self._look()

    def release(self, pointer: Pointer) -> None:
        """Let the point go; a click on the first one closes."""
        if self._held is None:
            return
        self.move(pointer)
        closes = self._closes(self._held) and not self._loose
        self._let_go()
        if closes:
            self._close(self._pressed)
            self._closed_at = None if self._points else pointer.at
        self._look()

    def _close(self, click: Pointer | None = None) -> None:
        """Fill what is enclosed, and forget the points."""
        self._let_go()
        document = self._document
        assert document is not None
        value = None
        if len(self._points) < self.least:
            self.kit.say(self.too_few)
        else:
            value = self.value_for(document, self._first)
        if value is not None:
            outline = self._outline(click)
            self._forget()
            self.write(document, rasterise(outline, document.bounds), value, area=_area(outline))
        self._look()

    @property
    def _first(self) -> Pointer:
        """As the pointer was that set the first point."""
        return Pointer(self._points[0], reverse=self._reverse)

    @property
    def _value(self) -> int:
        """What the preview says it writes."""
        value = None if self._document is None else intended(self.palette, self._document, self._first)
        return VOID if value is None else value

    def _ready(self, document: Document) -> bool:  # noqa: ARG002  # some need an image
        """Whether points can be set; says why not."""
        return True

    @abstractmethod
    def _outline(self, click: Pointer | None) -> Ring:
        """What is filled: the last point joined to the first."""

    @abstractmethod
    def _on_line(self, pointer: Pointer) -> tuple[int, Point] | None:
        """Where the pointer meets the line between points: index and place of the point that a click sets there."""


def _area(outline: Ring) -> Rect:
    """The pixels it reaches into."""
    (left, top), (right, bottom) = np.floor(outline.min(axis=0)), np.ceil(outline.max(axis=0))
    return Rect(int(left), int(top), int(right), int(bottom))
