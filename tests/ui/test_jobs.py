"""Jobs: events in order, one ending, cancellation, silence after the owner is gone."""

import threading
import time

import pytest
from pytestqt.qtbot import QtBot

from segstudio.errors import Cancelled, TrainingError
from segstudio.ui.jobs import Emit, Jobs


def test_events_arrive_in_order_and_before_the_result(qtbot: QtBot) -> None:
    jobs = Jobs()
    seen: list[object] = []

    def work(emit: Emit, _cancel: threading.Event) -> str:
        for number in range(5000):
            emit(number)
        return "result"

    jobs.start("count", work, progress=seen.extend, done=seen.append, ended=lambda: seen.append("ended"))
    qtbot.waitUntil(lambda: seen[-1:] == ["ended"])
    assert seen == [*range(5000), "result", "ended"]
    assert not jobs.busy


def test_many_events_come_in_few_batches(qtbot: QtBot) -> None:
    jobs = Jobs()
    batches: list[list[object]] = []

    def work(emit: Emit, _cancel: threading.Event) -> None:
        for number in range(200):
            emit(number)
            time.sleep(0.002)

    with qtbot.waitSignal(jobs.drained):
        jobs.start("slow", work, progress=batches.append)
    assert sum(len(batch) for batch in batches) == 200
    assert len(batches) < 15


@pytest.mark.parametrize("foreseen", [True, False])
def test_errors_become_a_line_and_only_unforeseen_ones_a_report(qtbot: QtBot, foreseen: bool) -> None:
    jobs = Jobs()
    lines: list[str] = []
    reports: list[str] = []
    jobs.crashed.connect(reports.append)

    def work(_emit: Emit, _cancel: threading.Event) -> None:
        if foreseen:
            raise TrainingError("no labels", remedy="Paint some")
        raise ZeroDivisionError("oops")

    with qtbot.waitSignal(jobs.drained):
        jobs.start("fail", work, failed=lines.append)
    assert lines == (["no labels. Paint some."] if foreseen else ["ZeroDivisionError: oops"])
    assert len(reports) == (0 if foreseen else 1)
    assert foreseen or "Traceback" in reports[0]


def test_a_cancelled_job_ends_without_result_or_error(qtbot: QtBot) -> None:
    jobs = Jobs()
    told: list[object] = []

    def work(_emit: Emit, cancel: threading.Event) -> None:
        if cancel.wait(20):
            raise Cancelled

    job = jobs.start("wait", work, done=told.append, failed=told.append)
    job.cancel()
    assert job.stopping
    with qtbot.waitSignal(jobs.drained):
        pass
    assert told == []
    assert not job.running


def test_a_closed_owner_hears_nothing_more(qtbot: QtBot) -> None:
    jobs = Jobs()
    told: list[object] = []

    def work(emit: Emit, cancel: threading.Event) -> str:
        cancel.wait(20)
        emit("late")
        return "later"

    jobs.start("late", work, progress=told.extend, done=told.append, ended=lambda: told.append("ended"))
    with qtbot.waitSignal(jobs.drained):
        jobs.close()
    assert told == []
    assert jobs.wait(1)
