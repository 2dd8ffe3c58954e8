"""Spring-loaded tools: what a tap chooses and what a hold only lends."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segstudio.core.springs import HOLD_SECONDS, HeldTools

LONG, SHORT = HOLD_SECONDS + 0.01, HOLD_SECONDS - 0.01


@pytest.fixture
def held() -> HeldTools[str]:
    return HeldTools()


@pytest.mark.parametrize(("seconds", "used", "back"), [
    (LONG, False, "brush"), (SHORT, False, None), (SHORT, True, "brush"), (LONG, True, "brush"),
])  # fmt: skip
def test_a_tap_chooses_and_a_hold_or_a_use_lends(
    held: HeldTools[str], seconds: float, used: bool, back: str | None
) -> None:
    held.press("E", "eraser", "brush", 10.0)
    if used:
        held.begin(10.0)
        assert held.end() is None
    assert held.release("E", 10.0 + seconds) == back
    assert not held.waiting


def test_repeats_of_a_held_key_change_nothing(held: HeldTools[str]) -> None:
    held.press("E", "eraser", "brush", 0.0)
    for tick in range(1, 20):
        held.press("E", "eraser", "eraser", tick / 30)
    assert held.release("E", 20 / 30) == "brush"


def test_a_key_of_the_tool_in_the_hand_lends_nothing(held: HeldTools[str]) -> None:
    held.press("B", "brush", "brush", 0.0)
    assert not held.waiting
    assert held.release("B", LONG) is None


def test_a_tool_borrowed_while_another_is_borrowed(held: HeldTools[str]) -> None:
    held.press("E", "eraser", "brush", 0.0)
    held.press("W", "wand", "eraser", 1.0)
    assert held.release("W", 2.0) == "eraser"
    assert held.release("E", 3.0) == "brush"


def test_the_first_key_may_go_up_first(held: HeldTools[str]) -> None:
    held.press("E", "eraser", "brush", 0.0)
    held.press("W", "wand", "eraser", 1.0)
    assert held.release("E", 2.0) is None
    assert held.release("W", 3.0) == "brush"


def test_a_tool_tapped_while_another_is_held_stays(held: HeldTools[str]) -> None:
    held.press("E", "eraser", "brush", 0.0)
    held.press("W", "wand", "eraser", 1.0)
    assert held.release("W", 1.0 + SHORT) is None
    assert held.release("E", 3.0) is None


def test_a_gesture_is_finished_with_the_borrowed_tool(held: HeldTools[str]) -> None:
    held.press("E", "eraser", "brush", 0.0)
    held.begin(0.05)
    assert held.release("E", 0.1) is None
    assert held.waiting
    assert held.end() == "brush"
    assert held.end() is None


def test_a_new_choice_during_a_gesture_is_not_undone_by_its_end(held: HeldTools[str]) -> None:
    held.press("E", "eraser", "brush", 0.0)
    held.begin(0.5)
    assert held.release("E", 1.0) is None
    held.press("W", "wand", "eraser", 1.1)
    assert held.end() is None
    assert held.release("W", 2.0) == "eraser"


def test_a_gesture_that_begins_after_a_tap_was_not_made_under_its_key(held: HeldTools[str]) -> None:
    held.press("E", "eraser", "brush", 0.0)
    held.begin(0.12)
    assert held.release("E", 0.1) is None  # told late: it waited whether the key repeats
    assert held.end() is None


def test_without_the_keyboard_everything_is_given_back(held: HeldTools[str]) -> None:
    held.press("E", "eraser", "brush", 0.0)
    held.press("W", "wand", "eraser", 0.1)
    assert held.drop() == "brush"
    assert held.drop() is None
    assert held.release("W", 1.0) is None


def test_another_choice_ends_the_loan(held: HeldTools[str]) -> None:
    held.press("E", "eraser", "brush", 0.0)
    held.forget()
    assert held.release("E", LONG) is None


@settings(max_examples=50)
@given(st.lists(st.tuples(st.sampled_from("BEW"), st.booleans(), st.floats(0.01, 1)), max_size=30))
def test_when_all_keys_are_up_nothing_waits(events: list[tuple[str, bool, float]]) -> None:
    tools: HeldTools[str] = HeldTools()
    tool, now = "B", 0.0
    for key, down, pause in events:
        now += pause
        if down:
            tools.press(key, key, tool, now)
            tool = key
        else:
            tool = tools.release(key, now) or tool
        assert tool in "BEW"
    for key in "BEW":
        tools.release(key, now + 1)
    assert not tools.waiting
