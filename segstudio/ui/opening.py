"""Opening and making projects off the GUI thread."""

import threading
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from segstudio.core.classes import ClassTable
from segstudio.storage.creating import create_over
from segstudio.storage.demo import default_demo_folder, open_demo
from segstudio.storage.project import Project
from segstudio.ui.dialogs.new_project import NewProject
from segstudio.ui.jobs import Emit, Jobs


class Opener(QObject):
    """Brings one project at a time.

    Signals:
        working(str): what it is doing; empty when it is over.
        opened(object, object): a `Project`, and the lines (tuple of str) about files that were left out.
        failed(str): one line.
    """

    working = Signal(str)
    opened = Signal(object, object)
    failed = Signal(str)

    def __init__(self, jobs: Jobs, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._jobs = jobs
        self._busy = False

    def open(self, folder: Path) -> None:
        """Open a project."""
        self._bring(f"Opening {folder.name}", lambda: (Project.open(folder), ()))

    def open_demo(self, folder: Path | None = None) -> None:
        """Open the demo project, which is made when it is not there yet."""
        self._bring("Making the demo", lambda: (open_demo(folder or default_demo_folder()), ()))

    def create(self, values: NewProject) -> None:
        """Make a project over a folder of images and open it."""

        def make() -> tuple[Project, tuple[str, ...]]:
            return create_over(values.folder, values.images, ClassTable.of(values.classes))

        self._bring(f"Making {values.folder.name}", make)

    def _bring(self, what: str, make: Callable[[], tuple[Project, tuple[str, ...]]]) -> None:
        if self._busy:
            return
        self._busy = True
        self.working.emit(what)

        def work(_emit: Emit, _cancel: threading.Event) -> tuple[Project, tuple[str, ...]]:
            return make()

        def done(result: tuple[Project, tuple[str, ...]]) -> None:
            self.opened.emit(*result)

        def over() -> None:
            self._busy = False
            self.working.emit("")

        self._jobs.start("project", work, done=done, failed=self.failed.emit, ended=over)
