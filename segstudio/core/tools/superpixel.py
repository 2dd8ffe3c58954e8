"""Superpixel brush: paints whole segments of the image."""

import math
from collections.abc import Iterable

import numpy as np

from segstudio.core.arrays import Bool
from segstudio.core.background import Task
from segstudio.core.classes import VOID
from segstudio.core.document import Document
from segstudio.core.geometry import EMPTY, Rect
from segstudio.core.gesture import Gesture
from segstudio.core.history import Patch
from segstudio.core.strokes import Point
from segstudio.core.superpixels import I32, MAX_CELL, MIN_CELL, UNKNOWN, SuperpixelMap
from segstudio.core.tools.base import Kit, Pointer, Preview, Tool, ToolName
from segstudio.core.tools.cells import Surroundings
from segstudio.core.tools.preview import intended, writable

_AHEAD = 2  # tiles in each direction around the pointer that are made ready when they are visible
_UNSEEN = 1024  # pixels around the pointer that are previewed when nobody knows what is visible
_STEP = math.sqrt(2)  # of the width of a cell, for each step of the wheel

Pixel = tuple[int, int]


class SuperpixelTool(Tool):
    """Paints every superpixel the pointer crosses between press and release, as one stroke.

    Segments whose tile is not known yet are painted as soon as it is; those that are missing when the button goes up
    are found and painted away.
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
        self._around = Surroundings(lambda: kit.background, self._show_more)
        self._turned = 0.0
        self._text = ""
        self._task: Task | None = None
        self._pumping = False
        self._gesture: Gesture | None = None
        self._value = VOID
        self._waiting: dict[Rect, dict[Pixel, None]] = {}  # pixels crossed, by the missing tile that they wait for
        self._owed: list[tuple[SuperpixelMap, list[Pixel]]] = []  # the same, of cells that were turned meanwhile
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
        """End the stroke; it is over when every segment on the way is painted."""
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
            owed = self._debts()
            self._take(self._document)
            self._owed = owed
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
        self._waiting.clear()
        self._painted.clear()
        self._owed = []

    def _rest(self) -> None:
        """Let the background stop."""
        if self._task is not None:
            self._task.cancel()
        self._task = None

    def _end(self) -> None:
        """Finish the running stroke, if any; away, when segments it crossed are not known yet."""
        gesture = self._gesture
        if self.active and gesture is not None:
            if owed := self._debts():
                self._settle(gesture, owed)
            else:
                gesture.finish()
        self._gesture = None
        self._forget()

    def _go_on(self, start: Point, pointer: Pointer) -> None:
        assert self._map is not None
        self._pointer = pointer
        self._paint(_pixels_between(start, pointer.at, self._map.picture.bounds))
        self._look()
        self._pump()

    def _paint(self, crossed: Iterable[Pixel]) -> None:
        """Paint the segments of some pixels, as far as they are known; the others wait."""
        found = self._map
        if found is None or self._gesture is None or not self.active:
            return
        rect, where, unknown = EMPTY, np.zeros((0, 0), np.bool_), EMPTY
        if self._segment is not None and self._segment[0] is found and self._segment[1] in self._painted:
            rect, where = self._segment[2:]
        for x, y in crossed:
            if rect.contains(x, y) and where[y - rect.y0, x - rect.x0]:
                continue
            if unknown.contains(x, y):  # one move may cross thousands of pixels
                self._waiting[unknown][x, y] = None
                continue
            if not found.ready(tile := found.tile_at(x, y)):
                unknown = tile
                self._waiting.setdefault(tile, {})[x, y] = None
                continue
            number = found.number_at(x, y)
            if number in self._painted:
                continue
            if missing := found.missing(found.around(x, y) if number == UNKNOWN else found.reach(number)):
                self._waiting.setdefault(missing[0], {})[x, y] = None
                continue
            rect, where = self._known(found, number)
            self._gesture.fill(rect, where, self._value)
            self._painted.add(number)

    def _debts(self) -> list[tuple[SuperpixelMap, list[Pixel]]]:
        """Pixels crossed whose segments are not painted yet, and in which cells."""
        waiting = [pixel for pixels in self._waiting.values() for pixel in pixels]
        return [*self._owed, (self._map, waiting)] if waiting and self._map is not None else self._owed

    def _settle(self, gesture: Gesture, owed: list[tuple[SuperpixelMap, list[Pixel]]]) -> None:
        """Find and paint what is missing, and end the stroke."""
        value = self._value
        copies = [(found.copy(), pixels) for found, pixels in owed]  # the maps stay with the hand

        def write(gesture: Gesture) -> None:
            for found, pixels in copies:
                painted: set[int] = set()
                rect, where = EMPTY, np.zeros((0, 0), np.bool_)
                for x, y in pixels:
                    if rect.contains(x, y) and where[y - rect.y0, x - rect.x0]:
                        continue
                    gesture.check()
                    # One by one: a path may cross more tiles than the map keeps.
                    found.prepare(found.around(x, y))
                    number = found.number_at(x, y)
                    if number not in painted:
                        painted.add(number)
                        found.prepare(found.reach(number))
                        rect, where = found.segment(number)
                        gesture.fill(rect, where, value)

        def done(_patch: Patch | None) -> None:
            for (found, _), (copy, _) in zip(owed, copies, strict=True):
                found.learn(copy)

        gesture.work(self.kit.background, write, done)

    def _look(self) -> None:
        """Make the preview follow the pointer; it stays the same object while it shows the same."""
        found, pointer, document = self._map, self._pointer, self._document
        if found is None or pointer is None or document is None:
            self._preview = self._segment = None
            self._around.forget()
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
        self._around.look(found, pointer)
        mask, grid = self._mask(document, pointer, value), self._around.grid
        preview = Preview(value, mask, text=self._text, busy=busy, grid=grid)
        if not _alike(preview, self._preview):
            self._preview = preview

    def _show_more(self) -> None:
        self._look()
        self.changed()

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
                self._paint(self._waiting.pop(tile, ()))
                self._look()
                self.changed()
                self._pump()

        self._task = self.kit.background.run(lambda _stop: found.compute(tile), done)

    def _next_tile(self) -> Rect | None:
        found, pointer = self._map, self._pointer
        if found is None or pointer is None:
            return None
        x, y = pointer.pixel
        if found.picture.bounds.contains(x, y):
            number = found.number_at(x, y)
            if missing := found.missing(found.around(x, y) if number == UNKNOWN else found.reach(number)):
                return missing[0]
        if self._waiting:
            return next(iter(self._waiting))
        if pointer.visible is None:
            return None
        far = _AHEAD * found.tile_side
        near = Rect(x - far, y - far, x + far + 1, y + far + 1).intersect(pointer.visible)
        ahead = found.missing(near)
        return min(ahead, key=lambda tile: _distance(tile, pointer.at)) if ahead else None


def _alike(one: Preview, other: Preview | None) -> bool:
    if other is None or (one.value, one.text, one.busy) != (other.value, other.text, other.busy):
        return False
    if one.grid is not other.grid:
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
        with np.errstate(over="ignore"):  # a way shorter than numbers can tell ends infinitely far from a side
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
