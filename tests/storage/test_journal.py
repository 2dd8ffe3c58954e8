"""The journal keeps what it acknowledged, whatever happens to the end or the middle of its file."""

import errno
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segstudio.core.arrays import U8
from segstudio.core.classes import VOID
from segstudio.core.geometry import Rect
from segstudio.core.history import Patch, Piece
from segstudio.errors import ProjectError
from segstudio.storage import journal as journal_module
from segstudio.storage.journal import Journal, Steps

SHAPE = (8, 40)


def stroke(number: int, before: U8 | None = None) -> Patch:
    """A stroke that paints column `number`."""
    rect = Rect(number % SHAPE[1], 0, number % SHAPE[1] + 1, SHAPE[0])
    old = np.full((SHAPE[0], 1), VOID, np.uint8) if before is None else before[rect.slices].copy()
    return Patch("annotation", f"Stroke {number}", [Piece(rect, old, np.full((SHAPE[0], 1), number % 250, np.uint8))])


def filled(path: Path, count: int) -> Journal:
    journal = Journal(path)
    for number in range(1, count + 1):
        assert journal.append("do", number, stroke(number)) == number
    return journal


def replay(journal: Journal) -> U8:
    array = np.full(SHAPE, VOID, np.uint8)
    for record, patch in journal.steps():
        (patch.revert if record.kind == "undo" else patch.apply)(array)
    return array


def columns(*numbers: int) -> U8:
    array = np.full(SHAPE, VOID, np.uint8)
    for number in numbers:
        array[:, number] = number
    return array


def test_strokes_come_back(tmp_path: Path) -> None:
    filled(tmp_path / "a.journal", 3).append("undo", 3)
    again = Journal(tmp_path / "a.journal")
    assert again.revision == 4
    np.testing.assert_array_equal(replay(again), columns(1, 2))
    history = again.history()
    assert [patch.label for patch in history.done] == ["Stroke 1", "Stroke 2"]
    assert [patch.label for patch in history.undone] == ["Stroke 3"]


def test_a_missing_or_empty_journal_is_an_empty_one(tmp_path: Path) -> None:
    assert Journal(tmp_path / "none.journal").revision == 0
    (tmp_path / "zero.journal").touch()
    journal = Journal(tmp_path / "zero.journal")
    assert (journal.revision, journal.records) == (0, [])
    assert journal.append("do", 1, stroke(1)) == 1
    assert Journal(tmp_path / "zero.journal").revision == 1


@pytest.mark.parametrize("keep", [True, False])
def test_a_torn_tail_is_dropped_at_every_length(tmp_path: Path, keep: bool) -> None:
    path = tmp_path / "a.journal"
    journal = filled(path, 2)
    whole = journal.size
    journal.append("do", 3, stroke(3))
    data = path.read_bytes()
    for length in range(whole, len(data)):
        path.write_bytes(data[:length])
        torn = Journal(path, keep=keep)
        assert torn.revision == 2
        assert torn.append("do", 3, stroke(4)) == 3
        again = Journal(path)
        np.testing.assert_array_equal(replay(again), columns(1, 2, 4))
        assert path.stat().st_size == again.size


def test_garbage_behind_the_end_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "a.journal"
    filled(path, 2)
    path.write_bytes(path.read_bytes() + b"\0" * 4096)  # as some file systems leave after a power cut
    assert Journal(path).append("do", 3, stroke(3)) == 3
    again = Journal(path)
    np.testing.assert_array_equal(replay(again), columns(1, 2, 3))
    assert path.stat().st_size == again.size


def test_damage_in_the_middle_costs_that_stroke_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.journal"
    journal = filled(path, 5)
    data = bytearray(path.read_bytes())
    data[journal.records[2].start + 5] ^= 0xFF
    path.write_bytes(bytes(data))
    again = Journal(path)
    assert again.revision == 5
    np.testing.assert_array_equal(replay(again), columns(1, 2, 4, 5))
    # Undo does not reach back over what is lost.
    assert [patch.label for patch in again.history().done] == ["Stroke 4", "Stroke 5"]
    again.append("undo", 5)
    np.testing.assert_array_equal(replay(Journal(path)), columns(1, 2, 4))


def test_steps_about_a_lost_stroke_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "a.journal"
    journal = filled(path, 3)
    journal.append("undo", 3)
    journal.append("undo", 2)
    data = bytearray(path.read_bytes())
    data[journal.records[1].start + 5] ^= 0xFF
    path.write_bytes(bytes(data))
    np.testing.assert_array_equal(replay(Journal(path)), columns(1))


@given(damage=st.lists(st.tuples(st.integers(0, 2000), st.integers(1, 255)), max_size=4), cut=st.integers(0, 2000))
@settings(max_examples=80, deadline=None)
def test_no_damage_makes_it_fail_or_invent(
    tmp_path_factory: pytest.TempPathFactory, damage: list[tuple[int, int]], cut: int
) -> None:
    path = tmp_path_factory.mktemp("j") / "a.journal"
    filled(path, 5).append("undo", 5)
    data = bytearray(path.read_bytes())
    for place, flip in damage:
        data[place % len(data)] ^= flip
    path.write_bytes(bytes(data[: len(data) - cut % len(data)]))
    try:
        journal = Journal(path)
    except ProjectError as error:
        if "newer SegStudio" not in str(error):
            raise
        return
    shown = replay(journal)
    assert ((shown == VOID) | (shown == columns(1, 2, 3, 4, 5))).all()
    journal.history()
    revision = journal.append("do", journal.revision + 1, stroke(9))
    assert Journal(path).revision == revision


def test_an_unreadable_journal_is_kept_aside(tmp_path: Path) -> None:
    path = tmp_path / "a.journal"
    path.write_bytes(b"nothing of ours")
    journal = Journal(path)
    assert journal.append("do", 1, stroke(1)) == 1
    assert (tmp_path / "a.journal.damaged").read_bytes() == b"nothing of ours"


def test_a_newer_journal_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.journal"
    path.write_bytes(b"SgJ2 whatever comes")
    with pytest.raises(ProjectError, match="newer SegStudio"):
        Journal(path)
    assert path.read_bytes() == b"SgJ2 whatever comes"


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("step", ["fsync", "write", "open", "mkdir"])
def test_a_failing_append_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, first: bool
) -> None:
    path = tmp_path / "deep" / "a.journal"
    journal = Journal(path) if first else filled(path, 2)
    before = path.read_bytes() if path.exists() else b""

    def refuse(*_args: Any, **_kwargs: Any) -> Any:
        raise OSError(errno.ENOSPC, "full")

    with monkeypatch.context() as patch:
        if step == "fsync":
            patch.setattr("os.fsync", refuse)
        elif step == "mkdir":
            patch.setattr(Path, "mkdir", refuse)
        elif step == "open":
            patch.setattr(Path, "open", refuse)
        else:
            patch.setattr(Path, "open", _open_that_writes_half)
        with pytest.raises(ProjectError, match="disk is full") as caught:
            journal.append("do", journal.revision + 1, stroke(7))
    assert str(path) in str(caught.value)
    assert (path.read_bytes() if path.exists() else b"") == before
    # And it works again once there is room.
    revision = journal.append("do", journal.revision + 1, stroke(7))
    np.testing.assert_array_equal(replay(Journal(path)), columns(7) if first else columns(1, 2, 7))
    assert Journal(path).revision == revision


class _HalfWriter:
    """A file that takes half of what it is given and then is full."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._writes = 0

    def write(self, data: Any) -> int:
        self._writes += 1
        if self._writes > 1:
            raise OSError(errno.ENOSPC, "full")
        return int(self._file.write(bytes(data)[: len(data) // 2]))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> "_HalfWriter":
        return self

    def __exit__(self, *_args: object) -> None:
        self._file.close()


def _open_that_writes_half(path: Path, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
    file = open(path, mode, *args, **kwargs)  # noqa: SIM115, PTH123 - Path.open is what is being replaced
    return file if mode in ("r", "rb") else _HalfWriter(file)


def test_an_append_is_synced_before_it_returns(tmp_path: Path, synced: list[int]) -> None:
    journal = Journal(tmp_path / "a.journal")
    for number in (1, 2):
        before = len(synced)
        journal.append("do", number, stroke(number))
        assert synced[before] == (tmp_path / "a.journal").stat().st_size


def test_two_writers_take_notice_of_each_other(tmp_path: Path) -> None:
    path = tmp_path / "a.journal"
    one, two = filled(path, 1), Journal(path, keep=False)
    assert two.append("do", 2, stroke(2)) == 2
    assert one.append("do", 3, stroke(3)) == 3
    np.testing.assert_array_equal(replay(Journal(path)), columns(1, 2, 3))


def test_a_journal_that_vanished_begins_again_above(tmp_path: Path) -> None:
    path = tmp_path / "a.journal"
    journal = filled(path, 3)
    path.unlink()
    assert journal.append("do", 8, stroke(1), base=7) == 8
    again = Journal(path)
    assert (again.base, again.revision) == (7, 8)


def test_a_directory_in_its_place_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.journal").mkdir()
    with pytest.raises(ProjectError, match="cannot be read"):
        Journal(tmp_path / "a.journal")


def test_compaction_keeps_undo_and_redo(tmp_path: Path) -> None:
    path = tmp_path / "a.journal"
    journal = filled(path, 6)
    for target in (6, 5, 4):
        journal.append("undo", target)
    journal.append("redo", 4)
    before = journal.history()
    size = path.stat().st_size
    path.write_bytes(journal.compacted())
    after = Journal(path)
    assert path.stat().st_size <= size + 100
    assert (after.base, after.revision) == (10, 10)
    history = after.history()
    assert [p.to_bytes() for p in history.done] == [p.to_bytes() for p in before.done]
    assert [p.to_bytes() for p in history.undone] == [p.to_bytes() for p in before.undone]
    assert after.undoable() == Steps(done=[1, 2, 3, 4], undone=[6, 5])
    after.append("redo", 5)
    assert [p.label for p in Journal(path).history().undone] == ["Stroke 6"]


def test_compaction_keeps_the_newest_within_the_cap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = filled(tmp_path / "a.journal", 20)
    monkeypatch.setattr(journal_module, "DEFAULT_LIMIT", 3 * journal.records[-1].length + 2)
    (tmp_path / "b.journal").write_bytes(journal.compacted())
    assert [p.label for p in Journal(tmp_path / "b.journal").history().done] == ["Stroke 18", "Stroke 19", "Stroke 20"]


def test_only_a_large_journal_of_dead_strokes_is_wasteful(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = filled(tmp_path / "a.journal", 10)
    for target in range(10, 0, -1):
        journal.append("undo", target)
    journal.append("do", journal.revision + 1, stroke(1))
    assert not journal.wasteful()
    monkeypatch.setattr(journal_module, "COMPACT_AT", 100)
    assert journal.wasteful()
    assert not filled(tmp_path / "b.journal", 10).wasteful()


def test_records_are_small(tmp_path: Path) -> None:
    journal = filled(tmp_path / "a.journal", 1)
    assert (tmp_path / "a.journal").stat().st_size == journal.size < 200
