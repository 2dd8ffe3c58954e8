"""A change while it is being made: it keeps what it overwrites, spares what is protected, and ends as one patch.

Most gestures follow the hand and write in the call. One that takes long is done *away*, on the thread of a background,
and ends when its answer is handed over, on the thread that began it. Nobody else writes meanwhile, for whoever begins
another gesture waits for this one first. Whoever draws or looks may read half of it: harmless, since every changed
rectangle is told of when it ends.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from segstudio.core.arrays import U8, Bool
from segstudio.core.background import Background, Stop, Task
from segstudio.core.classes import ClassTable
from segstudio.core.geometry import EMPTY, Rect
from segstudio.core.history import Layer, Patch
from segstudio.core.strokes import BrushShape, Point, capsules
from segstudio.core.tiles import Before, single, tiles

if TYPE_CHECKING:
    from segstudio.core.document import Document

Write = Callable[["Gesture"], None]  # fills, on any thread
Done = Callable[[Patch | None], None]  # gets what changed, None when nothing did

_SMALL = 2**19  # pixels of a change that is not worth being looked at tile by tile
_MOST_UNTOLD = 64  # rectangles remembered one by one
_MOST_SPARED = 2**22  # pixels of spared rectangles that are remembered, to be shown


def nobody(_what: object) -> None:
    """Is told, and does nothing."""


class _Dropped(Exception):  # noqa: N818 - a request that was honoured, not an error
    """Ends the work of a gesture that was dropped meanwhile."""


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What became of work that was done away.

    Attributes:
        patch: what changed; None when nothing did, or all was put back.
        rects: where pixels may look different, or did for a while.
        error: why it failed; all was put back then.
    """

    patch: Patch | None = None
    rects: Sequence[Rect] = ()
    error: BaseException | None = None


class Gesture:
    """A running change of one layer, from press to release. Made by `Document.begin`.

    Attributes:
        label: what it is, for the history.
        kept_back: the locked classes that have kept pixels from being changed.
        spared: where they did: rectangles with a ``bool (h, w)`` each.
    """

    def __init__(self, document: "Document", layer: Layer, label: str, over: int | None = None) -> None:
        self.label = label
        self.kept_back: set[int] = set()
        self.spared: list[tuple[Rect, Bool]] = []
        self._room_for_spared = _MOST_SPARED
        self._over = over
        self._document = document
        self._layer: Layer = layer
        self._before: Before | None = None
        self._away = self._ended = self._dropped = self._failed = False
        self._task: Task | None = None
        self._background: Background | None = None
        self._done: Done = nobody
        self._patch: Patch | None = None
        self._untold: list[Rect] = []  # where it changed pixels while it is away
        self.guard(document.classes)

    @property
    def away(self) -> bool:
        """Whether it is being done beside the hand."""
        return self._away and not self._ended

    @property
    def dropped(self) -> bool:
        """Whether it was cancelled while it was away: its work asks now and then, or lets `check` ask."""
        return self._dropped

    @property
    def failed(self) -> bool:
        """Whether its work has raised an error, which the background tells; all was put back."""
        return self._failed

    def guard(self, classes: ClassTable) -> None:
        """Keep off the locked classes of this table from now on; one that is away keeps to the table it has.

        It was released before the table changed, and writes what it would have written at once.
        """
        if not self._away:
            self._locked = classes.locked()
            self._guards = self._layer == "annotation" and bool(self._locked.any())

    def line(self, start: Point, end: Point, size: int, value: int, shape: BrushShape = "round") -> Rect:
        """Drag a brush from `start` to `end`; returns the rectangle that changed."""
        dirty = EMPTY
        for rect, covered in capsules(start, end, size, self._document.bounds, shape):
            dirty = dirty.union(self.fill(rect, covered, value))
        return dirty

    def fill(self, rect: Rect, where: Bool, values: int | U8) -> Rect:
        """Write where allowed.

        Args:
            rect: inside the image.
            where: ``bool (h, w)`` of `rect`.
            values: one class index or void, or ``uint8 (h, w)`` of them.

        Returns:
            The rectangle around what changed.
        """
        self.check()
        if rect.empty:
            return EMPTY
        if rect.width * rect.height <= _SMALL:
            dirty = self._write(rect, where, values)
        else:
            dirty = EMPTY
            for tile in tiles(rect):
                self.check()
                cut = tile.shift(-rect.x0, -rect.y0).slices
                part = values[cut] if isinstance(values, np.ndarray) else values
                dirty = dirty.union(self._write_tile(tile, where[cut], part))
        if not dirty.empty:
            self._note(dirty)
        return dirty

    def check(self) -> None:
        """End the work right here when the gesture was dropped; for what takes long between two fills."""
        if self._dropped:
            raise _Dropped

    def checked(self, member: Callable[[Rect], Bool]) -> Callable[[Rect], Bool]:
        """The same membership of pixels; asking for it ends the work when the gesture was dropped."""

        def asked(rect: Rect) -> Bool:
            self.check()
            return member(rect)

        return asked

    def work(self, background: Background, write: Write, done: Done = nobody) -> None:
        """Do the rest away, and end the gesture.

        Args:
            background: where it is done.
            write: fills; must not touch what belongs to the caller's thread. What it raises is raised again as an
                error of the background, when all is put back.
            done: told on the caller's thread when the gesture is over; not when it was dropped or has failed. May begin
                another gesture. May be called before this returns.
        """
        self._background, self._done, self._away = background, done, True
        task = background.run(lambda _stop: self._outcome(write), self._take)
        if self._ended:
            return
        if task.over:  # a background that was closed does nothing any more, and what a person did must not be lost
            self._take(self._outcome(write))
            return
        self._task = task
        self._document.tell_away(self)

    def finish(self) -> Patch | None:
        """End the gesture; one that is away is waited for. Returns what it changed, None when nothing."""
        if not self._ended and self._task is not None:
            self._task.wait()
            self._give_up()
        elif not self._ended:
            self._end(self._changes())
        return self._patch

    def cancel(self) -> None:
        """End the gesture and put every pixel back; of one that is away the work is stopped and its end waited for."""
        if self._ended:
            return
        if self._task is not None:
            self._dropped = True
            self._task.wait()
            self._give_up()
        else:
            self._end(None, self._restore())

    # Doing it

    def _write(self, rect: Rect, where: Bool, values: int | U8) -> Rect:
        """Write where allowed, and tell nobody; returns the rectangle that changed."""
        before = self._opened()
        array = before.array
        region = array[rect.slices]
        change = where & (region != values)
        if self._over is not None:
            change &= region == self._over
        if self._guards:
            spared = change & (self._locked[region] | self._locked[values])
            if spared.any():
                self._note_spared(rect, region, spared, np.broadcast_to(values, region.shape))
                change &= ~spared
        x, y, width, height = cv2.boundingRect(change.view(np.uint8))
        if not width:
            return EMPTY
        box = Rect(x, y, x + width, y + height)
        dirty = box.shift(rect.x0, rect.y0)
        before.keep(dirty)
        new = values[box.slices] if isinstance(values, np.ndarray) else np.full((height, width), values, np.uint8)
        cv2.copyTo(np.ascontiguousarray(new), change[box.slices].view(np.uint8), array[dirty.slices])
        return dirty

    def _write_tile(self, rect: Rect, where: Bool, values: int | U8) -> Rect:
        """The same for a rectangle inside one tile; fast where one value takes the place of one other everywhere."""
        if not isinstance(values, np.ndarray) and where.all():
            before = self._opened()
            old = single(before.array[rect.slices])
            if old is not None and not (self._guards and (self._locked[old] or self._locked[values])):
                if old == values or self._over not in (None, old):
                    return EMPTY
                before.keep(rect)
                before.array[rect.slices] = values
                return rect
        return self._write(rect, where, values)

    def _note(self, dirty: Rect) -> None:
        """Tell of a rectangle that changed, or remember it until that is possible."""
        if not self._away:
            self._document.changed(dirty)
            return
        self._untold.append(dirty)
        if len(self._untold) > _MOST_UNTOLD:
            self._untold = [reduce(Rect.union, self._untold)]

    def _note_spared(self, rect: Rect, region: U8, spared: Bool, values: U8) -> None:
        """Remember what was spared, and which of the classes involved were the locked ones."""
        involved = np.concatenate([region[spared], values[spared]])
        present = np.flatnonzero(np.bincount(involved, minlength=256))
        self.kept_back.update(int(value) for value in present if self._locked[value])
        self._room_for_spared -= spared.size
        if self._room_for_spared > 0:
            self.spared.append((rect, spared))

    def _opened(self) -> Before:
        # Not before it is needed: making the layer of rejections of a huge image takes a while, and may be done away.
        if self._before is None:
            self._before = Before(self._document.layer(self._layer))
        return self._before

    # Ending it

    def _outcome(self, write: Write) -> _Outcome:
        """Do the work, on whatever thread; whatever happens, the layer is left either changed or as it was."""
        try:
            write(self)
            self._patch = self._changes()
            self._before = None  # here, for to let go of so much memory takes a while, too
            return _Outcome(self._patch, self._untold)
        except _Dropped:
            return _Outcome(rects=self._restore())
        except BaseException as error:
            return _Outcome(rects=self._restore(), error=error)

    def _take(self, outcome: _Outcome) -> None:
        """The work is over: end the gesture, on the caller's thread."""
        if self._dropped and outcome.patch is not None:  # too late to stop it, but nobody was told of it yet
            outcome = _Outcome(rects=self._restore())
        self._failed = outcome.error is not None
        self._end(outcome.patch, outcome.rects)
        if outcome.error is not None and self._background is not None:
            # By way of the background, which tells failures of its work in its own way; all is in order by now.
            self._background.run(_failing(outcome.error), nobody)
        elif not self._dropped:
            self._done(self._patch)

    def _give_up(self) -> None:
        """Of a background that was closed before the work was done nothing is to be expected: put all back."""
        if not self._ended:
            self._dropped = True
            self._take(_Outcome(rects=self._restore()))

    def _changes(self) -> Patch | None:
        pieces = [] if self._before is None else self._before.pieces(self.check)
        return Patch(self._layer, self.label, pieces) if pieces else None

    def _restore(self) -> Sequence[Rect]:
        """Put every pixel back; returns where."""
        if self._patch is not None:
            self._patch.revert(self._document.layer(self._layer))
            return self._patch.rects
        return [] if self._before is None else self._before.restore()

    def _end(self, patch: Patch | None, rects: Sequence[Rect] = ()) -> None:
        self._ended, self._patch, self._before = True, patch, None
        self._document.end(self, patch, rects)
        if self._task is not None:
            self._document.tell_away(self)


def _failing(error: BaseException) -> Callable[[Stop], Any]:
    def work(_stop: Stop) -> None:
        raise error

    return work
