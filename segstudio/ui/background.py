"""The window's `Background`: one thread beside the GUI's, answers brought back at once and in order."""

import threading
import traceback
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, TypeVar

from PySide6.QtCore import QObject, Qt, Signal

from segstudio.core.background import Stop, Task
from segstudio.errors import Cancelled, SegStudioError

T = TypeVar("T")

_CLOSE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What became of the work: an answer, an error (one line, or a traceback when nobody foresaw it), or nothing."""

    answer: Any = None
    given: bool = False
    error: str = ""
    details: str = ""


class _Errand:
    """A `Task`. Everything but `compute` and `stopped` belongs to the GUI thread."""

    def __init__(self, work: Callable[[Stop], Any], done: Callable[[Any], None], bring: Callable[[], None]) -> None:
        self.over = False
        self.outcome = _Outcome()
        self.computed = threading.Event()
        self._work: Callable[[Stop], Any] | None = work
        self._done: Callable[[Any], None] | None = done
        self._bring = bring
        self._cancelled = False

    def stopped(self) -> bool:
        return self._cancelled

    def cancel(self) -> None:
        self._cancelled = self.over = True
        # While the thread is busy, cancelled errands pile up in its queue: they must not hold regions of the image.
        self._work = self._done = None

    def wait(self) -> None:
        while not self.over:
            self._bring()

    def compute(self) -> None:
        """On the thread: do the work, unless nobody wants it any more."""
        work, self._work = self._work, None
        try:
            if work is not None and not self._cancelled:
                self.outcome = _Outcome(work(self.stopped), given=True)
        except Cancelled:
            pass
        except SegStudioError as error:
            self.outcome = _Outcome(error=str(error))
        except Exception:  # an errand must never take the window down
            self.outcome = _Outcome(details=traceback.format_exc())
        self.computed.set()

    def hand_over(self) -> None:
        """Give the answer, if there is one and somebody wants it."""
        # Over first: `done` may cancel this errand, or wait for it.
        done, self._done, self.over = self._done, None, True
        outcome, self.outcome = self.outcome, _Outcome()
        if outcome.given and done is not None:
            done(outcome.answer)


class Worker(QObject):
    """One thread that does errands first in, first out; see `segstudio.core.background.Background`.

    All methods, and all answers, belong to the thread this object lives on. The thread starts with the first errand.

    Signals:
        failed(str): the line of a foreseen error in work that was still wanted.
        crashed(str): traceback of an error nobody foresaw.
    """

    failed = Signal(str)
    crashed = Signal(str)
    _poked = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._queue: SimpleQueue[_Errand | None] = SimpleQueue()
        self._pending: deque[_Errand] = deque()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._poked.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    def run(self, work: Callable[[Stop], T], done: Callable[[T], None]) -> Task:
        """Start work on the thread; `done` gets its answer from the event loop, or during a `wait`.

        Cancelling skips work that has not begun and drops the answer of work that has. `wait` blocks until the answer,
        and those of all earlier errands, are given; it returns as well when the work failed. After `close` the work is
        not done, and the task is over at once.
        """
        errand = _Errand(work, done, self._bring_next)
        if self._closed:
            errand.cancel()
            return errand
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="segstudio-background", daemon=True)
            self._thread.start()
        self._pending.append(errand)
        self._queue.put(errand)
        return errand

    @property
    def busy(self) -> bool:
        """Whether an answer is on its way that somebody wants."""
        return any(not errand.over for errand in self._pending)

    def close(self, seconds: float = _CLOSE_SECONDS) -> bool:
        """Cancel everything and end the thread; whether it ended within `seconds`. Harmless when repeated."""
        self._closed = True
        for errand in self._pending:
            errand.cancel()
        self._pending.clear()
        if self._thread is None:
            return True
        self._queue.put(None)
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _work(self) -> None:
        while (errand := self._queue.get()) is not None:
            errand.compute()
            del errand  # or the last answer would stay in memory until the next errand comes
            try:
                self._poked.emit()
            except RuntimeError:  # the window is gone, and with it the one who would listen
                return

    def _deliver(self) -> None:
        while self._pending and self._pending[0].computed.is_set():
            self._bring_next()

    def _bring_next(self) -> None:
        errand = self._pending.popleft()
        errand.computed.wait()
        outcome, wanted = errand.outcome, not errand.over
        errand.hand_over()
        if outcome.details:
            self.crashed.emit(outcome.details)
        elif outcome.error and wanted:
            self.failed.emit(outcome.error)
