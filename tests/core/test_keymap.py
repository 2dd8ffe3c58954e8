"""Keys: one spelling, no clash whatever is changed, and nothing a preferences file holds can do harm."""

import json
import logging

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segstudio.core.keymap import WINDOW, Keymap, overlap, portable
from segstudio.errors import UsageError

DEFAULTS = {
    "undo": ("Ctrl+Z",),
    "redo": ("Ctrl+Shift+Z", "Ctrl+Y"),
    "brush": ("B",),
    "train": (),
    "accept": ("Return",),
    "next": ("Tab",),
    "open_row": ("F2",),
    "rename": ("F2",),
}
CONTEXTS = {"brush": "canvas", "accept": "canvas", "open_row": "strip", "rename": "classes"}


@pytest.fixture
def keymap() -> Keymap:
    return Keymap(DEFAULTS, None, CONTEXTS)


@pytest.mark.parametrize(
    ("written", "one"),
    [
        ("ctrl+z", "Ctrl+Z"),
        ("Shift+Ctrl+Z", "Ctrl+Shift+Z"),
        ("b", "B"),
        ("Ctrl++", "Ctrl++"),
        ("+", "+"),
        (",", ","),
        ("Ctrl+,", "Ctrl+,"),
        ("`", "`"),
        ("[", "["),
        ("pgdown", "PgDown"),
        ("PageDown", "PgDown"),
        ("Delete", "Del"),
        ("F12", "F12"),
        ("Space", "Space"),
        ("Ctrl+K, Ctrl+S", "Ctrl+K, Ctrl+S"),
        ("ä", "Ä"),
        ("ß", "ß"),
        (" Meta+Alt+x ", "Meta+Alt+X"),
        ("Shift+?", "?"),
        ("Ctrl+Shift++", "Ctrl++"),
        ("Shift+Alt+§", "Alt+§"),
        ("Shift+ä", "Shift+Ä"),
        ("Shift+8", "Shift+8"),
        ("Shift+Space", "Shift+Space"),
    ],
)
def test_a_key_has_one_spelling(written: str, one: str) -> None:
    assert portable(written) == one
    assert portable(one) == one


@pytest.mark.parametrize(
    "written",
    ["", " ", "Ctrl+", "Ctrl", "Shift+Ctrl", "Hyper+K", "Ctrl+Ctrl+K", "KK", "F99", "\n", "Ctrl+K, ", "A, B, C, D, E"],
)
def test_what_is_no_key_is_none(written: str) -> None:
    assert portable(written) is None


@settings(max_examples=50)
@given(st.text(max_size=12))
def test_any_text_is_read_without_an_error_and_once_read_stays(text: str) -> None:
    one = portable(text)
    assert one is None or portable(one) == one


def test_sequences_that_begin_alike_overlap() -> None:
    assert overlap("Ctrl+K", "Ctrl+K")
    assert overlap("Ctrl+K", "Ctrl+K, Ctrl+S")
    assert overlap("Ctrl+K, Ctrl+S", "Ctrl+K")
    assert not overlap("Ctrl+K, Ctrl+S", "Ctrl+K, Ctrl+T")
    assert not overlap("F1", "F11")


def test_without_changes_the_defaults_hold(keymap: Keymap) -> None:
    assert {action: keymap.keys(action) for action in DEFAULTS} == DEFAULTS
    assert keymap.changed == {}
    with pytest.raises(KeyError):
        keymap.keys("unicorn")


def test_a_change_holds_and_is_all_that_is_kept(keymap: Keymap) -> None:
    changed = keymap.with_change("brush", ["p", "P", "Shift+B"])
    assert changed.keys("brush") == ("P", "Shift+B")
    assert changed.changed == {"brush": ("P", "Shift+B")}
    assert keymap.keys("brush") == ("B",)
    assert changed.with_change("brush", []).keys("brush") == ()
    assert changed.with_change("brush", ["B"]).changed == {}


@pytest.mark.parametrize(
    ("action", "key", "other"),
    [
        ("train", "Ctrl+Z", "undo"),
        ("train", "Ctrl+Y", "redo"),
        ("undo", "Ctrl+Z", None),
        ("train", "Ctrl+T", None),
        ("train", "B", "brush"),
        ("brush", "Ctrl+Z", "undo"),
        ("accept", "B", "brush"),
        ("rename", "B", None),
        ("rename", "F2", None),
        ("undo", "F2", "open_row"),
        ("train", "Tab, T", "next"),
    ],
)
def test_a_clash_names_who_has_the_key_where_it_would_act(
    keymap: Keymap, action: str, key: str, other: str | None
) -> None:
    assert keymap.clash(action, key) == other
    if other is None:
        assert key in keymap.with_change(action, [key]).keys(action)
    else:
        with pytest.raises(UsageError, match=other):
            keymap.with_change(action, [key])


@pytest.mark.parametrize("keys", [["Hyper+X"], [""], ["Ctrl+K", "Ctrl+K, K"]])
def test_what_cannot_be_a_key_is_refused(keymap: Keymap, keys: list[str]) -> None:
    with pytest.raises(UsageError):
        keymap.with_change("train", keys)


def test_defaults_must_not_clash() -> None:
    with pytest.raises(UsageError, match="'a' and 'b' both have the key X"):
        Keymap({"a": ("X",), "b": ("x",)})
    with pytest.raises(UsageError, match="no key"):
        Keymap({"a": ("Hyper+X",)})
    Keymap({"a": ("X",), "b": ("X",)}, None, {"a": "canvas", "b": "strip"})


def test_taking_over_leaves_the_other_without(keymap: Keymap) -> None:
    taken = keymap.taking_over("train", ["Ctrl+Y"])
    assert taken.keys("train") == ("Ctrl+Y",)
    assert taken.keys("redo") == ("Ctrl+Shift+Z",)
    assert taken.changed == {"train": ("Ctrl+Y",)}
    assert taken.reset("train").keys("redo") == DEFAULTS["redo"]
    again = taken.with_change("redo", ["R"]).taking_over("undo", ["R"])
    assert again.keys("redo") == ()
    assert again.keys("undo") == ("R",)


def test_swapping_gives_each_the_others_key(keymap: Keymap) -> None:
    swapped = keymap.swapping("brush", "Ctrl+Y")
    assert swapped.keys("brush") == ("Ctrl+Y",)
    assert swapped.keys("redo") == ("B", "Ctrl+Shift+Z")
    assert swapped.swapping("brush", "B").keys("brush") == ("B",)


@pytest.mark.parametrize(("action", "key"), [("train", "B"), ("brush", "Q"), ("undo", "F2")])
def test_swapping_needs_something_to_swap_and_no_third_one(keymap: Keymap, action: str, key: str) -> None:
    with pytest.raises(UsageError):
        keymap.swapping(action, key)


def test_reset_brings_back_the_defaults(keymap: Keymap) -> None:
    changed = keymap.with_change("brush", ["P"]).with_change("train", ["B"])
    assert changed.reset("train").keys("train") == ()
    assert changed.reset("brush").keys("brush") == ()  # B is what the person gave to train
    assert changed.reset("train").reset("brush").changed == {}
    assert changed.reset_all().changed == {}


def test_what_was_kept_as_json_is_read_again(keymap: Keymap) -> None:
    changed = keymap.with_change("brush", ["P"]).taking_over("train", ["Ctrl+Z"])
    again = Keymap(DEFAULTS, json.loads(json.dumps(changed.changed)), CONTEXTS)
    assert again.changed == changed.changed
    assert {a: again.keys(a) for a in DEFAULTS} == {a: changed.keys(a) for a in DEFAULTS}


@pytest.mark.parametrize(
    ("changes", "kept"),
    [
        (["brush"], {}),
        ("brush", {}),
        (7, {}),
        ({"unicorn": ["U"]}, {}),
        ({"brush": "P"}, {}),
        ({"brush": None, "undo": ["U"]}, {"undo": ("U",)}),
        ({"brush": [7, "Hyper+X"]}, {}),
        ({"brush": [7, "p"]}, {"brush": ("P",)}),
        ({"brush": ["P"], "undo": ["P", "U"]}, {"brush": ("P",), "undo": ("U",)}),
        ({7: ["P"]}, {}),
    ],
)
def test_garbage_is_left_out_and_logged(
    changes: object, kept: dict[str, tuple[str, ...]], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        keymap = Keymap(DEFAULTS, changes, CONTEXTS)
    assert keymap.changed == kept
    assert caplog.records


def test_a_symbol_kept_with_the_shift_it_was_typed_with_works_again() -> None:
    keymap = Keymap(DEFAULTS, {"brush": ["Shift+?"]}, CONTEXTS)
    assert keymap.keys("brush") == ("?",)
    with pytest.raises(UsageError, match="brush"):
        keymap.with_change("train", ["Shift+?"])


def test_an_emptied_action_stays_empty() -> None:
    assert Keymap(DEFAULTS, {"brush": []}, CONTEXTS).keys("brush") == ()


KEYS = st.sampled_from(["A", "B", "F2", "Ctrl+Z", "Ctrl+Y", "Tab", "Ctrl+K", "Ctrl+K, A", "Return"])
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["change", "take", "swap", "reset"]),
        st.sampled_from(sorted(DEFAULTS)),
        st.lists(KEYS, max_size=3),
    ),
    max_size=8,
)


@settings(max_examples=50)
@given(STEPS)
def test_whatever_is_changed_no_two_actions_that_meet_share_a_key(steps: list[tuple[str, str, list[str]]]) -> None:
    keymap = Keymap(DEFAULTS, None, CONTEXTS)
    for kind, action, keys in steps:
        try:
            if kind == "change":
                keymap = keymap.with_change(action, keys)
            elif kind == "take":
                keymap = keymap.taking_over(action, keys)
            elif kind == "swap":
                keymap = keymap.swapping(action, keys[0] if keys else "A")
            else:
                keymap = keymap.reset(action)
        except UsageError:
            continue
        if kind in ("change", "take"):
            assert keymap.keys(action) == tuple(dict.fromkeys(keys))
    for a in DEFAULTS:
        for b in DEFAULTS:
            here, there = CONTEXTS.get(a, WINDOW), CONTEXTS.get(b, WINDOW)
            if a < b and (here == there or WINDOW in (here, there)):
                assert not any(overlap(x, y) for x in keymap.keys(a) for y in keymap.keys(b)), (a, b)
    again = Keymap(DEFAULTS, keymap.changed, CONTEXTS)
    assert [again.keys(a) for a in DEFAULTS] == [keymap.keys(a) for a in DEFAULTS]
