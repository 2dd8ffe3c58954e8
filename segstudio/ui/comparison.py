"""Comparing transfers from the window: the job that trains them, and what becomes of what it says.

torch is imported inside the job, on its thread.
"""

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from segstudio.learn.comparison.plan import Comparison, ComparisonPlan, plan_comparison
from segstudio.learn.comparison.report import save_report
from segstudio.learn.request import TrainSettings
from segstudio.learn.warming import warm_up
from segstudio.ui.dialogs.comparison_view import Wanted, ended_line
from segstudio.ui.jobs import Emit, Job, Jobs
from segstudio.ui.modelling import Modelling
from segstudio.ui.session import Session
from segstudio.ui.starts import Offers

if TYPE_CHECKING:
    from segstudio.ui.dialogs.comparison import ComparisonDialog

TRAINING = "Stop training first: the two would slow each other down, and the comparison would not be fair."
COMPARING = "Transfers are being compared: training can begin when that has ended, or is cancelled."


class TransferComparison(QObject):
    """At most one comparison at a time, for an open project, and none while it trains.

    Args:
        session: the open project.
        modelling: its training.
        jobs: where the work is done.
        settings: gives those of a run, which every training of a comparison shares but for what is compared.
        offers: gives what there is to compare.
        parent: owner.

    Signals:
        running_changed(): `running` may differ.
        said(str, str): one line, and its kind for the status bar, while the dialog is hidden.
    """

    running_changed = Signal()
    said = Signal(str, str)

    def __init__(
        self,
        session: Session,
        modelling: Modelling,
        jobs: Jobs,
        settings: Callable[[], TrainSettings],
        offers: Callable[[], Offers],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._modelling = modelling
        self._jobs = jobs
        self._settings = settings
        self._offers = offers
        self._job: Job | None = None
        self._dialog: ComparisonDialog | None = None
        modelling.running_changed.connect(self._tell_blocked)

    @property
    def running(self) -> bool:
        """Whether transfers are being compared."""
        return self._job is not None

    def hindrance(self) -> str:
        """Why no training can begin now; empty when one can."""
        return COMPARING if self.running else ""

    def open(self, window: QWidget) -> None:
        """Show the dialog, over that window."""
        if self._dialog is None:
            from segstudio.ui.dialogs.comparison import ComparisonDialog  # not at every start of the program

            self._dialog = dialog = ComparisonDialog(window)
            dialog.start_requested.connect(self.start)
            dialog.stop_requested.connect(self.stop)
            dialog.save_requested.connect(self.save)
        self.refresh()
        self._tell_blocked()
        self._dialog.show()
        self._dialog.raise_()
        self._dialog.activateWindow()

    def close(self) -> None:
        """Put the dialog away for good; jobs are the owner's to close."""
        if self._dialog is not None:
            self._dialog.close()
            self._dialog.deleteLater()
            self._dialog = None

    def start(self, wanted: Wanted) -> None:
        """Begin to compare, unless training goes on."""
        if self.running or self._modelling.training:
            self._tell_blocked()
            return
        session, project = self._session, self._session.project
        settings = replace(self._settings(), minutes=wanted.minutes, steps=None, plateau=False)
        session.settle()

        def work(emit: Emit, cancel: threading.Event) -> Comparison:
            plan = plan_comparison(
                settings,
                transfers=wanted.transfers,
                backbones=wanted.backbones,
                starts=[] if wanted.start is None else [wanted.start],
                in_use=project.model_in_use,
            )
            emit(plan)
            warm_up("pyqtgraph")  # the curves need it in a moment, and the GUI thread should not wait for it
            from segstudio.learn.comparison.runner import compare

            session.flush()
            with project.reclassing.steady():
                images, classes = project.labelled(), project.classes
            return compare(plan, images, classes, emit, cancel, background=True)

        if self._dialog is not None:
            self._dialog.prepare()
        self._job = self._jobs.start(
            "compare transfers",
            work,
            done=self._done,
            failed=lambda line: self._tell(line, "error"),
            progress=self._on_events,
            ended=self._ended,
        )
        self._show_running()

    def stop(self) -> None:
        """Ask it to stop; what has ended stays."""
        if self._job is not None:
            self._job.cancel()
            self._show_running()

    def save(self, folder: Path) -> None:
        """Write a report of what there is into a folder."""
        standing = None if self._dialog is None else self._dialog.standing
        found = None if standing is None else standing.found
        if found is None:
            return

        def work(_emit: Emit, _cancel: threading.Event) -> list[Path]:
            return save_report(found, folder)

        def done(files: list[Path]) -> None:
            self._tell(f"Wrote {', '.join(path.name for path in files)} to {folder}.")

        self._jobs.start("save report", work, done=done, failed=lambda line: self._tell(line, "error"))

    def _on_events(self, events: list[Any]) -> None:
        if self._dialog is None:
            return
        for at, event in enumerate(events):
            if isinstance(event, ComparisonPlan):
                self._dialog.show_plan(event)
                del events[: at + 1]
                break
        if events:
            self._dialog.show_events(events)

    def _done(self, found: Comparison) -> None:
        if self._dialog is None or not self._dialog.isVisible():
            self.said.emit(f"Transfers compared. {ended_line(found)}", "info")

    def _ended(self) -> None:
        self._job = None
        self._show_running()

    def _show_running(self) -> None:
        if self._dialog is not None:
            stopping = self._job is not None and self._job.stopping
            self._dialog.set_running(self.running, stopping=stopping)
        self.running_changed.emit()

    def _tell(self, line: str, kind: str = "") -> None:
        if self._dialog is not None:
            self._dialog.tell(line, kind)
        if self._dialog is None or not self._dialog.isVisible():
            self.said.emit(line, kind or "info")

    def _tell_blocked(self) -> None:
        if self._dialog is not None:
            self._dialog.set_blocked(TRAINING if self._modelling.training else "")

    def refresh(self) -> None:
        """There may be something else to compare."""
        if self._dialog is not None:
            self._dialog.set_offers(self._offers(), self._settings().backbone)
