"""One image's annotation, with the model's proposal beside it, and the only way to change either layer a person owns.

Every change runs through a `Gesture`: it keeps the values it overwrites, spares locked classes, and ends as one patch
in the history and one entry for the journal. One gesture runs at a time. Models never come here; a proposal enters the
annotation only through `accept_region` and `accept_above`, which a person calls.
"""

from collections.abc import Callable, Sequence
from functools import reduce

import numpy as np

from segstudio.core.arrays import U8, Bool
from segstudio.core.background import Background, Immediately
from segstudio.core.classes import VOID, ClassTable
from segstudio.core.geometry import Rect
from segstudio.core.gesture import Done, Gesture, Write, nobody
from segstudio.core.history import Entry, History, Layer, Patch
from segstudio.core.picture import Picture
from segstudio.core.proposal import Proposal
from segstudio.core.regions import component_at, pieces
from segstudio.core.tiles import tiles

_MOST_TOLD = 64  # rectangles told one by one
_MOST_AT_ONCE = 2**18  # pixels that the slowest change takes less than a frame for
_HERE = Immediately()


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
        on_away: called with a gesture that goes on away, and again when it is over.
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
        self.on_away: list[Callable[[Gesture], None]] = []
        self.history = history or History()
        self._classes = classes
        self._annotation = annotation
        self._rejected = rejected
        self._proposal: Proposal | None = None
        self._gesture: Gesture | None = None

    @property
    def classes(self) -> ClassTable:
        """The classes; replace it when the project's change.

        A gesture that follows the hand minds the locks of the new table. When a class is gone it ends with what it has.
        """
        return self._classes

    @classes.setter
    def classes(self, classes: ClassTable) -> None:
        if len(classes) < len(self._classes):
            self.finish()
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
        """Start a gesture; one that is still running is finished first, one that is away waited for.

        Args:
            label: what it is, for the history.
            layer: what it changes.
            over: it changes pixels of this value only (void or a class); None: any.
        """
        self.finish()
        self._gesture = Gesture(self, layer, label, over)
        return self._gesture

    def edit(
        self,
        label: str,
        write: Write,
        area: Rect,
        *,
        layer: Layer = "annotation",
        over: int | None = None,
        background: Background = _HERE,
        done: Done = nobody,
    ) -> None:
        """Change a layer as one stroke that needs no hand: at once where that is quick, otherwise away.

        Args:
            label, layer, over: as of `begin`.
            write: fills; see `Gesture.work`.
            area: all that is looked at and written lies inside.
            background: where it is done when `area` is large.
            done: gets what changed; see `Gesture.work`.
        """
        gesture = self.begin(label, layer, over=over)
        quick = area.width * area.height <= _MOST_AT_ONCE
        gesture.work(_HERE if quick else background, write, done)

    def finish(self) -> None:
        """End whatever gesture is running; one that is away is waited for."""
        while self._gesture is not None:  # the end of one may be the beginning of another
            self._gesture.finish()

    def settle(self) -> None:
        """Wait for a gesture that is away, so that labels can be relied on; one that follows the hand goes on."""
        while self._gesture is not None and self._gesture.away:
            self._gesture.finish()

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
        """Do the stroke last undone again; None when there is none or a gesture follows the hand."""
        self.settle()
        patch = self.history.redo() if self._gesture is None else None
        if patch is not None:
            patch.apply(self.layer(patch.layer))
            self._stepped(patch, Entry("redo"))
        return patch

    def proposed(self, rect: Rect) -> U8:
        """What is shown of the proposal in `rect`: ``uint8 (h, w)``, void where a person has already spoken."""
        if self._proposal is None:
            return np.full((rect.height, rect.width), VOID, np.uint8)
        return self._open_part(self._proposal, rect)

    def accept_region(self, x: int, y: int, *, background: Background = _HERE, done: Done = nobody) -> None:
        """Move the proposed region under a pixel into the annotation, as one stroke. Void pixels only.

        Args:
            x, y: column and row.
            background, done: as of `edit`.
        """
        self._answer_region("Accept region", "annotation", (x, y), background, done)

    def reject_region(self, x: int, y: int, *, background: Background = _HERE, done: Done = nobody) -> None:
        """Say that the proposed region under a pixel is not of its class, as one stroke.

        A later proposal of the same class there stays hidden; one of another class shows.

        Args:
            x, y: column and row.
            background, done: as of `edit`.
        """
        self._answer_region("Reject region", "rejected", (x, y), background, done)

    def accept_above(self, threshold: int, *, background: Background = _HERE, done: Done = nobody) -> None:
        """Move every proposed pixel with at least this confidence (0..255) into the annotation, as one stroke.

        Args:
            threshold: of the confidence.
            background, done: as of `edit`.
        """
        if (proposal := self._proposal) is None:
            done(None)
            return

        def write(gesture: Gesture) -> None:
            for tile in tiles(self.bounds):
                proposed = self._open_part(proposal, tile)
                where = (proposed != VOID) & (proposal.confidence[tile.slices] >= threshold)
                gesture.fill(tile, where, proposed)

        self.edit("Accept all", write, self.bounds, background=background, done=done)

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

    def end(self, gesture: Gesture, patch: Patch | None, rects: Sequence[Rect]) -> None:
        """Called by a gesture when it is over, with what changed and where that was not told yet."""
        if gesture is self._gesture:
            self._gesture = None
            self.kept_back = frozenset(gesture.kept_back)
            self.spared = tuple(gesture.spared)
        if patch is not None:
            self.history.push(patch)
            self._tell(Entry("do", patch))
        self.changed_in(rects)
        if gesture.kept_back:
            for listener in self.on_spared:
                listener()

    def tell_away(self, gesture: Gesture) -> None:
        """Called by a gesture that goes on away, and again when it is over."""
        for listener in self.on_away:
            listener(gesture)

    def _stepped(self, patch: Patch, entry: Entry) -> None:
        self.changed_in(patch.rects)
        self._tell(entry)

    def _tell(self, entry: Entry) -> None:
        for listener in self.on_commit:
            listener(entry)

    def _open_part(self, proposal: Proposal, rect: Rect) -> U8:
        """A proposal in `rect`, void where a person has already spoken."""
        classes = proposal.classes[rect.slices]
        open_ = self._annotation[rect.slices] == VOID
        if self._rejected is not None:
            open_ &= self._rejected[rect.slices] != classes
        return np.where(open_, classes, np.uint8(VOID))

    def _answer_region(
        self, label: str, layer: Layer, pixel: tuple[int, int], background: Background, done: Done
    ) -> None:
        """Accept or reject the proposed region under a pixel."""
        proposal = self._proposal
        there = proposal is not None and self.bounds.contains(*pixel)
        value = VOID if proposal is None or not there else int(proposal.classes[pixel[1], pixel[0]])
        if proposal is None or value == VOID:
            self.kept_back, self.spared = frozenset(), ()
            done(None)
            return

        def member(rect: Rect) -> Bool:
            return np.asarray(self._open_part(proposal, rect) == value)  # what is labelled shows no proposal

        def write(gesture: Gesture) -> None:
            box, where = component_at(gesture.checked(member), self.bounds, *pixel)
            for rect, part in pieces(box, where):
                gesture.fill(rect, part, value)

        self.edit(label, write, self.bounds, layer=layer, background=background, done=done)
