"""The viewport: what is painted piece by piece looks as if it had been painted at once."""

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PySide6.QtGui import QColor, QImage, QPainter
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from segstudio.core.classes import VOID, ClassTable
from segstudio.core.document import Document
from segstudio.core.geometry import Rect
from segstudio.core.picture import Picture
from segstudio.core.proposal import Proposal
from segstudio.core.pyramid import Pyramid
from segstudio.core.render import LayerStyle
from segstudio.core.scene import Scene
from segstudio.core.strokes import BrushShape
from segstudio.core.tone import Tone
from segstudio.core.tools.base import Preview
from segstudio.core.view import View
from segstudio.ui.canvas.cursor import BrushCursor
from segstudio.ui.canvas.frame import Frame
from segstudio.ui.canvas.viewport import Viewport

CLASSES = ClassTable.of(["background", "nucleus"])
ROOM = (480, 360)
BLACK = QColor("black")

pytestmark = pytest.mark.usefixtures("qapp")


def scene_of(side: int = 700) -> Scene:
    image = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
    document = Document(np.full((side, side), VOID, np.uint8), CLASSES, picture=Picture(image))
    document.set_proposal(Proposal((image[..., 0] > 128).astype(np.uint8), image[..., 1].copy(), "m"))
    return Scene(document, Pyramid(image))


def pixels(image: QImage) -> np.ndarray:
    """``uint8 (h, w, 4)``, a copy."""
    image = image.convertToFormat(QImage.Format.Format_RGB32)
    return np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.width(), 4).copy()


def seen(viewport: Viewport) -> np.ndarray:
    """What is on the screen once it has nothing more to do: only what it asked to be painted is painted."""
    for _ in range(1000):
        QApplication.processEvents()
        if viewport.complete:
            QApplication.processEvents()  # what was rendered last is copied to the screen
            return pixels(viewport.screen().grabWindow(viewport.winId()).toImage())
    raise AssertionError("it never becomes complete")


def anew(scene: Scene, like: Viewport) -> np.ndarray:
    """The same, shown by a viewport that has never shown anything else."""
    other = Viewport()
    other.resize(*ROOM)
    other.set_layers(like.layers)
    other.show_scene(scene, like.view)
    other.show()
    result = seen(other)
    other.release_document()
    other.close()
    return result


def paint(scene: Scene, rect: Rect, value: int = 1) -> None:
    gesture = scene.document.begin("test")
    gesture.fill(rect, np.ones((rect.height, rect.width), np.bool_), value)
    gesture.finish()


@pytest.fixture
def viewport(qtbot: QtBot) -> Viewport:
    made = Viewport()
    qtbot.addWidget(made)
    made.resize(*ROOM)
    made.show_scene(scene_of())
    with qtbot.waitExposed(made):
        made.show()
    seen(made)
    return made


steps = st.one_of(
    st.tuples(st.just("zoom"), st.sampled_from([0.3, 0.5, 0.8, 1.25, 2.0, 7.0])),
    st.tuples(st.just("pan"), st.tuples(st.integers(-300, 300), st.integers(-200, 200))),
    st.tuples(st.just("paint"), st.tuples(st.integers(0, 600), st.integers(0, 600), st.integers(1, 100))),
    st.tuples(st.just("undo"), st.none()),
    st.tuples(st.just("style"), st.sampled_from([LayerStyle(), LayerStyle(annotation_look="contour", line=3)])),
    st.tuples(st.just("settle"), st.none()),
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sequence=st.lists(steps, max_size=8))
def test_whatever_was_done_it_ends_up_showing_what_is(viewport: Viewport, sequence: list[tuple[str, object]]) -> None:
    scene = scene_of()
    viewport.show_scene(scene)
    for kind, what in sequence:
        if kind == "zoom":
            assert isinstance(what, float)
            viewport.zoom_by(what)
        elif kind == "style":
            assert isinstance(what, LayerStyle)
            viewport.set_layers(what)
        elif kind == "pan":
            assert isinstance(what, tuple)
            viewport.pan_by(*what)
        elif kind == "paint":
            assert isinstance(what, tuple)
            paint(scene, Rect(what[0], what[1], what[0] + what[2], what[1] + what[2]).intersect(scene.document.bounds))
        elif kind == "undo":
            scene.document.undo()
        else:
            seen(viewport)
    # Image pixels between two levels may be interpolated a shade differently in another cut.
    assert np.abs(seen(viewport).astype(int) - anew(scene, viewport)).max() <= 1


def test_a_stroke_is_on_the_screen_after_one_turn_of_the_event_loop(viewport: Viewport) -> None:
    assert viewport.scene is not None
    viewport.zoom_to(1.0)
    before = seen(viewport)
    x0, y0, x1, y1 = (round(v) for v in (*viewport.view.to_view((300, 300)), *viewport.view.to_view((340, 330))))
    paint(viewport.scene, Rect(300, 300, 340, 330))
    QApplication.processEvents()
    assert viewport.complete
    after = seen(viewport)
    changed = (after != before).any(axis=2)
    assert changed[y0:y1, x0:x1].mean() > 0.9
    changed[y0 - 1 : y1 + 1, x0 - 1 : x1 + 1] = False
    assert not changed.any(), "beside it, at most the outline of the proposal"


@pytest.mark.parametrize("scale", [0.3, 1.0, 2.5])
def test_the_outline_around_a_stroke_is_painted_too(viewport: Viewport, scale: float) -> None:
    assert viewport.scene is not None
    viewport.scene.document.set_proposal(None)
    viewport.set_layers(LayerStyle(annotation_look="contour", line=4))
    viewport.zoom_to(scale)
    paint(viewport.scene, Rect(200, 200, 500, 500), 0)
    seen(viewport)
    for rect in (Rect(300, 300, 340, 330), Rect(350, 310, 352, 311)):
        paint(viewport.scene, rect)
        assert np.array_equal(seen(viewport), anew(viewport.scene, viewport))


def test_a_brush_that_went_leaves_no_trace(viewport: Viewport) -> None:
    for scale in (0.31, 1.0, 5.0):
        viewport.zoom_to(scale)
        before = seen(viewport)
        for x in range(200, 400, 23):
            viewport.place_cursor((x + 0.4, x - 30.7), 25, QColor("red"))
            QApplication.processEvents()
        assert (seen(viewport) != before).any()
        viewport.place_cursor(None)
        QApplication.processEvents()
        assert np.array_equal(seen(viewport), before)


def test_a_preview_is_drawn_and_goes_again(viewport: Viewport) -> None:
    before = seen(viewport)
    mask = Rect(200, 200, 300, 280), np.ones((80, 100), np.bool_)
    viewport.show_preview(Preview(1, mask=mask, text="7 px"), (250.0, 240.0), QColor("red"))
    QApplication.processEvents()
    assert (seen(viewport) != before).any()
    viewport.show_preview(None, None, QColor())
    QApplication.processEvents()
    assert np.array_equal(seen(viewport), before)


def test_a_tone_reaches_every_way_of_sampling(viewport: Viewport) -> None:
    assert viewport.scene is not None
    viewport.scene.document.set_proposal(None)
    for scale in (0.6, 1.0, 1.7):
        viewport.zoom_to(scale)
        viewport.set_tone(Tone())
        plain = seen(viewport)[..., :3].astype(int)
        viewport.set_tone(Tone(inverted=True))
        inverted = seen(viewport)[..., :3].astype(int)
        inside = plain.shape[0] // 2 - 20, plain.shape[1] // 2 - 20
        cut = slice(inside[0], inside[0] + 40), slice(inside[1], inside[1] + 40)
        assert np.abs(255 - plain[cut] - inverted[cut]).max() <= 1
        viewport.set_tone(Tone(channel=1))
        grey = seen(viewport)[cut][..., :3].astype(int)
        assert np.abs(grey - plain[cut][..., 1:2]).max() <= 1


def test_without_an_image_there_is_the_hint(qtbot: QtBot) -> None:
    empty = Viewport()
    qtbot.addWidget(empty)
    empty.resize(*ROOM)
    bare = pixels(empty.grab().toImage())
    empty.set_hint("Open a project")
    assert (pixels(empty.grab().toImage()) != bare).any()


def complete(frame: Frame) -> bool:
    return frame.complete


def changed(frame: Frame) -> bool:
    return frame.changed


def test_scaled_and_moved_pixels_stay_where_they_belong() -> None:
    """A frame that has not been rendered yet shows the last one, in its new place."""
    frame = Frame()
    frame.reset((200, 100), View(1.0), QColor("black"))

    def halves(painter: QPainter, rect: Rect) -> None:
        for x in range(rect.x0, rect.x1):
            painter.fillRect(x, rect.y0, 1, rect.height, QColor("red" if x < 100 else "blue"))

    frame.refine(halves, 10)
    assert complete(frame)
    for view, border in ((View(1.0, -30), 70), (View(2.0, -100), 100), (View(0.5, 20.25), 70)):
        frame.look(view, BLACK)
        assert not complete(frame)
        shown = QImage(200, 100, QImage.Format.Format_RGB32)
        painter = QPainter(shown)
        frame.draw(painter)
        painter.end()
        row = pixels(shown)[30]
        assert row[border - 2, 2] == 255
        assert row[border + 1, 0] == 255
        frame.look(View(1.0), BLACK)
        frame.touch_all()
        frame.refine(halves, 10)


def test_a_frame_out_of_time_renders_something_and_says_what_is_left() -> None:
    frame = Frame()
    frame.reset((1000, 1000), View(), QColor("black"))
    rendered: list[Rect] = []
    done = frame.refine(lambda _painter, rect: rendered.append(rect), 0)
    assert len(rendered) == 1
    assert not complete(frame)
    assert not changed(frame)
    assert done.boundingRect().height() == rendered[0].height
    while not complete(frame):
        frame.refine(lambda _painter, rect: rendered.append(rect), 0)
    assert sum(rect.width * rect.height for rect in rendered) == 1000 * 1000
    frame.touch(Rect(5, 5, 6, 6))
    assert changed(frame)


def canvas_with(cursor: BrushCursor, view: View, ratio: float = 1.0, size: tuple[int, int] = (600, 500)) -> np.ndarray:
    """``bool (h, w)``: where the cursor draws."""
    image = QImage(*size, QImage.Format.Format_RGB32)
    image.fill(QColor("white"))
    painter = QPainter(image)
    cursor.draw(painter, ratio, view, Rect(0, 0, *size))
    painter.end()
    hit: np.ndarray = (pixels(image)[..., :3] != 255).any(axis=2)
    return hit


@settings(max_examples=40)
@given(
    at=st.tuples(st.floats(10, 30), st.floats(10, 25)),
    size=st.integers(1, 30),
    shape=st.sampled_from(["round", "square"]),
    scale=st.floats(0.2, 12),
    ratio=st.sampled_from([1.0, 1.5, 2.0]),
)
def test_a_cursor_stays_within_the_pixels_it_says(
    at: tuple[float, float], size: int, shape: BrushShape, scale: float, ratio: float
) -> None:
    cursor, view = BrushCursor(), View(scale, 3.3, -7.9)
    cursor.place(at, size, QColor("red"), shape)
    hit = canvas_with(cursor, view, ratio)
    assert hit.any()
    bounds = cursor.bounds(view, ratio)
    hit[max(0, bounds.y0) : max(0, bounds.y1), max(0, bounds.x0) : max(0, bounds.x1)] = False
    assert not hit.any()


def test_the_outline_runs_along_the_pixels_that_would_be_painted() -> None:
    cursor, view = BrushCursor(), View(8.0)
    cursor.place((30.2, 30.7), 9, QColor("red"))
    hit = canvas_with(cursor, view)
    document = Document(np.full((60, 60), VOID, np.uint8), CLASSES)
    document.begin("test").line((30.2, 30.7), (30.2, 30.7), 9, 1)
    painted = np.kron(document.annotation == 1, np.ones((8, 8), np.bool_))[:480, :480]
    border = painted[1:, 1:] != painted[:-1, :-1]
    assert hit[1:480, 1:480][border].mean() > 0.95
    near = np.zeros((480, 480), np.bool_)
    for y, x in np.argwhere(painted[1:, :-1] != painted[:-1, :-1]).tolist():
        near[max(0, y - 3) : y + 5, max(0, x - 3) : x + 5] = True
    for y, x in np.argwhere(painted[:-1, 1:] != painted[:-1, :-1]).tolist():
        near[max(0, y - 3) : y + 5, max(0, x - 3) : x + 5] = True
    assert not (hit[:480, :480] & ~near).any(), "and nowhere else"


def test_a_cursor_too_large_for_a_picture_is_drawn_where_the_picture_would_be() -> None:
    cursor = BrushCursor()
    cursor.place((600.5, 250.5), 401, QColor("red"))
    near, far = View(5.4, -1859, -1102), View(5.6, -1940, -1153)
    for view in (near, far):  # 2166 and 2246 pixels wide: one on either side of the limit
        hit = canvas_with(cursor, view)
        centre, radius = view.to_view((600.5, 250.5)), 401 / 2 * view.scale
        rows, columns = np.nonzero(hit)
        distance = np.hypot(columns + 0.5 - centre[0], rows + 0.5 - centre[1])
        assert len(rows) > 500
        assert np.abs(distance - radius).max() < 1.5 * view.scale + 4
        assert np.ptp(np.degrees(np.arctan2(rows - centre[1], columns - centre[0]))) > math.degrees(0.2)


def test_a_frame_that_is_not_rendered_yet_shows_the_background() -> None:
    frame, shown = Frame(), QImage(60, 40, QImage.Format.Format_RGB32)
    for color in ("#ff0000", "#00ff00"):
        frame.reset((60, 40), View(), QColor(color))
        painter = QPainter(shown)
        frame.draw(painter)
        painter.end()
        assert {shown.pixelColor(x, y).name() for x in range(60) for y in range(40)} == {color}
