"""A prediction that a person waits for goes first, and nothing it does can hold a run for ever."""

import os
import sys
import threading
import time

import pytest

from segstudio.learn.turns import give_way, lower_priority, prediction_first

PATIENCE = 20.0  # seconds until a test gives up


class Loop(threading.Thread):
    """A run of empty steps."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.cancel = threading.Event()
        self.steps = 0

    def run(self) -> None:
        while not self.cancel.is_set():
            give_way(self.cancel)
            self.steps += 1
            time.sleep(0.001)

    def wait_for(self, steps: int) -> None:
        end = time.monotonic() + PATIENCE
        while self.steps < steps and time.monotonic() < end:
            time.sleep(0.001)
        assert self.steps >= steps

    def __enter__(self) -> "Loop":
        self.start()
        self.wait_for(3)
        return self

    def __exit__(self, *_: object) -> None:
        self.cancel.set()
        self.join(PATIENCE)
        assert not self.is_alive()


def settled(loop: Loop) -> int:
    """Steps after the one that was under way."""
    time.sleep(0.05)
    return loop.steps


def test_no_step_is_taken_while_a_prediction_runs() -> None:
    with Loop() as loop:
        with prediction_first():
            before = settled(loop)
            time.sleep(0.2)
            assert loop.steps == before
        loop.wait_for(before + 3)


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_prediction_that_fails_lets_the_run_go_on(error: type[BaseException]) -> None:
    with Loop() as loop:
        with pytest.raises(error), prediction_first():
            raise error
        loop.wait_for(loop.steps + 3)


def test_the_last_of_several_predictions_ends_the_wait() -> None:
    release = threading.Event()

    def predict() -> None:
        with prediction_first(), prediction_first():
            release.wait(PATIENCE)

    with Loop() as loop:
        other = threading.Thread(target=predict)
        with prediction_first():
            other.start()
        before = settled(loop)
        time.sleep(0.1)
        assert loop.steps == before
        release.set()
        other.join(PATIENCE)
        loop.wait_for(before + 3)


def test_a_stop_ends_the_wait() -> None:
    with Loop() as loop, prediction_first():
        settled(loop)
        loop.cancel.set()
        loop.join(PATIENCE)
        assert not loop.is_alive()


def test_a_run_does_not_wait_for_itself() -> None:
    with prediction_first():
        assert give_way(threading.Event()) == 0


def test_a_prediction_that_hangs_does_not_hold_a_run_for_ever() -> None:
    waited: list[float] = []
    with prediction_first():
        run = threading.Thread(target=lambda: waited.append(give_way(threading.Event(), longest=0.1)))
        run.start()
        run.join(PATIENCE)
    assert waited
    assert 0.1 <= waited[0] < PATIENCE


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has priorities of single threads")
@pytest.mark.skipif(hasattr(os, "getpriority") and os.getpriority(os.PRIO_PROCESS, 0) >= 19, reason="low already")
def test_a_lowered_thread_is_nicer_than_the_others() -> None:
    found: list[int] = []

    def look() -> None:
        lower_priority()
        found.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))

    before = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert found == [19]  # the lowest there is
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == before
