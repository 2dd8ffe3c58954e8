"""Polygon: corners set by clicks, movable until it is closed."""

import numpy as np

from segstudio.core.polygons import nearest_on_line
from segstudio.core.strokes import Point
from segstudio.core.tools.base import Pointer, Preview, Ring
from segstudio.core.tools.points import OutlineTool


class PolygonTool(OutlineTool):
    """Joins its points by straight edges."""

    name = "polygon"
    label = "Polygon"
    too_few = "A polygon needs three points: click to add them, Esc drops it"

    @property
    def preview(self) -> Preview | None:
        """Edges so far and the one to the pointer, or the whole outline where a click would close it."""
        if not self._points or self._document is None:
            return None
        value, handles, line = self._value, tuple(self._points), self._array()
        hover = self._pointer if self._held is None else None
        hit = None if hover is None else self._hit(hover)
        if self._closes(hit):
            return Preview(value=value, rings=(line,), handles=handles, text="Close")
        if hover is not None and hit is None:
            on_edge = self._on_line(hover)
            if on_edge is not None:
                return Preview(value=value, lines=(line,), handles=(*handles, on_edge[1]))
            line = np.concatenate([line, np.array([hover.at], np.float64)])
        return Preview(value=value, lines=(line,), handles=handles)

    def _outline(self, click: Pointer | None) -> Ring:  # noqa: ARG002  # it is the same either way
        return self._array()

    def _on_line(self, pointer: Pointer) -> tuple[int, Point] | None:
        """On an edge; the one not drawn yet, back to the first point, is none."""
        if len(self._points) < 2:
            return None
        edge, near, distance = nearest_on_line(self._array(), pointer.at)
        return (edge + 1, near) if distance <= pointer.reach else None
