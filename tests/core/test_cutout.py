"""The object in a box: found, the same each time, at any size and on any image."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segstudio.core.arrays import U8, Bool
from segstudio.core.classes import VOID
from segstudio.core.cutout import (
    FINE,
    INSIDE,
    OUTSIDE,
    ROUGH,
    UNKNOWN,
    CutOut,
    Grid,
    box_marks,
    cut_out,
    solve,
    spread,
    tiles,
)
from segstudio.core.geometry import Rect
from segstudio.core.picture import Picture
from segstudio.core.synthetic import NUCLEUS, draw_scene
from tests.core.cutting import disc, overlap


def never() -> bool:
    return False


def found(picture: Picture, box: Rect, longest: int = FINE, marks: U8 | None = None) -> CutOut:
    grid = Grid.round_box(box, picture.bounds, longest)
    known = np.full(grid.shape, UNKNOWN, np.uint8) if marks is None else marks
    return cut_out(picture, box, grid, known, stop=never, longest=longest)


@pytest.mark.parametrize("grey", [False, True])
@pytest.mark.parametrize("side", [60, 300, 900])
def test_the_object_in_a_box_is_found_to_the_pixel(side: int, *, grey: bool) -> None:
    picture, truth = disc(side, side * 0.3, grey=grey)
    box = Rect(side // 8, side // 8, side - side // 8, side - side // 8)
    assert overlap(found(picture, box).part(box), truth[box.slices]) > (0.97 if side < 100 else 0.99)
    assert overlap(found(picture, box, ROUGH).part(box), truth[box.slices]) > 0.93


def test_faint_small_objects_are_not_given_up() -> None:
    """Nuclei of a noisy scene, some hardly brighter than the haze round them."""
    scene = draw_scene(2, width=256, height=256)
    picture = Picture(scene.image)
    count, numbered, stats, _ = cv2.connectedComponentsWithStats((scene.truth == NUCLEUS).astype(np.uint8))
    good = []
    for number in range(1, count):
        x, y, width, height, area = (int(v) for v in stats[number])
        if area >= 250:
            box = Rect(x - 4, y - 4, x + width + 4, y + height + 4).intersect(picture.bounds)
            good.append(overlap(found(picture, box).part(box), (numbered == number)[box.slices]))
    assert len(good) >= 5
    assert np.median(good) > 0.85


def test_the_same_box_gives_the_same_mask_whatever_ran_before() -> None:
    picture, _ = disc(120, 30, noise=40)
    box = Rect(15, 20, 100, 110)
    first = found(picture, box).part(box)
    cv2.setRNGSeed(99)
    cv2.kmeans(np.random.default_rng(0).random((50, 2), np.float32), 3, np.empty(0, np.int32), (3, 5, 0.1), 2, 2)
    np.testing.assert_array_equal(found(picture, box).part(box), first)


def test_deep_images_are_seen_through_their_window() -> None:
    picture, truth = disc(80, 22, grey=True)
    deep = Picture(picture.pixels.astype(np.uint16) * 100 + 3000, window=(3000.0, 28500.0))
    box = Rect(10, 10, 70, 70)
    assert overlap(found(deep, box).part(box), truth[box.slices]) > 0.97


@pytest.mark.parametrize(
    ("shape", "box"),
    [
        ((1, 1), Rect(0, 0, 1, 1)),
        ((1, 20000), Rect(0, 0, 20000, 1)),
        ((20000, 1), Rect(0, 100, 1, 19000)),
        ((50, 50), Rect(10, 10, 11, 40)),
        ((50, 50), Rect(0, 0, 50, 50)),
        ((50, 60, 3), Rect(5, 5, 40, 40)),
    ],
)
def test_a_box_with_nothing_to_tell_apart_counts_as_a_whole(shape: tuple[int, ...], box: Rect) -> None:
    assert found(Picture(np.full(shape, 90, np.uint8)), box).part(box).all()


def test_a_thin_box_over_edges_counts_as_a_whole() -> None:
    stripes = np.tile(np.array([0, 0, 255, 255], np.uint8), (40, 10))
    box = Rect(3, 10, 37, 12)
    assert found(Picture(stripes), box).part(box).all()


def test_a_box_over_the_whole_image_finds_the_object() -> None:
    picture, truth = disc(90, 25)
    assert overlap(found(picture, picture.bounds).part(picture.bounds), truth) > 0.95


def test_what_is_labelled_in_the_box_and_beside_it_guides() -> None:
    """A fibre across the object, a part of it that looks different, and a neighbour of its class at the box."""
    picture, truth = disc(100, 28)
    pixels = picture.pixels.copy()
    pixels[45:55, 60:70] = (90, 120, 200)
    pixels[30:70, :9] = (180, 90, 80)
    annotation = np.full((100, 100), VOID, np.uint8)
    annotation[:, 40:45] = 2
    annotation[45:55, 60:70] = 1
    annotation[30:70, :9] = 1
    box = Rect(10, 10, 90, 90)
    grid = Grid.round_box(box, picture.bounds, FINE)
    marks = grid.marks(grid.samples(annotation), box_marks(1, over=None, reverse=False))
    where = np.zeros((100, 100), np.bool_)
    where[box.slices] = cut_out(Picture(pixels), box, grid, marks, stop=never).part(box)
    assert where[annotation == 2].mean() < 0.02
    assert where[46:54, 61:69].all()
    assert overlap(where & (annotation == VOID), truth & (annotation == VOID)) > 0.93


def test_marks_count_pixels_of_a_cell() -> None:
    annotation = np.full((16, 16), VOID, np.uint8)
    annotation[:8, :8] = 1
    annotation[:8, 8:12] = 0
    annotation[8:, :4], annotation[8:, 4:8] = 0, 1
    grid = Grid(Rect(0, 0, 16, 16), 8)
    marks = grid.marks(grid.samples(annotation), box_marks(1, over=None, reverse=False))
    assert marks.tolist() == [[INSIDE, OUTSIDE], [UNKNOWN, UNKNOWN]]


def test_meaning_of_values() -> None:
    plain = box_marks(1, over=None, reverse=False)
    assert (plain[0], plain[1], plain[VOID]) == (OUTSIDE, INSIDE, UNKNOWN)
    assert box_marks(1, over=0, reverse=False)[0] == UNKNOWN
    assert box_marks(1, over=1, reverse=True)[1] == UNKNOWN


@settings(max_examples=30, deadline=None)
@given(
    x=st.integers(0, 30),
    y=st.integers(0, 30),
    width=st.integers(1, 70),
    height=st.integers(1, 70),
    longest=st.sampled_from([17, 64, 240]),
)
def test_any_box_gives_a_mask_of_its_size_and_parts_agree(
    x: int, y: int, width: int, height: int, longest: int
) -> None:
    picture, _ = disc(60, 15)
    box = Rect(x, y, x + width, y + height).intersect(picture.bounds)
    cut = found(picture, box, longest)
    whole = cut.part(box)
    assert whole.shape == (box.height, box.width)
    pieces = np.zeros_like(whole)
    for tile in tiles(box, 25):
        pieces[tile.shift(-box.x0, -box.y0).slices] = cut.part(tile)
    assert np.count_nonzero(pieces != whole) <= whole.size // 500


def test_cells_are_means_and_bands_do_not_show() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (1030, 2050, 3)).astype(np.uint8)
    window = Rect(3, 5, 2047, 1029)
    small = Grid(window, 4).colours(Picture(pixels))
    assert small.shape == (256, 511, 3)
    mean = pixels[window.slices].reshape(256, 4, 511, 4, 3).mean(axis=(1, 3))
    assert np.abs(small - mean).max() <= 1


def test_a_stopped_search_ends_before_it_began() -> None:
    picture, _ = disc(60, 15)
    asked: list[int] = []

    def stop() -> bool:
        asked.append(1)
        return True

    trimap = np.zeros((60, 60), np.uint8)
    trimap[10:50, 10:50] = 3
    assert solve(picture, Grid(picture.bounds, 1), trimap, stop=stop) is None
    assert len(asked) == 1


def test_few_strokes_spread_by_colour() -> None:
    picture, truth = disc(100, 28)
    marks = np.full((100, 100), UNKNOWN, np.uint8)
    marks[48:52, 45:55] = INSIDE
    marks[5:8, 10:90] = OUTSIDE
    guess: Bool = (spread(picture, Grid(picture.bounds, 1), marks) & 1) == 1
    assert overlap(guess, truth) > 0.97
