"""One image's annotation, with the model's proposal beside it, and the only way to change either layer a person owns.

Every change runs through a `Gesture`: it keeps the values it overwrites, spares locked classes, and ends as one patch
in the history and one entry for the journal. Models never come here; a proposal enters the annotation only through
`accept_region` and `accept_above`, which a person calls.
"""

from collections.abc import Callable, Iterator

import numpy as np

from segstudio.core.arrays import U8, Bool
from segstudio.core.classes import VOID, ClassTable
from segstudio.core.geometry import EMPTY, Rect
from segstudio.core.history import Entry, History, Layer, Patch, Piece
from segstudio.core.proposal import Proposal
from segstudio.core.regions import component_at
from segstudio.core.strokes import Point, capsules

_TILE = 256


class Gesture:
    """A running change of one layer, from press to release. Made by `Document.begin`.

    Attributes:
        kept_back: the locked classes that have kept pixels from being changed.
    """

    def __init__(self, document: "Document", layer: Layer, label: str) -> None:
        self.kept_back: set[int] = set()
        self._document = document
        self._layer: Layer = layer
        self._label = label
        self._array = document.layer(layer)
        self._locked = document.classes.locked()
        self._guards = layer == "annotation" and bool(self._locked.any())
        self._before: dict[tuple[int, int], U8] = {}

    def line(self, start: Point, end: Point, size: int, value: int) -> Rect:
        """Drag a round brush from `start` to `end`; returns the rectangle that changed."""
        dirty = EMPTY
        for rect, covered in capsules(start, end, size, Rect.of_shape(self._array.shape)):
            dirty = dirty.union(self.fill(rect, covered, value))
        return dirty

    def fill(self, rect: Rect, where: Bool, values: int | U8) -> Rect:
        """Write where allowed.

        Args:
            rect: inside the image.
            where: ``bool (h, w)`` of `rect`.
            values: one class index or void, or ``uint8 (h, w)`` of them.

        Returns:
            The rectangle that changed, `rect` or empty.
        """
        region = self._array[rect.slices]
        change = where & (region != values)
        if self._guards:
            spared = change & (self._locked[region] | self._locked[values])
            if spared.any():
                self._note_spared(np.concatenate([region[spared], np.broadcast_to(values, region.shape)[spared]]))
            change &= ~spared
        if not change.any():
            return EMPTY
        self._keep(rect)
        np.copyto(region, np.asarray(values, np.uint8), where=change)
        self._document.changed(rect)
        return rect

    def finish(self) -> Patch | None:
        """End the gesture; returns what it changed, None when nothing."""
        pieces = [piece for tile, old in self._before.items() if (piece := self._piece(tile, old))]
        self._before.clear()
        patch = Patch(self._layer, self._label, pieces) if pieces else None
        self._document.end(self, patch)
        return patch

    def cancel(self) -> None:
        """End the gesture and put every pixel back."""
        for (row, column), old in self._before.items():
            rect = Rect(column, row, column + old.shape[1], row + old.shape[0])
            self._array[rect.slices] = old
            self._document.changed(rect)
        self._before.clear()
        self._document.end(self, None)

    def _note_spared(self, involved: U8) -> None:
        """Remember which of the classes involved were the locked ones."""
        present = np.flatnonzero(np.bincount(involved, minlength=256))
        self.kept_back.update(int(value) for value in present if self._locked[value])

    def _keep(self, rect: Rect) -> None:
        """Copy the tiles under `rect` that this gesture has not touched yet."""
        for row in range(rect.y0 // _TILE * _TILE, rect.y1, _TILE):
            for column in range(rect.x0 // _TILE * _TILE, rect.x1, _TILE):
                if (row, column) not in self._before:
                    self._before[row, column] = self._array[row : row + _TILE, column : column + _TILE].copy()

    def _piece(self, tile: tuple[int, int], old: U8) -> Piece | None:
        row, column = tile
        new = self._array[row : row + old.shape[0], column : column + old.shape[1]]
        changed = old != new
        rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
        if not rows.size:
            return None
        box = Rect(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
        return Piece(box.shift(column, row), old[box.slices].copy(), new[box.slices].copy())


class Document:
    """An open image's layers and history.

    Args:
        annotation: ``uint8 (H, W)`` of class indices and void; owned by the document from now on.
        classes: the classes of the project.
        rejected: ``uint8 (H, W)``: the class a person rejected at a pixel, void where none; None when nothing is.
        history: strokes that can be undone.

    Attributes:
        classes: replace it when the project's classes change.
        kept_back: the locked classes that kept pixels back from the gesture that ended last.
        on_change: called with each rectangle of pixels to be painted anew.
        on_commit: called with each `Entry` that belongs in the journal.
    """

    def __init__(
        self,
        annotation: U8,
        classes: ClassTable,
        *,
        rejected: U8 | None = None,
        history: History | None = None,
    ) -> None:
        if annotation.dtype != np.uint8 or annotation.ndim != 2:
            raise ValueError(f"an annotation is uint8 (H, W), not {annotation.dtype} {annotation.shape}")
        self.classes = classes
        self.kept_back: frozenset[int] = frozenset()
        self.on_change: list[Callable[[Rect], None]] = []
        self.on_commit: list[Callable[[Entry], None]] = []
        self.history = history or History()
        self._annotation = annotation
        self._rejected = rejected
        self._proposal: Proposal | None = None
        self._gesture: Gesture | None = None

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

    def begin(self, label: str, layer: Layer = "annotation") -> Gesture:
        """Start a gesture; one that is still running is finished first."""
        if self._gesture is not None:
            self._gesture.finish()
        self._gesture = Gesture(self, layer, label)
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
        self.kept_back = frozenset()
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
        for tile in self._tiles():
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

    def end(self, gesture: Gesture, patch: Patch | None) -> None:
        """Called by a gesture when it is over."""
        if gesture is self._gesture:
            self._gesture = None
            self.kept_back = frozenset(gesture.kept_back)
        if patch is not None:
            self.history.push(patch)
            self._tell(Entry("do", patch))

    def _stepped(self, patch: Patch, entry: Entry) -> None:
        for rect in patch.rects:
            self.changed(rect)
        self._tell(entry)

    def _tell(self, entry: Entry) -> None:
        for listener in self.on_commit:
            listener(entry)

    def _proposed_region(self, x: int, y: int) -> tuple[Rect, Bool, int]:
        if self._proposal is None or not self.bounds.contains(x, y):
            return EMPTY, np.zeros((0, 0), np.bool_), VOID
        value = int(self._proposal.classes[y, x])
        box, where = component_at(lambda rect: self.proposed(rect) == value, self.bounds, x, y)
        return box, where, value

    def _tiles(self) -> Iterator[Rect]:
        for row in range(0, self.bounds.y1, _TILE):
            for column in range(0, self.bounds.x1, _TILE):
                yield Rect(column, row, column + _TILE, row + _TILE).intersect(self.bounds)
