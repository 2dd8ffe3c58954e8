"""Superpixel brush: paints whole segments of the image."""

import math

import numpy as np

from segstudio.core.arrays import Bool
from segstudio.core.background import Task
from segstudio.core.classes import VOID
from segstudio.core.document import Document, Gesture
from segstudio.core.geometry import EMPTY, Rect
from segstudio.core.strokes import Point
from segstudio.core.superpixels import I32, MAX_CELL, MIN_CELL, UNKNOWN, SuperpixelMap
from segstudio.core.tools.base import Kit, Pointer, Preview, Tool, ToolName
from segstudio.core.tools.preview import intended, writable

_AHEAD = 2  # tiles in each direction around the pointer that are made ready when they are visible
_UNSEEN = 1024  # pixels around the pointer that are previewed when nobody knows what is visible
_STEP = math.sqrt(2)  # of the width of a cell, for each step of the wheel

Pixel = tuple[int, int]


class SuperpixelTool(Tool):
    """Paints every superpixel the pointer crosses between press and release, as one stroke.

    Segments whose tile is not known yet are painted as soon as it is, at the latest on release.
    """

    name: ToolName = "superpixel"
    label = "Superpixels"

    def __init__(self, kit: Kit) -> None:
        super().__init__(kit)
        self._document: Document | None = None
        self._map: SuperpixelMap | None = None
        self._pointer: Pointer | None = None
        self._segment: tuple[SuperpixelMap, int, Rect, Bool] | None = None
        self._preview: Preview | None = None
        self._turned = 0.0
        self._text = ""
        self._task: Task | None = None
        self._pumping = False
        self._gesture: Gesture | None = None
        self._value = VOID
        self._crossed: dict[Pixel, None] = {}
        self._painted: set[int] = set()

    @property
    def active(self) -> bool:
        """Whether a stroke is running. One that the document ended by itself is over here too."""
        return self._gesture is not None and self._document is not None and self._document.gesture is self._gesture

    @property
    def preview(self) -> Preview | None:
        """The segment under the pointer; busy until all of it is known."""
        return self._preview

    def hover(self, document: Document, pointer: Pointer | None) -> None:
        """Highlight the segment under the pointer, and make ready what is near it."""
        if self.active and document is self._document:
            return  # a stroke goes on from where it is, with the cells it was begun with
        self._pointer = pointer
        self._text = ""
        if pointer is None:
            self._rest()
            self._look()
        elif self._take(document):
            self._look()
            self._pump()

    def press(self, document: Document, pointer: Pointer) -> None:
        """Begin a stroke with the segment under the pointer."""
        self._end()
        if document.picture is None:
            self.kit.say("There is no image to find superpixels in")
            return
        value = self.value_for(document, pointer)
        if value is None or not self._take(document):
            return
        self._value = value
        self._gesture = document.begin(self.label, over=self.palette.over_for(value))
        self._pointer = pointer
        self._go_on(pointer.at, pointer)

    def move(self, pointer: Pointer) -> None:
        """Paint every segment on the way; nothing when no stroke is running."""
        if self.active and self._pointer is not None:
            self._go_on(self._pointer.at, pointer)

    def release(self, pointer: Pointer) -> None:
        """End the stroke, once every segment on the way is painted."""
        self.move(pointer)
        self._end()

    def turn(self, steps: float) -> bool:
        """Coarser or finer cells, by a factor of the square root of 2 a step."""
        self._turned += steps
        whole = math.trunc(self._turned)
        self._turned -= whole
        cell = min(MAX_CELL, max(MIN_CELL, round(self.palette.cell * _STEP**whole)))
        self.palette.cell = cell
        if self._document is not None and self._map is not None and self._map.cell != cell:
            # What was crossed so far was crossed with the cells of before.
            self._settle()
            self._take(self._document)
        self._text = f"cells of {cell} px"
        self._look()
        self._pump()
        return True

    def finish(self) -> None:
        """End the stroke here, and let go of the image."""
        self._end()
        self._rest()
        self._document = self._map = self._pointer = None
        self._look()

    def cancel(self) -> None:
        """Drop the running stroke, leaving no trace."""
        if self.active and self._gesture is not None:
            self._gesture.cancel()
        self._gesture = None
        self._forget()

    def _take(self, document: Document) -> bool:
        """Make the map that of this image and of the cell in hand; whether there is one."""
        cell = min(MAX_CELL, max(MIN_CELL, self.palette.cell))
        picture = document.picture
        if document is not self._document:
            self._end()
        self._document = document
        if picture is None:
            self._map = None
            self._look()
        elif self._map is None or self._map.picture is not picture or self._map.cell != cell:
            self._rest()
            self._forget()
            self._map = SuperpixelMap(picture, cell)
        return self._map is not None

    def _forget(self) -> None:
        self._crossed.clear()
        self._painted.clear()

    def _rest(self) -> None:
        """Let the background stop."""
        if self._task is not None:
            self._task.cancel()
        self._task = None

    def _end(self) -> None:
        """Finish the running stroke, if any."""
        if self.active and self._gesture is not None:
            self._settle()
            self._gesture.finish()
        self._gesture = None
        self._forget()

    def _go_on(self, start: Point, pointer: Pointer) -> None:
        assert self._map is not None
        self._pointer = pointer
        self._crossed.update(dict.fromkeys(_pixels_between(start, pointer.at, self._map.picture.bounds)))
        self._paint()
        self._look()
        self._pump()

    def _paint(self) -> None:
        """Paint the segments crossed, as far as they are known."""
        found = self._map
        if found is None or self._gesture is None or not self.active:
            return
        rect, where = EMPTY, np.zeros((0, 0), np.bool_)
        if self._segment is not None and self._segment[0] is found and self._segment[1] in self._painted:
            rect, where = self._segment[2:]
        waiting: list[Pixel] = []
        for x, y in self._crossed:
            if rect.contains(x, y) and where[y - rect.y0, x - rect.x0]:
                continue
            number = found.number_at(x, y)
            if number in self._painted:
                continue
            if number == UNKNOWN or found.missing(found.reach(number)):
                waiting.append((x, y))
                continue
            rect, where = self._known(found, number)
            self._gesture.fill(rect, where, self._value)
            self._painted.add(number)
        self._crossed = dict.fromkeys(waiting)

    def _settle(self) -> None:
        """Paint all segments crossed, here and now."""
        if self._map is None or not self.active or not self._crossed:
            return
        self._pumping = True  # the tile on its way is of use, another one would be computed twice
        try:
            if self._task is not None and not self._task.over:
                self._task.wait()
            # One by one: a path may cross more tiles than the map keeps.
            for x, y in list(self._crossed):
                self._crossed = {(x, y): None}
                self._map.prepare(self._map.around(x, y))
                self._map.prepare(self._map.reach(self._map.number_at(x, y)))
                self._paint()
        finally:
            self._pumping = False
            self._crossed.clear()

    def _look(self) -> None:
        """Make the preview follow the pointer; it stays the same object while it shows the same."""
        found, pointer, document = self._map, self._pointer, self._document
        if found is None or pointer is None or document is None:
            self._preview = self._segment = None
            return
        value = self._value if self.active else intended(self.palette, document, pointer)
        x, y = pointer.pixel
        if value is None or not found.picture.bounds.contains(x, y):
            self._preview = Preview(text=self._text) if self._text else None
            return
        number = found.number_at(x, y)
        busy = number == UNKNOWN or bool(found.missing(found.reach(number)))
        if number == UNKNOWN:
            self._segment = None
        else:
            self._known(found, number, busy=busy)
        preview = Preview(value, self._mask(document, pointer, value), text=self._text, busy=busy)
        if not _alike(preview, self._preview):
            self._preview = preview

    def _known(self, found: SuperpixelMap, number: int, *, busy: bool = False) -> tuple[Rect, Bool]:
        """A segment as far as it is known; the one asked for last is at hand unless it was `busy` growing."""
        if self._segment is None or self._segment[:2] != (found, number):
            self._segment = found, number, *found.segment(number)
        rect, where = self._segment[2:]
        if busy:
            self._segment = found, UNKNOWN, rect, where
        return rect, where

    def _mask(self, document: Document, pointer: Pointer, value: int) -> tuple[Rect, Bool] | None:
        """The visible part of the segment under the pointer, less what may not be written."""
        if self._segment is None:
            return None
        _, _, rect, where = self._segment
        x, y = pointer.pixel
        part = rect.intersect(pointer.visible or Rect(x - _UNSEEN, y - _UNSEEN, x + _UNSEEN, y + _UNSEEN))
        if part.empty:
            return None
        may = writable(self.palette, document, value)[document.annotation[part.slices]]
        return part, where[part.shift(-rect.x0, -rect.y0).slices] & may

    def _pump(self) -> None:
        """Keep one tile at a time on its way, the one needed most first."""
        if self._pumping or (self._task is not None and not self._task.over):
            return
        self._pumping = True
        try:
            while (tile := self._next_tile()) is not None and self._map is not None:
                self._send(self._map, tile)
                if self._task is None or not self._task.over or not self._map.ready(tile):
                    break
        finally:
            self._pumping = False

    def _send(self, found: SuperpixelMap, tile: Rect) -> None:
        def done(numbers: I32) -> None:
            found.keep(tile, numbers)
            if found is self._map:
                self._paint()
                self._look()
                self.changed()
                self._pump()

        self._task = self.kit.background.run(lambda _stop: found.compute(tile), done)

    def _next_tile(self) -> Rect | None:
        found, pointer = self._map, self._pointer
        if found is None or pointer is None:
            return None
        x, y = pointer.pixel
        needed = [(x, y)] if found.picture.bounds.contains(x, y) else []
        for pixel in [*needed, *self._crossed]:
            number = found.number_at(*pixel)
            missing = found.missing(found.around(*pixel) if number == UNKNOWN else found.reach(number))
            if missing:
                return missing[0]
        if pointer.visible is None:
            return None
        far = _AHEAD * found.tile_side
        near = Rect(x - far, y - far, x + far + 1, y + far + 1).intersect(pointer.visible)
        ahead = found.missing(near)
        return min(ahead, key=lambda tile: _distance(tile, pointer.at)) if ahead else None


def _alike(one: Preview, other: Preview | None) -> bool:
    if other is None or (one.value, one.text, one.busy) != (other.value, other.text, other.busy):
        return False
    if one.mask is None or other.mask is None:
        return one.mask is other.mask
    return one.mask[0] == other.mask[0] and np.array_equal(one.mask[1], other.mask[1])


def _distance(tile: Rect, point: Point) -> float:
    return math.hypot((tile.x0 + tile.x1) / 2 - point[0], (tile.y0 + tile.y1) / 2 - point[1])


def _pixels_between(start: Point, end: Point, bounds: Rect) -> list[Pixel]:
    """Every pixel of `bounds` that a straight line enters, in its order."""
    a, b = np.array(start, np.float64), np.array(end, np.float64)
    low, high = np.array([bounds.x0, bounds.y0], np.float64), np.array([bounds.x1, bounds.y1], np.float64)
    way = b - a
    first, last = 0.0, 1.0
    for axis in np.flatnonzero(way):
        ends = sorted(((low[axis] - a[axis]) / way[axis], (high[axis] - a[axis]) / way[axis]))
        first, last = max(first, ends[0]), min(last, ends[1])
    if first > last:
        return []
    near, far = a + way * first, a + way * last
    cuts = [np.array([first, last])]
    for axis in np.flatnonzero(way):
        edges = np.arange(np.ceil(min(near[axis], far[axis])), np.floor(max(near[axis], far[axis])) + 1)
        cuts.append(np.clip((edges - a[axis]) / way[axis], first, last))
    share = np.sort(np.concatenate(cuts))
    # Between two cuts the line stays in one pixel; its ends count even where they only touch one.
    share = np.concatenate([share[:1], (share[1:] + share[:-1]) / 2, share[-1:]])
    at = np.floor(a + way * share[:, None])
    at = at[((at >= low) & (at < high)).all(axis=1)].astype(np.int64)
    return list(dict.fromkeys((int(x), int(y)) for x, y in at.tolist()))
