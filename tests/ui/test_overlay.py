"""What floats above the image: the borders of segments, thin at any zoom, and repainted only when they change."""

import numpy as np
import pytest
from PySide6.QtCore import QSize
from PySide6.QtGui import QColor, QFont, QImage, QPainter
from PySide6.QtWidgets import QApplication

from segstudio.core.arrays import U8
from segstudio.core.geometry import EMPTY, Rect
from segstudio.core.tools.base import Preview
from segstudio.core.view import View
from segstudio.ui.canvas.drawing import segments_image
from segstudio.ui.canvas.overlay import Overlay

SIDE = 200
GREY = 0xFF808080


@pytest.fixture
def overlay(qapp: QApplication) -> Overlay:
    assert qapp is not None
    made = Overlay()
    made.room = QSize(SIDE, SIDE)
    return made


def pixels(image: QImage) -> np.ndarray:
    return np.frombuffer(image.constBits(), np.uint32).reshape(image.height(), image.width()).copy()


def drawn(overlay: Overlay, view: View, ratio: float = 1.0) -> np.ndarray:
    """``uint32 (h, w)`` of a grey view with the overlay on it."""
    image = QImage(SIDE, SIDE, QImage.Format.Format_RGB32)
    image.setDevicePixelRatio(ratio)
    image.fill(GREY)
    painter = QPainter(image)
    overlay.draw(painter, ratio, view, Rect(0, 0, SIDE, SIDE))
    painter.end()
    return pixels(image)


def cross(step: int = 1) -> tuple[Rect, U8]:
    """Four segments that meet in the middle of 20 x 20 blocks."""
    edges = np.zeros((20, 20), np.uint8)
    edges[:, 9] |= 1
    edges[9, :] |= 2
    return Rect(10, 10, 10 + 20 * step, 10 + 20 * step), edges


def show(overlay: Overlay, grid: tuple[Rect, U8] | None) -> None:
    overlay.show(None if grid is None else Preview(grid=grid), None, QColor("red"))


@pytest.mark.parametrize("ratio", [1.0, 2.0])
@pytest.mark.parametrize(
    ("scale", "x", "step"), [(1.0, 0.0, 1), (1.0, 0.37, 1), (1.6, -3.2, 1), (4.0, -20.0, 1), (0.5, 3.0, 2), (0.6, 3, 2)]
)
def test_a_border_is_a_line_of_one_pixel_with_a_shadow(
    overlay: Overlay, ratio: float, scale: float, x: float, step: int
) -> None:
    grid, view = cross(step), View(scale, x, 5.0)
    show(overlay, grid)
    seen = drawn(overlay, view, ratio)
    light, dark = seen & 0xFF > 0x80, seen & 0xFF < 0x80
    (left, top), (right, bottom) = (view.to_view(at) for at in ((10, 10), (grid[0].x1, grid[0].y1)))
    middle_x, middle_y = view.to_view((10 + 10 * step, 10 + 10 * step))
    row = round((top + middle_y) / 2)
    assert light[row].sum() == dark[row].sum() == 1
    assert abs(int(np.flatnonzero(light[row])[0]) + 1 - middle_x) <= 1
    assert np.flatnonzero(dark[row])[0] == np.flatnonzero(light[row])[0] + 1
    column = round((left + middle_x) / 2)
    assert light[:, column].sum() == 1
    rows, columns = np.flatnonzero(light.any(axis=1)), np.flatnonzero(light.any(axis=0))
    assert abs(columns[0] - left) <= 1
    assert abs(columns[-1] + 1 - right) <= 1
    assert abs(rows[0] - top) <= 1
    assert abs(rows[-1] + 1 - bottom) <= 1


@pytest.mark.parametrize("scale", [1.0, 1.3, 2.0, 7.9, 30.0])
def test_no_border_is_lost_and_none_is_made_up(scale: float) -> None:
    rng = np.random.default_rng(1)
    numbers = np.kron(rng.permutation(36).reshape(6, 6), np.ones((3, 3), np.int64))
    edges = np.zeros((18, 18), np.uint8)
    edges[:, :-1] |= (numbers[:, 1:] != numbers[:, :-1]).astype(np.uint8)
    edges[:-1] |= (numbers[1:] != numbers[:-1]).astype(np.uint8) * np.uint8(2)
    wide = round(18 * scale)
    line = pixels(segments_image((Rect(0, 0, 18, 18), edges), View(scale), Rect(0, 0, wide, wide))) == 0x80808080
    assert line[wide // 12].sum() == 5
    assert line[:, wide // 12].sum() == 5


def test_borders_are_repainted_when_they_change_and_not_while_the_pointer_moves(overlay: Overlay) -> None:
    view, font, grid = View(2.0), QFont(), cross()
    everything = view.rect_to_view(grid[0])

    def touched() -> Rect:
        return overlay.bounds(view, 1.0, font)

    def empty() -> bool:
        return overlay.empty

    assert empty()
    show(overlay, grid)
    assert touched() == everything
    show(overlay, grid)
    assert touched() == EMPTY
    assert not empty()
    other = Rect(50, 50, 70, 70), grid[1]
    show(overlay, other)
    assert touched() == everything.union(view.rect_to_view(other[0]))
    show(overlay, None)
    assert not empty()  # they are still to be wiped away
    assert touched() == view.rect_to_view(other[0])
    show(overlay, None)
    assert empty()


def test_a_picture_is_drawn_once_for_a_zoom_and_panned(overlay: Overlay, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Rect] = []

    def spy(grid: tuple[Rect, U8], view: View, rect: Rect) -> QImage:
        made.append(rect)
        return segments_image(grid, view, rect)

    monkeypatch.setattr("segstudio.ui.canvas.overlay.segments_image", spy)
    show(overlay, cross())
    first = drawn(overlay, View(2.0, 3.5, 0.0))
    show(overlay, cross_again := overlay._preview.grid if overlay._preview else None)
    assert cross_again is not None
    panned = drawn(overlay, View(2.0, 13.5, 4.0))
    assert len(made) == 1
    assert np.array_equal(first[:-4, :-10], panned[4:, 10:])
    drawn(overlay, View(2.5, 3.5, 0.0))
    drawn(overlay, View(2.5, 3.7, 0.0))
    assert len(made) == 3
    drawn(overlay, View(64.0 * 3, 0.0, 0.0))  # larger than any use
    assert len(made) == 3
