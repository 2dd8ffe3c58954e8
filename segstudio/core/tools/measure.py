"""Measure: lengths and areas, in pixels and in the image's own unit."""

import math

import numpy as np

from segstudio.core.document import Document
from segstudio.core.picture import Spacing
from segstudio.core.polygons import area, line_length
from segstudio.core.strokes import Point
from segstudio.core.tools.base import Kit, Pointer, Preview, Ring, Tool

_LEAST = 3  # points that enclose something
_STILL = 0.5  # of the pointer's reach: a hand that clicks may tremble by this


def length_text(points: Ring, spacing: Spacing | None) -> str:
    """Length of an open line as a person reads it, e.g. ``128.4 px · 3.21 mm``.

    Args:
        points: ``float64 (n, 2)`` of x, y.
        spacing: the size of a pixel; None leaves pixels alone.
    """
    text = f"{line_length(points):,.1f} px"
    if spacing is None:
        return text
    return f"{text} · {_figure(line_length(points, (spacing.x, spacing.y)))} {spacing.unit}"


def area_text(points: Ring, spacing: Spacing | None) -> str:
    """Area of a closed polygon as a person reads it, e.g. ``5,210 px² · 1.30 mm²``; see `length_text`."""
    pixels = area(points)
    text = f"{pixels:,.0f} px²" if pixels >= 100 else f"{pixels:.1f} px²"
    return text if spacing is None else f"{text} · {_figure(pixels * spacing.x * spacing.y)} {spacing.unit}²"


def _figure(value: float) -> str:
    if value >= 100:
        return f"{value:,.1f}"
    return f"{value:.2f}" if value >= 0.1 or value == 0 else f"{value:.3g}"


class MeasureTool(Tool):
    """Measures and writes nothing.

    A drag gives a length. Clicks draw a line whose length counts; Enter or a double click ends it, a click on its
    first point gives the area it encloses. The figure stays until the next press or Esc.
    """

    name = "measure"
    label = "Measure"

    def __init__(self, kit: Kit) -> None:
        super().__init__(kit)
        self._document: Document | None = None
        self._points: list[Point] = []
        self._growing = False  # whether another click goes on
        self._held = False  # whether the last point follows the button
        self._closed = False
        self._pressed = Pointer((0.0, 0.0))
        self._dragged = False
        self._hover: Pointer | None = None
        self._closed_at: Point | None = None

    @property
    def active(self) -> bool:
        """Whether a measurement is on the screen."""
        return bool(self._points)

    @property
    def unfinished(self) -> bool:
        """Whether the line goes on; a figure that only stays to be read keeps no key and no undo to itself."""
        return self._growing

    @property
    def preview(self) -> Preview | None:
        """The line or outline, with its figure."""
        if not self._points:
            return None
        points, closed = self._array(), self._closed
        if self._growing and not self._held and self._hover is not None:
            closed = self._closes(self._hover)
            if not closed:
                points = np.concatenate([points, np.array([self._hover.at], np.float64)])
        handles = tuple(self._points)
        if closed:
            return Preview(rings=(points,), handles=handles, text=area_text(points, self._spacing))
        return Preview(lines=(points,), handles=handles, text=length_text(points, self._spacing))

    def hover(self, document: Document, pointer: Pointer | None) -> None:
        """Measure up to the pointer while a line is open."""
        self._take(document)
        self._hover = pointer
        if self._closed_at is not None and (pointer is None or math.dist(pointer.at, self._closed_at) > pointer.reach):
            self._closed_at = None

    def press(self, document: Document, pointer: Pointer) -> None:
        """Begin a measurement, or go on with the open line."""
        self._take(document)
        self._closed_at = None
        self._hover = self._pressed = pointer
        self._dragged = False
        if not self._growing:
            self._points, self._growing, self._closed = [pointer.at], True, False
        elif self._closes(pointer):
            self._closed, self._closed_at = True, pointer.at
            self._end()
            return
        elif math.dist(pointer.at, self._points[-1]) <= pointer.reach * _STILL:
            return  # the second half of a double click
        self._points.append(pointer.at)
        self._held = True

    def move(self, pointer: Pointer) -> None:
        """Drag the end of the line."""
        if self._held:
            self._hover, self._points[-1] = pointer, pointer.at
            self._dragged = self._dragged or math.dist(pointer.at, self._pressed.at) > pointer.reach * _STILL

    def release(self, pointer: Pointer) -> None:
        """End a dragged length; a click leaves the line open."""
        self.move(pointer)
        if self._stretching and self._dragged:
            self._end()
        elif self._stretching:
            self._points.pop()
        self._held = False

    def confirm(self) -> bool:
        """End the open line."""
        if self._growing:
            self._end()
            return True
        # The second half of a double click on the first point must not begin another measurement.
        closed, self._closed_at = self._closed_at is not None, None
        return closed

    def back(self) -> bool:
        """Remove the last point of an open line."""
        if not self._growing:
            return False
        self._points.pop()
        self._held = False
        self._growing = bool(self._points)
        return True

    def finish(self) -> None:
        """Tell what is open and take it off the screen."""
        if self._growing:
            self._end()
        self.cancel()

    def cancel(self) -> None:
        """Take the measurement off the screen."""
        self._points.clear()
        self._growing = self._held = self._closed = False
        self._document = self._hover = self._closed_at = None

    @property
    def _stretching(self) -> bool:
        """Whether the press that began the measurement is still down."""
        return self._held and len(self._points) == 2 and self._points[0] == self._pressed.at

    @property
    def _spacing(self) -> Spacing | None:
        picture = self._document.picture if self._document is not None else None
        return picture.spacing if picture is not None else None

    def _take(self, document: Document) -> None:
        """A measurement belongs to one image: drop that of another."""
        if document is not self._document:
            self.cancel()
            self._document = document

    def _closes(self, pointer: Pointer) -> bool:
        return len(self._points) >= _LEAST and math.dist(pointer.at, self._points[0]) <= pointer.reach

    def _end(self) -> None:
        """Keep the figure, and tell it; a lone point has none."""
        if self._stretching and not self._dragged:
            self._points.pop()
        self._growing = self._held = False
        points, spacing = self._array(), self._spacing
        if self._closed:
            around = length_text(np.concatenate([points, points[:1]]), spacing)
            self.kit.say(f"Area {area_text(points, spacing)}, outline {around}")
        elif len(points) > 1:
            self.kit.say(f"Length {length_text(points, spacing)}")
        else:
            self._points.clear()

    def _array(self) -> Ring:
        return np.array(self._points, np.float64).reshape(-1, 2)
