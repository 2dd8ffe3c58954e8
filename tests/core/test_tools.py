"""What holds for every tool, whatever a hand does: undo, dirty rectangles, equal events, locks, and bad moments."""

from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segstudio.core import document as documents
from segstudio.core.classes import VOID, ClassTable
from segstudio.core.geometry import Rect
from segstudio.core.tools.base import Kit, ToolName
from segstudio.core.tools.catalogue import make_tools
from tests.core.playing import CLASSES, SHAPES, TOOLS, Act, Play, Slow, sequences

WRITING: tuple[ToolName, ...] = tuple(name for name in TOOLS if name not in ("pick", "measure", "level", "pan"))
STROKES: tuple[ToolName, ...] = ("brush", "eraser", "superpixel")  # these write from the press on
CLICKING: tuple[ToolName, ...] = ("polygon", "scissors")
PATH = ((0.35, 0.225), (0.8, 0.3), (0.85, 0.85))  # from a pixel of class 2, with all classes in its box
images = st.sampled_from(["small", "small", "small", "tiles", "line", "dot"])


def drawn(name: ToolName, flags: tuple[bool, bool] = (False, False)) -> list[Act]:
    """Acts that write with any tool that does: a drag, or clicks and Enter."""
    if name in CLICKING:
        clicks = [Act(kind, at, flags) for at in PATH for kind in ("press", "release")]
        return [Act("take", what=name), *clicks, Act("confirm")]
    moves = [Act("move", at, flags) for at in PATH[1:]]
    return [Act("take", what=name), Act("press", PATH[0], flags), *moves, Act("release", PATH[-1], flags)]


def begun(name: ToolName) -> list[Act]:
    """The same without its end."""
    return drawn(name)[:-1]


def changes(play: Play) -> np.ndarray:
    """Pixels of the first document that are no longer as they were at first."""
    changed: np.ndarray = play.watched[0].document.annotation != play.watched[0].past[0]
    return changed


def test_the_catalogue_holds_every_tool_once() -> None:
    kit = Kit()
    tools = make_tools(kit)
    assert tuple(tools) == get_args(ToolName)
    assert all(tool.name == name and tool.label and tool.kit is kit for name, tool in tools.items())


@settings(max_examples=60, deadline=None)
@given(image=images, acts=sequences())
def test_any_sequence_is_undone_and_redone_byte_for_byte(image: str, acts: list[Act]) -> None:
    """With it, after every act: dirty rectangles cover every changed pixel, and strokes tell of every change."""
    play = Play(image)
    play.run(acts, lambda: _no_more_strokes_than_presses(play))
    for one in play.watched:
        one.rewind()
        assert not one.document.history.can_redo  # forward again to where it was


@pytest.mark.parametrize("name", TOOLS)
@pytest.mark.parametrize("visible", [None, Rect(20, 8, 26, 13), Rect(-900, -900, -800, -800)])
@pytest.mark.parametrize("answers", [0, 1, 9])
@pytest.mark.parametrize("quick", [2**20, -1])
def test_neither_the_screen_nor_late_answers_change_what_is_written(
    name: ToolName, visible: Rect | None, answers: int, quick: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same for each tool with one gesture that surely writes, also away."""
    monkeypatch.setattr(documents, "_MOST_AT_ONCE", quick)
    once, again = Play("small"), Play("small", Slow(), visible)
    once.run(drawn(name))
    again.run([one for act in drawn(name) for one in (act, *[Act("answer")] * answers)])
    assert np.array_equal(once.document.annotation, again.document.annotation)
    assert changes(once).any() == (name in WRITING)


def _no_more_strokes_than_presses(play: Play) -> None:
    assert sum(one.strokes for one in play.watched) <= play.presses


@settings(max_examples=60, deadline=None)
@given(
    image=images,
    acts=sequences(),
    answers=st.lists(st.integers(0, 30), max_size=8),
    visible=st.sampled_from([None, Rect(5, 5, 30, 30), Rect(-100, -100, 1000, 3000)]),
    quick=st.sampled_from([2**20, -1]),
)
def test_equal_events_give_equal_masks(
    image: str, acts: list[Act], answers: list[int], visible: Rect | None, quick: int
) -> None:
    """However late the background answers, whatever is on the screen, and however much is written away."""
    once, again = Play(image), Play(image, Slow(), visible)
    once.run(acts)
    late = list(acts)
    for at in answers:
        late.insert(min(at, len(late)), Act("answer"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(documents, "_MOST_AT_ONCE", quick)
        again.run(late)
    for one, other in zip(once.watched, again.watched, strict=True):
        labels = [[patch.label for patch in each.document.history.done] for each in (one, other)]
        assert labels[0] == labels[1]
        assert np.array_equal(one.document.annotation, other.document.annotation)
    assert once.palette == again.palette


@settings(max_examples=60, deadline=None)
@given(image=st.sampled_from(["small", "tiles"]), acts=sequences(WRITING, tables=False), locked=st.integers(0, 2))
def test_a_locked_class_never_changes(image: str, acts: list[Act], locked: int) -> None:
    play = Play(image, classes=CLASSES.change(locked, locked=True))
    own = play.document.annotation == locked

    def kept() -> None:
        assert np.array_equal(play.document.annotation == locked, own)

    play.run(acts, kept)


@pytest.mark.parametrize("name", WRITING)
def test_one_drag_is_one_stroke(name: ToolName) -> None:
    play = Play("small")
    play.run(drawn(name))
    assert len(play.document.history.done) == 1
    assert changes(play).any()
    play.document.undo()
    assert not changes(play).any()


@pytest.mark.parametrize("name", [name for name in TOOLS if name not in WRITING])
def test_tools_that_only_look_write_nothing(name: ToolName) -> None:
    play = Play("small")
    play.run(drawn(name))
    assert not play.document.history.done
    assert not changes(play).any()


@pytest.mark.parametrize("name", [name for name in WRITING if name != "eraser"])
def test_in_reverse_pixels_only_become_void(name: ToolName) -> None:
    play = Play("small")
    play.run(drawn("box"))
    before = play.document.annotation.copy()
    play.run(drawn(name, (True, False)))
    changed = play.document.annotation != before
    assert changed.any()
    assert (play.document.annotation[changed] == VOID).all()


@pytest.mark.parametrize("over", [VOID, 0])
@pytest.mark.parametrize("name", WRITING)
def test_paint_only_over_spares_all_other_pixels(name: ToolName, over: int) -> None:
    play = Play("small")
    play.run([Act("option", what=("over", over)), *drawn(name)])
    if name in ("eraser", "region") and over == VOID:
        assert changes(play).any()  # void is nothing one could take away: this does not bind what erases
    else:
        assert (play.watched[0].past[0][changes(play)] == over).all()


@pytest.mark.parametrize("name", [name for name in WRITING if name != "fill"])  # a fill is over with the press
@pytest.mark.parametrize("slow", [False, True])
def test_esc_in_the_middle_leaves_no_trace(name: ToolName, slow: bool) -> None:
    play = Play("small", Slow() if slow else None)
    play.run([*begun(name), Act("cancel"), Act("move", PATH[1]), Act("release", PATH[1]), Act("confirm")])
    assert not changes(play).any()
    assert not play.document.history.done
    assert not play.tool.active


@pytest.mark.parametrize("name", WRITING)
@pytest.mark.parametrize("slow", [False, True])
def test_undo_in_the_middle(name: ToolName, slow: bool) -> None:
    """It drops a stroke that is being painted; otherwise it undoes the stroke before, and the gesture goes on."""
    play = Play("small", Slow() if slow else None)
    play.run([*drawn("rectangle"), *begun(name)[:-1], Act("undo"), *begun(name)[-1:], drawn(name)[-1]])
    labels = [patch.label for patch in play.document.history.done]
    assert labels == ["Rectangle"] if name in STROKES else "Rectangle" not in labels[:-1]
    play.watched[0].rewind()


@pytest.mark.parametrize("name", TOOLS)
def test_without_classes_nothing_is_labelled(name: ToolName) -> None:
    play = Play("small", classes=ClassTable())
    play.run(drawn(name))
    assert (play.document.annotation[changes(play)] == VOID).all()
    if name in WRITING and name not in ("eraser", "region"):  # these take away
        assert not changes(play).any()
        assert any("class" in line for line in play.said)


@pytest.mark.parametrize("name", TOOLS)
@pytest.mark.parametrize("slow", [False, True])
def test_a_class_that_goes_under_a_running_gesture_is_written_no_more(name: ToolName, slow: bool) -> None:
    play = Play("small", Slow() if slow else None)
    for act in [*begun(name), Act("classes", what=1)]:
        play.do(act)
    before = play.document.annotation.copy()
    play.run([drawn(name)[-1], Act("release", PATH[-1]), Act("confirm")])
    changed = play.document.annotation != before
    assert (play.document.annotation[changed] == VOID).all()
    play.watched[0].rewind()


@pytest.mark.parametrize("name", TOOLS)
@pytest.mark.parametrize("slow", [False, True])
@pytest.mark.parametrize("looked", [[], [Act("hover", (0.3, 0.3))], [Act("leave")]])
def test_another_document_in_the_middle_is_left_alone(name: ToolName, slow: bool, looked: list[Act]) -> None:
    play = Play("small", Slow() if slow else None)
    play.run([*begun(name), Act("swap"), *looked, Act("move", (0.4, 0.9)), Act("release", (0.4, 0.9)), Act("confirm")])
    assert not changes(play).any()
    for one in play.watched:
        one.rewind()


@pytest.mark.parametrize("name", TOOLS)
def test_a_press_on_another_document_lets_go_of_the_first(name: ToolName) -> None:
    play = Play("small")
    for act in [*begun(name), Act("swap"), Act("press", (0.3, 0.3)), Act("release", (0.3, 0.3)), Act("confirm")]:
        play.do(act)
    first = play.watched[1]
    first.check()
    assert first.document.gesture is None
    # What was painted stays; a shape that was not closed is gone.
    assert first.strokes == (name in (*STROKES, "fill"))


@pytest.mark.parametrize("name", TOOLS)
def test_events_without_a_press_do_nothing(name: ToolName) -> None:
    play = Play("small")
    lost = [Act("move"), Act("release"), Act("move", (9.0, -9.0)), Act("leave"), Act("release"), Act("cancel")]
    play.run([Act("take", what=name), *lost, Act("finish")])
    assert not changes(play).any()
    assert not play.tool.active
    assert not play.tool.confirm()
    assert not play.tool.back()


@pytest.mark.parametrize("name", TOOLS)
@pytest.mark.parametrize("moved", ["hover", "leave"])
def test_a_look_at_the_preview_does_not_disturb_a_drag(name: ToolName, moved: str) -> None:
    """The window asks for a preview whenever an option changes, also while a button is held."""
    look = Act("leave") if moved == "leave" else Act("hover", (0.2, 0.9))
    calm, disturbed = Play("small"), Play("small", Slow())
    acts = drawn(name)
    calm.run(acts)
    disturbed.run([*acts[:3], look, *acts[3:]])
    assert np.array_equal(calm.document.annotation, disturbed.document.annotation)


@pytest.mark.parametrize("name", ["wand", "scissors", "superpixel", "box"])
def test_without_a_picture_one_line_is_said(name: ToolName) -> None:
    play = Play("small")
    play.run([Act("swap"), *drawn(name)])
    assert not changes(play).any()
    assert "image" in play.said[0]


@pytest.mark.parametrize("image", SHAPES)
@pytest.mark.parametrize("name", TOOLS)
def test_images_of_any_shape_from_far_outside_to_far_outside(name: ToolName, image: str) -> None:
    play = Play(image)
    path = [(-30.0, -5.0), (0.5, 0.5), (40.0, 0.7), (0.3, 60.0)]
    around = [Act(kind, at) for at in path for kind in ("press", "release")]
    play.run(
        [Act("take", what=name), Act("press", path[0]), *[Act("move", at) for at in path], Act("release", path[-1])]
    )
    play.run([Act("take", what=name), *around, Act("confirm")])
    if name in ("brush", "lasso", "rectangle"):
        assert changes(play).any()
    play.watched[0].rewind()


@pytest.mark.parametrize("image", SHAPES)
@pytest.mark.parametrize("shape", ["round", "square"])
@pytest.mark.parametrize(("name", "value"), [("brush", 1), ("eraser", VOID)])
def test_a_brush_larger_than_the_image(image: str, shape: str, name: ToolName, value: int) -> None:
    play = Play(image)
    options = [Act("option", what=("size", 2000)), Act("option", what=("shape", shape))]
    play.run([*options, Act("take", what=name), Act("press"), Act("release")])
    whole = max(SHAPES[image]) < 1400  # the square inside a round brush
    assert (play.document.annotation == value).all() or not whole
    assert (play.document.annotation == value).any()
    play.watched[0].rewind()
