"""Polygon: corners set by clicks, movable until it is closed."""

import math

import numpy as np

from segstudio.core.classes import VOID
from segstudio.core.document import Document
from segstudio.core.polygons import nearest_on_line, rasterise
from segstudio.core.strokes import Point
from segstudio.core.tools.base import Kit, Pointer, Preview, Ring, Tool

_LEAST = 3  # points that enclose something
_STILL = 0.5  # of the pointer's reach: a hand that clicks may tremble by this


class PolygonTool(Tool):
    """Fills a polygon; clears it when its first point was set in reverse.

    A click adds a point, and dragging moves it. A point can be dragged elsewhere; a click on an edge puts a point
    there. A click on the first point closes the polygon, and so do Enter and a double click.
    """

    name = "polygon"
    label = "Polygon"

    def __init__(self, kit: Kit) -> None:
        super().__init__(kit)
        self._document: Document | None = None
        self._points: list[Point] = []
        self._reverse = False
        self._held: int | None = None  # index of the point that the button drags
        self._pressed = Pointer((0.0, 0.0))
        self._grip: Point = (0.0, 0.0)  # from the pointer to the point it holds
        self._loose = False  # whether the held point follows the pointer
        self._hover: Pointer | None = None
        self._closed_at: Point | None = None

    @property
    def active(self) -> bool:
        """Whether a polygon is open."""
        return bool(self._points)

    @property
    def preview(self) -> Preview | None:
        """Edges so far and the one to the pointer, or the whole outline where a click would close it."""
        if not self._points or self._document is None:
            return None
        value = VOID if self._reverse or self.palette.value >= len(self._document.classes) else self.palette.value
        handles, line = tuple(self._points), self._array()
        hover = self._hover if self._held is None else None
        if hover is not None and self._closes(self._vertex_at(hover)):
            return Preview(value=value, rings=(line,), handles=handles, text="Close")
        if hover is not None and self._vertex_at(hover) is None:
            on_edge = self._edge_at(hover)
            if on_edge is not None:
                return Preview(value=value, lines=(line,), handles=(*handles, on_edge[1]))
            line = np.concatenate([line, np.array([hover.at], np.float64)])
        return Preview(value=value, lines=(line,), handles=handles)

    def hover(self, document: Document, pointer: Pointer | None) -> None:
        """Draw the edge that a click would add."""
        self._take(document)
        self._hover = pointer
        if self._closed_at is not None and (pointer is None or math.dist(pointer.at, self._closed_at) > pointer.reach):
            self._closed_at = None

    def press(self, document: Document, pointer: Pointer) -> None:
        """Take hold of the point there, or of a new one."""
        self._take(document)
        self._closed_at = None
        self._hover = self._pressed = pointer
        if not self._points:
            if self.value_for(document, pointer) is None:
                return
            self._reverse = pointer.reverse
        self._held, self._loose = self._vertex_at(pointer), False
        if self._held is None:
            edge = self._edge_at(pointer)
            self._loose = edge is None
            self._held, at = (len(self._points), pointer.at) if edge is None else edge
            self._points.insert(self._held, at)
        x, y = self._points[self._held]
        self._grip = x - pointer.at[0], y - pointer.at[1]

    def move(self, pointer: Pointer) -> None:
        """Move the point that is held; one that was there before only once the hand means it."""
        if self._held is None:
            return
        self._hover = pointer
        self._loose = self._loose or math.dist(pointer.at, self._pressed.at) > pointer.reach * _STILL
        if self._loose:
            self._points[self._held] = pointer.at[0] + self._grip[0], pointer.at[1] + self._grip[1]

    def release(self, pointer: Pointer) -> None:
        """Let the point go; a click on the first one closes."""
        self.move(pointer)
        held, self._held = self._held, None
        if self._closes(held) and not self._loose:
            self._close()
            self._closed_at = None if self._points else pointer.at

    def confirm(self) -> bool:
        """Close and fill."""
        if self._points:
            self._close()
            return True
        # The second half of a double click on the first point, or Enter after it, means the polygon just closed.
        closed, self._closed_at = self._closed_at is not None, None
        return closed

    def back(self) -> bool:
        """Remove the last point."""
        if not self._points:
            return False
        self._points.pop()
        self._held = None
        return True

    def finish(self) -> None:
        """Drop what is open, and say so."""
        if self._points:
            self.kit.say("Polygon dropped: it was not closed")
        self.cancel()

    def cancel(self) -> None:
        """Drop what is open."""
        self._points.clear()
        self._document = self._held = self._hover = self._closed_at = None

    def _take(self, document: Document) -> None:
        """Points belong to one image: drop those of another."""
        if document is not self._document:
            self.finish()
            self._document = document

    def _close(self) -> None:
        """Fill and forget the points; they stay when they cannot be filled yet."""
        assert self._document is not None
        if len(self._points) < _LEAST:
            self.kit.say("A polygon needs three points: click to add them, Esc drops it")
            return
        value = self.value_for(self._document, Pointer(self._points[0], reverse=self._reverse))
        if value is None:
            return
        points, self._points, self._held = self._array(), [], None
        self.write(self._document, rasterise(points, self._document.bounds), value)

    def _array(self) -> Ring:
        return np.array(self._points, np.float64).reshape(-1, 2)

    def _vertex_at(self, pointer: Pointer) -> int | None:
        """Index of the nearest point within reach; the first wins over others, for it closes."""
        reached = [(math.dist(point, pointer.at), index) for index, point in enumerate(self._points)]
        near = [index for distance, index in sorted(reached) if distance <= pointer.reach]
        if not near:
            return None
        return 0 if 0 in near and self._closes(0) else near[0]

    def _closes(self, index: int | None) -> bool:
        return index == 0 and len(self._points) >= _LEAST

    def _edge_at(self, pointer: Pointer) -> tuple[int, Point] | None:
        """Where a point would go on the edge within reach: its index and place. The edge not drawn yet is none."""
        if len(self._points) < 2:
            return None
        edge, near, distance = nearest_on_line(self._array(), pointer.at)
        return (edge + 1, near) if distance <= pointer.reach else None
