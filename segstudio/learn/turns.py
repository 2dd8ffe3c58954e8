"""Who computes now: a prediction that a person waits for goes before the next batch of a training run."""

import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

_NICENESS = 19
_LOOK = 0.05  # seconds between looks at the cancel flag
_LONGEST = 300.0  # seconds that a run stands still; a prediction that hangs must not hold it for ever


class _Waiting:
    """The predictions that go first, by the thread that makes them."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self._threads: Counter[int] = Counter()

    def enter(self) -> None:
        with self.changed:
            self._threads[threading.get_ident()] += 1

    def leave(self) -> None:
        with self.changed:
            mine = threading.get_ident()
            self._threads[mine] -= 1
            if not self._threads[mine]:
                del self._threads[mine]
            self.changed.notify_all()

    def others(self) -> bool:
        """Whether another thread predicts, a run must not wait for itself; to be asked with `changed` held."""
        return any(thread != threading.get_ident() for thread in self._threads)


_waiting = _Waiting()


@contextmanager
def prediction_first() -> Iterator[None]:
    """Within the block, training runs of this process stand still between two batches.

    For one image that a person waits for. A job over many images must not use it, or training would starve. It may be
    nested, and used by several threads at once; however the block ends, training goes on after it.
    """
    _waiting.enter()
    try:
        yield
    finally:
        _waiting.leave()


def give_way(cancel: threading.Event, *, longest: float = _LONGEST) -> float:
    """Stand still while other threads are within `prediction_first`.

    Args:
        cancel: ends the wait when set.
        longest: seconds after which the caller goes on alongside the prediction.

    Returns:
        Seconds waited.
    """
    with _waiting.changed:
        if not _waiting.others():
            return 0.0
        began = time.perf_counter()
        while _waiting.others() and not cancel.is_set() and time.perf_counter() - began < longest:
            _waiting.changed.wait(_LOOK)
        return time.perf_counter() - began


def lower_priority() -> None:
    """Let other threads go first, from now on, where the system knows priorities of single threads.

    Threads that this thread starts, torch's workers among them, inherit it.
    """
    if sys.platform == "linux":
        thread = threading.get_native_id()
        if os.getpriority(os.PRIO_PROCESS, thread) < _NICENESS:  # raising it again is forbidden
            os.setpriority(os.PRIO_PROCESS, thread, _NICENESS)
