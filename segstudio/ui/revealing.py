"""Nobody paints blind: what a person hid comes back into view when something is written into it, and that is said."""

import math

import numpy as np
from PySide6.QtCore import QObject, QTimer

from segstudio.core.arrays import Bool
from segstudio.core.background import Background
from segstudio.core.classes import VOID
from segstudio.core.history import Entry, Patch
from segstudio.core.tools.base import Palette, Tool
from segstudio.ui.seeing import Seeing
from segstudio.ui.session import Session

_SAMPLES = 2**18  # pixels of a stroke that are looked at
_MOST_AT_ONCE = 2**20  # pixels of a stroke's rectangles that are unpacked in less than a frame


class Revealing(QObject):
    """Watches what is about to be written, and what was.

    Before a drag with a tool that writes, the annotation and the class in the hand are shown. Whatever else changed
    where nothing of it can be seen (by a command, by undo, by erasing a class whose eye is off) is shown when it has.

    Args:
        session: whose image is painted on, and whose classes have eyes.
        palette: the class in the hand.
        seeing: shows layers, and says what was shown.
        background: where huge strokes are looked at.
        parent: owner.
    """

    def __init__(
        self, session: Session, palette: Palette, seeing: Seeing, background: Background, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._palette = palette
        self._seeing = seeing
        self._background = background
        self._changed: set[str] = set()  # layers that were written since it was last told
        self._unseen: set[int] = set()  # classes of pixels that changed unseen
        # When the event is over: what a command says of itself is said by then, and no gesture is in the middle of it.
        self._later = QTimer(self, interval=0, singleShot=True)
        self._later.timeout.connect(self._show_changed)

    def began(self, tool: Tool) -> None:
        """A button went down for a tool."""
        if not tool.looks and tool.name != "measure":
            own = tool.name != "eraser" and (tool.name != "region" or self._palette.operation == "reclass")
            self._say([self._seeing.begin_painting(), self._show_classes({self._palette.value} if own else set())])

    def ended(self) -> None:
        """The button went up."""
        self._seeing.end_painting()

    def committed(self, entry: Entry) -> None:
        """The image in hand was changed; for `Document.on_commit`."""
        patch = self._patch(entry)
        if patch is None:
            return
        self._changed.add(patch.layer)
        visible = self._session.classes.visible()
        if patch.layer == "annotation" and not visible[: len(self._session.classes)].all():
            self._look(patch, visible)
        self._later.start()

    def _look(self, patch: Patch, visible: Bool) -> None:
        """Find out which classes changed unseen; of a huge stroke that takes longer than a frame, and comes later."""
        if _area(patch) <= _MOST_AT_ONCE:
            self._unseen |= changed_unseen(patch, visible)
            return
        document = self._session.document

        def found(unseen: set[int]) -> None:
            if self._session.document is document:  # else the classes may be others, too
                self._unseen |= unseen
                self._later.start()

        self._background.run(lambda _stop: changed_unseen(patch, visible), found)

    def _patch(self, entry: Entry) -> Patch | None:
        """What an entry did, or took back."""
        if entry.patch is not None or (document := self._session.document) is None:
            return entry.patch
        moved = document.history.undone if entry.kind == "undo" else document.history.done
        return moved[-1] if moved else None

    def _show_changed(self) -> None:
        changed, unseen, self._changed, self._unseen = self._changed, self._unseen, set(), set()
        lines = []
        if "annotation" in changed and self._seeing.reveal("annotation"):
            lines.append("Annotation shown again: it was changed")
        if "rejected" in changed and self._seeing.reveal("proposal"):
            lines.append("Proposal shown again: some of it was rejected")
        self._say([*lines, self._show_classes(unseen)])

    def _show_classes(self, indices: set[int]) -> str:
        """Open the eyes of these classes; a line that says so, empty when all were open."""
        table, names = self._session.classes, []
        for index in sorted(indices):
            if index < len(table) and not table[index].visible:
                names.append(table[index].name)
                table = table.change(index, visible=True)
        if not names:
            return ""
        self._session.set_classes(table)
        return f"{', '.join(names)} shown again: you are changing {'it' if len(names) == 1 else 'them'}"

    def _say(self, lines: list[str]) -> None:
        if text := "  ·  ".join(line for line in lines if line):
            self._seeing.say(text)


def changed_unseen(patch: Patch, visible: Bool) -> set[int]:
    """The classes of pixels that a patch changed and that were seen neither before nor after.

    Of a large patch every so many rows and columns are looked at.

    Args:
        patch: of the annotation.
        visible: ``bool (256,)``: whether each value is drawn; void is not.
    """
    step = max(1, math.ceil(math.sqrt(_area(patch) / _SAMPLES)))
    found: set[int] = set()
    for piece in patch.pieces:
        old, new = piece.old[::step, ::step], piece.new[::step, ::step]
        unseen = (old != new) & ~(visible[old] | visible[new])
        found.update(np.unique(old[unseen]).tolist(), np.unique(new[unseen]).tolist())
    return found - {VOID}


def _area(patch: Patch) -> int:
    return sum(rect.width * rect.height for rect in patch.rects)
