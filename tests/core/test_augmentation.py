"""Crops: image and labels stay together under every change, and nothing changes that is switched off."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segstudio.core.arrays import U8, Pixels
from segstudio.core.augmentation import SWITCHES, Augmentation
from segstudio.core.channels import as_channels
from segstudio.core.classes import VOID
from segstudio.core.cropping import cut_crop, preview
from segstudio.core.shading import Shade, draw_shade
from segstudio.core.tone import to_8bit
from segstudio.errors import UsageError

OFF = Augmentation.only()
ALL = Augmentation.only(*SWITCHES)
MOVING = ("flip", "flip_vertical", "rotate", "scale", "elastic")
LOOKS = tuple(name for name in SWITCHES if name not in MOVING)
seeds = st.integers(0, 2**32)
quick = settings(max_examples=40, deadline=None)


def board(height: int = 150, width: int = 190) -> U8:
    """Two classes in a pattern that is not its own mirror image, in any direction."""
    y, x = np.mgrid[:height, :width]
    return np.asarray((x // 17 + y // 19 + x // 48 + y // 61) % 2, np.uint8)


def scene(seed: int, kind: type = np.uint8, channels: int | None = 3, shape: tuple[int, int] = (70, 90)) -> Pixels:
    rng = np.random.default_rng(seed)
    whole = shape if channels is None else (*shape, channels)
    values: Pixels = rng.integers(0, 256, whole).astype(kind)
    return values if kind is np.uint8 else values * kind(150) + kind(20)


def apart(pixels: U8, labels: U8, bright: int) -> float:
    """Share of the pixels away from borders where image and labels disagree."""
    inside = cv2.erode((labels != VOID).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    seen = pixels.reshape(*labels.shape, -1)[:, :, 0] > bright
    assert inside.sum() > 300
    return float(((seen != (labels == 1)) & inside).sum() / inside.sum())


@pytest.mark.parametrize("switch", [*SWITCHES, "all"])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
def test_image_and_labels_stay_together(switch: str, kind: type) -> None:
    """Under every single change: where the image is bright, the label says so."""
    chosen = ALL if switch == "all" else Augmentation.only(switch)
    truth = board()
    image = (truth.astype(np.float32) * 160 + 50).astype(kind) * kind(1 if kind is np.uint8 else 200)
    window = (0.0, 255.0 * (1 if kind is np.uint8 else 200))
    rng = np.random.default_rng(0)
    wrong = []
    for _ in range(12):
        place = int(rng.integers(150)), int(rng.integers(190))
        wrong.append(apart(*cut_crop(image, truth, place, 64, chosen, rng, window=window), bright=130))
    assert max(wrong) < 0.16  # interpolation, along the edges
    assert np.mean(wrong) < 0.07


def test_labels_of_another_place_would_be_noticed() -> None:
    pixels, labels = cut_crop(board() * 200, board(), (70, 90), 64, ALL, np.random.default_rng(0))
    assert apart(pixels, np.roll(labels, 9, axis=1), bright=100) > 0.16


@quick
@given(seed=seeds, channels=st.sampled_from([None, 2, 3, 6]), kind=st.sampled_from([np.uint8, np.uint16, np.float32]))
def test_with_everything_off_a_crop_is_a_part_of_the_image(seed: int, channels: int | None, kind: type) -> None:
    image, truth = scene(seed % 100, kind, channels), scene(seed % 99, np.uint8, None)
    rng = np.random.default_rng(seed)
    window = (500.0, 30000.0)
    pixels, labels = cut_crop(image, truth, (30, 40), 32, OFF, rng, window=window)
    seen = to_8bit(image, window)
    tops, lefts = range(70 - 31), range(90 - 31)
    found = [(y, x) for y in tops for x in lefts if np.array_equal(truth[y : y + 32, x : x + 32], labels)]
    assert len(found) == 1
    y, x = found[0]
    np.testing.assert_array_equal(pixels, seen[y : y + 32, x : x + 32])
    assert y <= 30 < y + 32
    assert x <= 40 < x + 32


@quick
@given(seed=seeds, side=st.sampled_from([16, 33, 64, 128]), switch=st.sampled_from([*SWITCHES, "all"]))
def test_labels_come_from_the_annotation_alone(seed: int, side: int, switch: str) -> None:
    chosen = ALL if switch == "all" else Augmentation.only(switch)
    rng = np.random.default_rng(seed)
    truth = rng.choice(np.array([3, 7, VOID], np.uint8), (40, 50))
    pixels, labels = cut_crop(scene(1, shape=(40, 50)), truth, (20, 20), side, chosen, rng)
    assert pixels.shape == (side, side, 3)
    assert pixels.dtype == np.uint8
    assert set(np.unique(labels)) <= {3, 7, VOID}
    _, nothing = cut_crop(scene(1, shape=(40, 50)), np.full_like(truth, VOID), (20, 20), side, chosen, rng)
    assert (nothing == VOID).all()


@pytest.mark.parametrize("place", [(0, 0), (89, 139), (45, 70), (0, 139)])
@pytest.mark.parametrize("switch", [*MOVING, "all"])
def test_a_single_labelled_pixel_is_in_most_crops(place: tuple[int, int], switch: str) -> None:
    chosen = ALL if switch == "all" else Augmentation.only(switch)
    annotation = np.full((90, 140), VOID, np.uint8)
    annotation[place] = 1
    rng = np.random.default_rng(0)
    image = np.zeros((90, 140), np.uint8)
    found = [(cut_crop(image, annotation, place, 64, chosen, rng)[1] == 1).any() for _ in range(60)]
    assert sum(found) > 30  # shrinking by more than the pixel's size may lose it


@pytest.mark.parametrize("shape", [(20, 20), (3, 200), (1, 1), (200, 7)])
@pytest.mark.parametrize("chosen", [Augmentation(), ALL, OFF], ids=["default", "all", "off"])
def test_images_smaller_than_a_crop_are_void_around(shape: tuple[int, int], chosen: Augmentation) -> None:
    rng = np.random.default_rng(0)
    image = np.full(shape, 90, np.uint8)
    for _ in range(10):
        plain = replace(chosen, brightness=False, contrast=False, gamma=False, noise=False, blur=False)
        pixels, labels = cut_crop(image, np.zeros(shape, np.uint8), (0, shape[1] // 2), 64, plain, rng)
        assert (pixels == 90).all()  # its mirror image, never black
        assert set(np.unique(labels)) <= {0, VOID}
        assert (labels == VOID).sum() > 64 * 64 / 3


def test_outside_shows_the_mirror_image_of_the_whole_image() -> None:
    """Also where more of it is outside of the crop's window than inside."""
    ramp = np.repeat(np.arange(200, dtype=np.uint8)[None], 60, axis=0)
    rng = np.random.default_rng(0)
    for _ in range(40):
        pixels, labels = cut_crop(ramp, np.zeros_like(ramp), (30, 0), 64, Augmentation.only("rotate"), rng)
        outside = pixels[labels == VOID]
        assert not len(outside) or outside.max() < 64


def test_flipping_twice_is_no_flip() -> None:
    image, truth = scene(1), scene(2, np.uint8, None)
    plain = cut_crop(image, truth, (35, 45), 32, OFF, np.random.default_rng(0))
    for switch, axis in (("flip", 1), ("flip_vertical", 0)):
        outcomes = set()
        for seed in range(12):
            # The flip is drawn first, the place then; so a place of its own is found for each.
            pixels, labels = cut_crop(
                image, truth, (35, 45), 32, Augmentation.only(switch), np.random.default_rng(seed)
            )
            same = is_part(image, truth, pixels, labels)
            mirrored = is_part(image, truth, np.flip(pixels, axis), np.flip(labels, axis))
            assert same != mirrored
            outcomes.add(mirrored)
        assert outcomes == {True, False}
    assert is_part(image, truth, *plain)


def is_part(image: Pixels, truth: U8, pixels: U8, labels: U8) -> bool:
    side = labels.shape[0]
    return any(
        np.array_equal(truth[y : y + side, x : x + side], labels)
        and np.array_equal(image[y : y + side, x : x + side], pixels)
        for y in range(truth.shape[0] - side + 1)
        for x in range(truth.shape[1] - side + 1)
    )


def test_depth_makes_no_difference() -> None:
    """8 bits, 16 bits and floating point of one picture give nearly one crop."""
    smooth = np.asarray(cv2.GaussianBlur(scene(3), (0, 0), 3), np.uint8)
    truth = scene(2, np.uint8, None)
    crops = [
        cut_crop(image, truth, (35, 45), 48, replace(ALL, noise=False), np.random.default_rng(5), window=window)[0]
        for image, window in (
            (smooth, (0.0, 255.0)),
            (smooth.astype(np.uint16) * 200 + 1000, (1000.0, 52000.0)),
            (smooth.astype(np.float32) / 255 - 2, (-2.0, -1.0)),
        )
    ]
    for other in crops[1:]:
        assert np.abs(crops[0].astype(int) - other).max() <= 2


def test_what_is_no_number_does_not_spread() -> None:
    image = np.ones((70, 90), np.float32)
    image[20:40, 30], image[50] = np.nan, np.inf
    truth = np.where(np.isnan(image), 0, np.where(np.isinf(image), 2, 1)).astype(np.uint8)
    pixels, labels = cut_crop(image, truth, (35, 45), 64, OFF, np.random.default_rng(0), window=(0.0, 2.0))
    assert {int(v): set(np.unique(pixels[labels == v]).tolist()) for v in np.unique(labels)} == {
        0: {0},
        1: {128},
        2: {255},
    }


@pytest.mark.parametrize("switch", LOOKS)
def test_every_look_changes_pixels_only(switch: str) -> None:
    image, truth = np.asarray(cv2.GaussianBlur(scene(3), (0, 0), 1), np.uint8), scene(2, np.uint8, None)
    differences = []
    for seed in range(5):
        plain = cut_crop(image, truth, (35, 45), 32, OFF, np.random.default_rng(seed))
        changed = cut_crop(image, truth, (35, 45), 32, Augmentation.only(switch), np.random.default_rng(seed))
        np.testing.assert_array_equal(plain[1], changed[1])
        differences.append(np.abs(plain[0].astype(int) - changed[0]).mean())
    assert np.median(differences) > 0
    assert max(differences) < 40


def test_colour_leaves_grey_alone_and_needs_rgb() -> None:
    rng = np.random.default_rng(0)
    shade = draw_shade(Augmentation.only("colour"), rng)
    grey = np.repeat(scene(1, channels=1), 3, axis=2)
    assert np.abs(shade(grey, (0, 255)).astype(int) - grey).max() <= 1
    many = scene(1, channels=5)
    np.testing.assert_array_equal(shade(many, (0, 255)), many)
    assert np.abs(shade(scene(1), (0, 255)).astype(int) - scene(1)).max() > 5


def test_the_tone_curve_is_what_it_says() -> None:
    values = np.arange(256, dtype=np.uint8)[None]
    shade = Shade(gain=1.2, offset=-0.05, gamma=1.3)
    x = np.arange(256) / 255
    expected = np.rint((((x - 0.5) * 1.2 + 0.45).clip(0, 1) ** 1.3) * 255)
    assert np.abs(shade(values, (0, 255))[0] - expected).max() <= 1
    assert np.abs(shade(values.astype(np.float32) * 10, (0, 2550))[0] - expected).max() <= 1


def test_defaults_are_as_strong_as_they_say() -> None:
    rng = np.random.default_rng(0)
    shades = [draw_shade(Augmentation(), rng) for _ in range(500)]
    assert 0.75 <= min(s.gain for s in shades) < 0.78
    assert 1.22 < max(s.gain for s in shades) <= 1.25
    assert -0.1 <= min(s.offset for s in shades) < -0.09
    assert 1.2 < max(s.gamma for s in shades) <= np.exp(0.25)
    assert all(s.mix is None and s.blur == 0 and s.noise == 0 for s in shades)
    # Of an image of single pixels, the size of a square tells the scale.
    truth = np.zeros((400, 400), np.uint8)
    truth[180:220, 180:220] = 1
    areas = [(cut_crop(truth, truth, (200, 200), 128, Augmentation.only("scale"), rng)[1] == 1) for _ in range(300)]
    whole = [area.sum() for area in areas if not (area[[0, -1]].any() or area[:, [0, -1]].any())]
    scales = np.sqrt(whole) / 40
    assert 0.58 < scales.min() < 0.65
    assert 1.5 < scales.max() < 1.63


@quick
@given(seed=seeds)
def test_one_seed_gives_one_preview(seed: int) -> None:
    image, truth = scene(1), scene(2, np.uint8, None)
    first, second = (preview(image, truth, ALL, np.random.default_rng(seed), 3, side=32) for _ in range(2))
    assert len(first) == 3
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one[0], other[0])
        np.testing.assert_array_equal(one[1], other[1])


def test_a_preview_looks_at_labels_or_anywhere() -> None:
    truth = np.full((300, 300), VOID, np.uint8)
    rng = np.random.default_rng(0)
    assert len(preview(truth, truth, OFF, rng, 2, side=32)) == 2
    truth[250:254, 7:11] = 4
    assert all((labels == 4).any() for _, labels in preview(truth, truth, OFF, rng, 10, side=32))


def test_strengths_out_of_range_are_refused() -> None:
    for wrong in ({"scale_from": 0.0}, {"scale_from": 2.0, "scale_to": 1.0}, {"turn": -1.0}, {"gain": float("nan")}):
        with pytest.raises(UsageError, match="Choose"):
            Augmentation(**wrong)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="flip, flip_vertical"):
        Augmentation.only("mirror")


def test_channels_are_made_to_fit() -> None:
    grey, colour, many = scene(1, channels=None), scene(1), scene(1, channels=6)
    assert as_channels(grey, 1).shape == (70, 90, 1)
    assert as_channels(colour, 3) is colour
    assert as_channels(many, 6) is many
    assert (as_channels(grey, 3) == grey[:, :, None]).all()
    assert (as_channels(grey[:, :, None], 3) == grey[:, :, None]).all()
    luma = (colour @ np.array([0.299, 0.587, 0.114])).round()
    assert np.abs(as_channels(colour, 1)[:, :, 0] - luma).max() <= 1
    for pixels, channels in ((many, 3), (colour, 6), (grey, 2), (many, 1)):
        with pytest.raises(ValueError, match=f"the network takes {channels}"):
            as_channels(pixels, channels)
