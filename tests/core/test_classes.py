"""The class table keeps its promises or says in one line why not."""

import numpy as np
import pytest

from segstudio.core.classes import MAX_CLASSES, OKABE_ITO, VOID, ClassTable, LabelClass
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
