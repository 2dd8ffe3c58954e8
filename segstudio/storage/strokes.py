"""Writing strokes: what one window has done and undone to one image, on its way into the journal."""

from pathlib import Path

import numpy as np

from segstudio.core.classes import VOID
from segstudio.core.history import Entry, Patch
from segstudio.errors import ProjectError
from segstudio.storage.journal import Journal


class StrokeWriter:
    """Appends the steps of one open document to the journal of its image.

    It remembers which strokes this document can undo, so that an undo means the right stroke even when another
    program has added one of its own meanwhile. For whoever holds the project's turn to write.

    Args:
        journal: the file.
    """

    def __init__(self, journal: Path) -> None:
        self._journal = Journal(journal, keep=False)
        self._steps = self._journal.undoable()

    @property
    def revision(self) -> int:
        """Last revision in the journal."""
        self._journal.refresh()
        return self._journal.revision

    def append(self, entry: Entry, *, base: int) -> tuple[int, int | None]:
        """Make a step durable.

        Args:
            entry: the step.
            base: revision to begin at when there is no journal yet.

        Returns:
            The new revision, and by how much the number of labelled pixels changed; None when that is not known.

        Raises:
            ProjectError: when it could not be written, or there is nothing to undo or redo.
        """
        revision = max(self.revision, base) + 1
        target = self._steps.target(entry.kind, revision)
        if target is None or (entry.kind == "do") != (entry.patch is not None):
            raise ProjectError(f"has nothing to {entry.kind}", remedy="Open the image again", path=self._journal.path)
        self._journal.append(entry.kind, target, entry.patch, base=base)
        self._steps.take(entry.kind, target)
        patch = entry.patch or self._journal.patch(target)
        if patch is None:
            return revision, None
        return revision, -_gain(patch) if entry.kind == "undo" else _gain(patch)


def bytes_of(path: Path) -> int:
    """Size of a file, 0 when there is none."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _gain(patch: Patch) -> int:
    """How many more pixels are labelled after a stroke than before."""
    if patch.layer != "annotation":
        return 0
    return sum(int(np.count_nonzero(p.old == VOID)) - int(np.count_nonzero(p.new == VOID)) for p in patch.pieces)
