"""Review panel, status line."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QApplication,
    QLabel,
    QProgressBar,
    QPushButton,
    QSlider,
    QToolButton,
    QWidget,
)
from pytestqt.qtbot import QtBot

from segstudio.ui.panels.review import EMPTY, ReviewPanel
from segstudio.ui.panels.status import StatusLine
from segstudio.ui.theme import LIGHT, Tokens


def words(widget: QWidget) -> str:
    return "\n".join(label.text() for label in widget.findChildren(QLabel) if not label.isHidden())


def show(widget: QWidget, qtbot: QtBot) -> None:
    qtbot.addWidget(widget)
    with qtbot.waitExposed(widget):
        widget.show()


def slider(widget: QWidget, name: str) -> QSlider:
    return next(found for found in widget.findChildren(QSlider) if found.accessibleName() == name)


# Review


@pytest.fixture
def deeds(qapp: QApplication) -> dict[str, QAction]:
    return {name: QAction(name, qapp) for name in ("accept_region", "accept_all", "reject_region", "mark_reviewed")}


@pytest.fixture
def review(qtbot: QtBot, tokens: Tokens, deeds: dict[str, QAction]) -> ReviewPanel:
    assert tokens.dark
    deeds["mark_reviewed"].setCheckable(True)
    made = ReviewPanel(
        accept_region=deeds["accept_region"],
        accept_all=deeds["accept_all"],
        reject_region=deeds["reject_region"],
        mark_reviewed=deeds["mark_reviewed"],
    )
    show(made, qtbot)
    return made


def test_threshold(review: ReviewPanel) -> None:
    said: list[int] = []
    review.threshold_changed.connect(said.append)
    review.set_threshold(80)
    assert said == []
    assert "80 %" in words(review)
    slider(review, "Least confidence").setValue(65)
    assert said == [65]
    assert review.threshold == 65


def test_review_buttons_are_their_actions(review: ReviewPanel, deeds: dict[str, QAction]) -> None:
    done: list[str] = []
    for name, action in deeds.items():
        action.setToolTip(f"tip of {name}")
        action.triggered.connect(lambda _on=False, at=name: done.append(at))
    buttons = review.findChildren(QPushButton)
    for button in buttons:
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    assert sorted(done) == sorted(deeds)
    assert sorted(button.toolTip() for button in buttons) == sorted(f"tip of {name}" for name in deeds)
    deeds["accept_all"].setEnabled(False)
    deeds["mark_reviewed"].setChecked(True)
    assert [b.accessibleName() for b in buttons if not b.isEnabled()] == ["Accept all"]
    assert [b.accessibleName() for b in buttons if b.isChecked()] == ["Mark reviewed"]


@pytest.mark.parametrize("width", [240, 296, 360])
def test_review_buttons_show_whole_words_at_any_width(review: ReviewPanel, width: int, qtbot: QtBot) -> None:
    review.set_summary("Proposed by m0001")
    review.resize(width, 140)
    qtbot.waitUntil(lambda: all(button.isVisible() for button in review.findChildren(QPushButton)))
    review.layout().activate()  # type: ignore[union-attr]
    qtbot.wait(1)
    for button in review.findChildren(QPushButton):
        room = button.width() - button.iconSize().width() - 12
        assert button.fontMetrics().horizontalAdvance(button.text()) <= room


def test_summary(review: ReviewPanel) -> None:
    assert EMPTY in words(review)
    review.set_summary("3 regions")
    assert "3 regions" in words(review)
    review.set_summary("")
    assert EMPTY in words(review)


# Status line


@pytest.fixture
def status(qtbot: QtBot, tokens: Tokens) -> StatusLine:
    made = StatusLine(tokens)
    made.resize(900, 28)
    show(made, qtbot)
    return made


def test_it_says_what_happened_and_where_things_stand(status: StatusLine) -> None:
    status.say("Opened\n plate 1")
    status.set_saved("Saved 2 s ago")
    status.set_zoom(1.531)
    status.set_pixel("12, 30 · nucleus")
    status.set_device("CPU")
    for text in ("Opened plate 1", "Saved 2 s ago", "153 %", "12, 30 · nucleus", "CPU"):
        assert text in words(status)
    status.set_zoom(0.0312)
    assert "3.1 %" in words(status)
    status.set_zoom(0)
    status.set_pixel("")
    assert "%" not in words(status)
    assert "nucleus" not in words(status)


def test_an_error_looks_different_and_goes_with_the_next_line(status: StatusLine) -> None:
    said = next(label for label in status.findChildren(QLabel) if label.accessibleName() == "What just happened")
    calm = said.palette().color(said.foregroundRole())
    status.say("No room on the disk", "error")
    status.grab()
    assert said.palette().color(said.foregroundRole()) != calm
    status.set_tokens(LIGHT)
    status.say("Saved")
    assert said.palette().color(said.foregroundRole()) == calm


def test_a_job_shows_progress_and_can_be_cancelled(status: StatusLine, qtbot: QtBot) -> None:
    bar, cancel = status.findChild(QProgressBar), status.findChild(QToolButton)
    assert isinstance(bar, QProgressBar)
    assert isinstance(cancel, QToolButton)
    assert not bar.isVisible()
    status.set_job("Predicting 3 of 12", 0.25, True)
    assert bar.isVisible()
    assert bar.value() == bar.maximum() // 4
    with qtbot.waitSignal(status.cancel_requested):
        QTest.mouseClick(cancel, Qt.MouseButton.LeftButton)
    status.set_job("Opening", None, False)
    assert (bar.minimum(), bar.maximum()) == (0, 0)
    assert not cancel.isVisible()
    status.set_job("", None, False)
    assert not bar.isVisible()


def test_a_long_line_does_not_push_the_rest_out(status: StatusLine) -> None:
    status.set_device("CPU")
    status.say("word " * 200)
    device = next(label for label in status.findChildren(QLabel) if label.text() == "CPU")
    assert status.width() == 900
    assert device.mapTo(status, device.rect().bottomRight()).x() < 900
