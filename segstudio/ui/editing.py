"""What a person does to the labels of the image in hand by command: undo, accept, reject, and work on whole regions."""

import threading
from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer

from segstudio.core.arrays import U8
from segstudio.core.background import Task
from segstudio.core.document import Document
from segstudio.core.figures import changed
from segstudio.core.gesture import Done, Gesture
from segstudio.core.history import Patch
from segstudio.core.layerwork import copy_labels, delete_class, delete_region, fill_void
from segstudio.core.snapping import mask_from_strokes, snap_last_stroke
from segstudio.core.suggest import Doubts
from segstudio.core.tools.base import Kit
from segstudio.errors import SegStudioError
from segstudio.ui.jobs import Emit, Jobs
from segstudio.ui.seeing import Seeing
from segstudio.ui.session import Session
from segstudio.ui.workbench import Workbench

Told = Callable[[str], str]  # what to say, from how many pixels changed

_CLOSE_UP = 3.0  # how much of the view's shorter side a doubtful region leaves free
_WITH_RING = 1.2  # and at least
_MOST_SCALE = 4.0
_LONG_MS = 300  # after which it is said what is being done away


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
        self._long = QTimer(self, interval=_LONG_MS, singleShot=True)
        self._long.timeout.connect(self._tell_long)
        self._told_long = False
        session.away.connect(self._on_away)

    # The history

    def undo(self) -> None:
        """Take the last stroke back; of an open shape its last point; drop what is being painted or done away."""
        if (document := self._session.document) is None:
            return
        if self._canvas.away is not None:
            self._canvas.cancel_stroke()
            return
        self.settle()
        if self._canvas.step_back():
            self._seeing.say("Step taken back")
        else:
            self._tell_step("Undone", document.undo())

    def redo(self) -> None:
        """Do it again."""
        if (document := self._session.document) is not None:
            self._tell_step("Redone", document.redo())

    def go_to(self, done: int) -> None:
        """Undo or redo until so many strokes are done."""
        self._canvas.finish_stroke()
        if (document := self._session.document) is None:
            return
        document.finish()
        while len(document.history.done) != done:
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

        def act(document: Document, x: int, y: int, done: Done) -> None:
            document.accept_region(x, y, background=self._kit.background, done=done)

        self._at_pointer(lambda px: f"Accepted a region of {px}", act, "Nothing is proposed there")

    def reject_region(self) -> None:
        """Reject the proposed region under the cursor."""

        def act(document: Document, x: int, y: int, done: Done) -> None:
            document.reject_region(x, y, background=self._kit.background, done=done)

        self._at_pointer(lambda px: f"Rejected a region of {px}", act, "Nothing is proposed there")

    def accept_all(self) -> None:
        """Accept what is proposed with enough confidence."""
        threshold = self._canvas.layers.threshold

        def act(document: Document, done: Done) -> None:
            document.accept_above(threshold, background=self._kit.background, done=done)

        self._change(lambda px: f"Accepted {px}", act, "Nothing is proposed there")

    def next_uncertain(self) -> None:
        """Bring the region into view of which the model is least sure."""
        document = self._session.document
        if document is None or document.proposal is None:
            return
        if self._doubts is None or not self._doubts.about(document):
            self._doubts = Doubts(document)
        doubt = self._doubts.next()
        if doubt is None:
            self._seeing.say("The model is sure of everything that is not labelled")
            return
        rect, room = doubt.rect, min(self._canvas.width(), self._canvas.height()) * self._canvas.devicePixelRatioF()
        longer = max(rect.width, rect.height, 1)
        # As near as one is already, unless the ring would be out of sight.
        near = min(self._canvas.view.scale, room / (_WITH_RING * longer))
        scale = max(min(_MOST_SCALE, room / (_CLOSE_UP * longer)), near)
        self._canvas.centre_on(((rect.x0 + rect.x1) / 2, (rect.y0 + rect.y1) / 2), scale)
        self._canvas.point_out(rect, doubt.where)
        place, sure = f"{doubt.number} of {len(self._doubts)}", f"{round(100 * doubt.confidence)} %"
        self._seeing.say(f"Uncertain region {place}  ·  confidence {sure}  ·  {rect.width} × {rect.height} px")

    # Regions and classes

    def delete_region(self) -> None:
        """Make the labelled region under the cursor void."""

        def act(document: Document, x: int, y: int, done: Done) -> None:
            delete_region(document, x, y, background=self._kit.background, done=done)

        self._at_pointer(lambda px: f"Deleted a region of {px}", act, "Nothing is labelled there")

    def delete_class(self) -> None:
        """Make every pixel of the class in the hand void."""

        def act(document: Document, done: Done) -> None:
            delete_class(document, self._kit.palette.value, background=self._kit.background, done=done)

        name = self._class_name()
        self._change(lambda px: f"Deleted {name}: {px}", act, "This class has no pixels here")

    def fill_void(self) -> None:
        """Give every void pixel the class in the hand."""

        def act(document: Document, done: Done) -> None:
            fill_void(document, self._kit.palette.value, background=self._kit.background, done=done)

        name = self._class_name()
        self._change(lambda px: f"Filled {px} of void with {name}", act, "No pixel is void")

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
            def act(document: Document, done: Done) -> None:
                copy_labels(document, labels, background=self._kit.background, done=done)

            if session.key == here and self._canvas.painting:
                self._seeing.say("Not copied: a stroke was begun meanwhile")
            elif session.key == here:
                self._change(lambda px: f"Copied {px} from {key}", act, f"{key} has nothing to copy")

        self._jobs.start("copy labels", read, done=done, failed=self._seeing.complain)

    # Telling

    def _class_name(self) -> str:
        """Of the class in the hand."""
        classes, value = self._session.classes, self._kit.palette.value
        return classes[value].name if value < len(classes) else "this class"

    def _at_pointer(self, told: Told, act: Callable[[Document, int, int, Done], None], nothing: str) -> None:
        if (pixel := self._canvas.pointer_pixel()) is None:
            self._seeing.say("Point at a region first")
        else:
            self._change(told, lambda document, done: act(document, *pixel, done), nothing)

    def _change(self, told: Told, act: Callable[[Document, Done], None], nothing: str) -> None:
        self._canvas.finish_stroke()
        if (document := self._session.document) is None:
            return
        document.finish()
        document.kept_back = frozenset()
        try:
            act(document, lambda patch: self._tell(told, patch, nothing))
        except SegStudioError as error:
            self._seeing.complain(str(error))

    def _on_away(self, gesture: Gesture) -> None:
        """Something is done away from the hand, or over: said when it takes long enough to be wondered about."""
        if gesture.away:
            self._long.start()
            return
        self._long.stop()
        told, self._told_long = self._told_long, False
        if gesture.dropped:
            self._seeing.say(f"Dropped: {gesture.label.lower()}")
        elif gesture.failed:
            self._seeing.say(f"Failed, nothing changed: {gesture.label.lower()}")
        elif told:
            self._seeing.say(f"Done: {gesture.label.lower()}")

    def _tell_long(self) -> None:
        if (gesture := self._canvas.away) is not None:
            self._told_long = True
            self._seeing.say(f"{gesture.label} …  ·  Esc drops it")

    def _tell(self, told: Told, patch: Patch | None, nothing: str) -> None:
        document = self._session.document
        if patch is not None:
            self._seeing.say(told(changed(patch)))
        elif document is None or not document.kept_back:  # else protection has explained itself
            self._seeing.say(nothing)

    def _tell_step(self, word: str, patch: Patch | None) -> None:
        self._seeing.say(f"{word}: {'nothing more' if patch is None else patch.label.lower()}")
