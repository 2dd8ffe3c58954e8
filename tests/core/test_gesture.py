"""Gestures that are done away: nobody sees half of one, whatever comes in between, and none is lost."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segstudio.core import document as documents
from segstudio.core.arrays import U8
from segstudio.core.background import Immediately, Stop, Task
from segstudio.core.classes import VOID, ClassTable
from segstudio.core.document import Document
from segstudio.core.geometry import Rect
from segstudio.core.gesture import Gesture, Write
from segstudio.core.history import Entry, Patch
from segstudio.core.layerwork import fill_void
from segstudio.core.proposal import Proposal
from segstudio.errors import UsageError
from tests.core.playing import Slow

CLASSES = ClassTable.of(["background", "nucleus", "fibre"])
LEFT, RIGHT = Rect(0, 0, 300, 300), Rect(200, 0, 600, 300)


class Early:
    """A background that has done its work before anybody waits for it, and keeps the answers."""

    def __init__(self) -> None:
        self.tasks: list[_Kept] = []

    def run(self, work: Callable[[Stop], Any], done: Callable[[Any], None]) -> Task:
        answer = work(lambda: False)
        self.tasks.append(_Kept(lambda: done(answer)))
        return self.tasks[-1]


class _Kept:
    def __init__(self, give: Callable[[], None]) -> None:
        self.over = False
        self._give = give

    def cancel(self) -> None:
        self.over = True

    def wait(self) -> None:
        if not self.over:
            self.over = True
            self._give()


class Closed:
    """A background that was closed."""

    def run(self, work: Callable[[Stop], Any], done: Callable[[Any], None]) -> Task:  # noqa: ARG002  # nothing is done
        task = _Kept(lambda: None)
        task.cancel()
        return task


class Heard:
    """A document with all it tells."""

    def __init__(self, classes: ClassTable = CLASSES) -> None:
        self.document = Document(np.full((300, 600), VOID, np.uint8), classes)
        self.shown = self.document.annotation.copy()
        self.entries: list[Entry] = []
        self.away: list[tuple[bool, bool]] = []
        self.patches: list[Patch | None] = []
        self.document.on_change.append(self._changed)
        self.document.on_commit.append(self.entries.append)
        self.document.on_away.append(lambda gesture: self.away.append((gesture.away, gesture.dropped)))

    @property
    def labels(self) -> list[str]:
        return [patch.label for patch in self.document.history.done]

    def _changed(self, rect: Rect) -> None:
        self.shown[rect.slices] = self.document.annotation[rect.slices]

    def check(self) -> None:
        assert np.array_equal(self.shown, self.document.annotation), "a changed pixel lies in no rectangle told"


def filling(value: int, *rects: Rect) -> Write:
    def write(gesture: Gesture) -> None:
        for rect in rects:
            gesture.fill(rect, np.ones((rect.height, rect.width), np.bool_), value)

    return write


def region(labels: U8, rect: Rect) -> U8:
    return labels[rect.slices]


def test_nothing_is_told_before_it_is_over_and_all_of_it_then() -> None:
    heard, slow = Heard(), Slow()
    gesture = heard.document.begin("Away")
    gesture.work(slow, filling(1, LEFT, RIGHT), heard.patches.append)
    assert heard.document.gesture is gesture
    assert (heard.entries, heard.away) == ([], [(True, False)])
    slow.answer()
    heard.check()
    assert (heard.document.annotation == 1).all()
    assert not gesture.away
    assert heard.away == [(True, False), (False, False)]
    assert [entry.patch for entry in heard.entries] == heard.patches == [*heard.document.history.done]
    assert gesture.finish() is heard.patches[0], "the end of it is told for good"
    gesture.cancel()
    assert (heard.document.annotation == 1).all()


def test_nobody_hears_of_rectangles_while_it_is_away() -> None:
    heard, early = Heard(), Early()
    gesture = heard.document.begin("Away")
    gesture.work(early, filling(1, LEFT))
    assert (region(heard.document.annotation, LEFT) == 1).all()
    assert (heard.shown == VOID).all()
    early.tasks[0].wait()
    heard.check()


def test_at_once_it_is_never_away() -> None:
    heard = Heard()
    heard.document.begin("Here").work(Immediately(), filling(1, LEFT), heard.patches.append)
    assert heard.away == []
    assert heard.labels == ["Here"]
    assert len(heard.patches) == 1


def test_a_change_of_nothing_is_told_as_none() -> None:
    heard, slow = Heard(), Slow()
    heard.document.begin("Away").work(slow, filling(VOID, LEFT), heard.patches.append)
    slow.answer()
    assert heard.patches == [None]
    assert not heard.entries


def test_whoever_begins_another_one_waits_for_it() -> None:
    heard, slow = Heard(), Slow()
    heard.document.begin("First").work(slow, filling(1, LEFT))
    filling(2, RIGHT)(heard.document.begin("Second"))
    assert heard.labels == ["First"]
    heard.document.finish()
    assert heard.labels == ["First", "Second"]
    heard.document.undo()
    assert (region(heard.document.annotation, LEFT) == 1).all()
    heard.check()


def test_what_is_begun_when_one_is_over_comes_before_who_waited() -> None:
    heard, slow = Heard(), Slow()

    def go_on(_patch: Patch | None) -> None:
        heard.document.begin("Next").work(slow, filling(2, LEFT))

    heard.document.begin("First").work(slow, filling(1, LEFT), go_on)
    filling(0, LEFT)(heard.document.begin("Last"))
    heard.document.finish()
    assert heard.labels == ["First", "Next", "Last"]
    assert [entry.kind for entry in heard.entries] == ["do", "do", "do"]
    heard.check()


@pytest.mark.parametrize("background", [Slow(), Early()])
def test_undo_drops_it_also_when_the_work_was_done(background: Slow | Early) -> None:
    heard = Heard()
    filling(2, RIGHT)(heard.document.begin("Before"))
    heard.document.finish()
    before = heard.document.annotation.copy()
    gesture = heard.document.begin("Away")
    gesture.work(background, filling(1, LEFT, RIGHT), heard.patches.append)
    assert heard.document.undo() is None
    assert np.array_equal(heard.document.annotation, before)
    heard.check()
    assert heard.document.gesture is None
    assert heard.labels == ["Before"]
    assert (heard.patches, heard.away) == ([], [(True, False), (False, True)])
    gesture.cancel()
    assert gesture.finish() is None
    assert heard.document.undo() is not None, "the next undo is about the stroke before"


def test_redo_waits_and_finds_nothing_to_redo() -> None:
    heard, slow = Heard(), Slow()
    filling(2, RIGHT)(heard.document.begin("Before"))
    heard.document.finish()
    heard.document.undo()
    heard.document.begin("Away").work(slow, filling(1, LEFT))
    assert heard.document.redo() is None
    assert heard.labels == ["Away"]


def test_work_that_was_dropped_stops_at_its_next_rectangle() -> None:
    heard, slow = Heard(), Slow()
    fills = 0

    def write(gesture: Gesture) -> None:
        nonlocal fills
        for column in range(600):
            if column == 5:
                gesture._dropped = True  # as Esc does from the other thread
            filling(1, Rect(column, 0, column + 1, 300))(gesture)
            fills += 1

    heard.document.begin("Away").work(slow, write, heard.patches.append)
    slow.answer()
    assert fills == 5
    assert (heard.document.annotation == VOID).all()
    heard.check()
    assert (heard.patches, heard.labels) == ([], [])


@settings(max_examples=40, deadline=None)
@given(
    rects=st.lists(
        st.tuples(
            st.integers(0, 590), st.integers(0, 290), st.integers(1, 400), st.integers(1, 300), st.integers(0, 2)
        ),
        min_size=1,
        max_size=6,
    ),
    stop=st.integers(0, 40),
)
def test_whenever_it_is_dropped_all_is_put_back(rects: list[tuple[int, int, int, int, int]], stop: int) -> None:
    heard, slow = Heard(), Slow()
    rng = np.random.default_rng(0)
    heard.document.annotation[:] = rng.choice(np.array([0, 1, 2, VOID], np.uint8), (300, 600))
    heard.shown[:] = before = heard.document.annotation.copy()
    gesture = heard.document.begin("Away")
    checks = 0
    check = gesture.check

    def counted() -> None:
        nonlocal checks
        checks += 1
        if checks > stop:
            gesture._dropped = True
        check()

    def write(gesture: Gesture) -> None:
        for x, y, width, height, value in rects:
            filling(value, Rect(x, y, x + width, y + height).intersect(heard.document.bounds))(gesture)

    gesture.check = counted  # type: ignore[method-assign]
    gesture.work(slow, write)
    slow.answer()
    heard.check()
    if heard.document.history.done:
        heard.document.undo()
    assert np.array_equal(heard.document.annotation, before)


@pytest.mark.parametrize("error", [UsageError("impossible"), ZeroDivisionError("nobody foresaw it")])
def test_an_error_at_once_is_raised_when_all_is_put_back(error: Exception) -> None:
    heard = Heard()

    def write(gesture: Gesture) -> None:
        filling(1, LEFT)(gesture)
        raise error

    with pytest.raises(type(error)):
        heard.document.begin("Here").work(Immediately(), write, heard.patches.append)
    assert (heard.document.annotation == VOID).all()
    assert heard.document.gesture is None
    assert (heard.patches, heard.labels) == ([], [])


def test_an_error_away_is_the_background_s_to_tell() -> None:
    heard, slow = Heard(), Slow()

    def write(gesture: Gesture) -> None:
        filling(1, LEFT)(gesture)
        raise ZeroDivisionError

    heard.document.begin("Away").work(slow, write, heard.patches.append)
    filling(2, RIGHT)(heard.document.begin("Next"))  # whoever waits is not disturbed by it
    with pytest.raises(ZeroDivisionError):
        slow.settle()
    heard.document.finish()
    assert heard.labels == ["Next"]
    assert heard.patches == []
    assert (region(heard.document.annotation, Rect(0, 0, 200, 300)) == VOID).all()
    heard.check()


def test_a_background_that_was_closed_before_loses_nothing() -> None:
    heard = Heard()
    heard.document.begin("Away").work(Closed(), filling(1, LEFT), heard.patches.append)
    assert heard.labels == ["Away"]
    assert len(heard.patches) == 1
    heard.check()


def test_a_background_that_is_closed_meanwhile_leaves_all_as_it_was() -> None:
    heard, early = Heard(), Early()
    gesture = heard.document.begin("Away")
    gesture.work(early, filling(1, LEFT), heard.patches.append)
    early.tasks[0].cancel()
    assert gesture.finish() is None
    assert heard.document.gesture is None
    assert (heard.document.annotation == VOID).all()
    assert (heard.patches, heard.labels) == ([], [])
    heard.check()


def test_locks_of_when_it_was_released_count() -> None:
    heard, slow = Heard(CLASSES.change(2, locked=True)), Slow()
    document = heard.document
    document.annotation[:, :50], document.annotation[:, 50:100] = 1, 2
    document.begin("Away").work(slow, filling(0, LEFT))
    document.classes = CLASSES.change(1, locked=True)
    assert document.gesture is not None
    slow.answer()
    assert (document.annotation[:, :50] == 0).all()
    assert (document.annotation[:, 50:100] == 2).all()
    assert document.kept_back == {2}


def test_a_class_that_goes_waits_for_what_may_be_writing_it() -> None:
    heard, slow = Heard(), Slow()
    heard.document.begin("Away").work(slow, filling(2, LEFT))
    heard.document.classes = ClassTable.of(["background"])
    assert heard.labels == ["Away"]
    assert heard.document.gesture is None


def test_one_that_follows_the_hand_is_not_settled() -> None:
    heard = Heard()
    gesture = heard.document.begin("Brush")
    heard.document.settle()
    assert heard.document.gesture is gesture
    heard.document.finish()
    assert heard.document.gesture is None


@pytest.mark.parametrize(("quick", "away"), [(300 * 600, False), (300 * 600 - 1, True)])
def test_large_edits_go_away(quick: int, away: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "_MOST_AT_ONCE", quick)
    heard, slow = Heard(), Slow()
    fill_void(heard.document, 1, background=slow, done=heard.patches.append)
    assert (heard.document.gesture is not None) == away
    heard.document.finish()
    assert heard.labels == ["Fill void with nucleus"]
    assert (heard.document.annotation == 1).all()
    assert heard.patches == [*heard.document.history.done]


def test_what_takes_longer_than_a_frame_is_large() -> None:
    """On 1024 x 1024 pixels growing takes 30 ms and more, see `benchmarks/edits.py`."""
    document, slow = Document(np.full((1024, 1024), VOID, np.uint8), CLASSES), Slow()
    fill_void(document, 1, background=slow)
    assert document.gesture is not None
    document.finish()


def test_an_answer_to_a_proposal_is_about_the_one_that_was_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "_MOST_AT_ONCE", 0)
    for answer in ("accept_region", "reject_region", "accept_above"):
        heard, slow = Heard(), Slow()
        sure = np.full((300, 600), 255, np.uint8)
        heard.document.set_proposal(Proposal(np.full((300, 600), 1, np.uint8), sure, "m1"))
        where = (5,) if answer == "accept_above" else (5, 5)
        getattr(heard.document, answer)(*where, background=slow)
        assert heard.document.rejected is None, "the layer is made away, too"
        heard.document.set_proposal(Proposal(np.full((300, 600), 2, np.uint8), sure, "m2"))
        slow.answer()
        layer = heard.document.rejected if answer == "reject_region" else heard.document.annotation
        assert layer is not None
        assert (layer == 1).all()
