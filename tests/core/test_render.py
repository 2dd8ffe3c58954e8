"""What the eye sees: the right pixel at the right place, at every scale, however the view is cut up."""

from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segstudio.core.classes import VOID, ClassTable
from segstudio.core.document import Document
from segstudio.core.geometry import Rect
from segstudio.core.proposal import Proposal
from segstudio.core.pyramid import Pyramid
from segstudio.core.render import LabelPainter, LayerStyle, Look, render_image, render_mask, visible_part
from segstudio.core.scene import Scene
from segstudio.core.view import MAX_SCALE, View

CLASSES = ClassTable.of(["background", "nucleus"]).change(0, color="#0000ff").change(1, color="#ff0000")
WINDOW = Rect(0, 0, 200, 150)
scales = st.one_of(st.floats(0.05, 40), st.sampled_from([0.25, 0.5, 1.0, 2.0]))
views = st.builds(View, scale=scales, x=st.floats(-300, 150), y=st.floats(-300, 100))
looks = st.sampled_from(get_args(Look))
styles = st.builds(
    LayerStyle,
    annotation_look=looks,
    proposal_look=looks,
    threshold=st.sampled_from([0, 128]),
    whole_proposal=st.booleans(),
    line=st.integers(1, 3),
)
TINTS = {0: 0x80000080, 1: 0x80800000, VOID: 0}  # of the annotation, half opaque


def noise(height: int = 90, width: int = 130) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8)


def mixed(height: int = 90, width: int = 130) -> np.ndarray:
    return np.random.default_rng(2).choice(np.array([0, 1, VOID], np.uint8), (height, width))


def scene_of(annotation: np.ndarray, image: np.ndarray | None = None) -> Scene:
    pixels = np.zeros(annotation.shape, np.uint8) if image is None else image
    return Scene(Document(annotation, CLASSES), Pyramid(pixels))


def proposing(confidence: int = 255) -> Scene:
    """An image of 40 x 40 whose upper half is proposed to be a nucleus; nothing is annotated."""
    scene = scene_of(np.full((40, 40), VOID, np.uint8))
    classes = np.zeros((40, 40), np.uint8)
    classes[:20] = 1
    scene.document.set_proposal(Proposal(classes, np.full((40, 40), confidence, np.uint8), "m"))
    return scene


def drawn(style: LayerStyle, scene: Scene, rect: Rect, view: View | None = None) -> np.ndarray:
    """As `LabelPainter.render`, where something is drawn."""
    tint = LabelPainter(scene.document.classes, style).render(scene, view or View(), rect)
    assert tint is not None
    return tint


@settings(max_examples=50)
@given(
    view=views,
    part=st.tuples(st.integers(0, 180), st.integers(0, 130), st.integers(1, 70), st.integers(1, 70)),
    style=styles,
    kind=st.sampled_from(["colour", "grey", "uint16"]),
)
def test_a_part_looks_as_it_does_in_the_whole(
    view: View, part: tuple[int, int, int, int], style: LayerStyle, kind: str
) -> None:
    """Otherwise a stroke would leave seams around its dirty rectangle."""
    image = {"colour": noise(), "grey": noise()[..., 0], "uint16": noise().astype(np.uint16)}[kind]
    scene = scene_of(mixed(), image)
    scene.document.set_proposal(Proposal((noise()[..., 0] % 2).astype(np.uint8), noise()[..., 1], "m"))
    for x in range(0, 130, 10):
        scene.document.reject_region(x, 45)
    whole = visible_part(view, scene.size, WINDOW)
    box = Rect(part[0], part[1], part[0] + part[2], part[1] + part[3]).intersect(whole)
    if box.empty:
        return
    cut = box.shift(-whole.x0, -whole.y0).slices
    seen = render_image(scene.pyramid, view, box).astype(int)
    assert seen.shape[:2] == (box.height, box.width)
    assert np.abs(seen - render_image(scene.pyramid, view, whole)[cut]).max() <= 1
    assert np.array_equal(drawn(style, scene, box, view), drawn(style, scene, whole, view)[cut])


@settings(max_examples=50)
@given(view=views.filter(lambda v: v.scale >= 1))
def test_magnified_pixels_are_the_images_own(view: View) -> None:
    image, labels = noise(), mixed()
    scene = scene_of(labels, image)
    rect = visible_part(view, (130, 90), WINDOW)
    if rect.empty:
        return
    seen = render_image(scene.pyramid, view, rect)
    tint = LabelPainter(CLASSES, LayerStyle()).render(scene, view, rect)
    for y in range(rect.y0, rect.y1, 7):
        for x in range(rect.x0, rect.x1, 7):
            column, row = view.to_image((x + 0.5, y + 0.5))
            near_border = min(column % 1, row % 1, 1 - column % 1, 1 - row % 1) < 1e-6
            if not near_border:
                under = int(labels[int(row), int(column)])
                assert np.array_equal(seen[y - rect.y0, x - rect.x0], image[int(row), int(column)])
                assert (0 if tint is None else tint[y - rect.y0, x - rect.x0]) == TINTS[under]


@settings(max_examples=50)
@given(level=st.integers(0, 1), x=st.floats(-20, 20), y=st.floats(-20, 20))
def test_a_pixel_for_a_pixel_is_the_one_under_its_centre(level: int, x: float, y: float) -> None:
    """Where nothing is picked, for as many pixels lie in the level as in the view."""
    labels = np.random.default_rng(3).integers(0, 2, (300, 300), dtype=np.uint8)
    view = View(0.5**level, x, y)
    rect = visible_part(view, (300, 300), Rect(0, 0, 50, 50))
    tint = drawn(LayerStyle(), scene_of(labels), rect, view)
    for row, column in ((0, 0), (7, 3), (rect.height - 1, rect.width - 1)):
        left, top = view.to_image((rect.x0 + column + 0.5, rect.y0 + row + 0.5))
        if min(left % 1, top % 1, 1 - left % 1, 1 - top % 1) > 1e-6:
            under = labels[int(top) >> level << level, int(left) >> level << level]
            assert tint[row, column] == TINTS[int(under)]


@pytest.mark.parametrize("channels", [1, 3])
def test_a_reduced_image_lies_where_it_should(channels: int) -> None:
    """Half a pixel off, the annotation would stand beside what it names."""
    ramp = np.broadcast_to(np.arange(300, dtype=np.float32) * 50, (200, 300))
    image = ramp if channels == 1 else np.stack([ramp, ramp, ramp.max() - ramp], axis=2)
    view, rect = View(0.8, 3.3, -2.7), Rect(10, 10, 200, 100)
    seen = render_image(Pyramid(np.ascontiguousarray(image)), view, rect)
    expected = ((np.arange(rect.x0, rect.x1) + 0.5 - view.x) / view.scale - 0.5) * 50
    first = seen if channels == 1 else seen[..., 0]
    assert np.abs(first - expected).max() < 1
    if channels == 3:
        assert np.abs(seen[..., 2] - (ramp.max() - expected)).max() < 1


def test_a_reduced_image_is_averaged_not_decimated() -> None:
    stripes = np.zeros((512, 512), np.uint8)
    stripes[:, ::2] = 255
    seen = render_image(Pyramid(stripes), View(0.25), Rect(8, 8, 120, 120))
    assert abs(int(seen.mean()) - 128) < 3
    assert seen.std() < 3


def test_annotation_covers_the_proposal_and_void_shows_it() -> None:
    scene = scene_of(np.full((40, 40), VOID, np.uint8))
    gesture = scene.document.begin("test")
    gesture.fill(Rect(0, 0, 20, 40), np.ones((40, 20), np.bool_), 1)
    gesture.finish()
    rect = Rect(0, 0, 40, 40)
    plain = drawn(LayerStyle(), scene, rect)
    assert (plain[:, :20] == TINTS[1]).all()
    assert (plain[:, 20:] == 0).all()
    scene.document.set_proposal(Proposal(np.zeros((40, 40), np.uint8), np.full((40, 40), 255, np.uint8), "m"))
    hatched = drawn(LayerStyle(), scene, rect)
    assert np.array_equal(hatched[:, :20], plain[:, :20])
    assert len(np.unique(hatched[:, 20:] >> 24)) == 2, "the proposal is a hatch of two strengths"
    assert ((hatched[:, 20:] & 0xFF) > 0).all(), "and has the colour of its class"


def test_an_outline_follows_the_border_on_both_sides() -> None:
    scene = proposing()
    tint = drawn(LayerStyle(proposal_look="contour", line=1), scene, Rect(0, 0, 40, 40))
    assert (tint[19:21] != 0).all()
    assert (tint[:19] == 0).all()
    assert (tint[21:] == 0).all()
    assert (tint[19] != tint[20]).all(), "each side in the colour of its class"


def test_what_the_model_is_unsure_of_is_fainter() -> None:
    rect = Rect(0, 0, 40, 40)
    style = LayerStyle(proposal_look="fill", threshold=128)
    sure, unsure = (drawn(style, proposing(confidence), rect) >> 24 for confidence in (200, 100))
    assert unsure.min() > 0
    assert (unsure < sure).all()


def test_a_whole_proposal_has_no_holes_where_a_person_has_spoken() -> None:
    scene, rect = proposing(), Rect(0, 0, 40, 40)
    style = LayerStyle(show_annotation=False, whole_proposal=True)
    before = drawn(style, scene, rect)
    gesture = scene.document.begin("test")
    gesture.fill(Rect(5, 5, 15, 35), np.ones((30, 10), np.bool_), 0)
    gesture.finish()
    assert np.array_equal(drawn(style, scene, rect), before)
    with_holes = drawn(LayerStyle(show_annotation=False), scene, rect)
    assert (with_holes[5:35, 5:15] == 0).all()


@pytest.mark.parametrize("threshold", [0, 128])
def test_of_a_whole_proposal_what_was_rejected_is_fainter(threshold: int) -> None:
    scene, rect = proposing(), Rect(0, 0, 40, 40)
    style = LayerStyle(show_annotation=False, whole_proposal=True, threshold=threshold)
    before = drawn(style, scene, rect) >> np.uint32(24)
    scene.document.reject_region(10, 5)
    after = drawn(style, scene, rect) >> np.uint32(24)
    assert (after[:20] < before[:20]).all()
    assert (after[:20] > 0).all()
    assert np.array_equal(after[20:], before[20:])


def test_a_rejected_region_is_not_shown() -> None:
    scene = proposing()
    scene.document.reject_region(5, 5)
    tint = drawn(LayerStyle(proposal_look="fill"), scene, Rect(0, 0, 40, 40))
    assert (tint[:20] == 0).all()
    assert (tint[20:] != 0).all()


def test_hidden_layers_and_classes_are_not_drawn() -> None:
    scene, rect = scene_of(np.ones((10, 10), np.uint8)), Rect(0, 0, 10, 10)
    for classes, style in [
        (CLASSES.change(1, visible=False), LayerStyle()),
        (CLASSES, LayerStyle(show_annotation=False)),
        (CLASSES, LayerStyle(annotation_opacity=0)),
    ]:
        tint = LabelPainter(classes, style).render(scene, View(), rect)
        assert tint is None or not tint.any()
    assert drawn(LayerStyle(), scene, rect).all()


@settings(max_examples=50)
@given(
    size=st.tuples(st.sampled_from([1, 2, 3, 600]), st.sampled_from([1, 2, 3, 600])),
    scale=st.one_of(st.floats(0.01, 2), st.sampled_from([0.125, 0.25, 0.5, 1.0])),
    corner=st.tuples(st.floats(0, 100), st.floats(0, 100)),
    look=looks,
)
def test_no_image_is_too_thin_to_be_seen(
    size: tuple[int, int], scale: float, corner: tuple[float, float], look: Look
) -> None:
    width, height = size
    scene = scene_of(np.ones((height, width), np.uint8), np.full((height, width), 200, np.uint8))
    view = View(scale, *corner)
    rect = visible_part(view, size, Rect(-5, -5, 2000, 2000))
    for start, end, low, length in ((rect.x0, rect.x1, view.x, width), (rect.y0, rect.y1, view.y, height)):
        assert end > start
        assert abs(end - start - max(1.0, length * scale)) <= 1
        assert low - 1 <= start <= low + length * scale
    assert (render_image(scene.pyramid, view, rect) == 200).all()
    assert (drawn(LayerStyle(annotation_look="fill"), scene, rect, view) == TINTS[1]).all()
    drawn(LayerStyle(annotation_look=look), scene, rect, view)


@pytest.mark.parametrize("shape", [(1, 1), (1, 40000), (40000, 1)])
@pytest.mark.parametrize("channels", [1, 3])
def test_extreme_shapes_are_drawn_at_every_scale(shape: tuple[int, int], channels: int) -> None:
    image = np.full(shape if channels == 1 else (*shape, 3), 77, np.uint8)
    scene = scene_of(np.ones(shape, np.uint8), image)
    for view in (View.fit(scene.size, (200, 150)), View(1.0), View(0.5), View(MAX_SCALE)):
        rect = visible_part(view, scene.size, WINDOW)
        if not rect.empty:
            assert (render_image(scene.pyramid, view, rect)[..., :3] == 77).all()
            assert drawn(LayerStyle(annotation_look="both"), scene, rect, view).all()


@settings(max_examples=50)
@given(view=views, corner=st.tuples(st.integers(0, 100), st.integers(0, 60)), far=st.booleans())
def test_a_mask_is_drawn_where_it_is(view: View, corner: tuple[int, int], far: bool) -> None:
    box = Rect(corner[0], corner[1], corner[0] + 30, corner[1] + 20)
    where = np.random.default_rng(3).random((20, 30)) < 0.5
    rect = WINDOW.shift(500, 0) if far else WINDOW
    seen = render_mask((box, where), view, rect, (255, 0, 0), 0.5)
    assert seen.shape == (rect.height, rect.width)
    for y in range(0, rect.height, 5):
        for x in range(0, rect.width, 5):
            column, row = view.to_image((x + rect.x0 + 0.5, y + rect.y0 + 0.5))
            near_border = min(column % 1, row % 1, 1 - column % 1, 1 - row % 1) < 1e-6
            if not near_border:
                inside = box.contains(int(column // 1), int(row // 1))
                covered = inside and bool(where[int(row) - box.y0, int(column) - box.x0])
                assert (seen[y, x] != 0) == covered


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
