"""The live wire: it follows edges closely at every scale, and copes with images that have none."""

import math

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segstudio.core.livewire import LiveWire, level_for
from segstudio.core.picture import Picture
from segstudio.core.strokes import Point


def disc(side: int, radius: float, contrast: float = 60, *, noise: float = 0, colour: bool = False) -> Picture:
    rows, columns = np.mgrid[:side, :side] + 0.5
    soft = np.clip(radius - np.hypot(rows - side / 2, columns - side / 2) + 0.5, 0, 1)
    light = 60 + contrast * soft + np.random.default_rng(0).normal(0, noise, soft.shape)
    grey = np.clip(light, 0, 255).astype(np.uint8)
    # Equal in grey: only the colours differ.
    return Picture(np.stack([grey, 200 - grey, np.full_like(grey, 90)], axis=2) if colour else grey)


def on_rim(side: int, radius: float, angle: float) -> Point:
    return side / 2 + radius * math.cos(angle), side / 2 + radius * math.sin(angle)


def distance_to_rim(way: np.ndarray, side: int, radius: float) -> np.ndarray:
    distance: np.ndarray = np.abs(np.hypot(way[:, 0] - side / 2, way[:, 1] - side / 2) - radius)
    return distance


class TestFollowing:
    @pytest.mark.parametrize(("contrast", "noise"), [(12, 0), (30, 4), (150, 8)])
    @pytest.mark.parametrize("colour", [False, True])
    def test_it_follows_the_rim_of_a_disc_to_a_fraction_of_a_pixel(
        self, contrast: float, noise: float, colour: bool
    ) -> None:
        picture = disc(200, 70, contrast, noise=noise, colour=colour)
        start, end = on_rim(200, 70, 0.3), on_rim(200, 70, 2.0)
        way = LiveWire(picture, start).path_to(end)
        assert tuple(way[0]) == start
        assert tuple(way[-1]) == end
        assert distance_to_rim(way, 200, 70).mean() < 0.5
        assert distance_to_rim(way, 200, 70).max() < 2
        assert np.hypot(*np.diff(way, axis=0).T).max() < 3

    def test_a_way_made_exact_is_close_also_where_the_image_was_reduced(self) -> None:
        side, radius = 1200, 500.0
        picture = disc(side, radius, noise=4)
        start, end = on_rim(side, radius, 0.0), on_rim(side, radius, 1.5)
        level = level_for(start, end)
        assert level == 2
        wire = LiveWire(picture, start, level)
        rough = distance_to_rim(wire.path_to(end), side, radius).mean()
        exact = distance_to_rim(wire.exact_path_to(end), side, radius).mean()
        assert exact < 0.6
        assert exact < rough / 2

    def test_a_dent_is_followed_where_a_straight_line_is_shorter(self) -> None:
        pixels = np.full((100, 100), 40, np.uint8)
        cv2.fillPoly(pixels, [np.array([[0, 0], [20, 0], [20, 30], [60, 50], [20, 70], [20, 100], [0, 100]])], [200])
        way = LiveWire(Picture(pixels), (20.5, 5.0)).path_to((20.5, 95.0))
        assert way[:, 0].max() > 55

    def test_in_an_image_without_edges_it_takes_a_short_way(self) -> None:
        way = LiveWire(Picture(np.full((90, 120), 7, np.uint8)), (10.0, 10.0)).path_to((100.0, 60.0))
        length = np.hypot(*np.diff(way, axis=0).T).sum()
        assert length < 1.4 * math.hypot(90, 50)

    def test_it_is_the_same_every_time(self) -> None:
        picture = disc(150, 50, noise=10)
        one, other = (LiveWire(picture, (30.0, 70.0)).path_to((120.0, 90.0)) for _ in range(2))
        assert np.array_equal(one, other)


class TestReach:
    @pytest.mark.parametrize(("far", "level"), [(0, 0), (200, 0), (201, 1), (400, 1), (401, 2), (20000, 7)])
    def test_the_level_grows_with_the_distance(self, far: float, level: int) -> None:
        assert level_for((5.0, 5.0), (5.0, 5.0 + far)) == level
        assert level_for((5.0 + far, 5.0), (5.0, 5.0)) == level

    def test_a_point_out_of_reach_is_refused(self) -> None:
        wire = LiveWire(Picture(np.zeros((10, 900), np.uint8)), (5.0, 5.0))
        with pytest.raises(ValueError, match="out of reach"):
            wire.path_to((700.0, 5.0))

    @settings(max_examples=50, deadline=None)
    @given(
        st.one_of(st.tuples(st.integers(1, 60), st.integers(1, 60)), st.sampled_from([(1, 3000), (3000, 1), (2, 700)])),
        st.sampled_from(["noise", "steps", "flat"]),
        st.sampled_from([np.uint8, np.uint16, np.float32]),
        st.integers(0, 2),
        st.tuples(*[st.floats(0, 1)] * 4),
    )
    def test_any_two_points_of_any_image_are_joined(
        self, size: tuple[int, int], kind: str, dtype: type, channels: int, where: tuple[float, float, float, float]
    ) -> None:
        height, width = size
        shape = (height, width, 3) if channels else (height, width)
        pixels = np.random.default_rng(height * width).integers(0, 256, shape)
        pixels = pixels // 128 * 255 if kind == "steps" else pixels * (kind == "noise")
        start, end = (where[0] * width, where[1] * height), (where[2] * width, where[3] * height)
        wire = LiveWire(Picture(pixels.astype(dtype), (0.0, 255.0)), start, level_for(start, end))
        for way in (wire.path_to(end), wire.exact_path_to(end)):
            assert way.dtype == np.float64
            assert way.shape[1] == 2
            assert tuple(way[0]) == start
            assert tuple(way[-1]) == end
            assert (way >= 0).all()
            assert (way <= (width, height)).all()
