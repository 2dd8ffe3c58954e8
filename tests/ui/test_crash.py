"""An error nobody foresaw: the work is saved first, the report is shown once, the log keeps it."""

import logging
import sys
import threading

import pytest
from pytestqt.qtbot import QtBot

from segstudio.ui.crash import CrashGuard


def fail() -> None:
    raise ZeroDivisionError("nobody foresaw this")


def test_the_work_is_saved_before_the_report_is_shown(qtbot: QtBot, caplog: pytest.LogCaptureFixture) -> None:
    order: list[str] = []
    guard = CrashGuard(lambda: order.append("saved"), lambda text, saved: order.append(f"{saved} {text}"))
    with caplog.at_level(logging.ERROR):
        try:
            fail()
        except ZeroDivisionError as error:
            guard._on_exception(type(error), error, error.__traceback__)
    qtbot.waitUntil(lambda: len(order) == 2)
    assert order[0] == "saved"
    assert order[1].startswith("True ")
    assert "nobody foresaw this" in order[1]
    assert "Python" in order[1]
    assert "in fail" in caplog.text


def test_a_failing_save_does_not_hide_the_report(qtbot: QtBot) -> None:
    shown: list[tuple[str, bool]] = []
    guard = CrashGuard(fail, lambda *told: shown.append(told))
    guard.report("the first error")
    qtbot.waitUntil(lambda: len(shown) == 1)
    text, saved = shown[0]
    assert "the first error" in text
    assert not saved


def test_errors_of_threads_are_caught_too(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    guard = CrashGuard(lambda: None, lambda text, _saved: shown.append(text))
    monkeypatch.setattr(threading, "excepthook", guard._on_thread_exception)
    thread = threading.Thread(target=fail, name="worker")
    thread.start()
    thread.join()
    qtbot.waitUntil(lambda: len(shown) == 1)
    assert "worker" in shown[0]


def test_a_second_error_while_a_report_is_shown_is_only_logged(qtbot: QtBot) -> None:
    shown: list[str] = []

    def show(text: str, _saved: bool) -> None:
        shown.append(text)
        if len(shown) == 1:
            guard.report("second")
            qtbot.wait(50)  # the event loop of the dialog

    guard = CrashGuard(lambda: None, show)
    guard.report("first")
    qtbot.waitUntil(lambda: len(shown) == 1)
    qtbot.wait(50)
    assert len(shown) == 1


def test_hooks_are_installed_and_given_back() -> None:
    guard = CrashGuard(lambda: None, lambda _text, _saved: None)
    before = sys.excepthook, threading.excepthook
    guard.install()
    try:
        assert sys.excepthook == guard._on_exception
    finally:
        guard.uninstall()
    sys.excepthook, threading.excepthook = before
