"""The column on the right: what folds, what is always in sight, and who gets how much room."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QAction
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QSplitter
from pytestqt.qtbot import QtBot

from segstudio.core.classes import ClassTable
from segstudio.ui.panels.class_row import ClassRow
from segstudio.ui.panels.classes import ClassPanel
from segstudio.ui.panels.history import HistoryPanel
from segstudio.ui.panels.model import ModelPanel
from segstudio.ui.panels.review import ReviewPanel
from segstudio.ui.panels.section import HEAD, FoldButton, Section
from segstudio.ui.panels.side import SideBar, Want, shared
from segstudio.ui.theme import Tokens

MANY = ClassTable.of([f"kind {number}" for number in range(25)])


class Column:
    """A side bar with everything in it."""

    def __init__(self, tokens: Tokens, qtbot: QtBot, height: int = 700) -> None:
        self.qtbot = qtbot
        self.classes, self.history, self.model = ClassPanel(tokens), HistoryPanel(tokens), ModelPanel(tokens)
        deeds = [QAction(name) for name in ("accept", "all", "reject", "reviewed")]
        self._deeds = deeds
        self.review = ReviewPanel(
            accept_region=deeds[0], accept_all=deeds[1], reject_region=deeds[2], mark_reviewed=deeds[3]
        )
        self.history.hide()
        self.bar = SideBar(classes=self.classes, history=self.history, model=self.model, review=self.review)
        qtbot.addWidget(self.bar)
        self.bar.resize(296, height)
        with qtbot.waitExposed(self.bar):
            self.bar.show()

    @property
    def train(self) -> QAbstractButton:
        return next(b for b in self.bar.findChildren(QAbstractButton) if b.accessibleName() == "Train")

    def title(self, section: Section) -> FoldButton:
        button = section.findChild(FoldButton)
        assert isinstance(button, FoldButton)
        return button

    def settle(self) -> None:
        for _ in range(3):
            QApplication.processEvents()

    def whole(self, widget: QAbstractButton) -> bool:
        """Whether all of it is in sight."""
        return widget.isVisible() and widget.visibleRegion().boundingRect().size() == widget.size()


@pytest.fixture
def column(tokens: Tokens, qtbot: QtBot) -> Column:
    return Column(tokens, qtbot)


@pytest.mark.parametrize("height", [405, 560, 900])
@pytest.mark.parametrize("proposed", ["", "Proposed by m0001"])
@pytest.mark.parametrize("history", [False, True])
def test_train_is_in_sight_whatever_else_there_is(
    tokens: Tokens, qtbot: QtBot, height: int, proposed: str, history: bool
) -> None:
    column = Column(tokens, qtbot, height)
    column.classes.set_classes(MANY, 3)
    column.review.set_summary(proposed)
    column.history.setVisible(history)
    column.settle()
    assert column.whole(column.train)
    rows = [row for row in column.classes.findChildren(ClassRow) if row.visibleRegion().boundingRect().height() == 32]
    assert len(rows) >= 2
    assert column.bar.height() == height
    bottom = column.review.mapTo(column.bar, QPoint(0, column.review.height())).y()
    assert bottom <= height
    assert column.review.height() >= column.review.minimumSizeHint().height()


def test_many_classes_get_more_room_than_few(tokens: Tokens, qtbot: QtBot) -> None:
    column = Column(tokens, qtbot)
    column.classes.set_classes(ClassTable.of(["a", "b"]), 0)
    column.settle()
    few = column.classes.height()
    assert few < HEAD + 2 * 32 + 30
    column.classes.set_classes(MANY, 0)
    column.qtbot.waitUntil(lambda: column.classes.height() > 5 * 32)


@pytest.mark.parametrize("how", ["click", Qt.Key.Key_Return, Qt.Key.Key_Space])
def test_a_title_folds_its_section_and_opens_it_again(column: Column, how: "Qt.Key | str") -> None:
    title = column.title(column.classes)
    told: list[bool] = []
    column.classes.folded.connect(told.append)
    for folded in (True, False):
        if isinstance(how, Qt.Key):
            title.setFocus(Qt.FocusReason.TabFocusReason)
            QTest.keyClick(title, how)
        else:
            QTest.mouseClick(title, Qt.MouseButton.LeftButton)
        assert column.classes.is_folded == folded
        assert title.accessibleDescription() == ("folded" if folded else "open")
        column.qtbot.waitUntil(lambda folded=folded: (column.classes.height() == HEAD) == folded)  # type: ignore[misc]
    assert told == [True, False]


def test_train_stays_when_its_section_is_folded(column: Column) -> None:
    QTest.mouseClick(column.title(column.model), Qt.MouseButton.LeftButton)
    column.settle()
    assert column.model.is_folded
    assert column.whole(column.train)


def test_with_everything_folded_titles_lie_close_together(column: Column) -> None:
    for section in (column.classes, column.model, column.review):
        QTest.mouseClick(column.title(section), Qt.MouseButton.LeftButton)
    column.settle()
    tops = [s.mapTo(column.bar, QPoint()).y() for s in (column.classes, column.model, column.review)]
    assert tops[1] - tops[0] <= HEAD + 2
    assert tops[2] - tops[1] <= column.model.minimumSizeHint().height() + 2


def test_a_person_drags_between_classes_and_history(column: Column) -> None:
    column.classes.set_classes(MANY, 0)
    column.history.show()
    column.settle()
    splitter = column.bar.findChild(QSplitter)
    assert isinstance(splitter, QSplitter)
    handle, before = splitter.handle(1), column.classes.height()
    centre = handle.rect().center()
    QTest.mousePress(handle, Qt.MouseButton.LeftButton, pos=centre)
    QTest.mouseMove(handle, centre + QPoint(0, -60))
    QTest.mouseRelease(handle, Qt.MouseButton.LeftButton, pos=centre + QPoint(0, -60))
    column.settle()
    dragged = column.classes.height()
    assert dragged < before - 40
    column.bar.resize(296, 705)
    column.settle()
    assert abs(column.classes.height() - dragged) < 10  # and it stays so
    state = column.bar.layout_state()
    column.bar.restore_layout(None)
    column.settle()
    assert abs(column.classes.height() - before) < 10
    column.bar.restore_layout(state)
    column.settle()
    assert abs(column.classes.height() - dragged) < 10


@pytest.mark.parametrize(
    "state", [None, 7, {"folded": 3, "heights": "x"}, {"heights": [1, 2]}, {"heights": [-1, 5, 9]}]
)
def test_a_state_that_is_none_gives_the_first_layout(column: Column, state: object) -> None:
    column.classes.set_folded(True)
    column.bar.restore_layout(state)
    assert column.bar.layout_state() == {"folded": [], "heights": None}


def test_what_is_folded_is_kept(column: Column) -> None:
    column.review.set_folded(True)
    state = column.bar.layout_state()
    column.review.set_folded(False)
    column.bar.restore_layout(state)
    assert column.review.is_folded
    assert not column.classes.is_folded


wants = st.tuples(st.integers(0, 200), st.integers(0, 300), st.integers(0, 500)).map(
    lambda steps: Want(steps[0], steps[0] + steps[1], steps[0] + steps[1] + steps[2])
)


@settings(max_examples=50)
@given(st.integers(0, 3000), st.lists(wants, min_size=1, max_size=4))
def test_shares_are_fair(room: int, given_wants: list[Want]) -> None:
    heights = shared(room, given_wants)
    leasts = sum(want.least for want in given_wants)
    assert all(want.least <= height <= want.whole for height, want in zip(heights, given_wants, strict=True))
    assert sum(heights) <= max(room, leasts)
    if room >= sum(want.whole for want in given_wants):
        assert heights == [want.whole for want in given_wants]
    comfort = sum(want.comfort for want in given_wants)
    if room >= comfort:
        assert all(height >= want.comfort for height, want in zip(heights, given_wants, strict=True))
    elif room >= leasts:
        assert all(height <= want.comfort for height, want in zip(heights, given_wants, strict=True))
