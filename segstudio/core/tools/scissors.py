"""Scissors: an outline that follows the edges of the image between points set by clicks."""

import math

import numpy as np

from segstudio.core.background import Task
from segstudio.core.classes import VOID
from segstudio.core.document import Document
from segstudio.core.livewire import LiveWire, Wire, level_for
from segstudio.core.polygons import rasterise
from segstudio.core.strokes import Point
from segstudio.core.tools.base import Kit, Pointer, Preview, Tool, ToolName
from segstudio.core.tools.preview import intended

_LEAST = 2  # points between which there and back can enclose something
_STILL = 0.5  # of the pointer's reach: a hand that clicks may tremble by this
_LIKELY = 40  # of the pointer's reach: from one point to the next it is rarely farther
_MOST_MAPS = 4  # of ways that are kept: those of both neighbours of a point that is dragged, at two scales

Key = tuple[Point, int]  # anchor and level of a live wire


class ScissorsTool(Tool):
    """Fills an outline along edges; clears it when its first point was set in reverse.

    A click adds a point, joined along the edges to the one before, or straight with Shift. Points can be dragged. A
    click on the first point closes the outline in the same way, and so do Enter and a double click.
    """

    name: ToolName = "scissors"
    label = "Scissors"

    def __init__(self, kit: Kit) -> None:
        super().__init__(kit)
        self._document: Document | None = None
        self._points: list[Point] = []
        self._straight: list[bool] = []  # whether the wire that leads to a point is
        self._wires: list[Wire] = []  # from each point to the next
        self._reverse = False
        self._held: int | None = None  # index of the point that the button drags
        self._loose = False  # whether the held point follows the pointer
        self._pressed = Pointer((0.0, 0.0))
        self._grip: Point = (0.0, 0.0)  # from the pointer to the point it holds
        self._pointer: Pointer | None = None
        self._closed_at: Point | None = None
        self._maps: dict[Key, LiveWire] = {}
        self._task: Task | None = None
        self._sent: Key | None = None
        self._preview: Preview | None = None

    @property
    def active(self) -> bool:
        """Whether an outline is open."""
        return bool(self._points)

    @property
    def preview(self) -> Preview | None:
        """The outline so far and the wire to the pointer, or the whole where a click would close it."""
        return self._preview

    def hover(self, document: Document, pointer: Pointer | None) -> None:
        """Draw the wire that a click would add."""
        self._take(document)
        self._pointer = pointer
        if self._closed_at is not None and (pointer is None or math.dist(pointer.at, self._closed_at) > pointer.reach):
            self._closed_at = None
        self._look()

    def press(self, document: Document, pointer: Pointer) -> None:
        """Take hold of the point there, or of a new one."""
        self._take(document)
        self._settle()
        self._closed_at = None
        if document.picture is None:
            self.kit.say("There is no image with edges to follow")
            return
        if not self._points:
            if self.value_for(document, pointer) is None:
                return
            self._reverse = pointer.reverse
        self._pointer = self._pressed = pointer
        self._held = self._point_at(pointer)
        self._loose = self._held is None
        if self._held is None:
            self._held = len(self._points)
            at = self._inside(pointer.at)
            if self._points:
                self._wires.append(np.array([self._points[-1], at], np.float64))
            self._points.append(at)
            self._straight.append(pointer.straight)
        x, y = self._points[self._held]
        self._grip = (0.0, 0.0) if self._loose else (x - pointer.at[0], y - pointer.at[1])
        self._look()

    def move(self, pointer: Pointer) -> None:
        """Move the point that is held; one that was there before only once the hand means it."""
        if self._held is None:
            return
        self._pointer = pointer
        self._loose = self._loose or math.dist(pointer.at, self._pressed.at) > pointer.reach * _STILL
        if self._loose:
            self._points[self._held] = self._inside((pointer.at[0] + self._grip[0], pointer.at[1] + self._grip[1]))
        self._look()

    def release(self, pointer: Pointer) -> None:
        """Let the point go; a click on the first one closes."""
        if self._held is None:
            return
        self.move(pointer)
        closes = self._closes(self._held) and not self._loose
        self._settle()
        if closes:
            self._close(straight=self._pressed.straight)
            self._closed_at = None if self._points else pointer.at
        else:
            # The hand will go on from the last point: its ways are wanted before it moves.
            (x, y), likely = self._points[-1], _LIKELY * pointer.reach
            self._ask(((x, y), level_for((x, y), (x + likely, y))))
        self._look()

    def confirm(self) -> bool:
        """Close along the edge and fill."""
        if self._points:
            self._settle()
            self._close()
            self._look()
            return True
        # The second half of a double click on the first point, or Enter after it, means the outline just closed.
        closed, self._closed_at = self._closed_at is not None, None
        return closed

    def back(self) -> bool:
        """Remove the last point."""
        if not self._points:
            return False
        self._settle()
        self._points.pop()
        self._straight.pop()
        del self._wires[max(0, len(self._points) - 1) :]
        self._look()
        return True

    def finish(self) -> None:
        """Drop what is open, and say so."""
        if self._points:
            self.kit.say("Scissors dropped: the outline was not closed")
        self.cancel()

    def cancel(self) -> None:
        """Drop what is open, and let go of the image."""
        if self._task is not None:
            self._task.cancel()
        self._task = self._sent = None
        self._maps.clear()
        self._forget()
        self._document = self._pointer = self._closed_at = self._preview = None

    def _forget(self) -> None:
        self._points.clear()
        self._straight.clear()
        self._wires.clear()
        self._held = None

    def _take(self, document: Document) -> None:
        """Points belong to one image: drop those of another."""
        if document is not self._document:
            self.finish()
            self._document = document

    def _inside(self, point: Point) -> Point:
        """The nearest point of the image, its rim included."""
        assert self._document is not None
        bounds = self._document.bounds
        return min(max(point[0], 0.0), float(bounds.x1)), min(max(point[1], 0.0), float(bounds.y1))

    def _point_at(self, pointer: Pointer) -> int | None:
        """The nearest of the points that the pointer hits."""
        distances = [math.dist(point, pointer.at) for point in self._points]
        nearest = min(range(len(distances)), key=distances.__getitem__, default=None)
        return nearest if nearest is not None and distances[nearest] <= pointer.reach else None

    def _closes(self, index: int | None) -> bool:
        return index == 0 and len(self._points) >= _LEAST

    def _settle(self) -> None:
        """Let go of the point that is held, and find the wires on both sides of where it came to lie."""
        held, self._held = self._held, None
        if held is None or not self._loose:
            return
        if held > 0:
            self._wires[held - 1] = self._found(self._points[held - 1], self._points[held], self._straight[held])
        if held < len(self._points) - 1:
            # From the neighbour, whose ways are known since the drag began.
            wire = self._found(self._points[held + 1], self._points[held], self._straight[held + 1])
            self._wires[held] = wire[::-1]

    def _close(self, *, straight: bool = False) -> None:
        """Fill and forget the outline; it stays when it cannot be filled yet."""
        assert self._document is not None
        if len(self._points) < _LEAST:
            self.kit.say("Scissors need two points: click along the edge to add them, Esc drops the outline")
            return
        value = self.value_for(self._document, Pointer(self._points[0], reverse=self._reverse))
        if value is None:
            return
        last = self._found(self._points[-1], self._points[0], straight)
        outline = np.concatenate([*self._wires, last])
        self._forget()
        self._maps.clear()
        self.write(self._document, rasterise(outline, self._document.bounds), value)

    def _found(self, start: Point, end: Point, straight: bool) -> Wire:
        """The wire between two points, here and now."""
        picture = self._document.picture if self._document is not None else None
        if straight or picture is None or start == end:
            return np.array([start, end], np.float64)
        key = start, level_for(start, end)
        if key not in self._maps and key == self._sent and self._task is not None:
            self._task.wait()
        if key not in self._maps:
            self._keep(key, LiveWire(picture, *key))
        return self._maps[key].exact_path_to(end)

    def _keep(self, key: Key, wire: LiveWire) -> None:
        self._maps[key] = wire
        while len(self._maps) > _MOST_MAPS:
            del self._maps[next(iter(self._maps))]

    def _shown(self, start: Point, end: Point, straight: bool) -> tuple[Wire, bool]:
        """The wire between two points as far as it is known, and whether a better one is on its way."""
        if straight or start == end:
            return np.array([start, end], np.float64), False
        key = start, level_for(start, end)
        self._ask(key)
        known = self._maps.get(key)
        return (np.array([start, end], np.float64), True) if known is None else (known.path_to(end), False)

    def _ask(self, key: Key) -> None:
        """Have the ways of an anchor found, one anchor at a time; whatever is then still missing is asked for next."""
        if key in self._maps or (self._task is not None and not self._task.over):
            return
        document = self._document
        picture = document.picture if document is not None else None
        if picture is None:
            return

        def done(wire: LiveWire) -> None:
            if document is self._document and self._points:
                self._keep(key, wire)
                if not asking:
                    self._look()
                    self.changed()

        asking = True
        self._sent = key
        self._task = self.kit.background.run(lambda _stop: LiveWire(picture, *key), done)
        asking = False

    def _look(self) -> None:
        """Draw what there is, and what a click would add to it."""
        document, pointer = self._document, self._pointer
        if document is None or not self._points:
            self._preview = None
            return
        value = intended(self.palette, document, Pointer(self._points[0], reverse=self._reverse))
        value = VOID if value is None else value
        points, handles = self._points, tuple(self._points)
        lines, busy = list(self._wires), False
        for index in {(self._held or 0) - 1, self._held or 0} if self._held is not None and self._loose else ():
            if 0 <= index < len(lines):
                lines[index], late = self._between(index)
                busy |= late
        if self._held is not None or pointer is None:
            self._preview = Preview(value, lines=tuple(lines), handles=handles, busy=busy)
            return
        hit = self._point_at(pointer)
        if self._closes(hit):
            last, busy = self._shown(points[-1], points[0], pointer.straight)
            ring = np.concatenate([*lines, last])
            self._preview = Preview(value, rings=(ring,), handles=handles, text="Close", busy=busy)
            return
        if hit is None:
            wire, busy = self._shown(points[-1], self._inside(pointer.at), pointer.straight)
            lines.append(wire)
        self._preview = Preview(value, lines=tuple(lines), handles=handles, busy=busy)

    def _between(self, index: int) -> tuple[Wire, bool]:
        """The wire from a point to the next while one of them is dragged: from the other, whose ways are known."""
        first, second, straight = self._points[index], self._points[index + 1], self._straight[index + 1]
        if index == self._held:
            wire, busy = self._shown(second, first, straight)
            return wire[::-1], busy
        return self._shown(first, second, straight)
