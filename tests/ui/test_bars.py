"""Tool options, review panel, status line, side bar."""

import pytest
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QAction, QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QProgressBar, QPushButton, QSlider, QSpinBox, QToolButton, QWidget
from pytestqt.qtbot import QtBot

from segstudio.ui.panels.options import MAX_SIZE, MIN_SIZE, STEPS, ToolOptions, position_of, size_at
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


# Tool options


@pytest.fixture
def options(qtbot: QtBot, tokens: Tokens) -> ToolOptions:
    made = ToolOptions(tokens)
    show(made, qtbot)
    return made


def test_the_size_slider_is_logarithmic() -> None:
    assert (size_at(0), size_at(STEPS)) == (MIN_SIZE, MAX_SIZE)
    assert abs(size_at(STEPS // 2) - (MIN_SIZE * MAX_SIZE) ** 0.5) < 1
    assert all(abs(size_at(position_of(size)) - size) <= max(1, size * 0.01) for size in (1, 2, 7, 20, 300, 2000))


def test_option_setters_do_not_echo(options: ToolOptions) -> None:
    said: list[object] = []
    options.size_changed.connect(said.append)
    options.opacity_changed.connect(said.append)
    for size in (1, 37, 2000, 99999):
        options.set_size(size)
    options.set_opacity(0.25)
    options.set_opacity(7)
    options.set_tool("Eraser", "eraser")
    assert said == []
    assert options.findChild(QSpinBox).value() == MAX_SIZE  # type: ignore[union-attr]
    assert "100 %" in words(options)
    assert "Eraser" in words(options)


def test_any_size_shown_is_kept_to_the_pixel(options: ToolOptions) -> None:
    box = options.findChild(QSpinBox)
    assert isinstance(box, QSpinBox)
    for size in range(1, 200):
        options.set_size(size)
        assert box.value() == size


def test_sliding_and_typing_tell(options: ToolOptions) -> None:
    sizes: list[int] = []
    opacities: list[float] = []
    options.size_changed.connect(sizes.append)
    options.opacity_changed.connect(opacities.append)
    slider(options, "Brush size").setValue(STEPS)
    slider(options, "Label opacity").setValue(30)
    box = options.findChild(QSpinBox)
    assert isinstance(box, QSpinBox)
    box.selectAll()
    QTest.keyClicks(box, "45")
    QTest.keyClick(box, Qt.Key.Key_Return)
    assert sizes == [MAX_SIZE, 45]
    assert opacities == [0.3]
    assert slider(options, "Brush size").value() == position_of(45)


def test_a_click_on_the_groove_jumps_there(options: ToolOptions) -> None:
    found = slider(options, "Label opacity")
    found.setValue(0)
    at = QPointF(found.width() * 0.75, found.height() / 2)
    for kind in (QEvent.Type.MouseButtonPress, QEvent.Type.MouseButtonRelease):
        left = Qt.MouseButton.LeftButton
        event = QMouseEvent(kind, at, found.mapToGlobal(at), left, left, Qt.KeyboardModifier.NoModifier)
        QApplication.sendEvent(found, event)
    assert 70 <= found.value() <= 80


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
    review.resize(width, 220)
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
