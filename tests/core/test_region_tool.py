"""The region tool: what a click does, that the preview shows just that, and that nothing upsets it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segstudio.core.arrays import U8, Bool
from segstudio.core.background import Stop, Task
from segstudio.core.classes import VOID, ClassTable
from segstudio.core.document import Document
from segstudio.core.geometry import Rect
from segstudio.core.tools.base import OPERATIONS, Kit, Operation, Palette, Pointer
from segstudio.core.tools.region import RegionTool

T = TypeVar("T")
CLASSES = ClassTable.of(["background", "nucleus", "fibre"])


def of(rows: str, classes: ClassTable = CLASSES) -> Document:
    """A document drawn with digits; a dot is void."""
    lines = rows.split()
    values = [[VOID if sign == "." else int(sign) for sign in line] for line in lines]
    return Document(np.array(values, np.uint8), classes)


def drawn(document: Document) -> list[str]:
    return ["".join("." if value == VOID else str(value) for value in row) for row in document.annotation.tolist()]


def tool_for(palette: Palette) -> tuple[RegionTool, list[str]]:
    said: list[str] = []
    return RegionTool(Kit(palette, say=said.append)), said


def click(tool: RegionTool, document: Document, pointer: Pointer) -> None:
    tool.press(document, pointer)
    tool.release(pointer)


def seen(tool: RegionTool) -> tuple[Rect, Bool] | None:
    return None if tool.preview is None else tool.preview.mask


def box_seen(tool: RegionTool) -> Rect | None:
    mask = seen(tool)
    return None if mask is None else mask[0]


def at(x: int, y: int) -> Pointer:
    return Pointer((x + 0.5, y + 0.5))


BLOB = "........./.11111.../.1...1.1./.1.2.1.../.1...1.../.11111.1./.........".replace("/", " ")
SPECKS, NO_RING = "././.......1/...2/./.......1/.", "./././...2/././."


@pytest.mark.parametrize(
    ("operation", "amount", "flags", "expected"),
    [
        ("delete", 1, {}, SPECKS),
        ("delete", 1, {"straight": True}, NO_RING),
        ("reclass", 1, {}, "./.22222/.2...2.1/.2.2.2/.2...2/.22222.1/."),
        ("reclass", 1, {"straight": True}, "./.22222/.2...2.2/.2.2.2/.2...2/.22222.2/."),
        ("reclass", 1, {"reverse": True}, SPECKS),
        ("holes", 1, {}, "./.11111/.11111.1/.11211/.11111/.11111.1/."),
        ("holes", 1, {"reverse": True}, "./.11111/.11111.1/.11111/.11111/.11111.1/."),
        ("islands", 2, {"straight": True}, "./.11111/.1...1/.1.2.1/.1...1/.11111/."),
        ("islands", 16, {}, BLOB.replace(" ", "/")),
        ("islands", 17, {}, SPECKS),
        ("grow", 1, {}, ".11111/1111111/11111111/1112111/1111111/11111111/.11111"),
        ("grow", 1, {"reverse": True}, SPECKS),
        ("shrink", 1, {}, SPECKS),
        ("shrink", 1, {"reverse": True}, ".11111/1111111/11111111/1112111/1111111/11111111/.11111"),
    ],
)
def test_each_operation(operation: Operation, amount: int, flags: dict[str, Any], expected: str) -> None:
    document = of(BLOB)
    before = document.annotation.copy()
    tool, _ = tool_for(Palette(value=2, operation=operation, amount=amount))
    click(tool, document, replace(at(1, 1), **flags))
    assert drawn(document) == [row.ljust(9, ".") for row in expected.split("/")]
    assert len(document.history.done) == int(not np.array_equal(before, document.annotation))
    document.undo()
    assert np.array_equal(document.annotation, before)


def test_smoothing_takes_a_spur_off_and_fills_a_notch() -> None:
    spur, block = "......./...1.../.11111./.11111./.11.11./.......", "......./......./..111../.11111./..111../......."
    document = of(spur.replace("/", " "))
    tool, _ = tool_for(Palette(operation="smooth", amount=1))
    click(tool, document, at(3, 1))
    assert drawn(document) == block.split("/")


@st.composite
def scenes(draw: st.DrawFn) -> Document:
    """Blobs of three classes and void, some classes locked."""
    height, width = draw(st.integers(1, 40)), draw(st.integers(1, 40))
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    coarse = draw(st.integers(1, 7))
    blobs = rng.choice([VOID, 0, 1, 2], (height // coarse + 1, width // coarse + 1), p=[0.4, 0.3, 0.2, 0.1])
    labels = blobs.repeat(coarse, axis=0).repeat(coarse, axis=1)[:height, :width].astype(np.uint8)
    classes = CLASSES
    for index in draw(st.sets(st.integers(0, 2), max_size=1)):
        classes = classes.change(index, locked=True)
    return Document(labels, classes)


palettes = st.builds(
    Palette,
    value=st.integers(0, 2),
    operation=st.sampled_from(OPERATIONS),
    amount=st.sampled_from([1, 2, 3, 8, 30, 200, 5000]),
    scope=st.sampled_from(["region", "class"]),
    over=st.sampled_from([None, None, VOID, 0, 1]),
)
pointers = st.builds(
    Pointer,
    at=st.tuples(st.floats(-3, 42), st.floats(-3, 42)),
    reverse=st.booleans(),
    straight=st.booleans(),
)


@settings(max_examples=50, deadline=None)
@given(document=scenes(), palette=palettes, pointer=pointers)
def test_the_preview_is_what_the_click_changes(document: Document, palette: Palette, pointer: Pointer) -> None:
    tool, _ = tool_for(palette)
    tool.hover(document, pointer)
    shown = tool.preview
    before = document.annotation.copy()
    click(tool, document, pointer)
    changed = before != document.annotation
    expected = np.zeros_like(changed)
    if shown is not None and shown.mask is not None:
        expected[shown.mask[0].slices] = shown.mask[1]
    assert np.array_equal(changed, expected)
    if palette.operation != "smooth" and shown is not None:
        assert set(document.annotation[changed].tolist()) <= {shown.value}
    for item in document.classes:
        if item.locked:
            assert np.array_equal(before == item.index, document.annotation == item.index)


@settings(max_examples=40, deadline=None)
@given(
    document=scenes(),
    palette=palettes,
    clicks=st.lists(pointers, min_size=1, max_size=4),
    visible=st.sampled_from([None, Rect(0, 0, 5, 5), Rect(-10, 3, 12, 90)]),
)
def test_equal_clicks_give_equal_labels_whatever_was_seen_before(
    document: Document, palette: Palette, clicks: list[Pointer], visible: Rect | None
) -> None:
    twin = Document(document.annotation.copy(), document.classes)
    start = document.annotation.copy()
    tool, other = tool_for(replace(palette))[0], tool_for(replace(palette))[0]
    for pointer in clicks:
        click(tool, document, pointer)
        other.hover(twin, replace(pointer, at=(2.0, 2.0), visible=visible))
        click(other, twin, replace(pointer, visible=visible))
    assert np.array_equal(document.annotation, twin.annotation)
    while document.undo() is not None:
        pass
    assert np.array_equal(document.annotation, start)


@settings(max_examples=25, deadline=None)
@given(document=scenes(), palette=palettes, pointer=pointers)
def test_a_preview_keeps_to_the_part_on_the_screen(document: Document, palette: Palette, pointer: Pointer) -> None:
    visible = Rect(2, 1, 20, 17)
    whole, part = tool_for(palette)[0], tool_for(palette)[0]
    pointer = replace(pointer, at=(min(max(pointer.at[0], 3), 18), min(max(pointer.at[1], 2), 15)))
    whole.hover(document, pointer)
    part.hover(document, replace(pointer, visible=visible))
    all_of_it, some = (np.zeros(document.annotation.shape, np.bool_) for _ in range(2))
    for canvas, tool in ((all_of_it, whole), (some, part)):
        if (mask := seen(tool)) is not None:
            canvas[mask[0].slices] = mask[1]
    assert np.array_equal(some[visible.slices], all_of_it[visible.slices])
    assert some.sum() == some[visible.slices].sum()


def test_painting_over_binds_what_joins_and_what_leaves() -> None:
    """Only over void: growing goes on, deleting takes away, but a class does not become another."""
    cases: tuple[tuple[Operation, list[str]], ...]
    cases = ("grow", ["1112"]), ("delete", ["...2"]), ("reclass", [".1.2"])
    for operation, expected in cases:
        document = of(".1.2")
        tool, _ = tool_for(Palette(value=0, operation=operation, amount=1, over=VOID))
        click(tool, document, at(1, 0))
        assert drawn(document) == expected
    document = of(".1.2")
    click(tool_for(Palette(operation="grow", amount=2, over=2))[0], document, at(1, 0))
    assert drawn(document) == [".1.1"]


def test_it_says_why_nothing_happened() -> None:
    document = of("11.")
    tool, said = tool_for(Palette(value=7, operation="reclass"))
    click(tool, document, at(2, 0))
    click(tool, document, Pointer((-4, 0)))
    assert said == ["Nothing is labelled there"] * 2
    click(tool, document, at(0, 0))
    assert "Choose a class" in said[2]
    tool.palette.operation = "holes"
    click(tool, document, at(0, 0))
    assert said[3] == "There is no hole to fill"
    assert drawn(document) == ["11."]
    assert not document.history.done


def test_a_locked_class_is_kept_back_and_not_previewed() -> None:
    document = of("11.", CLASSES.change(1, locked=True))
    tool, said = tool_for(Palette(operation="delete"))
    tool.hover(document, at(0, 0))
    assert seen(tool) is None
    click(tool, document, at(0, 0))
    assert drawn(document) == ["11."]
    assert document.kept_back == {1}
    assert not said


def test_escape_drops_and_being_called_away_finishes() -> None:
    document = of("11.")
    tool, _ = tool_for(Palette(operation="delete"))
    tool.press(document, at(0, 0))
    held = tool.active
    tool.cancel()
    tool.release(at(0, 0))
    assert (held, tool.active) == (True, False)
    assert drawn(document) == ["11."]
    tool.press(document, at(0, 0))
    tool.finish()
    tool.release(at(0, 0))
    assert drawn(document) == ["..."]
    assert len(document.history.done) == 1


def test_what_was_aimed_at_counts_not_where_the_button_goes_up() -> None:
    document = of("1.2")
    tool, _ = tool_for(Palette(operation="delete"))
    tool.press(document, at(0, 0))
    tool.move(at(2, 0))
    tool.release(Pointer((-50, 900)))
    assert drawn(document) == ["..2"]


def test_changes_between_press_and_release() -> None:
    """Another image, the class in hand deleted, the region undone: no crash, nothing half done."""
    document, other = of("11."), of("22.")
    tool, said = tool_for(Palette(value=2, operation="reclass"))
    tool.press(document, at(0, 0))
    tool.hover(other, at(0, 0))
    tool.release(at(0, 0))
    assert (drawn(document), drawn(other)) == (["11."], ["22."])
    tool.press(document, at(0, 0))
    document.classes = ClassTable.of(["background", "nucleus"])
    tool.release(at(0, 0))
    assert said.pop() == "That class is no longer there"
    tool.palette.value = 0
    tool.press(document, at(0, 0))
    gesture = document.begin("Brush")
    gesture.fill(Rect(0, 0, 2, 1), np.ones((1, 2), np.bool_), VOID)
    gesture.finish()
    tool.release(at(0, 0))
    assert said.pop() == "Nothing is labelled there"
    assert drawn(document) == ["..."]


def test_the_wheel_changes_the_amount_and_the_preview() -> None:
    document = of("1" + "." * 29)
    tool, _ = tool_for(Palette(operation="grow", amount=2))
    heard: list[int] = []
    tool.on_changed = lambda: heard.append(1)
    tool.hover(document, at(0, 0))
    assert tool.turn(3)
    assert tool.palette.amount == 5
    assert box_seen(tool) == Rect(1, 0, 6, 1)
    assert tool.preview is not None
    assert tool.preview.text == "5 px"
    assert heard
    for steps, amount in ((0.5, 5), (0.5, 6), (-90, 1), (1000, 200)):
        tool.turn(steps)
        assert tool.palette.amount == amount
    tool.palette.operation = "islands"
    tool.turn(60)
    assert tool.palette.amount == 100_000
    tool.turn(-1)
    assert tool.palette.amount == 80_000
    tool.palette.operation = "holes"
    assert not tool.turn(1)
    assert tool.palette.amount == 80_000


def test_turning_while_the_button_is_held_counts() -> None:
    document = of("1" + "." * 9)
    tool, _ = tool_for(Palette(operation="grow", amount=2))
    tool.press(document, at(0, 0))
    tool.turn(2)
    tool.release(at(0, 0))
    assert drawn(document) == ["11111....."]


class _Later:
    """Work that waits until the test lets it run, as a thread would."""

    def __init__(self) -> None:
        self.waiting: list[tuple[_Parcel, Callable[[], None]]] = []

    def run(self, work: Callable[[Stop], T], done: Callable[[T], None]) -> Task:
        parcel = _Parcel()
        self.waiting.append((parcel, lambda: done(work(lambda: parcel.over))))
        return parcel

    def go(self) -> int:
        """Run what is still wanted; how much that was."""
        wanted = [run for parcel, run in self.waiting if not parcel.over]
        self.waiting.clear()
        for run in wanted:
            run()
        return len(wanted)


class _Parcel:
    over = False

    def cancel(self) -> None:
        self.over = True

    def wait(self) -> None:
        raise AssertionError("a preview is never waited for")


def test_previews_are_worked_out_behind_and_only_the_last_is_wanted() -> None:
    document, later = of("11.2.0"), _Later()
    tool = RegionTool(Kit(Palette(operation="delete"), background=later))
    heard: list[int] = []
    tool.on_changed = lambda: heard.append(1)
    for x in (0, 3, 5):
        tool.hover(document, at(x, 0))
    assert box_seen(tool) is None
    assert later.go() == 1
    assert heard == [1]
    assert box_seen(tool) == Rect(5, 0, 6, 1)
    tool.hover(document, at(5, 0))
    assert later.go() == 0, "what is known was asked again"
    tool.hover(document, at(0, 0))
    document.begin("Brush").fill(Rect(1, 0, 2, 1), np.ones((1, 1), np.bool_), VOID)
    tool.hover(document, None)
    assert later.go() == 0
    assert tool.preview is None


def test_a_preview_is_asked_again_when_the_labels_changed_below_it() -> None:
    document = of("11..")
    tool, _ = tool_for(Palette(operation="delete"))
    tool.hover(document, at(0, 0))
    gesture = document.begin("Brush")
    gesture.fill(Rect(2, 0, 4, 1), np.ones((1, 2), np.bool_), 1)
    gesture.finish()
    tool.hover(document, at(0, 0))
    assert box_seen(tool) == Rect(0, 0, 4, 1)
    click(tool, document, at(0, 0))
    assert tool.preview is None, "a preview of what is done already"


@pytest.mark.parametrize("shape", [(1, 1), (1, 20000), (20000, 1)])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_thinnest_images(shape: tuple[int, int], operation: Operation) -> None:
    labels: U8 = np.full(shape, VOID, np.uint8)
    labels.flat[labels.size // 3 : labels.size // 3 + 9000] = 1
    document = Document(labels, CLASSES)
    tool, _ = tool_for(Palette(operation=operation, amount=4))
    x, y = (shape[1] // 2 if shape[1] > 1 else 0), (shape[0] // 2 if shape[0] > 1 else 0)
    for straight in (False, True):
        pointer = replace(at(x, y), straight=straight)
        tool.hover(document, pointer)
        click(tool, document, pointer)
        document.undo()
    assert int((document.annotation == 1).sum()) == min(labels.size, 9000)
    assert document.gesture is None


def test_a_whole_class_over_many_tiles_grows_once() -> None:
    """What one tile gained must not grow again in the next."""
    labels = np.full((300, 2100), VOID, np.uint8)
    labels[150, 1020] = labels[10, 2050] = 1
    document = Document(labels, CLASSES)
    tool, _ = tool_for(Palette(operation="grow", amount=40, scope="class"))
    click(tool, document, at(1020, 150))
    y, x = np.ogrid[:300, :2100]
    expected = ((y - 150) ** 2 + (x - 1020) ** 2 <= 1600) | ((y - 10) ** 2 + (x - 2050) ** 2 <= 1600)
    assert np.array_equal(document.annotation == 1, expected)
    assert document.history.done[-1].label == "Grow whole class"
