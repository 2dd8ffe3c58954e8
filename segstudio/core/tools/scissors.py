"""Scissors: an outline that follows the edges of the image between points set by clicks."""

import numpy as np

from segstudio.core.background import Task
from segstudio.core.document import Document
from segstudio.core.livewire import LiveWire, Wire, level_for
from segstudio.core.polygons import nearest_on_line
from segstudio.core.strokes import Point
from segstudio.core.tools.base import Kit, Pointer, Preview, Ring, ToolName
from segstudio.core.tools.points import OutlineTool

_LIKELY = 40  # of the pointer's reach: from one point to the next it is rarely farther
_MOST_MAPS = 4  # of ways that are kept: those of both neighbours of a point that is dragged, at two scales

Key = tuple[Point, int]  # anchor and level of a live wire


class ScissorsTool(OutlineTool):
    """Joins its points along the edges of the image, or straight those that were set with Shift.

    A point set on a wire leaves it as it is until the point is dragged, and gives it back when it is removed.
    """

    name: ToolName = "scissors"
    label = "Scissors"
    least = 2  # there and back can enclose something
    too_few = "Scissors need two points: click along the edge to add them, Esc drops the outline"
    shape = (*OutlineTool.shape, "_straight", "_wires", "_parted")

    def __init__(self, kit: Kit) -> None:
        super().__init__(kit)
        self._straight: list[bool] = []  # whether the wire that leads to a point is
        self._wires: list[Wire] = []  # from each point to the next
        self._parted: list[Wire | None] = []  # by points in the order they were set: the wire it was set on
        self._maps: dict[Key, LiveWire] = {}
        self._task: Task | None = None
        self._sent: Key | None = None
        self._preview: Preview | None = None

    @property
    def preview(self) -> Preview | None:
        """The outline so far and the wire to the pointer, or the whole where a click would close it."""
        return self._preview

    def release(self, pointer: Pointer) -> None:
        """Let the point go; a click on the first one closes."""
        held = self._held
        super().release(pointer)
        if held is not None and self._points:
            # The hand will go on from the last point: its ways are wanted before it moves.
            (x, y), likely = self._points[-1], _LIKELY * pointer.reach
            self._ask(((x, y), level_for((x, y), (x + likely, y))))
            self._look()

    def cancel(self) -> None:
        """Drop what is open, and let go of the image."""
        if self._task is not None:
            self._task.cancel()
        self._task = self._sent = None
        super().cancel()

    def _ready(self, document: Document) -> bool:
        if document.picture is None:
            self.kit.say("There is no image with edges to follow")
        return document.picture is not None

    def _placed(self, at: Point) -> Point:
        """The nearest point of the image, its rim included."""
        assert self._document is not None
        bounds = self._document.bounds
        return min(max(at[0], 0.0), float(bounds.x1)), min(max(at[1], 0.0), float(bounds.y1))

    def _on_line(self, pointer: Pointer) -> tuple[int, Point] | None:
        """On a wire between two points; the one that follows the pointer is none."""
        met = [nearest_on_line(wire, pointer.at)[1:] for wire in self._wires]
        nearest = min(range(len(met)), key=lambda index: met[index][1], default=None)
        return None if nearest is None or met[nearest][1] > pointer.reach else (nearest + 1, met[nearest][0])

    def _set(self, index: int, at: Point) -> None:
        """See `PointTool._set`; a wire the point lies on becomes two."""
        wire = None
        if index < len(self._points):
            wire = self._wires[index - 1]
            piece, here = nearest_on_line(wire, at)[0] + 1, np.array([at], np.float64)
            self._wires[index - 1 : index] = [
                np.concatenate([wire[:piece], here]),
                np.concatenate([here, wire[piece:]]),
            ]
        elif self._points:
            self._wires.append(np.array([self._points[-1], at], np.float64))
        self._straight.insert(index, self._pressed.straight if wire is None else self._straight[index])
        self._parted.append(wire)
        super()._set(index, at)

    def _remove_last(self) -> int:
        """See `PointTool._remove_last`; of the wires on both sides one is left, or none at the end."""
        index, parted = super()._remove_last(), self._parted.pop()
        del self._straight[index]
        del self._wires[max(0, index - 1) : index + 1]
        if parted is not None:
            start, end = self._points[index - 1], self._points[index]
            same = tuple(parted[0]) == start and tuple(parted[-1]) == end
            self._wires.insert(index - 1, parted if same else self._found(start, end, self._straight[index]))
        return index

    def _forget(self) -> None:
        super()._forget()
        for kept in (self._straight, self._wires, self._parted):
            kept.clear()
        self._maps.clear()

    def _let_go(self) -> None:
        """Let the point go, and find the wires on both sides of where it came to lie."""
        held, self._held = self._held, None
        if held is None or not self._loose:
            return
        if held > 0:
            self._wires[held - 1] = self._found(self._points[held - 1], self._points[held], self._straight[held])
        if held < len(self._points) - 1:
            # From the neighbour, whose ways are known since the drag began.
            wire = self._found(self._points[held + 1], self._points[held], self._straight[held + 1])
            self._wires[held] = wire[::-1]

    def _outline(self, click: Pointer | None) -> Ring:
        """Back to the first point along the edge, or straight when it was clicked with Shift."""
        straight = click is not None and click.straight
        return np.concatenate([*self._wires, self._found(self._points[-1], self._points[0], straight)])

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
        pointer = self._pointer
        if self._document is None or not self._points:
            self._preview = None
            return
        value, points, handles = self._value, self._points, tuple(self._points)
        lines, busy = list(self._wires), False
        for index in {(self._held or 0) - 1, self._held or 0} if self._held is not None and self._loose else ():
            if 0 <= index < len(lines):
                lines[index], late = self._between(index)
                busy |= late
        if self._held is not None or pointer is None:
            self._preview = Preview(value, lines=tuple(lines), handles=handles, busy=busy)
            return
        hit = self._hit(pointer)
        if self._closes(hit):
            last, busy = self._shown(points[-1], points[0], pointer.straight)
            ring = np.concatenate([*lines, last])
            self._preview = Preview(value, rings=(ring,), handles=handles, text="Close", busy=busy)
            return
        on_wire = self._on_line(pointer) if hit is None else None
        if on_wire is not None:
            handles = (*handles, on_wire[1])
        elif hit is None:
            wire, busy = self._shown(points[-1], self._placed(pointer.at), pointer.straight)
            lines.append(wire)
        self._preview = Preview(value, lines=tuple(lines), handles=handles, busy=busy)

    def _between(self, index: int) -> tuple[Wire, bool]:
        """The wire from a point to the next while one of them is dragged: from the other, whose ways are known."""
        first, second, straight = self._points[index], self._points[index + 1], self._straight[index + 1]
        if index == self._held:
            wire, busy = self._shown(second, first, straight)
            return wire[::-1], busy
        return self._shown(first, second, straight)
