"""An open project as the window sees it: the image in hand, what is being saved, and what the records say."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QObject, QTimer, Signal

from segstudio.core.classes import ClassTable
from segstudio.core.document import Document
from segstudio.core.gesture import Gesture
from segstudio.core.history import Entry
from segstudio.core.picture import Picture
from segstudio.core.proposal import Proposal
from segstudio.core.pyramid import Pyramid
from segstudio.core.scene import Scene
from segstudio.errors import ProjectError, SegStudioError
from segstudio.storage.modality import read_hounsfield
from segstudio.storage.project import ImageRecord, Project
from segstudio.storage.saver import Saver
from segstudio.storage.spacing import read_spacing
from segstudio.ui.jobs import Emit, Job, Jobs

_CLASS_SECONDS = 30.0  # that writing the classes may take on a slow disk
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class OpenImage:
    """The image in hand.

    Attributes:
        record: what the project knew of it when it was opened.
        picture: its pixels, in their own depth.
        scene: document and image with their halved copies, for the canvas.
    """

    record: ImageRecord
    picture: Picture
    scene: Scene

    @property
    def document(self) -> Document:
        """Annotation, proposal and history."""
        return self.scene.document

    @property
    def key(self) -> str:
        return self.record.key


class Session(QObject):
    """Opens images, sends every stroke to disk, and keeps the records of the strip true.

    Signals:
        leaving(): the image in hand is about to be let go.
        opened(): `image` is another one.
        edited(): the document's history moved: undo and redo may differ.
        away(object): this `Gesture` goes on away from the hand, or is over now.
        record_changed(object): an `ImageRecord` whose state may look different.
        images_changed(): images were added.
        classes_changed(): the class table is another one.
        saved(float): everything up to this `time.time()` is on disk.
        unreadable(str): the image with this key could not be opened.
        problem(str): one line for the status bar.
    """

    leaving = Signal()
    opened = Signal()
    edited = Signal()
    away = Signal(object)
    record_changed = Signal(object)
    images_changed = Signal()
    classes_changed = Signal()
    saved = Signal(float)
    unreadable = Signal(str)
    problem = Signal(str)
    _saved_on_thread = Signal(float)
    _failed_on_thread = Signal(str)

    def __init__(self, project: Project, jobs: Jobs, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.project = project
        self.image: OpenImage | None = None
        self._jobs = jobs
        self._wanted: str | None = None
        self._resting = False  # between `put_away` and `take_up`
        self._request = 0  # of the last image asked for: answers to older ones are dropped
        self._arrived: Callable[[], None] | None = None  # takes an image that waits until the hand is free
        self._classes = project.classes
        self._saving_classes = False
        self._class_job: Job | None = None  # that wrote the classes last
        self._touched: dict[str, float] = {}  # when an image was changed last that may not be on disk yet
        self._moved = QTimer(self, interval=0, singleShot=True)  # many strokes undone at once are told once
        self._moved.timeout.connect(self.edited)
        self._saver = Saver(project)
        self._saver.on_saved = self._saved_on_thread.emit
        self._saver.on_error = lambda error: self._failed_on_thread.emit(str(error))
        self._saved_on_thread.connect(self._on_saved)
        self._failed_on_thread.connect(self.problem)

    @property
    def document(self) -> Document | None:
        return None if self.image is None else self.image.document

    @property
    def key(self) -> str | None:
        """Key of the image in hand."""
        return None if self.image is None else self.image.key

    @property
    def wanted(self) -> str | None:
        """Key of the image that is in the hand or on its way there."""
        return self._wanted

    @property
    def classes(self) -> ClassTable:
        """The classes of the project, without asking the disk."""
        return self._classes

    # Images

    def open_image(self, key: str) -> None:
        """Bring another image into the hand, without blocking; `opened` tells when it is there."""
        if self._resting or key == self._wanted:
            return
        self._wanted = key
        self._request += 1
        if key == self.key:
            return  # back before the other one was there: this document goes on, it may have newer strokes
        request = self._request
        project, saver = self.project, self._saver

        def load(_emit: Emit, _cancel: threading.Event) -> OpenImage:
            saver.flush()  # its own strokes first, should it come back just after it was left
            image, record = project.read_image(key), project.image(key)
            visible = image.visible  # the eye has three channels at most
            picture = Picture(visible, image.window, read_spacing(record.path), read_hounsfield(record.path))
            document = project.load_document(key)
            document.picture = picture
            document.set_proposal(project.load_proposal(key))
            project.set_setting("image", key)
            return OpenImage(record, picture, Scene(document, Pyramid(visible)))

        def done(image: OpenImage) -> None:
            if request != self._request:
                return
            if (document := self.document) is not None and document.gesture is not None and document.gesture.away:
                self._arrived = lambda: done(image)  # this one is in the hand until that is over
            else:
                self._take(image)

        def failed(message: str) -> None:
            if request == self._request:
                self._wanted = self.key
                self.problem.emit(message)
                self.unreadable.emit(key)

        self._jobs.start(f"open {key}", load, done=done, failed=failed)

    def _take(self, image: OpenImage) -> None:
        self.let_go()
        self.image = image
        image.document.classes = self.classes
        image.document.on_commit.append(self._committed)
        image.document.on_away.append(self._went_away)
        self.opened.emit()

    def let_go(self) -> None:
        """Put the image in hand away; its strokes are finished and saved."""
        if self.image is None:
            return
        document = self.image.document
        self.leaving.emit()
        document.finish()  # what is still being done away belongs to this image, and on its disk
        document.on_commit.clear()
        document.on_away.clear()
        self.image = None

    def put_away(self) -> str | None:
        """Let the image in hand go, and the one on its way, and open none; returns the key for `take_up`."""
        key, self._wanted, self._arrived = self._wanted, None, None
        self._resting = True
        self._request += 1
        self.let_go()
        return key

    def take_up(self, key: str | None) -> None:
        """Images may be opened again; this one is."""
        self._resting = False
        if key is not None:
            self.open_image(key)

    # Strokes

    def _committed(self, entry: Entry) -> None:
        if self.image is not None:
            self._saver.submit(self.image.key, entry)
            self._touched[self.image.key] = time.time()  # not before: what is saved by then holds this entry
            self._moved.start()

    def _went_away(self, gesture: Gesture) -> None:
        self._moved.start()  # it can be dropped, or no more
        self.away.emit(gesture)
        if not gesture.away and self._arrived is not None:
            arrived, self._arrived = self._arrived, None
            QTimer.singleShot(0, self, arrived)  # not before all are told that it is over

    def _on_saved(self, when: float) -> None:
        touched = dict(self._touched)
        self._touched = {key: since for key, since in touched.items() if since > when}
        for key in touched:
            self.refresh_record(key)
        self.saved.emit(when)

    def settle(self) -> None:
        """Wait for an edit that is being done away, so that a `flush` that follows has it."""
        if (document := self.document) is not None:
            document.settle()

    def flush(self) -> None:
        """Block until every stroke is on disk, but for one that is still away, see `settle`; for job threads."""
        self._saver.flush()

    # Records

    def refresh_record(self, key: str) -> None:
        """Read what the project knows of an image again and tell."""
        try:
            self.record_changed.emit(self.project.image(key))
        except SegStudioError as error:
            self.problem.emit(str(error))

    def set_reviewed(self, reviewed: bool) -> None:
        """Mark the image in hand as finished, or as not."""
        if self.image is None:
            return
        project, key = self.project, self.image.key

        def work(_emit: Emit, _cancel: threading.Event) -> None:
            project.set_reviewed(key, reviewed)

        self._jobs.start(f"review {key}", work, done=lambda _none: self.refresh_record(key), failed=self.problem.emit)

    def take_proposal(self, key: str, proposal: Proposal) -> None:
        """A model has spoken of an image; shown when it is the one in hand."""
        if self.image is not None and self.image.key == key:
            if proposal.classes.shape == self.image.document.annotation.shape:
                self.image.document.set_proposal(proposal)
            self.edited.emit()
        self.refresh_record(key)

    def set_classes(self, classes: ClassTable) -> None:
        """Another class table: in force at once. A new class is on disk before it can be painted with."""
        grown = len(classes) > len(self._classes)
        if grown:
            try:
                self.project.set_classes(classes)
            except SegStudioError as error:
                self.problem.emit(str(error))
                self.classes_changed.emit()  # who showed the new table already shows the old one again
                return
            self.saved.emit(time.time())
        self._classes = classes
        if self.image is not None:
            self.image.document.classes = classes
        self.classes_changed.emit()
        if not grown:
            self._save_classes()

    def _save_classes(self) -> None:
        """Write the classes on a job; one at a time, so that the last table wins."""
        if self._saving_classes or self._resting:  # indices may be others by the time it writes
            return
        self._saving_classes = True

        def save(_emit: Emit, _cancel: threading.Event) -> ClassTable:
            table = self._classes
            self.project.set_classes(table)
            return table

        def done(written: ClassTable) -> None:
            self._saving_classes = False
            self.saved.emit(time.time())
            if written is not self._classes:
                self._save_classes()

        def failed(message: str) -> None:
            self._saving_classes = False
            self.problem.emit(message)

        self._class_job = self._jobs.start("classes", save, done=done, failed=failed)

    def flush_classes(self) -> None:
        """Block until the classes are on disk as they are shown; for job threads, between `put_away` and `take_up`.

        Raises:
            ProjectError: when they cannot be written, or other programs have given them other indices.
        """
        if (job := self._class_job) is not None and not job.wait(_CLASS_SECONDS):
            raise ProjectError("its classes are still being saved", remedy="Try again", path=self.project.folder)
        self.project.set_classes(self._classes)

    def close(self, *, discard: bool = False) -> None:
        """Put everything on disk and let the image go. The project stays open for jobs that are still ending.

        Args:
            discard: go on even when strokes cannot be saved.

        Raises:
            SegStudioError: when strokes cannot be saved; the saver goes on trying.
        """
        if self.image is not None:
            self.image.document.finish()
        if self._saving_classes and not self._resting:
            self.project.set_classes(self._classes)
        self._saver.close(discard=discard)
        self.put_away()  # with an image that waited for an edit to end: nobody is there to take it any more
