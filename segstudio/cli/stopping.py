"""Ctrl+C and termination signals: the first asks the running job to end well, the second ends it."""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType


class Stop:
    """Whether a person, or the system, asked to stop.

    Attributes:
        event: set from then on; jobs look at it.
        signal: number of the signal, 0 while there was none.
    """

    def __init__(self) -> None:
        self.event = threading.Event()
        self.signal = 0

    @property
    def exit_code(self) -> int:
        """0 when nobody asked, otherwise what shells expect: 128 plus the signal's number."""
        return 128 + self.signal if self.signal else 0


@contextlib.contextmanager
def stoppable(what: str) -> Iterator[Stop]:
    """Turn the first Ctrl+C or termination signal inside the block into `Stop.event`.

    Args:
        what: is told when it happens, e.g. ``Stopping after this batch; the best model so far is kept.``; may be empty.
    """
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop  # signals reach the main thread only
        return
    numbers = [signal.SIGINT, signal.SIGTERM]
    before = {number: signal.getsignal(number) for number in numbers}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def ask(number: int, _: FrameType | None) -> None:
        stop.signal = number
        stop.event.set()
        restore()
        # Unbuffered: the signal may have interrupted a write to the same stream.
        with contextlib.suppress(OSError, ValueError):
            os.write(sys.stderr.fileno(), f"\n{what}\n".encode() if what else b"")

    for number in numbers:
        signal.signal(number, ask)
    try:
        yield stop
    finally:
        restore()
