"""Measure: lengths and areas, in pixels and in the image's own unit."""

import math

import numpy as np

from segstudio.core.document import Document
from segstudio.core.picture import Spacing
from segstudio.core.polygons import area, line_length
from segstudio.core.tools.base import Kit, Pointer, Preview, Ring
from segstudio.core.tools.points import STILL, PointTool


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


class MeasureTool(PointTool):
    """Measures and writes nothing.

    A drag gives a length. Clicks draw a line whose length counts; Enter or a double click ends it, a click on its
    first point gives the area it encloses. The figure stays until the next press, Esc or another tool.
    """

    name = "measure"
    label = "Measure"
    shape = (*PointTool.shape, "_growing")

    def __init__(self, kit: Kit) -> None:
        super().__init__(kit)
        self._growing = False  # whether another click goes on
        self._closed = False
        self._told = ""
        self._away = False  # whether another tool is in the hand, or was last

    @property
    def unfinished(self) -> bool:
        """Whether the line goes on; a figure that only stays to be read keeps no key and no undo to itself."""
        return self._growing

    @property
    def preview(self) -> Preview | None:
        """The line or outline, with its figure."""
        if not self._points:
            return None
        points, closed = self._measured()
        handles = tuple(self._points)
        if closed:
            return Preview(rings=(points,), handles=handles, text=area_text(points, self._spacing))
        return Preview(lines=(points,), handles=handles, text=length_text(points, self._spacing))

    def hover(self, document: Document, pointer: Pointer | None) -> None:
        """Show where a click would lead."""
        self._take(document)
        self._away = self._away and pointer is None
        super().hover(document, pointer)

    def press(self, document: Document, pointer: Pointer) -> None:
        """Begin a measurement, or go on with the open line."""
        self._take(document)
        self._away = False
        self._closed_at = None
        self._pointer = self._pressed = pointer
        self._fresh, self._moved = True, False
        if not self._growing:
            self._forget()
            self._growing = True
            self._set(0, pointer.at)
        elif self._closes(self._hit(pointer)):
            self._close(pointer)
            return
        elif math.dist(pointer.at, self._points[-1]) <= pointer.reach * STILL:
            return  # the second half of a double click
        self._held = len(self._points)
        self._set(self._held, pointer.at)

    def release(self, pointer: Pointer) -> None:
        """End a dragged length; a click leaves the line open."""
        self.move(pointer)
        if self._stretching and self._moved:
            self._close()
        elif self._stretching:
            self._remove_last()
        self._let_go()
        self._look()

    def back(self) -> bool:
        """Remove the last point of an open line."""
        removed = super().back()
        self._growing = self._growing and bool(self._points)
        return removed

    def finish(self) -> None:
        """Take the figure off the screen; an open line waits, as other shapes do."""
        self._away = True
        if self._stretching and not self._moved:
            self._remove_last()
        if self._growing:
            super().finish()
        else:
            self.cancel()

    @property
    def _stretching(self) -> bool:
        """Whether the press that began the measurement is still down."""
        return self._held == 1 and len(self._points) == 2 and self._points[0] == self._pressed.at

    @property
    def _spacing(self) -> Spacing | None:
        picture = self._document.picture if self._document is not None else None
        return picture.spacing if picture is not None else None

    def _forget(self) -> None:
        super()._forget()
        self._growing = self._closed = False

    def _close(self, click: Pointer | None = None) -> None:
        """Keep the figure, and tell it; a lone point has none."""
        if self._stretching and not self._moved:
            self._remove_last()
        self._let_go()
        self._growing = False
        if click is not None:
            self._closed, self._closed_at = True, click.at
        elif len(self._points) < 2:
            self._forget()
        self._look()

    def _measured(self) -> tuple[Ring, bool]:
        """What is measured, the pointer included while it goes on, and whether it is closed."""
        points, closed = self._array(), self._closed
        if self._growing and self._held is None and self._pointer is not None:
            closed = self._closes(self._hit(self._pointer))
            if not closed:
                points = np.concatenate([points, np.array([self._pointer.at], np.float64)])
        return points, closed

    def _look(self) -> None:
        """Tell the figure as long as it is in sight."""
        points, closed = self._measured()
        if self._away:
            self._say("")
        elif closed:
            around = length_text(np.concatenate([points, points[:1]]), self._spacing)
            self._say(f"Area {area_text(points, self._spacing)}  ·  outline {around}")
        else:
            some = len(points) > 1 and bool(np.ptp(points, axis=0).any())
            self._say(f"Length {length_text(points, self._spacing)}" if some else "")

    def _say(self, line: str) -> None:
        if line != self._told:
            self._told = line
            self.kit.tell(line)
