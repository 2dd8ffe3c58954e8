"""Removing, merging and moving classes from the window: from the question to the labels shown again."""

import threading
from collections.abc import Callable

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QWidget

from segstudio.core.classes import VOID, ClassChange, move_class, remove_class
from segstudio.core.tools.base import Palette
from segstudio.errors import UsageError
from segstudio.storage.reclassing import ClassUse
from segstudio.ui.dialogs.reclass import ReclassDialog, WorkingDialog
from segstudio.ui.jobs import Emit, Jobs
from segstudio.ui.modelling import Modelling
from segstudio.ui.session import Session

_Make = Callable[[], ClassChange]

TRAINING = "Stop training first: its labels would change their meaning."
PREDICTING = "Wait until every image is predicted, or cancel that, before classes change."


class Reclassing(QObject):
    """Changes which classes an open project has, and in which order; one change at a time.

    Args:
        session: the open project.
        modelling: nothing is changed while it trains or predicts every image.
        jobs: where the work is done.
        palette: the classes in hand follow.
        parent: owner.

    Signals:
        began(): all images are about to change. Whoever answers lets the image in hand go before returning, and opens
            none until `over`.
        over(bool): whether the classes have changed; images may be opened again.
        problem(str): one line for the status bar.
    """

    began = Signal()
    over = Signal(bool)
    problem = Signal(str)

    def __init__(
        self, session: Session, modelling: Modelling, jobs: Jobs, palette: Palette, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._modelling = modelling
        self._jobs = jobs
        self._palette = palette
        self._asking: ReclassDialog | None = None
        self._working: WorkingDialog | None = None

    def remove(self, index: int, window: QWidget, into: int = VOID) -> None:
        """Ask what shall become of the pixels of a class, then remove it.

        Args:
            index: of the class.
            window: the question is asked over it.
            into: the answer that is proposed, a class or void.
        """
        table = self._session.classes
        if not self._may_begin(lambda: remove_class(table, index)):
            return
        dialog = ReclassDialog(table, index, into, window)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._asking = dialog
        session, project = self._session, self._session.project
        session.settle()

        def count(_emit: Emit, cancel: threading.Event) -> tuple[ClassUse, ...]:
            session.flush()  # what was painted just now counts, too
            return project.reclassing.uses(cancel=cancel)

        def counted(uses: tuple[ClassUse, ...]) -> None:
            if self._asking is dialog:
                dialog.set_use(uses[index])

        def failed(line: str) -> None:
            self.problem.emit(line)
            if self._asking is dialog:
                dialog.reject()

        job = self._jobs.start("count classes", count, done=counted, failed=failed)

        def answered(result: int) -> None:
            self._asking = None
            job.cancel()
            if result == ReclassDialog.DialogCode.Accepted:
                name, chosen = table[index].name, dialog.into
                self._apply(lambda: remove_class(self._session.classes, index, chosen), f"Removing {name}", window)

        dialog.finished.connect(answered)
        dialog.open()

    def move(self, index: int, to: int, window: QWidget) -> None:
        """Give a class another place in the order; does not ask, since it can be moved back.

        Args:
            index: of the class.
            to: its index afterwards.
            window: how far it is is shown over it.
        """
        table = self._session.classes
        if index != to and self._may_begin(lambda: move_class(table, index, to)):
            self._apply(lambda: move_class(self._session.classes, index, to), f"Moving {table[index].name}", window)

    def close(self) -> None:
        """The project is being closed: take the dialogs away."""
        if self._asking is not None:
            self._asking.reject()
        if self._working is not None:
            self._working.finish()

    def _may_begin(self, make: _Make) -> bool:
        line = TRAINING if self._modelling.training else PREDICTING if self._modelling.predicting_all else ""
        if not line and self._asking is None and self._working is None:
            try:
                make()
                return True
            except UsageError as error:
                line = str(error)
        if line:
            self.problem.emit(line)
        return False

    def _apply(self, make: _Make, what: str, window: QWidget) -> None:
        if not self._may_begin(make):
            return
        change = make()
        dialog = WorkingDialog(f"{what} …", window)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._working = dialog
        dialog.open()
        self.began.emit()
        session, project = self._session, self._session.project
        changed = False

        def work(emit: Emit, cancel: threading.Event) -> None:
            session.flush()
            session.flush_classes()  # eyes, locks and colours are part of what the change is made from
            project.reclassing.apply(change, progress=lambda done, of: emit((done, of)), cancel=cancel)

        def done(_none: None) -> None:
            nonlocal changed
            changed = True
            self._follow(change)

        def ended() -> None:
            self._working = None
            dialog.finish()
            self.over.emit(changed)

        job = self._jobs.start(
            "reclass",
            work,
            done=done,
            failed=self.problem.emit,
            progress=lambda events: dialog.set_progress(*events[-1]),
            ended=ended,
        )
        dialog.stop_requested.connect(job.cancel)

    def _follow(self, change: ClassChange) -> None:
        """Bring hand and session to where the project is."""
        palette, last = self._palette, len(change.after) - 1
        value, previous = change.mapping[[palette.value, palette.previous]].tolist()
        if palette.value != VOID:
            palette.value = min(palette.value, last) if value == VOID else value
        palette.previous = palette.value if previous == VOID else previous
        if palette.over is not None and palette.over != VOID:
            over = int(change.mapping[palette.over])
            palette.over = None if over == VOID else over
        self._session.set_classes(change.after)
        self._session.images_changed.emit()
