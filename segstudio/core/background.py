"""Work that must not keep the hand waiting, without naming threads: the window brings them, a test does without."""

from collections.abc import Callable
from typing import Protocol, TypeVar

T = TypeVar("T")
Stop = Callable[[], bool]  # true once nobody wants the answer any more


class Task(Protocol):
    """One piece of work on its way."""

    @property
    def over(self) -> bool:
        """Whether it has answered or was cancelled."""
        ...

    def cancel(self) -> None:
        """Its answer is no longer wanted and will not be given."""
        ...

    def wait(self) -> None:
        """Block until the answer has been given."""
        ...


class Background(Protocol):
    """Where tools send work that takes longer than a frame."""

    def run(self, work: Callable[[Stop], T], done: Callable[[T], None]) -> Task:
        """Start work; answers come in the order of the calls, on the thread that called.

        Args:
            work: must not touch what the hand may change meanwhile; asks `Stop` now and then, and its answer after a
                yes is dropped.
            done: gets the answer; may be called before `run` returns.
        """
        ...


class _Answered:
    over = True

    def cancel(self) -> None:
        """Too late: the answer was given."""

    def wait(self) -> None:
        """Nothing to wait for."""


class Immediately:
    """Does the work at once, in the call."""

    def run(self, work: Callable[[Stop], T], done: Callable[[T], None]) -> Task:
        """See `Background.run`."""
        done(work(lambda: False))
        return _Answered()
