"""What the eye sees: the right pixel at the right place, at every scale, however the view is cut up."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segstudio.core.classes import VOID, ClassTable
from segstudio.core.document import Document
from segstudio.core.geometry import Rect
from segstudio.core.proposal import Proposal
from segstudio.core.render import LabelPainter, LayerStyle, Pyramid, visible_part
from segstudio.core.view import MAX_SCALE, View

CLASSES = ClassTable.of(["background", "nucleus"]).change(0, color="#0000ff").change(1, color="#ff0000")
WINDOW = Rect(0, 0, 200, 150)
views = st.builds(View, scale=st.floats(0.05, 40), x=st.floats(-300, 150), y=st.floats(-300, 100))


def noise(height: int = 90, width: int = 130) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8)


@settings(max_examples=60)
@given(view=views, part=st.tuples(st.integers(0, 180), st.integers(0, 130), st.integers(1, 70), st.integers(1, 70)))
def test_a_part_looks_as_it_does_in_the_whole(view: View, part: tuple[int, int, int, int]) -> None:
    """Otherwise a stroke would leave seams around its dirty rectangle."""
    image = noise()
    pyramid = Pyramid(image)
    document = Document(np.random.default_rng(2).choice(np.array([0, 1, VOID], np.uint8), (90, 130)), CLASSES)
    opinion = (image[..., 0] % 2).astype(np.uint8)
    document.set_proposal(Proposal(opinion, image[..., 1], "m"))
    labels = LabelPainter(CLASSES, LayerStyle(threshold=128))
    whole = visible_part(view, pyramid.size, WINDOW)
    box = Rect(part[0], part[1], part[0] + part[2], part[1] + part[3]).intersect(whole)
    if box.empty:
        return
    cut = box.shift(-whole.x0, -whole.y0).slices
    seen = pyramid.render(view, box).astype(int)
    assert np.abs(seen - pyramid.render(view, whole)[cut]).max() <= 1
    assert np.array_equal(labels.render(document, view, box), labels.render(document, view, whole)[cut])


@settings(max_examples=60)
@given(view=views.filter(lambda v: v.scale >= 1))
def test_magnified_pixels_are_the_images_own(view: View) -> None:
    image = noise()
    rect = visible_part(view, (130, 90), WINDOW)
    if rect.empty:
        return
    seen = Pyramid(image).render(view, rect)
    for y in range(rect.y0, rect.y1, 7):
        for x in range(rect.x0, rect.x1, 7):
            column, row = view.to_image((x + 0.5, y + 0.5))
            near_border = min(column % 1, row % 1, 1 - column % 1, 1 - row % 1) < 1e-6
            if not near_border:
                assert np.array_equal(seen[y - rect.y0, x - rect.x0], image[int(row), int(column)])


def test_a_reduced_image_is_averaged_not_decimated() -> None:
    stripes = np.zeros((512, 512), np.uint8)
    stripes[:, ::2] = 255
    seen = Pyramid(stripes).render(View(0.25), Rect(8, 8, 120, 120))
    assert abs(int(seen.mean()) - 128) < 3
    assert seen.std() < 3


def test_annotation_covers_the_proposal_and_void_shows_it() -> None:
    document = Document(np.full((40, 40), VOID, np.uint8), CLASSES)
    gesture = document.begin("test")
    gesture.fill(Rect(0, 0, 20, 40), np.ones((40, 20), np.bool_), 1)
    gesture.finish()
    labels = LabelPainter(CLASSES, LayerStyle(opacity=0.5))
    view, rect = View(1.0), Rect(0, 0, 40, 40)
    plain = labels.render(document, view, rect)
    assert (plain[:, :20] == 0x80800000).all()
    assert (plain[:, 20:] == 0).all()
    ones = np.zeros((40, 40), np.uint8)
    document.set_proposal(Proposal(ones, np.full((40, 40), 255, np.uint8), "m"))
    hatched = labels.render(document, view, rect)
    assert np.array_equal(hatched[:, :20], plain[:, :20])
    alphas = hatched[:, 20:] >> 24
    assert len(np.unique(alphas)) == 2, "the proposal is a hatch of two strengths"
    assert ((hatched[:, 20:] & 0xFF) > 0).all(), "and has the colour of its class"


def test_hidden_layers_and_classes_are_not_drawn() -> None:
    document = Document(np.ones((10, 10), np.uint8), CLASSES)
    rect = Rect(0, 0, 10, 10)
    for classes, style in [
        (CLASSES.change(1, visible=False), LayerStyle()),
        (CLASSES, LayerStyle(show_annotation=False)),
        (CLASSES, LayerStyle(opacity=0)),
    ]:
        assert not LabelPainter(classes, style).render(document, View(1.0), rect).any()


@pytest.mark.parametrize("shape", [(1, 1), (1, 40000), (40000, 1)])
def test_extreme_shapes_are_drawn_at_every_scale(shape: tuple[int, int]) -> None:
    image = np.full(shape, 77, np.uint8)
    document = Document(np.ones(shape, np.uint8), CLASSES)
    pyramid = Pyramid(image)
    for view in (View.fit(pyramid.size, (200, 150)), View(1.0), View(MAX_SCALE)):
        rect = visible_part(view, pyramid.size, WINDOW)
        if not rect.empty:
            assert (pyramid.render(view, rect) == 77).all()
            assert LabelPainter(CLASSES, LayerStyle()).render(document, view, rect).all()


@given(view=views, at=st.tuples(st.floats(0, 200), st.floats(0, 150)), factor=st.floats(0.1, 10))
def test_zooming_keeps_the_point_under_the_cursor(view: View, at: tuple[float, float], factor: float) -> None:
    before = view.to_image(at)
    after = view.zoom(view.scale * factor, at).to_image(at)
    assert after == pytest.approx(before, abs=1e-6 * (1 + abs(before[0]) + abs(before[1])))


def test_fit_shows_the_whole_image_centred() -> None:
    view = View.fit((4000, 1000), (800, 600))
    left, top = view.to_view((0, 0))
    right, bottom = view.to_view((4000, 1000))
    assert left >= 0
    assert right <= 800
    assert left == pytest.approx(800 - right)
    assert top == pytest.approx(600 - bottom)


@given(dx=st.floats(-1e5, 1e5), dy=st.floats(-1e5, 1e5), scale=st.floats(0.02, 64))
def test_the_image_cannot_be_lost_by_panning(dx: float, dy: float, scale: float) -> None:
    view = View(scale).pan(dx, dy).keep_inside((130, 90), (200, 150))
    box = view.rect_to_view(Rect(0, 0, 130, 90))
    assert not box.intersect(WINDOW).empty
