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
    """The jobs of one owner: starts them, forgets them when they end, silences them when the owner goes.

    Signals:
        crashed(str): traceback of an error nobody foresaw.
        drained(): the last running job has ended.
    """

    crashed = Signal(str)
    drained = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._jobs: list[Job] = []
        self._closed = False

    def start(
        self,
        name: str,
        work: Work,
        *,
        done: Callable[[Any], None] | None = None,
        failed: Callable[[str], None] | None = None,
        progress: Callable[[list[Any]], None] | None = None,
        ended: Callable[[], None] | None = None,
    ) -> Job:
        """Run `work` on a thread; the callables are called on the GUI thread, and no more after `close`.

        Args:
            name: the thread's name.
            work: called with a function that emits events and a flag that asks it to stop.
            done: gets what `work` returned.
            failed: gets the line of a foreseen error; an unforeseen one goes to `crashed` as well.
            progress: gets batches of events.
            ended: called last, however it ended.
        """
        job = Job(name, work, self)

        def on_failure(failure: Failure) -> None:
            if failed is not None:
                failed(failure.message)
            if failure.details:
                self.crashed.emit(failure.details)

        def on_end() -> None:
            self._jobs.remove(job)
            job.deleteLater()
            if ended is not None and not self._closed:
                ended()
            if not self._jobs:
                self.drained.emit()

        job.progressed.connect(self._while_open(progress))
        job.succeeded.connect(self._while_open(done))
        job.failed.connect(self._while_open(on_failure))
        job.ended.connect(on_end)
        self._jobs.append(job)
        return job.start()

    @property
    def busy(self) -> bool:
        """Whether a job is running."""
        return bool(self._jobs)

    def close(self) -> None:
        """Ask every job to stop, and listen to none of them any more; `drained` tells when the last is over."""
        self._closed = True
        for job in self._jobs:
            job.cancel()

    def wait(self, seconds: float) -> bool:
        """Block until every thread is over, at most `seconds` each; whether they are."""
        over = [job.wait(seconds) for job in self._jobs]
        return all(over)

    def _while_open(self, act: Callable[[Any], None] | None) -> Callable[[object], None]:
        def call(value: object) -> None:
            if act is not None and not self._closed:
                act(value)

        return call
