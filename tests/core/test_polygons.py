"""Polygons against the definition: a pixel belongs when a walk down to its centre crosses an odd number of edges."""

import math
from collections.abc import Iterable
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segstudio.core.arrays import Bool
from segstudio.core.geometry import Rect
from segstudio.core.polygons import (
    Points,
    area,
    ellipse_parts,
    line_length,
    nearest_on_line,
    rasterise,
    rectangle_parts,
    simplify,
)

BOUNDS = Rect(0, 0, 24, 18)
# Quarters meet pixel centres exactly, where rules of ties show.
quarters = st.tuples(st.integers(-40, 140), st.integers(-40, 110)).map(lambda p: (p[0] / 4, p[1] / 4))
polygons = st.lists(quarters, min_size=3, max_size=9).map(lambda points: np.array(points, np.float64))


def painted(parts: Iterable[tuple[Rect, Bool]], bounds: Rect = BOUNDS) -> Bool:
    """All parts in one image; fails on parts that overlap, leave the bounds or are of another size."""
    out = np.zeros((bounds.y1, bounds.x1), np.bool_)
    for rect, where in parts:
        assert rect.intersect(bounds) == rect
        assert not rect.empty
        assert where.shape == (rect.height, rect.width)
        assert where.dtype == np.bool_
        assert not (out[rect.slices] & where).any()
        out[rect.slices] |= where
    return out


def inside(points: Points, x: float, y: float) -> bool:
    """Even-odd rule in exact numbers."""
    crossings = 0
    corners = [(Fraction(a), Fraction(b)) for a, b in points.tolist()]
    for (ax, ay), (bx, by) in zip(corners, corners[1:] + corners[:1], strict=True):
        if min(ax, bx) <= x < max(ax, bx):
            crossings += ay + (Fraction(x) - ax) * (by - ay) / (bx - ax) <= y
    return crossings % 2 == 1


@settings(max_examples=40, deadline=None)
@given(points=polygons)
def test_a_polygon_covers_exactly_the_centres_inside(points: Points) -> None:
    found = painted(rasterise(points, BOUNDS))
    expected = [[inside(points, x + 0.5, y + 0.5) for x in range(BOUNDS.x1)] for y in range(BOUNDS.y1)]
    np.testing.assert_array_equal(found, np.array(expected))


@settings(max_examples=50, deadline=None)
@given(points=polygons, at=quarters)
def test_polygons_that_share_edges_neither_overlap_nor_leave_a_gap(points: Points, at: tuple[float, float]) -> None:
    fan = np.zeros((BOUNDS.y1, BOUNDS.x1), np.bool_)
    for start, end in zip(points, np.roll(points, -1, axis=0), strict=True):
        fan ^= painted(rasterise(np.array([at, start, end]), BOUNDS))
    np.testing.assert_array_equal(fan, painted(rasterise(points, BOUNDS)))


@settings(max_examples=30, deadline=None)
@given(points=polygons)
def test_neither_direction_nor_first_point_matter(points: Points) -> None:
    expected = painted(rasterise(points, BOUNDS))
    np.testing.assert_array_equal(painted(rasterise(points[::-1], BOUNDS)), expected)
    np.testing.assert_array_equal(painted(rasterise(np.roll(points, 2, axis=0), BOUNDS)), expected)


def test_a_polygon_across_bands_and_tiles_is_the_same_as_in_one() -> None:
    rng = np.random.default_rng(3)
    points = rng.uniform(-200, 1100, (23, 2))
    bounds = Rect(0, 0, 900, 800)
    whole = painted(rasterise(points, bounds), bounds)
    assert 0.1 < whole.mean() < 0.9
    part = Rect(130, 300, 700, 650)  # bands and columns cut elsewhere
    cut = np.zeros_like(whole)
    for rect, where in rasterise(points, part):
        assert rect.intersect(part) == rect
        cut[rect.slices] |= where
    np.testing.assert_array_equal(cut[part.slices], whole[part.slices])


def test_long_outlines_are_worked_out_in_pieces_without_a_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    points = np.random.default_rng(5).uniform(-30, 330, (40, 2))
    bounds = Rect(0, 0, 300, 300)
    expected = painted(rasterise(points, bounds), bounds)
    monkeypatch.setattr("segstudio.core.polygons._CHUNK", 50)
    np.testing.assert_array_equal(painted(rasterise(points, bounds), bounds), expected)


def test_a_star_that_crosses_itself_has_a_hole() -> None:
    turn = np.arange(5) * 4 * math.pi / 5
    star = np.stack([50 + 45 * np.sin(turn), 50 - 45 * np.cos(turn)], axis=1)
    covered = painted(rasterise(star, Rect(0, 0, 100, 100)), Rect(0, 0, 100, 100))
    assert not covered[50, 50]
    assert covered[20, 50]


def test_points_far_outside_cost_nothing_and_harm_nothing() -> None:
    points = np.array([(-1e12, -1e12), (1e12, -1e12), (1e12, 1e12), (-1e12, 1e12)])
    assert painted(rasterise(points, BOUNDS)).all()
    assert not painted(rasterise(points + 3e12, BOUNDS)).any()


@pytest.mark.parametrize("little", [5e-324, 2.2e-308, 1e-160])
def test_lengths_at_the_end_of_what_numbers_can_tell_are_lengths(little: float) -> None:
    flat = np.array([(0.0, 0.0), (0.0, 1.0), (1.0, little)])
    np.testing.assert_array_equal(painted(rasterise(flat, BOUNDS)), painted(rasterise(np.round(flat), BOUNDS)))
    assert painted(ellipse_parts((0.0, 0.5 - little, 3.0, 0.5 + little), BOUNDS)).sum() <= 3
    assert nearest_on_line(np.array([(0.0, 0.0), (little, 0.0)]), (3.0, 4.0))[2] == 5
    np.testing.assert_array_equal(
        simplify(np.array([(0.0, 0.0), (3.0, 4.0), (little, 0.0)]), 1), [(0, 0), (3, 4), (little, 0)]
    )


def test_a_large_thin_shape_touches_few_pixels() -> None:
    bounds = Rect(0, 0, 8192, 8192)
    diagonal = np.array([(0, 0), (8192, 8190), (8192, 8192), (0, 2)], np.float64)
    looked_at = sum(rect.width * rect.height for rect, _ in rasterise(diagonal, bounds))
    assert looked_at < 8192 * 8192 / 20


@pytest.mark.parametrize("bounds", [Rect(0, 0, 1, 1), Rect(0, 0, 1, 2000), Rect(0, 0, 2000, 1)])
def test_the_thinnest_images_are_filled(bounds: Rect) -> None:
    around = np.array([(-3, -3), (2003, -3), (2003, 2003), (-3, 2003)], np.float64)
    assert painted(rasterise(around, bounds), bounds).all()
    assert painted(rectangle_parts((-3, -3, 2003, 2003), bounds), bounds).all()
    assert painted(ellipse_parts((-4000, -4000, 6000, 6000), bounds), bounds).all()


def test_fewer_than_three_points_cover_nothing() -> None:
    assert list(rasterise(np.zeros((0, 2)), BOUNDS)) == []
    assert list(rasterise(np.array([(1.0, 1.0), (9.0, 9.0)]), BOUNDS)) == []


@pytest.mark.parametrize("points", [np.zeros((3, 3)), np.zeros(6), np.array([(0, 0), (1, np.nan), (4, 4)])])
def test_points_that_are_none_are_refused(points: Points) -> None:
    with pytest.raises(ValueError, match="points"):
        rasterise(points, BOUNDS)


@settings(max_examples=40, deadline=None)
@given(a=quarters, b=quarters)
def test_a_rectangle_is_the_polygon_of_its_corners(a: tuple[float, float], b: tuple[float, float]) -> None:
    x0, x1 = sorted((a[0], b[0]))
    y0, y1 = sorted((a[1], b[1]))
    corners = np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])
    expected = painted(rasterise(corners, BOUNDS))
    np.testing.assert_array_equal(painted(rectangle_parts((x0, y0, x1, y1), BOUNDS)), expected)


@settings(max_examples=40, deadline=None)
@given(a=quarters, width=st.integers(1, 30), height=st.integers(1, 30))
def test_an_ellipse_covers_the_centres_inside(a: tuple[float, float], width: int, height: int) -> None:
    covered = painted(ellipse_parts((a[0], a[1], a[0] + width, a[1] + height), BOUNDS))
    rows, columns = np.mgrid[0 : BOUNDS.y1, 0 : BOUNDS.x1] + 0.5
    far = ((columns - a[0] - width / 2) / (width / 2)) ** 2 + ((rows - a[1] - height / 2) / (height / 2)) ** 2
    clear = np.abs(far - 1) > 1e-6  # on the rim itself rounding decides
    np.testing.assert_array_equal(covered[clear], (far < 1)[clear])


@pytest.mark.parametrize(("width", "height"), [(1, 1), (2, 2), (1, 9), (7, 7), (8, 5)])
def test_an_ellipse_fills_its_box_from_side_to_side_and_is_symmetric(width: int, height: int) -> None:
    covered = painted(ellipse_parts((3, 2, 3 + width, 2 + height), BOUNDS))[2 : 2 + height, 3 : 3 + width]
    assert covered.any(axis=0).all()
    assert covered.any(axis=1).all()
    np.testing.assert_array_equal(covered, covered[::-1, ::-1])
    np.testing.assert_array_equal(covered, covered[:, ::-1])


def test_an_ellipse_without_width_covers_nothing() -> None:
    assert list(ellipse_parts((4, 4, 4, 9), BOUNDS)) == []


@settings(max_examples=40, deadline=None)
@given(points=st.lists(quarters, min_size=2, max_size=30), tolerance=st.floats(0.1, 5))
def test_a_simplified_line_keeps_its_ends_and_strays_no_further_than_told(
    points: list[tuple[float, float]], tolerance: float
) -> None:
    line = np.array(points)
    simpler = simplify(line, tolerance)
    np.testing.assert_array_equal(simpler[[0, -1]], line[[0, -1]])
    assert len(simpler) <= len(line)
    assert max(nearest_on_line(simpler, point)[2] for point in points) <= tolerance + 1e-9


def test_a_line_is_simplified_to_its_corners() -> None:
    line = np.array([(0, 0), (1, 0.1), (2, 0), (5, 0), (5, 1), (5, 9), (5, 4)], np.float64)
    assert simplify(line, 0.5).tolist() == [[0, 0], [5, 0], [5, 9], [5, 4]]
    assert simplify(line[:1], 0.5).tolist() == [[0, 0]]
    assert simplify(line[:0], 0.5).tolist() == []


def test_known_lengths_and_areas() -> None:
    triangle = np.array([(1e6, 1e6), (1e6 + 3, 1e6), (1e6 + 3, 1e6 + 4)])
    assert line_length(triangle) == 7
    assert line_length(triangle, (0.5, 2.0)) == 1.5 + 8
    assert area(triangle) == area(triangle[::-1]) == 6
    assert area(triangle[:2]) == 0
    assert line_length(triangle[:1]) == 0


def test_the_nearest_place_on_a_line_may_be_inside_a_piece_or_at_a_corner() -> None:
    line = np.array([(0.0, 0.0), (10.0, 0.0), (10.0, 0.0), (10.0, 8.0)])
    assert nearest_on_line(line, (4.0, 3.0)) == (0, (4.0, 0.0), 3.0)
    assert nearest_on_line(line, (12.0, 5.0)) == (2, (10.0, 5.0), 2.0)
    assert nearest_on_line(line, (-3.0, -4.0)) == (0, (0.0, 0.0), 5.0)
