"""Box to mask: a rectangle dragged round an object finds its outline."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np

from segstudio.core.arrays import U8, Bool
from segstudio.core.background import Stop, Task
from segstudio.core.classes import VOID
from segstudio.core.cutout import FINE, ROUGH, CutOut, Grid, box_marks, cut_out, tiles
from segstudio.core.document import Document
from segstudio.core.geometry import Rect
from segstudio.core.gesture import Gesture
from segstudio.core.history import Patch
from segstudio.core.picture import Picture
from segstudio.core.tools.base import Kit, Pointer, Preview, Ring, Tool, ToolName
from segstudio.core.tools.preview import Newest

_TILE = 1024
_MOST_SHOWN = 3 * 2**19  # pixels of a mask in the preview; of more only the outline is shown
_UNKNOWN_SIDE = 2048  # of what is shown when nobody says what is visible

Tiles = list[tuple[Rect, U8]]  # each with its mask, eight pixels a byte


@dataclass(frozen=True, slots=True, eq=False)
class _Box:
    """A rectangle between press and write.

    Attributes:
        document, picture: what it lies on.
        start, end: the pixels under press and pointer; both belong to it.
        label: the class in hand.
        over: the value that may be written over.
        reverse: whether the object is taken away.
    """

    document: Document
    picture: Picture
    start: tuple[int, int]
    end: tuple[int, int]
    label: int
    over: int
    reverse: bool

    @property
    def value(self) -> int:
        return VOID if self.reverse else self.label

    @property
    def dragged(self) -> Rect:
        """From corner to corner, also outside the image."""
        (ax, ay), (bx, by) = self.start, self.end
        return Rect(min(ax, bx), min(ay, by), max(ax, bx) + 1, max(ay, by) + 1)

    @property
    def rect(self) -> Rect:
        """What of it lies on the image; may be empty."""
        return self.dragged.intersect(self.picture.bounds)

    def cut(self) -> Callable[[Stop], Tiles]:
        """Work that finds the object; the annotation is read now, not when it runs."""
        picture, rect, grid, meaning = self.picture, self.rect, self._grid(FINE), self._meaning()
        samples = grid.samples(self.document.annotation)

        def work(stop: Stop) -> Tiles:
            cut = cut_out(picture, rect, grid, grid.marks(samples, meaning), stop=stop)
            return [(tile, np.packbits(cut.part(tile))) for tile in tiles(rect, _TILE) if not stop()]

        return work

    def sketch(self, visible: Rect | None) -> Callable[[Stop], "_Sketch"]:
        """Work that finds it roughly; the annotation is read now, not when it runs."""
        picture, rect, grid, meaning = self.picture, self.rect, self._grid(ROUGH), self._meaning()
        samples = grid.samples(self.document.annotation)
        x, y = self.end[0] - _UNKNOWN_SIDE // 2, self.end[1] - _UNKNOWN_SIDE // 2
        seen = rect.intersect(visible or Rect(x, y, x + _UNKNOWN_SIDE, y + _UNKNOWN_SIDE))
        shows = not seen.empty and seen.width * seen.height <= _MOST_SHOWN
        may = self.document.annotation[seen.slices] == self.over if shows else None

        def work(stop: Stop) -> _Sketch:
            marks = grid.marks(samples, meaning)
            cut = cut_out(picture, rect, grid, marks, stop=stop, rounds=1, longest=ROUGH)
            if may is None:
                return _Sketch(rings=_outlines(cut, rect))
            return _Sketch(mask=(seen, cut.part(seen) & may))

        return work

    def _grid(self, longest: int) -> Grid:
        return Grid.round_box(self.rect, self.picture.bounds, longest)

    def _meaning(self) -> U8:
        over = None if self.over == VOID or self.reverse else self.over
        return box_marks(self.label, over=over, reverse=self.reverse)


@dataclass(frozen=True, slots=True, eq=False)
class _Sketch:
    """What the preview shows of the object: its pixels, or its outline where those would be too many."""

    mask: tuple[Rect, Bool] | None = None
    rings: tuple[Ring, ...] = ()


class BoxTool(Tool):
    """A rectangle round an object: the release labels the object, not the rectangle; reversed, it clears the object.

    What is labelled already in the rectangle guides it: the class in hand is surely part of the object, other classes
    surely are not, and they are never written over unless "paint only over" names one.
    """

    name: ToolName = "box"
    label = "Box to mask"

    def __init__(self, kit: Kit) -> None:
        super().__init__(kit)
        self._newest = Newest(lambda: kit.background)
        self._drag: _Box | None = None
        self._owed: _Box | None = None  # released, and not written yet
        self._task: Task | None = None
        self._sketch = _Sketch()

    @property
    def active(self) -> bool:
        """Whether a rectangle is being dragged, or its object is still being looked for."""
        return self._drag is not None or self._awaited is not None

    @property
    def _awaited(self) -> _Box | None:
        """The rectangle whose object is being looked for; over without an answer when the work failed."""
        return None if self._task is not None and self._task.over else self._owed

    @property
    def preview(self) -> Preview | None:
        """The rectangle, and the object as far as it is known."""
        box = self._drag or self._awaited
        if box is None:
            return None
        area = box.dragged
        corners = ((area.x0, area.y0), (area.x1, area.y0), (area.x1, area.y1), (area.x0, area.y1))
        rings = (np.array(corners, np.float64), *self._sketch.rings)
        busy = box is not self._drag or self._newest.busy
        text = f"{area.width} × {area.height} px"
        return Preview(box.value, mask=self._sketch.mask, rings=rings, text=text, busy=busy)

    def hover(self, document: Document, pointer: Pointer | None) -> None:  # noqa: ARG002  # as every tool
        """Drop a rectangle that was begun on another image."""
        if self._drag is not None and self._drag.document is not document:
            self._drop()

    def press(self, document: Document, pointer: Pointer) -> None:
        """Begin a rectangle; what is owed is written first."""
        self.hover(document, pointer)
        self.finish()
        if document.picture is None:
            self.kit.say("Box to mask needs an image to look for the object in")
            return
        # Reversed too it is a class it looks for.
        label = self.value_for(document, Pointer(pointer.at))
        if label is None:
            return
        over = self.palette.over
        if pointer.reverse:
            if over not in (None, VOID, label):
                self.kit.say("Nothing to clear: painting is limited to another class")
                return
            over = label
        over = VOID if over is None else over
        self._sketch = _Sketch()
        self._drag = _Box(document, document.picture, pointer.pixel, pointer.pixel, label, over, pointer.reverse)

    def move(self, pointer: Pointer) -> None:
        """Drag the corner."""
        if self._drag is None or self._drag.end == pointer.pixel:
            return
        self._drag = box = replace(self._drag, end=pointer.pixel)
        if box.rect.empty:
            self._newest.drop()
            self._sketch = _Sketch()
            return
        self._newest.ask(lambda: box.sketch(pointer.visible), self._sketched)

    def release(self, pointer: Pointer) -> None:
        """Look for the object, and write it when it is found."""
        if self._drag is None:
            return
        box = replace(self._drag, end=pointer.pixel)
        self._drag = None
        self._newest.drop()
        if box.start == box.end:
            self.kit.say("Box to mask: drag a rectangle round an object")
            self._sketch = _Sketch()
            return
        if box.rect.empty:
            self._sketch = _Sketch()
            return
        self._owed = box
        task = self.kit.background.run(box.cut(), lambda found: self._found(box, found))
        self._task = task if self._owed is box else None

    def finish(self) -> None:
        """Release a running rectangle here, and wait until its object is written."""
        if self._drag is not None:
            x, y = self._drag.end
            self.release(Pointer((float(x), float(y))))
        if self._task is not None:
            self._task.wait()
            self._drop()

    def cancel(self) -> None:
        """Drop the rectangle, or the object that is being looked for."""
        self._drop()

    def _sketched(self, sketch: _Sketch) -> None:
        self._sketch = sketch
        self.changed()

    def _found(self, box: _Box, found: Tiles) -> None:
        if self._owed is not box:
            return
        self._owed, self._task, self._sketch = None, None, _Sketch()
        document = box.document
        if box.label >= len(document.classes):
            self.kit.say("Nothing labelled: the class of the box is gone")
        else:

            def write(gesture: Gesture) -> None:
                for tile, packed in found:
                    where = np.unpackbits(packed, count=tile.width * tile.height).view(np.bool_)
                    gesture.fill(tile, where.reshape(tile.height, tile.width), box.value)

            def done(patch: Patch | None) -> None:
                if patch is None and not document.kept_back:
                    self.kit.say("Nothing changed: the object in the box holds no pixel that may be written")

            background = self.kit.background
            document.edit(self.label, write, box.rect, over=box.over, background=background, done=done)
        self.changed()

    def _drop(self) -> None:
        task, self._task = self._task, None
        self._drag, self._owed, self._sketch = None, None, _Sketch()
        self._newest.drop()
        if task is not None:
            task.cancel()


def _outlines(cut: CutOut, rect: Rect) -> tuple[Ring, ...]:
    """Rings round the cells of the mask that touch a rectangle, in image coordinates."""
    cells = cut.grid.cells(rect)
    mask = cut.mask[cells.slices].astype(np.uint8)
    contours, _ = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    f, window = cut.grid.factor, cut.grid.window
    corner = np.array([cells.x0 * f + window.x0, cells.y0 * f + window.y0]) + f / 2
    return tuple(np.asarray(contour[:, 0] * f + corner, np.float64) for contour in contours)
