"""The superpixels around the pointer: their borders, worked out beside the hand and kept while nothing changes."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segstudio.core.arrays import U8
from segstudio.core.background import Background, Immediately
from segstudio.core.geometry import Rect
from segstudio.core.picture import Picture
from segstudio.core.superpixels import SuperpixelMap
from segstudio.core.tools.base import Pointer
from segstudio.core.tools.cells import Surroundings
from tests.core.clicking import Later


def blobs(side: int = 300) -> Picture:
    noise = np.random.default_rng(3).integers(0, 256, (side, side), np.uint8)
    return Picture(np.asarray(cv2.GaussianBlur(noise, (0, 0), 3)))


def make(background: Background | None = None) -> tuple[Surroundings, list[bool]]:
    told: list[bool] = []
    return Surroundings(lambda: background or Immediately(), lambda: told.append(True)), told


def shown(around: Surroundings) -> tuple[Rect, U8] | None:
    return around.grid


def ready(picture: Picture, cell: int) -> SuperpixelMap:
    found = SuperpixelMap(picture, cell)
    found.prepare(picture.bounds)
    return found


def borders(found: SuperpixelMap, rect: Rect, step: int) -> np.ndarray:
    """The definition."""
    numbers = found.numbers(rect)[::step, ::step]
    wanted = np.zeros(numbers.shape, np.uint8)
    wanted[:, :-1] += numbers[:, 1:] != numbers[:, :-1]
    wanted[:-1] += np.uint8(2) * (numbers[1:] != numbers[:-1])
    return wanted


@settings(max_examples=25, deadline=None)
@given(st.sampled_from([5, 12, 24, 60]), st.floats(-40, 340), st.floats(-40, 340), st.floats(0.2, 20))
def test_it_holds_the_borders_of_segments_in_view_around_the_pointer(
    cell: int, x: float, y: float, reach: float
) -> None:
    found, visible = ready(blobs(), cell), Rect(10, 20, 290, 300)
    around, told = make()
    around.look(found, Pointer((x, y), reach=reach, visible=visible))
    if around.grid is None:
        assert cell < 8 * reach / 5 or not visible.contains(int(x), int(y))
        return
    box, edges = around.grid
    step = box.width // edges.shape[1]
    assert cell >= 8 * step * 0.5
    assert (box.width, box.height) == (edges.shape[1] * step, edges.shape[0] * step)
    seen = box.intersect(visible)
    assert seen.x1 + step > box.x1
    if visible.contains(int(x), int(y)):
        assert seen.contains(int(x), int(y))
    assert np.array_equal(edges, borders(found, seen, step))
    assert told == [True]


def test_it_is_kept_until_the_pointer_has_gone_some_way_or_the_image_is_zoomed() -> None:
    found = ready(blobs(1200), 24)
    around, told = make()
    around.look(found, Pointer((600, 600)))
    first = around.grid
    for step in range(10):
        around.look(found, Pointer((600 + step, 600)))
    assert around.grid is first
    assert len(told) == 1
    around.look(found, Pointer((800, 600)))
    assert around.grid is not first
    around.look(found, Pointer((800, 600), reach=2.5))
    assert len(told) == 3
    assert around.grid is not None
    assert around.grid[0].width <= 300


def test_tiles_that_become_known_are_added() -> None:
    found = SuperpixelMap(blobs(), 24)
    around, told = make()
    around.look(found, Pointer((150, 150)))
    assert shown(around) is None  # nothing is known
    assert told == []
    found.prepare(Rect(150, 150, 151, 151))
    for x in (150, 151, 152):
        around.look(found, Pointer((x, 150)))
    assert len(told) == 1
    assert around.grid is not None
    some = int(np.count_nonzero(around.grid[1]))
    found.prepare(found.picture.bounds)
    for x in (152, 153):
        around.look(found, Pointer((x, 150)))
    assert len(told) == 2
    box, edges = around.grid
    assert 0 < some < np.count_nonzero(edges)
    assert np.array_equal(edges, borders(found, box, 1))


@pytest.mark.parametrize(("cell", "reach"), [(24, 16), (4, 3), (256, 170)])
def test_cells_too_narrow_to_be_seen_are_not_shown(cell: int, reach: float) -> None:
    found = ready(blobs(), cell)
    around, _ = make()
    around.look(found, Pointer((150, 150), reach=cell * 5 / 8))
    assert around.grid is not None
    around.look(found, Pointer((150, 150), reach=reach))
    assert shown(around) is None
    around.look(found, Pointer((150, 150), visible=Rect(0, 0, 0, 0)))
    assert shown(around) is None


def test_the_hand_waits_for_nothing_and_what_it_left_behind_is_not_shown() -> None:
    found, later = ready(blobs(), 24), Later()
    around, told = make(later)
    around.look(found, Pointer((150, 150)))
    assert shown(around) is None
    later.answer()
    assert around.grid is not None
    around.look(ready(blobs(), 30), Pointer((150, 150)))
    assert shown(around) is None  # those were other cells
    around.forget()
    later.answer()
    assert shown(around) is None
    assert told == [True]


def test_a_large_view_is_looked_at_in_part() -> None:
    found = SuperpixelMap(blobs(3000), 256)
    found.prepare(Rect(1500, 1500, 1501, 1501))
    around, _ = make()
    around.look(found, Pointer((1500, 1500), reach=100))
    assert around.grid is not None
    box, edges = around.grid
    assert box.width <= 1024 + 20
    assert edges.shape[1] <= 64
