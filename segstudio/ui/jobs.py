"""Work off the GUI thread: plain functions on threads, their events and results brought back in order.

A worker never touches a widget: it appends to a queue and pokes one queued signal. The GUI thread empties the queues
at most about ten times a second, so a training run that emits hundreds of events costs the window nothing.
"""

import threading
import traceback
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QObject, Qt, QTimer, Signal

from segstudio.errors import Cancelled, SegStudioError

Emit = Callable[[object], None]
Work = Callable[[Emit, threading.Event], Any]

_COALESCE_MS = 100
_LAST_POKE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class _Outcome:
    """How a job ended: by a result, by an error (one line, and a traceback when nobody foresaw it), or cancelled."""

    result: Any = None
    error: str = ""
    details: str = ""
    cancelled: bool = False


@dataclass(frozen=True, slots=True)
class _Listener:
    progress: Callable[[list[Any]], None] | None
    done: Callable[[Any], None] | None
    failed: Callable[[str], None] | None
    ended: Callable[[], None] | None


class Job:
    """One function on a thread of its own. Made by `Jobs.start`."""

    def __init__(self, name: str, work: Work, poke: Callable[[], None], listener: _Listener) -> None:
        self.name = name
        self.listener = listener
        self.outcome: _Outcome | None = None
        self._work = work
        self._poke = poke
        self._cancel = threading.Event()
        self._events: deque[object] = deque()
        self._thread = threading.Thread(target=self._run, name=f"job-{name}", daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether the work is going on."""
        return self.outcome is None

    @property
    def stopping(self) -> bool:
        """Whether it was asked to stop and has not yet."""
        return self._cancel.is_set() and self.running

    def cancel(self) -> None:
        """Ask the job to stop; it does within one batch or tile. Harmless when it is over."""
        self._cancel.set()

    def wait(self, seconds: float) -> bool:
        """Block until the thread is over, at most `seconds`; whether it is."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def take_events(self) -> list[object]:
        """What it emitted since the last time, in order."""
        batch: list[object] = []
        while self._events:
            batch.append(self._events.popleft())
        return batch

    def _run(self) -> None:
        try:
            outcome = _Outcome(self._work(self._emit, self._cancel))
        except Cancelled:
            outcome = _Outcome(cancelled=True)
        except SegStudioError as error:
            outcome = _Outcome(error=str(error))
        except Exception as error:  # a job must never take the window down
            outcome = _Outcome(error=f"{type(error).__name__}: {error}", details=traceback.format_exc())
        self.outcome = outcome
        self._poke()

    def _emit(self, event: object) -> None:
        self._events.append(event)
        if len(self._events) == 1:
            self._poke()


class Jobs(QObject):
    """The jobs of one owner: starts them, forgets them when they end, silences them when the owner goes.

    Signals:
        crashed(str): traceback of an error nobody foresaw.
        drained(): the last running job has ended.
    """

    crashed = Signal(str)
    drained = Signal()
    _poked = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._jobs: list[Job] = []
        self._closed = False
        self._timer = QTimer(self, singleShot=True, interval=_COALESCE_MS)
        self._timer.timeout.connect(self._drain)
        self._poked.connect(self._wake, Qt.ConnectionType.QueuedConnection)

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
        job = Job(name, work, self._poke, _Listener(progress, done, failed, ended))
        self._jobs.append(job)
        return job

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

    def _poke(self) -> None:
        try:
            self._poked.emit()
        except RuntimeError:  # the window is gone, and with it the one who would listen
            return

    def _wake(self) -> None:
        if any(not job.running for job in self._jobs):
            self._drain()
        elif not self._timer.isActive():
            self._timer.start()

    def _drain(self) -> None:
        for job in list(self._jobs):
            outcome = job.outcome  # before the events: none comes after it
            events = job.take_events()
            if events and job.listener.progress is not None and not self._closed:
                job.listener.progress(events)
            if outcome is not None and job in self._jobs:
                self._end(job, outcome)

    def _end(self, job: Job, outcome: _Outcome) -> None:
        # The thread may still be in its last poke. Were its owner let go now, that thread would be the one to destroy
        # this object, or would poke a destroyed one.
        job.wait(_LAST_POKE_SECONDS)
        self._jobs.remove(job)
        listener = job.listener
        if not self._closed:
            if outcome.error and listener.failed is not None:
                listener.failed(outcome.error)
            elif not outcome.error and not outcome.cancelled and listener.done is not None:
                listener.done(outcome.result)
        if outcome.details:
            self.crashed.emit(outcome.details)
        if listener.ended is not None and not self._closed:
            listener.ended()
        if not self._jobs:
            self.drained.emit()
