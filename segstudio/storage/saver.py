"""Saving behind the window's back: strokes to the journal at once, masks a moment later, on a thread of its own."""

import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from segstudio.core.history import Entry
from segstudio.errors import ProjectError, SegStudioError
from segstudio.storage.project import Project

_RETRY = 0.5  # seconds until the first retry; doubled up to _RETRY_MOST
_RETRY_MOST = 5.0
_T = TypeVar("_T")
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Work:
    """What is to be done for one image. Times are of the monotonic clock."""

    entries: deque[Entry] = field(default_factory=deque)
    masks_at: float | None = None
    not_before: float = 0.0
    pause: float = _RETRY
    failure: SegStudioError | None = None  # of the last attempt since someone began to wait
    told: str = ""


class Saver:
    """Records strokes on a thread, in order, and brings the masks up to date when the hand rests.

    What cannot be written stays queued and is tried again and again; other images go on meanwhile.

    Args:
        project: stays open until `close`.
        delay: seconds after the last stroke of an image until its mask file is written.

    Attributes:
        on_saved: called from the thread when nothing is left to record, with the `time.time()` of that.
        on_error: called from the thread when writing fails, once for each new reason.
    """

    def __init__(self, project: Project, *, delay: float = 1.5) -> None:
        self.on_saved: Callable[[float], None] = lambda _when: None
        self.on_error: Callable[[SegStudioError], None] = lambda _error: None
        self._project = project
        self._delay = delay
        self._changed = threading.Condition()
        self._work: dict[str, _Work] = {}
        self._running = False
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="saver", daemon=True)
        self._thread.start()

    def submit(self, key: str, entry: Entry) -> None:
        """Queue a step of an image; returns at once.

        Raises:
            RuntimeError: after `close`.
        """
        with self._changed:
            if self._stopping:
                raise RuntimeError("the saver is closed")
            self._work.setdefault(key, _Work()).entries.append(entry)
            self._changed.notify_all()

    def flush(self, *, checkpoint: bool = False) -> None:
        """Block until everything submitted so far is recorded; with `checkpoint`, until the masks are written too.

        Raises:
            SegStudioError: when something cannot be written. It stays queued.
        """
        with self._changed:
            for work in self._work.values():
                work.not_before, work.failure = 0.0, None
                if checkpoint and work.masks_at is not None:
                    work.masks_at = 0.0
            self._changed.notify_all()
            while self._unfinished(checkpoint):
                for work in self._work.values():
                    if work.failure is not None and (work.entries or checkpoint):
                        raise work.failure
                    if checkpoint and not work.entries and work.masks_at:
                        work.masks_at = 0.0
                self._changed.notify_all()
                self._changed.wait(0.2)

    def close(self, *, discard: bool = False) -> None:
        """Record what is left, write the masks, and end the thread. Closing twice does no harm.

        Args:
            discard: end even when strokes cannot be written; they are lost then.

        Raises:
            SegStudioError: when strokes cannot be written; the saver goes on trying, so that nothing is lost.
        """
        if self._stopping:
            return
        with contextlib.suppress(SegStudioError) if discard else contextlib.nullcontext():
            self.flush()
        try:
            self.flush(checkpoint=True)
        except SegStudioError as error:
            # The journal holds every stroke: the masks follow when the project is opened next.
            _log.warning("%s", error)
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._thread.join()

    def _unfinished(self, checkpoint: bool) -> bool:
        if not self._thread.is_alive():
            return False
        if checkpoint:
            return self._running or bool(self._work)
        return any(work.entries for work in self._work.values())

    def _run(self) -> None:
        while True:
            with self._changed:
                self._running = False
                self._changed.notify_all()
                while not (job := self._next_job()):
                    if self._stopping:
                        return
                    self._changed.wait(self._seconds_to_wait())
                if self._stopping:
                    return
                self._running = True
            key, entry = job
            if entry is None:
                self._write_masks(key)
            else:
                self._record(key, entry)

    def _next_job(self) -> tuple[str, Entry | None] | None:
        now = time.monotonic()
        ready = [(key, work) for key, work in self._work.items() if work.not_before <= now]
        for key, work in ready:
            if work.entries:
                return key, work.entries[0]
        for key, work in ready:
            if work.masks_at is not None and work.masks_at <= now:
                return key, None
        return None

    def _seconds_to_wait(self) -> float | None:
        now = time.monotonic()
        times = [max(work.not_before, 0.0 if work.entries else work.masks_at or 0.0) for work in self._work.values()]
        return max(0.0, min(times) - now) if times else None

    def _record(self, key: str, entry: Entry) -> None:
        try:
            self._project.record(key, entry)
        except Exception as error:
            self._failed(key, error)
            return
        with self._changed:
            work = self._work[key]
            work.entries.popleft()
            work.masks_at = time.monotonic() + self._delay
            work.failure, work.told, work.pause = None, "", _RETRY
            done, when = not any(other.entries for other in self._work.values()), time.time()
        if done:
            _tell(self.on_saved, when)

    def _write_masks(self, key: str) -> None:
        with self._changed:
            wanted = self._work[key].masks_at
        try:
            self._project.checkpoint(key)
        except Exception as error:
            self._failed(key, error)
            return
        with self._changed:
            work = self._work[key]
            if work.masks_at == wanted and not work.entries:
                del self._work[key]

    def _failed(self, key: str, error: Exception) -> None:
        if not isinstance(error, SegStudioError):
            # The thread must live on: what is queued is all there is of these strokes.
            _log.exception("saving %s failed unforeseen", key)
            problem = f"cannot be saved ({type(error).__name__}: {error})"
            error = ProjectError(problem, remedy="It is tried again", path=self._project.folder)
        with self._changed:
            work = self._work[key]
            news = str(error) != work.told
            work.failure, work.told = error, str(error)
            work.not_before = time.monotonic() + work.pause
            work.pause = min(2 * work.pause, _RETRY_MOST)
        _log.warning("%s", error)
        if news:
            _tell(self.on_error, error)


def _tell(listener: Callable[[_T], None], what: _T) -> None:
    try:
        listener(what)
    except Exception:  # a window that is going away must not end the saving
        _log.exception("a listener of the saver failed")
