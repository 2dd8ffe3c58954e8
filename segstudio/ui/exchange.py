"""Images that come into the open project, and masks that leave it."""

import logging
import threading
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QFileDialog, QWidget

from segstudio.storage.export import export_masks
from segstudio.storage.images import find_images
from segstudio.storage.project import AddReport
from segstudio.ui.desk import Desk
from segstudio.ui.jobs import Emit
from segstudio.ui.panels.status import StatusLine

log = logging.getLogger(__name__)


class Exchange(QObject):
    """Adds images and writes masks, and says what came of it.

    Args:
        status: where it is said.
        window: questions are asked over it.
    """

    def __init__(self, status: StatusLine, window: QWidget) -> None:
        super().__init__(window)
        self._status = status
        self._window = window

    def add_images(self, desk: Desk, source: Path | Sequence[Path]) -> None:
        """Add the images of a folder, or these files; a lone file is opened, too."""
        project = desk.session.project

        def work(_emit: Emit, _cancel: threading.Event) -> AddReport:
            if isinstance(source, Path):
                return project.add_images(find_images(source), root=source)
            return project.add_images(source)

        def done(report: AddReport) -> None:
            desk.session.images_changed.emit()
            count = len(report.added)
            self.tell(report.problems, f"Added {count:,} image{'' if count == 1 else 's'}")
            if not isinstance(source, Path) and count == 1:
                desk.session.open_image(report.added[0].key)

        desk.jobs.start("add images", work, done=done, failed=self._complain)

    def ask_add(self, desk: Desk) -> None:
        """Ask for a folder of images, and add them."""
        if chosen := QFileDialog.getExistingDirectory(self._window, "Add a folder of images"):
            self.add_images(desk, Path(chosen))

    def export_masks(self, desk: Desk, folder: Path) -> None:
        """Write the annotations as mask images."""
        session = desk.session
        session.settle()

        def work(_emit: Emit, _cancel: threading.Event) -> int:
            session.flush()
            return export_masks(session.project, folder)

        def done(count: int) -> None:
            self._status.say(f"Wrote {count:,} mask{'' if count == 1 else 's'} to {folder}")

        desk.jobs.start("export", work, done=done, failed=self._complain)

    def ask_export(self, desk: Desk) -> None:
        """Ask for a folder, and write the masks into it."""
        if chosen := QFileDialog.getExistingDirectory(self._window, "Export masks to"):
            self.export_masks(desk, Path(chosen))

    def tell(self, problems: Sequence[str], otherwise: str) -> None:
        """Say which files were left out, or, when none was, something else."""
        for line in problems:
            log.warning("%s", line)
        if len(problems) == 1:
            self._status.say(problems[0], "warning")
        elif problems:
            self._status.say(f"{len(problems)} files were left out: {problems[0]} The log has the rest.", "warning")
        elif otherwise:
            self._status.say(otherwise)

    def _complain(self, line: str) -> None:
        self._status.say(line, "error")
