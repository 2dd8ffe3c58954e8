"""Thumbnails for the image strip, made one at a time, the last wanted first."""

import threading
from collections import deque
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QImage

from segstudio.errors import SegStudioError
from segstudio.storage.images import thumbnail
from segstudio.ui.jobs import Emit, Job, Jobs

_LONGER = 208  # pixels of the longer side: sharp on a screen of twice the resolution
_SHORTER = 6  # and of the shorter one at least, or an image of a single row would not be seen in the strip


class Thumbnailer(QObject):
    """Reads thumbnails on a job's thread, which lives while there is something to read.

    Signals:
        ready(str, QImage): key of an image and its thumbnail, a null one when it cannot be read.
    """

    ready = Signal(str, QImage)

    def __init__(self, jobs: Jobs, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._jobs = jobs
        self._wanted: deque[tuple[str, Path]] = deque()
        self._job: Job | None = None

    def want(self, key: str, path: Path) -> None:
        """Ask for the thumbnail of an image."""
        self._wanted.append((key, path))
        if self._job is None:
            self._job = self._jobs.start("thumbnails", self._work, progress=self._deliver, ended=self._rest)

    def forget(self) -> None:
        """Drop everything that was asked for."""
        self._wanted.clear()

    def _work(self, emit: Emit, cancel: threading.Event) -> None:
        while not cancel.is_set():
            try:
                key, path = self._wanted.pop()
            except IndexError:
                return
            try:
                pixels = thumbnail(path, _LONGER)
            except SegStudioError:
                emit((key, QImage()))  # opening the image says what is wrong with it
                continue
            height, width = pixels.shape[:2]
            image = QImage(pixels.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888)
            thin = min(width, height) < _SHORTER
            emit((key, image.scaled(max(width, _SHORTER), max(height, _SHORTER)) if thin else image.copy()))

    def _deliver(self, batch: list[tuple[str, QImage]]) -> None:
        for key, image in batch:
            self.ready.emit(key, image)

    def _rest(self) -> None:
        self._job = None
        if self._wanted:  # asked for while the last one was ending
            self.want(*self._wanted.pop())
