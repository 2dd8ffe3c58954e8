"""Which part of an image a preview looks at, how densely, and what becomes of a reduced answer."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segstudio.core.classes import VOID, ClassTable
from segstudio.core.document import Document
from segstudio.core.geometry import Rect
from segstudio.core.tools import preview
from segstudio.core.tools.base import Palette, Pointer
from segstudio.core.tools.preview import intended, looked_at, sampled, spread, writable

HUGE = Rect(0, 0, 16_384, 16_384)


@pytest.mark.parametrize("visible", [None, Rect(100, 200, 1300, 1100), HUGE, Rect(-50, -50, 20_000, 20_000)])
@pytest.mark.parametrize(("x", "y"), [(0, 0), (700, 700), (16_383, 16_383), (9_000, 3)])
def test_what_is_looked_at_holds_the_pixel_and_is_bounded(visible: Rect | None, x: int, y: int) -> None:
    window = looked_at(visible, x, y, HUGE)
    assert window.contains(x, y)
    assert window.intersect(HUGE) == window
    assert max(window.width, window.height) <= max(8_192 + 512, 0 if visible is None else min(visible.width, 16_384))
    if visible is None:
        assert max(window.width, window.height) <= 2_048 + 512


def test_what_is_visible_is_looked_at_as_it_is() -> None:
    visible = Rect(100, 200, 1300, 1100)
    assert looked_at(visible, 500, 500, HUGE) == visible


@settings(max_examples=50, deadline=None)
@given(width=st.integers(1, 70), height=st.integers(1, 70), data=st.data())
def test_a_reduced_answer_spreads_over_the_pixels_it_stands_for(width: int, height: int, data: st.DataObject) -> None:
    window = Rect(5, 9, 5 + width, 9 + height)
    x, y = data.draw(st.integers(5, 4 + width)), data.draw(st.integers(9, 8 + height))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(preview, "_QUICK", data.draw(st.integers(1, 500)))
        seen, step = sampled(window, x, y)
        assert sampled(window, x, y, quick=False) == (window, 1)
    assert window.width * window.height / step**2 <= 500
    assert seen.contains(x, y)
    assert 0 <= seen.x0 - window.x0 < step
    assert 0 <= seen.y0 - window.y0 < step
    image = np.random.default_rng(step).random((9 + height, 5 + width)) < 0.5
    reduced = image[seen.slices][::step, ::step]
    rect, where = spread(Rect.of_shape(reduced.shape), reduced, seen, step)
    assert rect == seen
    assert where.dtype == np.bool_
    rows, columns = (np.arange(size) // step for size in where.shape)
    assert np.array_equal(where, reduced[np.ix_(rows, columns)])
    assert where[y - rect.y0, x - rect.x0] == image[y, x]


def test_nothing_spreads_to_nothing() -> None:
    rect, where = spread(Rect(0, 0, 0, 0), np.zeros((0, 0), np.bool_), Rect(3, 3, 9, 9), 2)
    assert rect.empty
    assert not where.size


def test_what_may_be_written_over() -> None:
    classes = ClassTable.of(["a", "b", "c"])
    document = Document(np.zeros((1, 1), np.uint8), classes.change(1, locked=True))
    assert np.flatnonzero(~writable(Palette(), document, 0)).tolist() == [1]
    assert np.flatnonzero(writable(Palette(over=2), document, 0)).tolist() == [2]
    assert not writable(Palette(over=1), document, 0).any()
    assert not writable(Palette(), document, 1).any()
    assert writable(Palette(over=VOID), document, VOID)[2]


def test_what_a_click_would_write() -> None:
    document = Document(np.zeros((1, 1), np.uint8), ClassTable.of(["a"]))
    assert intended(Palette(value=0), document, Pointer((0, 0))) == 0
    assert intended(Palette(value=1), document, Pointer((0, 0))) is None
    assert intended(Palette(value=1), document, Pointer((0, 0), reverse=True)) == VOID
