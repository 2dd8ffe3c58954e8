"""The drawn scenes: repeatable, not trivial, and strokes that never lie."""

import numpy as np
import pytest

from segstudio.core.classes import VOID, ClassTable
from segstudio.core.document import Document
from segstudio.core.synthetic import BACKGROUND, CLASS_NAMES, FIBRE, NUCLEUS, Scene, draw_scene, draw_scribbles
from segstudio.core.tools.base import Kit, Palette, Pointer
from segstudio.core.tools.brush import BrushTool


def painted(scene: Scene, seed: int) -> Document:
    document = Document(np.full(scene.truth.shape, VOID, np.uint8), ClassTable.of(CLASS_NAMES))
    for scribble in draw_scribbles(scene, seed):
        brush = BrushTool(Kit(Palette(value=scribble.value, size=scribble.size)))
        brush.press(document, Pointer(scribble.points[0]))
        for point in scribble.points[1:]:
            brush.move(Pointer(point))
        brush.release(Pointer(scribble.points[-1]))
    return document


def test_a_seed_gives_one_scene_and_another_seed_another() -> None:
    first, again, other = draw_scene(3, width=96, height=80), draw_scene(3, width=96, height=80), draw_scene(4)
    assert first.image.shape == first.truth.shape == (80, 96)
    assert first.image.dtype == first.truth.dtype == np.uint8
    np.testing.assert_array_equal(first.image, again.image)
    np.testing.assert_array_equal(first.truth, again.truth)
    assert other.image.shape == (320, 320)
    assert not np.array_equal(draw_scene(4, width=96, height=80).image, first.image)


@pytest.mark.parametrize("seed", range(5))
def test_every_scene_has_every_class_and_brightness_does_not_tell_them_apart(seed: int) -> None:
    scene = draw_scene(seed)
    shares = [(scene.truth == value).mean() for value in (BACKGROUND, NUCLEUS, FIBRE)]
    assert set(np.unique(scene.truth)) == {BACKGROUND, NUCLEUS, FIBRE}
    assert shares[BACKGROUND] > 0.6
    assert min(shares) > 0.005
    nucleus, fibre = (np.percentile(scene.image[scene.truth == value], (25, 75)) for value in (NUCLEUS, FIBRE))
    assert nucleus[0] < fibre[1]
    assert fibre[0] < nucleus[1]


@pytest.mark.parametrize("seed", range(4))
def test_strokes_touch_no_pixel_of_another_class(seed: int) -> None:
    scene = draw_scene(seed)
    annotation = painted(scene, seed).annotation
    labelled = annotation != VOID
    np.testing.assert_array_equal(annotation[labelled], scene.truth[labelled])
    assert set(np.unique(annotation[labelled])) == {BACKGROUND, NUCLEUS, FIBRE}
    assert 0.02 < labelled.mean() < 0.3


def test_strokes_repeat_with_their_seed_and_are_counted() -> None:
    scene = draw_scene(1)
    strokes = draw_scribbles(scene, 7, per_class=3)
    assert strokes == draw_scribbles(scene, 7, per_class=3)
    assert strokes != draw_scribbles(scene, 8, per_class=3)
    assert [sum(stroke.value == value for stroke in strokes) for value in range(3)] == [5, 3, 3]


def test_an_image_of_one_class_is_painted_without_an_error() -> None:
    empty = Scene(np.zeros((64, 64), np.uint8), np.zeros((64, 64), np.uint8))
    strokes = draw_scribbles(empty, 0)
    assert {stroke.value for stroke in strokes} == {BACKGROUND}
    assert len(strokes) >= 1
