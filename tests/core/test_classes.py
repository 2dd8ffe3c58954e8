"""The class table keeps its promises or says in one line why not."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segstudio.core.classes import (
    MAX_CLASSES,
    OKABE_ITO,
    VOID,
    ClassChange,
    ClassTable,
    LabelClass,
    move_class,
    remove_class,
)
from segstudio.errors import UsageError


def test_names_get_distinct_colours_and_indices_in_order() -> None:
    table = ClassTable.of(["background", *(f"class {i}" for i in range(30))])
    assert [item.index for item in table] == list(range(31))
    assert len({item.color for item in table}) == 31
    assert [item.color for item in table][1:8] == list(OKABE_ITO)


@pytest.mark.parametrize(
    ("items", "words"),
    [
        ((LabelClass(1, "a", "#ffffff"),), "0 is next"),
        ((LabelClass(0, " ", "#ffffff"),), "no name"),
        ((LabelClass(0, "a", "red"),), "no colour"),
        ((LabelClass(0, "a", "#ffffff"), LabelClass(1, "a", "#000000")), "two classes"),
    ],
)
def test_nonsense_is_refused_in_one_line(items: tuple[LabelClass, ...], words: str) -> None:
    with pytest.raises(UsageError) as caught:
        ClassTable(items)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_255_classes_fit_and_256_do_not() -> None:
    table = ClassTable.of(f"c{i}" for i in range(MAX_CLASSES))
    assert table[254].index == 254
    with pytest.raises(UsageError, match="too many"):
        table.add("one more")


def test_lookup_tables_follow_changes() -> None:
    table = ClassTable.of(["background", "nucleus"]).change(1, locked=True, visible=False, color="#102030")
    assert tuple(table.colors()[1]) == (0x10, 0x20, 0x30)
    assert table.locked()[1]
    assert not table.locked()[[0, VOID]].any()
    assert np.array_equal(np.flatnonzero(table.visible()), [0])


@st.composite
def tables(draw: st.DrawFn) -> ClassTable:
    table = ClassTable.of(f"class {at}" for at in range(draw(st.integers(1, 8))))
    for at in range(len(table)):
        table = table.change(at, locked=draw(st.booleans()), visible=draw(st.booleans()))
    return table


@settings(max_examples=50)
@given(st.data())
def test_changes_one_after_the_other_are_their_mappings_composed(data: st.DataObject) -> None:
    """Followed by name: after any sequence, each class that is left has its name, colour and lock where pixels say."""
    first = table = data.draw(tables())
    home = {item.name: item.name for item in first}  # what became of the pixels of a class; empty for void
    composed = np.arange(256, dtype=np.uint8)
    for _ in range(data.draw(st.integers(0, 6))):
        index = data.draw(st.integers(0, len(table) - 1))
        name = table[index].name
        if data.draw(st.booleans()):
            change = move_class(table, index, data.draw(st.integers(0, len(table) - 1)))
        else:
            into = data.draw(st.sampled_from([VOID, *range(len(table))]))
            try:
                change = remove_class(table, index, into)
            except UsageError:
                locked = table[index].locked or (into != VOID and table[into].locked)
                assert locked or into == index or len(table) == 1
                continue
            target = "" if into == VOID else table[into].name
            home = {was: target if now == name else now for was, now in home.items()}
        assert change.before == table
        table, composed = change.after, change.mapping[composed]
    for item in first:
        now = composed[item.index]
        assert (now == VOID) == (home[item.name] == "")
        if now != VOID:
            kept = table[int(now)]
            was = next(other for other in first if other.name == kept.name)
            assert kept.name == home[item.name]
            assert (kept.color, kept.locked, kept.visible) == (was.color, was.locked, was.visible)
    assert composed[VOID] == VOID


def test_removing_and_moving_give_the_expected_indices() -> None:
    table = ClassTable.of(["a", "b", "c", "d"])
    assert remove_class(table, 1).indices[:4] == bytes([0, VOID, 1, 2])
    assert remove_class(table, 1, 3).indices[:4] == bytes([0, 2, 1, 2])
    assert move_class(table, 0, 2).indices[:4] == bytes([2, 0, 1, 3])
    assert move_class(table, 0, 2).after.names == ("b", "c", "a", "d")
    assert set(remove_class(table, 1).indices[4:]) == {VOID}
    mask = np.array([[0, 1], [3, VOID]], np.uint8)
    assert remove_class(table, 1, 3).translate(mask).tolist() == [[0, 2], [2, VOID]]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda table: remove_class(table, 0), r"'a' is locked\. Unlock it first"),
        (lambda table: remove_class(table, 1, 0), r"'a' is locked"),
        (lambda table: remove_class(table, 1, 1), "into itself"),
        (lambda table: remove_class(table, 3), r"no class 3\. Classes are: a, b, c"),
        (lambda table: remove_class(table, 1, 7), "no class 7"),
        (lambda table: remove_class(table, -1), "no class -1"),
        (lambda table: move_class(table, 0, 3), r"no place.*0 to 2"),
        (lambda table: move_class(table, 5, 0), "no class 5"),
        (lambda _table: remove_class(ClassTable.of(["x"]), 0), "'x' is the only class"),
    ],
)
def test_a_change_that_makes_no_sense_is_refused(change: Callable[[ClassTable], ClassChange], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        change(ClassTable.of(["a", "b", "c"]).change(0, locked=True))


def test_a_locked_class_can_be_moved() -> None:
    table = ClassTable.of(["a", "b"]).change(0, locked=True)
    assert move_class(table, 0, 1).after[1].locked
