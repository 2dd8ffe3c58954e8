"""The window's background: answers in order, on the GUI thread, and none that nobody wants."""

import gc
import threading
import time
import weakref
from collections.abc import Callable, Iterator

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from segstudio.core.background import Background, Stop
from segstudio.errors import Cancelled, ImageError
from segstudio.ui.background import Worker


@pytest.fixture
def worker(qapp: QApplication) -> Iterator[Worker]:
    assert qapp is not None
    made = Worker()
    yield made
    assert made.close()


def answering(value: object) -> Callable[[Stop], object]:
    return lambda _stop: value


class Gate:
    """Work that goes on until it is let go, and tells when it has begun."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.let_go = threading.Event()
        self.stopped = False

    def __call__(self, stop: Stop) -> str:
        self.begun.set()
        while not self.let_go.wait(0.001):
            if stop():
                self.stopped = True
                break
        return "gate"


def test_answers_come_in_order_on_the_gui_thread_while_the_work_is_elsewhere(qtbot: QtBot, worker: Worker) -> None:
    background: Background = worker
    seen: list[tuple[int, bool, bool]] = []
    here = threading.get_ident()

    def done_of(number: int) -> Callable[[int], None]:
        return lambda there: seen.append((number, there == here, threading.get_ident() == here))

    for number in range(200):
        background.run(lambda _stop: threading.get_ident(), done_of(number))
    assert seen == []
    qtbot.waitUntil(lambda: len(seen) == 200)
    assert seen == [(number, False, True) for number in range(200)]
    assert not worker.busy


def test_an_answer_wakes_the_window_at_once(qtbot: QtBot, worker: Worker) -> None:
    took: list[float] = []
    for _ in range(5):
        arrived: list[float] = []
        begun = time.perf_counter()
        worker.run(lambda _stop: None, lambda _answer: arrived.append(time.perf_counter()))  # noqa: B023
        qtbot.waitUntil(lambda: bool(arrived), timeout=5000)  # noqa: B023
        took.append(arrived[0] - begun)
    assert min(took) < 0.05  # the best of five: a timer that gathers answers would delay every one


def test_waiting_gives_that_answer_and_those_before_it(worker: Worker) -> None:
    seen: list[object] = []
    worker.run(answering(1), seen.append)
    task = worker.run(answering(2), seen.append)
    task.wait()
    assert seen == [1, 2]
    assert task.over


def test_waiting_does_not_give_later_answers_and_gives_none_twice(qtbot: QtBot, worker: Worker) -> None:
    seen: list[object] = []
    first = worker.run(answering(1), seen.append)
    last = worker.run(answering(2), seen.append)
    first.wait()
    assert seen == [1]
    first.wait()
    qtbot.waitUntil(lambda: last.over)
    assert seen == [1, 2]


def test_work_that_was_cancelled_in_the_queue_is_never_done(worker: Worker) -> None:
    gate, seen = Gate(), list[object]()
    worker.run(gate, seen.append)
    assert gate.begun.wait(5)
    dropped = worker.run(lambda _stop: seen.append("done all the same"), seen.append)
    dropped.cancel()
    assert dropped.over
    dropped.wait()
    kept = worker.run(answering("kept"), seen.append)
    gate.let_go.set()
    kept.wait()
    assert seen == ["gate", "kept"]


def test_cancelled_work_learns_it_and_its_answer_is_dropped(worker: Worker) -> None:
    gate, seen = Gate(), list[object]()
    task = worker.run(gate, seen.append)
    assert gate.begun.wait(5)
    task.cancel()
    worker.run(answering("next"), seen.append).wait()
    assert gate.stopped
    assert seen == ["next"]


def test_an_answer_on_its_way_is_dropped_by_cancelling(worker: Worker) -> None:
    gate, seen = Gate(), list[object]()
    task = worker.run(lambda _stop: gate.begun.set(), seen.append)
    assert gate.begun.wait(5)
    task.cancel()
    worker.run(answering("next"), seen.append).wait()
    assert seen == ["next"]


def test_cancelled_work_lets_go_of_what_it_would_have_read(worker: Worker) -> None:
    class Region:
        pass

    gate = Gate()
    worker.run(gate, lambda _answer: None)
    assert gate.begun.wait(5)
    region = Region()
    held = weakref.ref(region)
    task = worker.run(lambda _stop, region=region: region, lambda _answer: None)  # type: ignore[misc]
    del region
    assert held() is not None
    task.cancel()
    gc.collect()
    assert held() is None
    gate.let_go.set()


def test_an_answer_may_ask_for_more_and_wait_for_it(qtbot: QtBot, worker: Worker) -> None:
    seen: list[object] = []

    def again(answer: object) -> None:
        seen.append(answer)
        worker.run(answering("inner"), seen.append).wait()
        seen.append("after inner")

    worker.run(answering("outer"), again)
    worker.run(answering("later"), seen.append)
    qtbot.waitUntil(lambda: not worker.busy)
    assert seen == ["outer", "later", "inner", "after inner"]


@pytest.mark.parametrize("waited", [True, False])
def test_a_foreseen_error_is_one_line_and_ends_the_task(qtbot: QtBot, worker: Worker, waited: bool) -> None:
    seen: list[object] = []
    lines: list[str] = []
    reports: list[str] = []
    worker.failed.connect(lines.append)
    worker.crashed.connect(reports.append)

    def work(_stop: Stop) -> None:
        raise ImageError("too small", remedy="Take another")

    task = worker.run(work, seen.append)
    if waited:
        task.wait()
    qtbot.waitUntil(lambda: task.over)
    assert (lines, reports, seen) == (["too small. Take another."], [], [])


def test_an_unforeseen_error_is_reported_with_its_traceback_and_the_next_work_is_done(worker: Worker) -> None:
    seen: list[object] = []
    reports: list[str] = []
    worker.crashed.connect(reports.append)
    worker.run(lambda _stop: 1 // 0, seen.append)
    worker.run(answering("next"), seen.append).wait()
    assert seen == ["next"]
    assert len(reports) == 1
    assert "ZeroDivisionError" in reports[0]


def test_an_error_nobody_waits_for_any_more_is_not_told(worker: Worker) -> None:
    gate, told = Gate(), list[object]()
    worker.failed.connect(told.append)
    worker.crashed.connect(told.append)

    def work(stop: Stop) -> None:
        gate(stop)
        raise ImageError("dropped")

    def obeying(stop: Stop) -> None:
        if stop():
            raise Cancelled

    task = worker.run(work, told.append)
    assert gate.begun.wait(5)
    task.cancel()
    worker.run(obeying, lambda _answer: None).wait()
    assert gate.stopped
    assert told == []


def test_closing_stops_everything_and_takes_nothing_new(qtbot: QtBot) -> None:
    worker = Worker()
    gate, seen = Gate(), list[object]()
    running = worker.run(gate, seen.append)
    queued = worker.run(answering("queued"), seen.append)
    assert gate.begun.wait(5)
    assert worker.close()
    assert worker.close()
    assert running.over
    assert queued.over
    refused = worker.run(answering("refused"), seen.append)
    refused.wait()
    qtbot.wait(1)  # a poke from before the end is still in the event queue
    assert refused.over
    assert seen == []
    assert not [thread for thread in threading.enumerate() if thread.name == "segstudio-background"]


def test_a_worker_without_work_has_no_thread(worker: Worker) -> None:
    assert not worker.busy
    assert not [thread for thread in threading.enumerate() if thread.name == "segstudio-background"]
    assert worker.close()
