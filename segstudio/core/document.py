"""One image's annotation, with the model's proposal beside it, and the only way to change either layer a person owns.

Every change runs through a `Gesture`: it keeps the values it overwrites, spares locked classes, and ends as one patch
in the history and one entry for the journal. Models never come here; a proposal enters the annotation only through
`accept_region` and `accept_above`, which a person calls.
"""

from collections.abc import Callable, Sequence
from functools import reduce

import cv2
import numpy as np

from segstudio.core.arrays import U8, Bool
from segstudio.core.classes import VOID, ClassTable
from segstudio.core.geometry import EMPTY, Rect
from segstudio.core.history import Entry, History, Layer, Patch
from segstudio.core.picture import Picture
from segstudio.core.proposal import Proposal
from segstudio.core.regions import component_at
from segstudio.core.strokes import BrushShape, Point, capsules
from segstudio.core.tiles import Before, single, tiles

_SMALL = 2**19  # pixels of a change that is not worth being looked at tile by tile
_MOST_TOLD = 64  # rectangles told one by one
_MOST_SPARED = 2**22  # pixels of spared rectangles that are remembered, to be shown


class Gesture:
    """A running change of one layer, from press to release. Made by `Document.begin`.

    Attributes:
        kept_back: the locked classes that have kept pixels from being changed.
        spared: where they did: rectangles with a ``bool (h, w)`` each.
    """

    def __init__(self, document: "Document", layer: Layer, label: str, over: int | None = None) -> None:
        self.kept_back: set[int] = set()
        self.spared: list[tuple[Rect, Bool]] = []
        self._room_for_spared = _MOST_SPARED
        self._over = over
        self._document = document
        self._layer: Layer = layer
        self._label = label
        self._array = document.layer(layer)
        self.guard(document.classes)
        self._before = Before(self._array)

    def guard(self, classes: ClassTable) -> None:
        """Keep off the locked classes of this table from now on."""
        self._locked = classes.locked()
        self._guards = self._layer == "annotation" and bool(self._locked.any())

    def line(self, start: Point, end: Point, size: int, value: int, shape: BrushShape = "round") -> Rect:
        """Drag a brush from `start` to `end`; returns the rectangle that changed."""
        dirty = EMPTY
        for rect, covered in capsules(start, end, size, Rect.of_shape(self._array.shape), shape):
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
        if rect.empty:
            return EMPTY
        if rect.width * rect.height <= _SMALL:
            dirty = self._write(rect, where, values)
        else:
            dirty = EMPTY
            for tile in tiles(rect):
                cut = tile.shift(-rect.x0, -rect.y0).slices
                part = values[cut] if isinstance(values, np.ndarray) else values
                dirty = dirty.union(self._write_tile(tile, where[cut], part))
        if not dirty.empty:
            self._document.changed(dirty)
        return dirty

    def finish(self) -> Patch | None:
        """End the gesture; returns what it changed, None when nothing."""
        pieces = self._before.pieces()
        patch = Patch(self._layer, self._label, pieces) if pieces else None
        self._document.end(self, patch)
        return patch

    def cancel(self) -> None:
        """End the gesture and put every pixel back."""
        self._document.changed_in(self._before.restore())
        self._document.end(self, None)

    def _write(self, rect: Rect, where: Bool, values: int | U8) -> Rect:
        """Write where allowed, and tell nobody; returns the rectangle that changed."""
        region = self._array[rect.slices]
        change = where & (region != values)
        if self._over is not None:
            change &= region == self._over
        if self._guards:
            spared = change & (self._locked[region] | self._locked[values])
            if spared.any():
                self._note_spared(rect, spared, np.broadcast_to(values, region.shape))
                change &= ~spared
        x, y, width, height = cv2.boundingRect(change.view(np.uint8))
        if not width:
            return EMPTY
        box = Rect(x, y, x + width, y + height)
        dirty = box.shift(rect.x0, rect.y0)
        self._before.keep(dirty)
        new = values[box.slices] if isinstance(values, np.ndarray) else np.full((height, width), values, np.uint8)
        cv2.copyTo(np.ascontiguousarray(new), change[box.slices].view(np.uint8), self._array[dirty.slices])
        return dirty

    def _write_tile(self, rect: Rect, where: Bool, values: int | U8) -> Rect:
        """The same for a rectangle inside one tile; fast where one value takes the place of one other everywhere."""
        if not isinstance(values, np.ndarray) and where.all():
            old = single(self._array[rect.slices])
            if old is not None and not (self._guards and (self._locked[old] or self._locked[values])):
                if old == values or self._over not in (None, old):
                    return EMPTY
                self._before.keep(rect)
                self._array[rect.slices] = values
                return rect
        return self._write(rect, where, values)

    def _note_spared(self, rect: Rect, spared: Bool, values: U8) -> None:
        """Remember what was spared, and which of the classes involved were the locked ones."""
        involved = np.concatenate([self._array[rect.slices][spared], values[spared]])
        present = np.flatnonzero(np.bincount(involved, minlength=256))
        self.kept_back.update(int(value) for value in present if self._locked[value])
        self._room_for_spared -= spared.size
        if self._room_for_spared > 0:
            self.spared.append((rect, spared))


class Document:
    """An open image's layers and history.

    Args:
        annotation: ``uint8 (H, W)`` of class indices and void; owned by the document from now on.
        classes: the classes of the project.
        rejected: ``uint8 (H, W)``: the class a person rejected at a pixel, void where none; None when nothing is.
        history: strokes that can be undone.

    Attributes:
        picture: the image below, for tools that look at it; None without one.
        kept_back: the locked classes that kept pixels back from the gesture that ended last.
        spared: where they did: rectangles with a ``bool (h, w)`` each.
        on_change: called with each rectangle of pixels to be painted anew.
        on_commit: called with each `Entry` that belongs in the journal.
        on_spared: called when a gesture has ended that protection kept pixels from.
    """

    def __init__(
        self,
        annotation: U8,
        classes: ClassTable,
        *,
        rejected: U8 | None = None,
        history: History | None = None,
        picture: Picture | None = None,
    ) -> None:
        if annotation.dtype != np.uint8 or annotation.ndim != 2:
            raise ValueError(f"an annotation is uint8 (H, W), not {annotation.dtype} {annotation.shape}")
        self.picture = picture
        self.kept_back: frozenset[int] = frozenset()
        self.spared: tuple[tuple[Rect, Bool], ...] = ()
        self.on_change: list[Callable[[Rect], None]] = []
        self.on_commit: list[Callable[[Entry], None]] = []
        self.on_spared: list[Callable[[], None]] = []
        self.history = history or History()
        self._classes = classes
        self._annotation = annotation
        self._rejected = rejected
        self._proposal: Proposal | None = None
        self._gesture: Gesture | None = None

    @property
    def classes(self) -> ClassTable:
        """The classes; replace it when the project's change.

        A gesture that runs minds the locks of the new table, and ends with what it has when a class is gone.
        """
        return self._classes

    @classes.setter
    def classes(self, classes: ClassTable) -> None:
        if self._gesture is not None and len(classes) < len(self._classes):
            self._gesture.finish()
        if self._gesture is not None:
            self._gesture.guard(classes)
        self._classes = classes

    @property
    def bounds(self) -> Rect:
        return Rect.of_shape(self._annotation.shape)

    @property
    def annotation(self) -> U8:
        """``uint8 (H, W)``; read only: change it through a gesture."""
        return self._annotation

    @property
    def rejected(self) -> U8 | None:
        """``uint8 (H, W)`` or None; read only."""
        return self._rejected

    @property
    def proposal(self) -> Proposal | None:
        return self._proposal

    @property
    def gesture(self) -> Gesture | None:
        """The gesture that is running, if any."""
        return self._gesture

    def set_proposal(self, proposal: Proposal | None) -> None:
        """Show another opinion beside the annotation.

        Raises:
            ValueError: when it is of another size.
        """
        if proposal is not None and proposal.classes.shape != self._annotation.shape:
            raise ValueError(f"proposal is {proposal.classes.shape}, annotation {self._annotation.shape}")
        self._proposal = proposal
        self.changed(self.bounds)

    def begin(self, label: str, layer: Layer = "annotation", *, over: int | None = None) -> Gesture:
        """Start a gesture; one that is still running is finished first.

        Args:
            label: what it is, for the history.
            layer: what it changes.
            over: it changes pixels of this value only (void or a class); None: any.
        """
        if self._gesture is not None:
            self._gesture.finish()
        self._gesture = Gesture(self, layer, label, over)
        return self._gesture

    def undo(self) -> Patch | None:
        """Take the last stroke back; None when there is none. A running gesture is cancelled instead."""
        if self._gesture is not None:
            self._gesture.cancel()
            return None
        patch = self.history.undo()
        if patch is not None:
            patch.revert(self.layer(patch.layer))
            self._stepped(patch, Entry("undo"))
        return patch

    def redo(self) -> Patch | None:
        """Do the stroke last undone again; None when there is none or a gesture is running."""
        patch = self.history.redo() if self._gesture is None else None
        if patch is not None:
            patch.apply(self.layer(patch.layer))
            self._stepped(patch, Entry("redo"))
        return patch

    def proposed(self, rect: Rect) -> U8:
        """What is shown of the proposal in `rect`: ``uint8 (h, w)``, void where a person has already spoken."""
        if self._proposal is None:
            return np.full((rect.height, rect.width), VOID, np.uint8)
        classes = self._proposal.classes[rect.slices]
        open_ = self._annotation[rect.slices] == VOID
        if self._rejected is not None:
            open_ &= self._rejected[rect.slices] != classes
        return np.where(open_, classes, np.uint8(VOID))

    def accept_region(self, x: int, y: int) -> Patch | None:
        """Move the proposed region under a pixel into the annotation, as one stroke. Void pixels only."""
        self.kept_back, self.spared = frozenset(), ()
        box, where, value = self._proposed_region(x, y)
        if box.empty:
            return None
        gesture = self.begin("Accept region")
        gesture.fill(box, where, value)
        return gesture.finish()

    def accept_above(self, threshold: int) -> Patch | None:
        """Move every proposed pixel with at least this confidence (0..255) into the annotation, as one stroke."""
        if self._proposal is None:
            return None
        gesture = self.begin("Accept all")
        for tile in tiles(self.bounds):
            proposed = self.proposed(tile)
            where = (proposed != VOID) & (self._proposal.confidence[tile.slices] >= threshold)
            gesture.fill(tile, where, proposed)
        return gesture.finish()

    def reject_region(self, x: int, y: int) -> Patch | None:
        """Say that the proposed region under a pixel is not of its class, as one stroke.

        A later proposal of the same class there stays hidden; one of another class shows.
        """
        box, where, value = self._proposed_region(x, y)
        if box.empty:
            return None
        gesture = self.begin("Reject region", "rejected")
        gesture.fill(box, where, value)
        return gesture.finish()

    def layer(self, layer: Layer) -> U8:
        """The array a patch of `layer` applies to."""
        if layer == "annotation":
            return self._annotation
        if self._rejected is None:
            self._rejected = np.full(self._annotation.shape, VOID, np.uint8)
        return self._rejected

    def changed(self, rect: Rect) -> None:
        """Tell the listeners that pixels of `rect` may look different now."""
        for listener in self.on_change:
            listener(rect)

    def changed_in(self, rects: Sequence[Rect]) -> None:
        """The same for many; for very many at once, by the rectangle around them."""
        for rect in rects if len(rects) <= _MOST_TOLD else (reduce(Rect.union, rects),):
            self.changed(rect)

    def end(self, gesture: Gesture, patch: Patch | None) -> None:
        """Called by a gesture when it is over."""
        if gesture is self._gesture:
            self._gesture = None
            self.kept_back = frozenset(gesture.kept_back)
            self.spared = tuple(gesture.spared)
        if patch is not None:
            self.history.push(patch)
            self._tell(Entry("do", patch))
        if gesture.kept_back:
            for listener in self.on_spared:
                listener()

    def _stepped(self, patch: Patch, entry: Entry) -> None:
        self.changed_in(patch.rects)
        self._tell(entry)

    def _tell(self, entry: Entry) -> None:
        for listener in self.on_commit:
            listener(entry)

    def _proposed_region(self, x: int, y: int) -> tuple[Rect, Bool, int]:
        if self._proposal is None or not self.bounds.contains(x, y):
            return EMPTY, np.zeros((0, 0), np.bool_), VOID
        value = int(self._proposal.classes[y, x])
        if value == VOID:
            return EMPTY, np.zeros((0, 0), np.bool_), VOID  # what is labelled shows no proposal, and is void there too
        box, where = component_at(lambda rect: self.proposed(rect) == value, self.bounds, x, y)
        return box, where, value
