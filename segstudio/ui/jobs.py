"""Work off the GUI thread: plain functions on threads, their events and results brought back in order.

A worker never touches Qt objects: it appends to a queue and pokes one queued signal. The GUI thread drains the queue
at most about ten times a second, so a training run that emits hundreds of events costs the window nothing.
"""

import threading
import traceback
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QObject, Qt, QTimer, Signal, Slot

from segstudio.errors import Cancelled, SegStudioError

Emit = Callable[[object], None]
Work = Callable[[Emit, threading.Event], Any]

_COALESCE_MS = 100


@dataclass(frozen=True, slots=True)
class Failure:
    """How a job failed.

    Attributes:
        message: one line for a person.
        details: traceback of an error nobody foresaw, else empty.
    """

    message: str
    details: str = ""


class Job(QObject):
    """One function running on a thread of its own.

    Signals:
        progressed(list): events it emitted since the last time, in order.
        succeeded(object): what it returned; after its last events.
        failed(object): a `Failure`; after its last events.
        cancelled(): it honoured `cancel`.
        ended(): after any of the three above.
    """

    progressed = Signal(list)
    succeeded = Signal(object)
    failed = Signal(object)
    cancelled = Signal()
    ended = Signal()
    _poked = Signal()

    def __init__(self, name: str, work: Work, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.name = name
        self._work = work
        self._cancel = threading.Event()
        self._events: deque[object] = deque()
        self._outcome: Callable[[], None] | None = None
        self._over = False
        self._timer = QTimer(self, singleShot=True, interval=_COALESCE_MS)
        self._timer.timeout.connect(self._drain)
        self._poked.connect(self._wake, Qt.ConnectionType.QueuedConnection)
        self._thread = threading.Thread(target=self._run, name=f"job-{name}", daemon=True)

    def start(self) -> "Job":
        self._thread.start()
        return self

    def cancel(self) -> None:
        """Ask the job to stop; it does within one batch or tile."""
        self._cancel.set()

    @property
    def running(self) -> bool:
        return not self._over

    @property
    def stopping(self) -> bool:
        return self._cancel.is_set() and not self._over

    def wait(self, seconds: float) -> bool:
        """Block until the thread is over, at most `seconds`; whether it is."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            result = self._work(self._emit, self._cancel)
            outcome: Callable[[], None] = lambda: self.succeeded.emit(result)  # noqa: E731
        except Cancelled:
            outcome = self.cancelled.emit
        except SegStudioError as error:
            failure = Failure(str(error))
            outcome = lambda: self.failed.emit(failure)  # noqa: E731
        except Exception as error:  # a job must never take the window down
            failure = Failure(f"{type(error).__name__}: {error}", traceback.format_exc())
            outcome = lambda: self.failed.emit(failure)  # noqa: E731
        self._outcome = outcome
        self._poke()

    def _emit(self, event: object) -> None:
        self._events.append(event)
        if len(self._events) == 1:
            self._poke()

    def _poke(self) -> None:
        try:
            self._poked.emit()
        except RuntimeError:  # the window is gone, and with it the one who would listen
            self._events.clear()

    @Slot()
    def _wake(self) -> None:
        if self._outcome is not None:
            self._drain()
        elif not self._timer.isActive():
            self._timer.start()

    @Slot()
    def _drain(self) -> None:
        outcome = self._outcome  # before the events: none comes after it
        batch: list[object] = []
        while self._events:
            batch.append(self._events.popleft())
        if batch:
            self.progressed.emit(batch)
        if outcome is not None and not self._over:
            self._over = True
            self._timer.stop()
            outcome()
            self.ended.emit()


class Jobs(QObject):
    """Every job of the window: starts them, forgets them when they end, stops them when the window closes.

    Signals:
        crashed(str): report of an error nobody foresaw, with its traceback.
    """

    crashed = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._jobs: list[Job] = []

    def start(
        self,
        name: str,
        work: Work,
        *,
        done: Callable[[Any], None] | None = None,
        failed: Callable[[str], None] | None = None,
        progress: Callable[[list[Any]], None] | None = None,
    ) -> Job:
        """Run `work` on a thread; the callables are called on the GUI thread.

        Args:
            name: shown where jobs are listed, and the thread's name.
            work: called with a function that emits events and a flag that asks it to stop.
            done: gets what `work` returned.
            failed: gets the line of a foreseen error; an unforeseen one goes to `crashed` as well.
            progress: gets batches of events.
        """
        job = Job(name, work, self)
        if progress is not None:
            job.progressed.connect(progress)
        if done is not None:
            job.succeeded.connect(done)

        def on_failure(failure: Failure) -> None:
            if failed is not None:
                failed(failure.message)
            if failure.details:
                self.crashed.emit(failure.details)

        def forget() -> None:
            self._jobs.remove(job)
            job.deleteLater()

        job.failed.connect(on_failure)
        job.ended.connect(forget)
        self._jobs.append(job)
        return job.start()

    @property
    def busy(self) -> bool:
        return bool(self._jobs)

    def close(self, seconds: float = 10.0) -> bool:
        """Cancel every job and wait for the threads, at most `seconds` each; whether all are over."""
        for job in self._jobs:
            job.cancel()
        over = [job.wait(seconds) for job in self._jobs]
        return all(over)
