"""What a person does to the labels of the image in hand by command: undo, accept, reject, and work on whole regions."""

import threading
from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer

from segstudio.core.arrays import U8
from segstudio.core.background import Task
from segstudio.core.classes import VOID
from segstudio.core.document import Document
from segstudio.core.history import Patch
from segstudio.core.layerwork import copy_labels, delete_class, fill_void
from segstudio.core.regions import component_at, pieces
from segstudio.core.snapping import mask_from_strokes, snap_last_stroke
from segstudio.core.suggest import Doubts
from segstudio.core.tools.base import Kit
from segstudio.errors import SegStudioError
from segstudio.ui.jobs import Emit, Jobs
from segstudio.ui.seeing import Seeing
from segstudio.ui.session import Session
from segstudio.ui.workbench import Workbench

_CLOSE_UP = 3.0  # how much of the view's shorter side a doubtful region leaves free
_MOST_SCALE = 4.0


class Editing(QObject):
    """Answers the commands that change labels.

    Args:
        session: whose document is changed.
        bench: its canvas says where the pointer is.
        seeing: tells what happened.
        jobs: reads another image's labels.
        kit: the class in the hand, and where long work goes.
        parent: owner.

    Signals:
        kept_back(object): the locked classes that kept a command from doing anything.
    """

    def __init__(
        self,
        session: Session,
        bench: Workbench,
        seeing: Seeing,
        jobs: Jobs,
        kit: Kit,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._canvas = bench.canvas
        self._history = bench.history
        self._seeing = seeing
        self._jobs = jobs
        self._kit = kit
        self._doubts: Doubts | None = None
        self._task: Task | None = None
        self._listed = QTimer(self, interval=0, singleShot=True)
        self._listed.timeout.connect(self.list_strokes)

    # The history

    def undo(self) -> None:
        """Take the last stroke back; of a shape that is open its last point, of a stroke that is painted all."""
        if (document := self._session.document) is None:
            return
        self.settle()
        if self._canvas.step_back():
            self._seeing.say("Step taken back")
        else:
            self._tell("Undone", document.undo())

    def redo(self) -> None:
        """Do it again."""
        if (document := self._session.document) is not None:
            self._tell("Redone", document.redo())

    def go_to(self, done: int) -> None:
        """Undo or redo until so many strokes are done."""
        self._canvas.finish_stroke()
        document = self._session.document
        while document is not None and len(document.history.done) != done:
            if (document.undo() if len(document.history.done) > done else document.redo()) is None:
                return
        self._seeing.say(f"{done} strokes done" if done else "Before the first stroke")

    def strokes_moved(self) -> None:
        """The history is another one; listed when the event loop turns, once for many strokes."""
        self._listed.start()

    def list_strokes(self) -> None:
        """Show the strokes of the image in hand."""
        document = self._session.document
        self._history.set_classes(self._session.classes)
        if document is None:
            self._history.set_strokes((), ())
        elif self._history.isVisible():
            self._history.set_strokes(document.history.done, document.history.undone)

    def settle(self) -> None:
        """Wait for what was asked for and is still being worked out, so that it is not lost."""
        if self._task is not None:
            self._task.wait()
            self._task = None

    def forget(self) -> None:
        """The image in hand is let go."""
        self.settle()
        self._doubts = None
        self._history.set_strokes((), ())

    # Proposals

    def accept_region(self) -> None:
        """Accept the proposed region under the cursor."""
        self._at_pointer("Accepted", lambda document, x, y: document.accept_region(x, y), "Nothing is proposed there")

    def reject_region(self) -> None:
        """Reject the proposed region under the cursor."""
        self._at_pointer("Rejected", lambda document, x, y: document.reject_region(x, y), "Nothing is proposed there")

    def accept_all(self) -> None:
        """Accept what is proposed with enough confidence."""
        threshold = self._canvas.layers.threshold
        self._change("Accepted", lambda document: document.accept_above(threshold), "Nothing is proposed there")

    def next_uncertain(self) -> None:
        """Bring the region into view of which the model is least sure."""
        document = self._session.document
        if document is None or document.proposal is None:
            return
        if self._doubts is None or not self._doubts.about(document):
            self._doubts = Doubts(document)
        rect = self._doubts.next()
        if rect is None:
            self._seeing.say("The model is sure of everything that is not labelled")
            return
        room = min(self._canvas.width(), self._canvas.height()) * self._canvas.devicePixelRatioF()
        scale = min(_MOST_SCALE, room / (_CLOSE_UP * max(rect.width, rect.height, 1)))
        self._canvas.centre_on(((rect.x0 + rect.x1) / 2, (rect.y0 + rect.y1) / 2), max(scale, self._canvas.view.scale))
        self._seeing.say(f"Least sure here, {rect.width} × {rect.height} px  ·  {len(self._doubts)} such regions")

    # Regions and classes

    def delete_region(self) -> None:
        """Make the labelled region under the cursor void."""

        def act(document: Document, x: int, y: int) -> Patch | None:
            labels = document.annotation
            value = int(labels[y, x])
            if value == VOID:
                return None
            box, where = component_at(lambda rect: labels[rect.slices] == value, document.bounds, x, y)
            gesture = document.begin("Delete region")
            for rect, part in pieces(box, where):
                gesture.fill(rect, part, VOID)
            return gesture.finish()

        self._at_pointer("Deleted", act, "Nothing is labelled there")

    def delete_class(self) -> None:
        """Make every pixel of the class in the hand void."""
        self._change(
            "Deleted", lambda document: delete_class(document, self._kit.palette.value), "This class has no pixels here"
        )

    def fill_void(self) -> None:
        """Give every void pixel the class in the hand."""
        self._change("Filled", lambda document: fill_void(document, self._kit.palette.value), "No pixel is void")

    def snap_stroke(self) -> None:
        """Move the outline of the last stroke to the edges in the image."""
        self._canvas.finish_stroke()
        if (document := self._session.document) is not None:
            self._task = snap_last_stroke(document, self._kit.background, self._seeing.say)

    def mask_from_strokes(self) -> None:
        """Find the object in view that the strokes of the class in the hand lie in."""
        self._canvas.finish_stroke()
        if (document := self._session.document) is not None:
            value, window = self._kit.palette.value, self._canvas.visible()
            self._task = mask_from_strokes(document, value, window, self._kit.background, self._seeing.say)

    def copy_previous(self, key: str) -> None:
        """Copy the labels of another image onto what is void here."""
        session, here = self._session, self._session.key

        def read(_emit: Emit, _cancel: threading.Event) -> U8:
            session.flush()
            return session.project.load_document(key).annotation

        def done(labels: U8) -> None:
            if session.key == here and self._canvas.painting:
                self._seeing.say("Not copied: a stroke was begun meanwhile")
            elif session.key == here:
                self._change("Copied", lambda document: copy_labels(document, labels), f"{key} has nothing to copy")

        self._jobs.start("copy labels", read, done=done, failed=self._seeing.complain)

    # Telling

    def _at_pointer(self, word: str, act: Callable[[Document, int, int], Patch | None], nothing: str) -> None:
        pixel = self._canvas.pointer_pixel()
        if pixel is None:
            self._seeing.say("Point at a region first")
        else:
            self._change(word, lambda document: act(document, *pixel), nothing)

    def _change(self, word: str, act: Callable[[Document], Patch | None], nothing: str) -> None:
        self._canvas.finish_stroke()
        if (document := self._session.document) is None:
            return
        document.kept_back = frozenset()
        try:
            self._tell(word, act(document), nothing)
        except SegStudioError as error:
            self._seeing.complain(str(error))

    def _tell(self, word: str, patch: Patch | None, nothing: str = "nothing more") -> None:
        document = self._session.document
        if patch is not None:
            self._seeing.say(f"{word}: {patch.label.lower()}")
        elif word in ("Undone", "Redone"):
            self._seeing.say(f"{word}: {nothing}")
        elif document is None or not document.kept_back:  # else protection has explained itself
            self._seeing.say(nothing)
