"""The minimap: what it frames, where a click leads, and when it is not there."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QImage, QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from segstudio.core.arrays import U8
from segstudio.core.view import View
from segstudio.ui.canvas.minimap import SIDE, Minimap
from segstudio.ui.theme import DARK, LIGHT, Tokens

IMAGE = (4000, 2000)
ROOM = (800, 600)


def halves() -> U8:
    """Left half red, right half blue."""
    pixels = np.zeros((100, 200, 3), np.uint8)
    pixels[:, :100, 0] = 255
    pixels[:, 100:, 2] = 255
    return pixels


@pytest.fixture
def canvas(qtbot: QtBot) -> QWidget:
    widget = QWidget()
    widget.resize(*ROOM)
    qtbot.addWidget(widget)
    with qtbot.waitExposed(widget):
        widget.show()
    return widget


@pytest.fixture
def minimap(canvas: QWidget, tokens: Tokens) -> Minimap:
    made = Minimap(canvas, tokens)
    made.set_image(halves(), IMAGE)
    made.set_view(View(1.0, -1000, -500), ROOM)
    return made


def picture(widget: QWidget) -> QImage:
    return widget.grab().toImage()


def red(color: QColor) -> bool:
    return color.red() > 2 * color.blue()


def test_it_sits_in_the_bottom_right_corner_and_stays_there(minimap: Minimap, canvas: QWidget) -> None:
    assert minimap.isVisible()
    assert max(minimap.width(), minimap.height()) <= 200
    gap = canvas.rect().bottomRight() - minimap.geometry().bottomRight()
    canvas.resize(1000, 700)
    minimap.set_view(View(1.0, -1000, -500), (1000, 700))
    assert canvas.rect().bottomRight() - minimap.geometry().bottomRight() == gap
    canvas.scroll(-40, 25)
    assert canvas.rect().bottomRight() - minimap.geometry().bottomRight() == gap


@pytest.mark.parametrize("room", [(1600, 1200), (800, 600), (526, 363), (400, 900)])
@pytest.mark.parametrize("size", [(4000, 2000), (500, 500), (100, 3000), (20000, 1)])
def test_it_takes_a_fifth_of_the_canvas_at_most(
    minimap: Minimap, canvas: QWidget, room: tuple[int, int], size: tuple[int, int]
) -> None:
    minimap.set_image(halves(), size)
    canvas.resize(*room)
    minimap.set_view(View(64.0, -10, -10), room)
    assert minimap.isVisible()
    assert minimap.width() <= room[0] / 5
    assert minimap.height() <= room[1] / 5
    assert canvas.rect().contains(minimap.geometry())
    canvas.resize(1600, 1200)
    minimap.set_view(View(64.0, -10, -10), (1600, 1200))
    assert max(minimap.width(), minimap.height()) == SIDE + 2


def test_another_image_that_is_all_in_view_sends_it_away(minimap: Minimap) -> None:
    assert minimap.isVisible()
    minimap.set_view(View.fit((1, 1), ROOM), ROOM)
    minimap.set_image(halves(), (1, 1))
    assert not minimap.isVisible()


@pytest.mark.parametrize(
    ("view", "shown"),
    [
        (View.fit(IMAGE, ROOM), False),
        (View(0.2, 0, 100), False),
        (View(0.2, -10, 100), True),
        (View(0.2, 0, -20), True),
        (View(4.0, -100, -100), True),
    ],
)
def test_it_is_there_when_a_part_is_out_of_sight(minimap: Minimap, view: View, shown: bool) -> None:
    minimap.set_view(view, ROOM)
    assert minimap.isVisible() is shown


def test_it_is_not_there_without_image_or_room_or_when_not_wanted(minimap: Minimap, canvas: QWidget) -> None:
    def resize(width: int, height: int) -> None:
        canvas.resize(width, height)
        minimap.set_view(View(1.0, -1000, -500), (width, height))

    changes: list[tuple[Callable[[], None], Callable[[], None]]] = [
        (lambda: minimap.set_on(False), lambda: minimap.set_on(True)),
        (lambda: minimap.set_image(None), lambda: minimap.set_image(halves(), IMAGE)),
        (lambda: resize(300, 200), lambda: resize(*ROOM)),
    ]
    for hide, show in changes:
        hide()
        assert not minimap.isVisible()
        show()
        assert minimap.isVisible()


def test_it_shows_the_image_and_darkens_what_is_out_of_sight(minimap: Minimap) -> None:
    minimap.set_view(View(1.0, 0, 0), ROOM)
    seen = picture(minimap)
    assert red(seen.pixelColor(10, 15))
    assert seen.pixelColor(10, 15).red() > 240
    assert red(seen.pixelColor(10, 70))
    assert seen.pixelColor(10, 70).red() < 180
    assert seen.pixelColor(150, 15).blue() > 100


def test_a_grey_image_is_drawn_as_well(minimap: Minimap) -> None:
    minimap.set_image(np.full((64, 64), 200, np.uint8), (6400, 6400))
    minimap.set_view(View(1.0, 0, 0), (6400, 200))
    assert picture(minimap).pixelColor(90, 3) == QColor(200, 200, 200)


def test_a_click_leads_to_that_place(minimap: Minimap) -> None:
    went: list[tuple[float, float]] = []
    minimap.moved_to.connect(went.append)
    QTest.mouseClick(minimap, Qt.MouseButton.LeftButton, pos=QPoint(minimap.width() // 2, minimap.height() // 2))
    assert went[0] == pytest.approx((2000, 1000), abs=25)
    QTest.mouseClick(minimap, Qt.MouseButton.RightButton, pos=QPoint(5, 5))
    assert len(went) == 1


def test_a_drag_stays_inside_the_image(minimap: Minimap) -> None:
    went: list[tuple[float, float]] = []
    minimap.moved_to.connect(went.append)
    none, left = Qt.MouseButton.NoButton, Qt.MouseButton.LeftButton
    for spot in (QPointF(-500, 30), QPointF(90, 900), QPointF(999, -50)):
        drag = QMouseEvent(QEvent.Type.MouseMove, spot, minimap.mapToGlobal(spot), none, left, Qt.KeyboardModifier(0))
        minimap.mouseMoveEvent(drag)
    assert [(x in (0, 4000), y in (0, 2000)) for x, y in went] == [(True, False), (False, True), (True, True)]
    assert all(0 <= x <= 4000 and 0 <= y <= 2000 for x, y in went)


def test_the_canvas_below_hears_no_click(minimap: Minimap, canvas: QWidget, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[object] = []
    monkeypatch.setattr(canvas, "mousePressEvent", heard.append)
    monkeypatch.setattr(canvas, "mouseReleaseEvent", heard.append)
    QTest.mouseClick(minimap, Qt.MouseButton.RightButton)
    QTest.mouseDClick(minimap, Qt.MouseButton.LeftButton)
    assert heard == []


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.tuples(st.integers(1, 20_000), st.integers(1, 20_000)),
    st.floats(0.01, 64),
    st.floats(-50_000, 50_000),
    st.floats(-50_000, 50_000),
)
def test_every_image_and_view_can_be_drawn(
    minimap: Minimap, size: tuple[int, int], scale: float, x: float, y: float
) -> None:
    minimap.set_image(np.full((1 + size[1] % 7, 1 + size[0] % 5), 90, np.uint8), size)
    minimap.set_view(View(scale, x, y), ROOM)
    drawn = minimap.grab()
    assert 0 < drawn.width() <= SIDE + 2
    assert 0 < drawn.height() <= SIDE + 2


def test_a_new_theme_shows(minimap: Minimap) -> None:
    edges = []
    for theme in (DARK, LIGHT):
        minimap.set_tokens(theme)
        edges.append(picture(minimap).pixelColor(40, 0))
    assert edges == [QColor(DARK.border), QColor(LIGHT.border)]


def test_it_has_a_name(minimap: Minimap) -> None:
    assert minimap.accessibleName() == "Minimap"
    assert "click or drag" in minimap.toolTip()
