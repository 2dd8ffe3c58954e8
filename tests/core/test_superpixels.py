"""Superpixels: they cover the image without gaps, follow its colours, and depend on nothing but image and cell."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segstudio.core.geometry import Rect
from segstudio.core.picture import Picture
from segstudio.core.reduction import reduced, reduced_bounds
from segstudio.core.slic import segments
from segstudio.core.superpixels import MAX_CELL, MIN_CELL, UNKNOWN, SuperpixelMap


def noise(width: int, height: int, *, seed: int = 0, colour: bool = True) -> np.ndarray:
    """Soft blobs."""
    rng = np.random.default_rng(seed)
    raw = rng.integers(0, 256, (height, width, 3) if colour else (height, width), np.uint8)
    blurred = cv2.GaussianBlur(raw, (0, 0), 3)
    return np.asarray(cv2.normalize(blurred, None, 0, 255, cv2.NORM_MINMAX), np.uint8)  # type: ignore[call-overload]


def disc(side: int, radius: float, contrast: int) -> tuple[np.ndarray, np.ndarray]:
    rows, columns = np.mgrid[:side, :side] + 0.5
    inside = np.hypot(rows - side / 2, columns - side / 2) < radius
    return np.where(inside, 100 + contrast, 100).astype(np.uint8), inside


def whole(found: SuperpixelMap) -> np.ndarray:
    found.prepare(found.picture.bounds)
    return found.numbers(found.picture.bounds)


class TestSegments:
    def test_each_is_connected_and_near_its_cell(self) -> None:
        numbers = segments(noise(120, 96), 12)
        stray = 0
        for number in np.unique(numbers):
            member = (numbers == number).astype(np.uint8)
            areas = cv2.connectedComponentsWithStats(member, connectivity=4)[2][1:, cv2.CC_STAT_AREA]
            stray += int(areas.sum() - areas.max())
            rows, columns = np.nonzero(member)
            row, column = divmod(int(number), 10)
            assert rows.min() > (row - 1) * 12 or row == 0
            assert rows.max() < (row + 2) * 12 - 1 or row == 7
            assert columns.min() > (column - 1) * 12 or column == 0
            assert columns.max() < (column + 2) * 12 - 1 or column == 9
        assert stray < 0.005 * numbers.size

    def test_an_image_without_edges_is_divided_into_squares(self) -> None:
        numbers = segments(np.full((48, 64), 90, np.uint8), 16)
        expected = np.arange(12).reshape(3, 4).repeat(16, axis=0).repeat(16, axis=1)
        assert np.array_equal(numbers, expected)

    @pytest.mark.parametrize("contrast", [10, 30, 150])
    def test_they_follow_faint_outlines_as_well_as_strong_ones(self, contrast: int) -> None:
        image, inside = disc(120, 37, contrast)
        numbers = segments(image, 12)
        share = np.bincount(numbers.ravel(), inside.ravel()) / np.bincount(numbers.ravel()).clip(1)
        assert ((share > 0.5)[numbers] != inside).mean() < 0.01  # squares would leave 0.03

    def test_an_image_that_is_not_of_whole_cells_is_refused(self) -> None:
        with pytest.raises(ValueError, match="whole cells"):
            segments(np.zeros((10, 16), np.uint8), 8)


class TestReduced:
    @pytest.mark.parametrize("level", [0, 1, 3, 5])
    def test_any_part_equals_that_of_the_whole(self, level: int) -> None:
        picture = Picture(noise(300, 210))
        bounds = reduced_bounds(picture.bounds, level)
        assert (bounds.width, bounds.height) == (-(-300 // 2**level), -(-210 // 2**level))
        all_of_it = reduced(picture, bounds, level)
        part = Rect(bounds.width // 3, bounds.height // 2, bounds.width, bounds.height)
        assert np.array_equal(reduced(picture, part, level), all_of_it[part.slices])

    def test_it_averages(self) -> None:
        pixels = np.zeros((4, 4), np.uint16)
        pixels[:2, 2:] = 1000, 0
        seen = reduced(Picture(pixels, (0.0, 1000.0)), Rect(0, 0, 2, 2), 1)
        assert np.array_equal(seen, [[0, 128], [0, 0]])


class TestMap:
    @pytest.mark.parametrize("cell", [4, 13, 24, 40, 150])
    def test_every_pixel_has_one_segment_and_is_in_it(self, cell: int) -> None:
        found = SuperpixelMap(Picture(noise(340, 290)), cell)
        numbers = whole(found)
        assert (numbers != UNKNOWN).all()
        rng = np.random.default_rng(1)
        for x, y in zip(rng.integers(0, 340, 12).tolist(), rng.integers(0, 290, 12).tolist(), strict=True):
            rect, where = found.segment_at(x, y)
            assert found.number_at(x, y) == numbers[y, x]
            member = np.zeros(numbers.shape, np.bool_)
            member[rect.slices] = where
            assert np.array_equal(member, numbers == numbers[y, x])
            assert found.reach(int(numbers[y, x])).intersect(rect) == rect

    def test_the_size_of_segments_is_that_of_the_cell(self) -> None:
        picture = Picture(noise(400, 300))
        for cell in (10, 24, 50):
            numbers = whole(SuperpixelMap(picture, cell))
            area = numbers.size / len(np.unique(numbers))
            assert 0.6 < area / cell**2 < 1.3

    @pytest.mark.parametrize("cell", [20, 70])
    def test_the_order_in_which_tiles_are_asked_for_changes_nothing(self, cell: int) -> None:
        picture = Picture(noise(700, 400))
        forth, back = SuperpixelMap(picture, cell), SuperpixelMap(picture, cell)
        for tile in back.tiles(picture.bounds)[::-1]:
            assert not back.ready(tile)
            back.keep(tile, back.compute(tile))
            assert back.ready(tile)
        assert np.array_equal(whole(forth), back.numbers(picture.bounds))

    def test_segments_go_on_across_the_seams_of_tiles(self) -> None:
        found = SuperpixelMap(Picture(noise(600, 280)), 20)
        seam = found.tile_side
        numbers = whole(found)
        across = (numbers[:, seam - 1] == numbers[:, seam]).mean()
        elsewhere = (numbers[:, seam + 9] == numbers[:, seam + 10]).mean()
        assert across > elsewhere - 0.25
        number = int(numbers[:, seam][numbers[:, seam - 1] == numbers[:, seam]][0])
        alone = SuperpixelMap(found.picture, 20)
        alone.prepare(Rect(0, 0, seam, 280))
        part, rest = alone.segment(number)[1], found.segment(number)[1]
        assert 0 < part.sum() < rest.sum()

    def test_tiles_cover_the_image_once(self) -> None:
        found = SuperpixelMap(Picture(noise(700, 300)), 24)
        times = np.zeros((300, 700), np.uint8)
        for tile in found.tiles(Rect(-50, -50, 2000, 2000)):
            times[tile.slices] += 1
            assert found.tile_at(tile.x0, tile.y0) == tile
            assert found.tile_at(tile.x1 - 1, tile.y1 - 1) == tile
        assert (times == 1).all()
        assert found.tiles(Rect(800, 0, 900, 10)) == []

    def test_what_is_not_ready_is_unknown(self) -> None:
        found = SuperpixelMap(Picture(noise(700, 300)), 60)
        assert found.number_at(30, 30) == UNKNOWN
        assert found.segment(0)[0].empty
        assert (found.numbers(Rect(0, 0, 300, 300)) == UNKNOWN).all()
        found.prepare(Rect(0, 0, 10, 10))
        assert found.number_at(30, 30) != UNKNOWN
        assert (found.numbers(found.picture.bounds)[:, 640:] == UNKNOWN).all()

    def test_the_cache_forgets_the_oldest(self, monkeypatch: pytest.MonkeyPatch) -> None:
        found = SuperpixelMap(Picture(noise(700, 100)), 24)
        first, second, third = found.tiles(found.picture.bounds)
        monkeypatch.setattr("segstudio.core.superpixels._CACHE_BYTES", 2 * found.compute(first).nbytes)
        for tile in (first, second):
            found.keep(tile, found.compute(tile))
        assert found.number_at(20, 50) != UNKNOWN
        found.keep(third, found.compute(third))
        assert [found.ready(tile) for tile in (first, second, third)] == [True, False, True]

    @pytest.mark.parametrize(("width", "height"), [(1, 1), (2, 3), (1, 3000), (3000, 1), (300, 5)])
    @pytest.mark.parametrize("cell", [MIN_CELL, 24, MAX_CELL])
    @pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
    def test_images_of_any_size_and_depth(self, width: int, height: int, cell: int, kind: type) -> None:
        pixels: np.ndarray = noise(width, height, colour=kind is np.uint8).astype(kind)
        found = SuperpixelMap(Picture(pixels, (0.0, 255.0)), cell)
        rect, where = found.segment_at(width - 1, height - 1)
        assert where[height - 1 - rect.y0, width - 1 - rect.x0]
        assert rect.intersect(found.picture.bounds) == rect

    @pytest.mark.parametrize("cell", [MIN_CELL - 1, MAX_CELL + 1])
    def test_cells_out_of_range_are_refused(self, cell: int) -> None:
        with pytest.raises(ValueError, match="are possible"):
            SuperpixelMap(Picture(np.zeros((4, 4), np.uint8)), cell)

    @settings(max_examples=25, deadline=None)
    @given(st.integers(1, 90), st.integers(1, 90), st.integers(MIN_CELL, 130), st.integers(0, 99), st.data())
    def test_a_part_shows_the_segments_of_the_whole(
        self, width: int, height: int, cell: int, seed: int, data: st.DataObject
    ) -> None:
        found = SuperpixelMap(Picture(noise(width, height, seed=seed)), cell)
        x0, y0 = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
        rect = Rect(x0, y0, data.draw(st.integers(x0 + 1, width)), data.draw(st.integers(y0 + 1, height)))
        numbers = whole(found)
        assert np.array_equal(found.numbers(rect), numbers[rect.slices])
        box, where = found.segment_at(x0, y0)
        assert np.array_equal(where, numbers[box.slices] == numbers[y0, x0])
