"""What a person's tone makes of an image's values, and that no tone leaves them as they were."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from segstudio.core.arrays import U8, Pixels
from segstudio.core.tone import (
    PRESETS,
    Hounsfield,
    Tone,
    ToneMap,
    Window,
    auto_window,
    dragged,
    histogram,
    to_8bit,
    value_span,
    whole_bins,
)
from segstudio.errors import UsageError

RAMP: U8 = np.arange(256, dtype=np.uint8).reshape(16, 16)
SHAPES = st.tuples(st.integers(1, 9), st.integers(1, 9)) | st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(3))
TONES = st.builds(
    Tone,
    window=st.none() | st.tuples(st.floats(-1e4, 1e4), st.floats(1e-3, 1e4)).map(lambda at: (at[0], at[0] + at[1])),
    brightness=st.floats(-1, 1),
    contrast=st.floats(-1, 1),
    gamma=st.floats(0.1, 10),
    inverted=st.booleans(),
    channel=st.none() | st.integers(0, 2),
)


def images(dtype: str) -> st.SearchStrategy[Pixels]:
    if dtype == "float32":
        return hnp.arrays(np.float32, SHAPES, elements=st.floats(width=32))
    return hnp.arrays(np.dtype(dtype), SHAPES)


def by_hand(pixels: Pixels, window: Window) -> U8:
    """The mapping as its documentation tells it, without tables and bands."""
    if pixels.dtype == np.uint8:
        return np.asarray(pixels, np.uint8)
    low, high = window
    with np.errstate(over="ignore"):
        scaled = (pixels.astype(np.float32) - np.float32(low)) * np.float32(255.0 / (high - low))
    bounded = np.clip(np.nan_to_num(scaled, nan=0.0, posinf=255.0, neginf=0.0), 0.0, 255.0)
    return np.asarray(np.rint(bounded), np.uint8)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@settings(max_examples=40)
@given(data=st.data(), low=st.floats(-1000, 60000), width=st.floats(1e-3, 70000))
def test_no_tone_shows_what_tools_and_network_read(dtype: str, data: st.DataObject, low: float, width: float) -> None:
    pixels = data.draw(images(dtype))
    window = (low, low + width)
    expected = by_hand(pixels, window)
    assert np.array_equal(to_8bit(pixels, window), expected)
    assert np.array_equal(ToneMap(Tone(), window, pixels.dtype)(pixels), expected)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@settings(max_examples=40)
@given(data=st.data(), tone=TONES)
def test_any_tone_of_any_image_is_8_bit_of_its_size(dtype: str, data: st.DataObject, tone: Tone) -> None:
    pixels = data.draw(images(dtype))
    before = pixels.copy()
    shown = ToneMap(tone, (0.0, 4000.0), pixels.dtype)(pixels)
    assert shown.dtype == np.uint8
    assert shown.shape == (pixels.shape[:2] if tone.channel is not None else pixels.shape)
    assert np.array_equal(pixels, before, equal_nan=dtype == "float32")


@settings(max_examples=40)
@given(tone=TONES)
def test_brighter_values_stay_brighter_unless_inverted(tone: Tone) -> None:
    values = np.linspace(-20000, 20000, 997, dtype=np.float32)[None]
    steps = np.diff(ToneMap(tone, (0.0, 4000.0), np.float32)(values).astype(int))
    assert (steps <= 0).all() if tone.inverted else (steps >= 0).all()


@settings(max_examples=40)
@given(tone=TONES)
def test_a_table_and_arithmetic_agree(tone: Tone) -> None:
    values = np.arange(0, 65536, 61, dtype=np.uint16)[None]
    table = ToneMap(tone, (100.0, 40000.0), np.uint16)(values)
    assert np.array_equal(table, ToneMap(tone, (100.0, 40000.0), np.float32)(values.astype(np.float32)))


def test_a_neutral_8_bit_image_is_not_copied() -> None:
    assert ToneMap(Tone(), (3.0, 9.0), np.uint8)(RAMP) is RAMP
    assert to_8bit(RAMP, (3.0, 9.0)) is RAMP
    assert Tone().neutral
    assert not Tone(inverted=True).neutral


def test_empty_rectangles_and_slices_of_an_image_are_mapped() -> None:
    image = np.random.default_rng(3).integers(0, 65536, (40, 50, 3), dtype=np.uint16)
    mapped = ToneMap(Tone(gamma=2), (0.0, 65535.0), np.uint16)
    assert np.array_equal(mapped(image[5:20, 7:33]), mapped(image)[5:20, 7:33])
    assert mapped(image[5:5, 7:33]).shape == (0, 26, 3)
    assert np.array_equal(ToneMap(Tone(gamma=2, channel=1), (0.0, 65535.0), np.uint16)(image), mapped(image)[..., 1])


@pytest.mark.parametrize(
    ("tone", "black", "middle", "white"),
    [
        (Tone(brightness=-1), 0, 0, 0),
        (Tone(brightness=1), 255, 255, 255),
        (Tone(brightness=0.5), 128, 191, 255),
        (Tone(contrast=-1), 128, 128, 128),
        (Tone(contrast=1), 0, 0, 255),
        (Tone(gamma=2), 0, 180, 255),
        (Tone(gamma=0.5), 0, 63, 255),
        (Tone(inverted=True), 255, 128, 0),
        (Tone(window=(100, 200)), 0, 69, 255),
        (Tone(window=(100, 200), inverted=True), 255, 186, 0),
    ],
)
def test_what_each_control_does(tone: Tone, black: int, middle: int, white: int) -> None:
    shown = ToneMap(tone, (0.0, 255.0), np.uint8)(RAMP).ravel()
    assert [int(shown[at]) for at in (0, 127, 255)] == [black, middle, white]


def test_one_channel_is_grey_and_grey_has_no_channels() -> None:
    colour = np.stack([RAMP, 255 - RAMP, RAMP // 2], axis=2)
    assert np.array_equal(ToneMap(Tone(channel=1), (0.0, 255.0), np.uint8)(colour), 255 - RAMP)
    assert ToneMap(Tone(channel=1), (0.0, 255.0), np.uint8)(RAMP) is RAMP


def test_not_a_number_is_black() -> None:
    pixels = np.array([[np.nan, np.inf, -np.inf, 0.5]], np.float32)
    assert ToneMap(Tone(), (0.0, 1.0), np.float32)(pixels).tolist() == [[0, 255, 0, 128]]


@pytest.mark.parametrize(
    "bad",
    [
        {"window": (5.0, 5.0)},
        {"window": (6.0, 5.0)},
        {"window": (0.0, float("inf"))},
        {"brightness": 1.01},
        {"contrast": float("nan")},
        {"gamma": 0.0},
        {"channel": 3},
    ],
)
def test_values_out_of_range_are_refused(bad: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="Choose"):
        Tone(**bad)  # type: ignore[arg-type]


# Window and level


@settings(max_examples=50)
@given(tone=TONES, dx=st.floats(-1e5, 1e5), dy=st.floats(-1e5, 1e5))
def test_a_drag_of_any_length_gives_a_window(tone: Tone, dx: float, dy: float) -> None:
    after = dragged(tone, (-1000.0, 3000.0), dx, dy)
    assert after.window is not None
    assert after.window[1] - after.window[0] >= 4000 / 1024 * 0.999
    assert after.gamma == tone.gamma


def test_right_widens_and_down_raises_the_level() -> None:
    own = (0.0, 1024.0)
    assert dragged(Tone(), own, 0, 0).window == own
    assert dragged(Tone(), own, 64, 0).window == (-64.0, 1088.0)
    assert dragged(Tone(), own, -64, 0).window == (64.0, 960.0)
    assert dragged(Tone(), own, 0, 32).window == (64.0, 1088.0)
    assert dragged(Tone(window=(100.0, 200.0)), own, 0, -32).window == (36.0, 136.0)


@settings(max_examples=40)
@given(sample=hnp.arrays(np.float32, SHAPES, elements=st.floats(width=32)))
def test_an_automatic_window_is_always_one(sample: Pixels) -> None:
    low, high = auto_window(sample)
    assert low < high
    assert Tone(window=(low, high)).window == (low, high)


def test_percentiles_leave_the_extremes_out() -> None:
    values = np.arange(1001, dtype=np.uint16).reshape(1, -1)
    assert auto_window(values, 10, 90) == (100.0, 900.0)
    assert auto_window(values.astype(np.float32)) == (5.0, 995.0)
    assert auto_window(np.full((3, 3), 7, np.uint8)) == (7.0, 8.0)
    assert auto_window(np.full((3, 3), np.nan, np.float32)) == (0.0, 1.0)


def test_presets_are_windows_by_width_and_centre() -> None:
    windows = {preset.name: preset.window for preset in PRESETS}
    assert windows["CT brain"] == (0.0, 80.0)
    assert windows["CT lung"] == (-1350.0, 150.0)
    assert windows["CT bone"] == (-500.0, 1500.0)
    assert all(Tone(window=window).window == window for window in windows.values())
    assert len(windows) == len(PRESETS)


# Histogram


def test_a_histogram_counts_every_value_once() -> None:
    assert histogram(RAMP, 256, (0.0, 255.0)).tolist() == [1] * 256
    assert histogram(RAMP, 4).tolist() == [64] * 4
    colour = np.stack([RAMP, RAMP // 2, np.zeros_like(RAMP)], axis=2)
    counts = histogram(colour, 2, (0.0, 255.0))
    assert counts.tolist() == [[128, 128], [256, 0], [256, 0]]


def test_a_histogram_leaves_out_what_is_no_number_or_outside() -> None:
    sample = np.array([[np.nan, np.inf, -3.0, 0.2, 0.9]], np.float32)
    assert histogram(sample, 2, (0.0, 1.0)).tolist() == [1, 1]
    assert histogram(np.full((2, 2), np.nan, np.float32), 3).tolist() == [0, 0, 0]


def test_a_span_holds_the_window_and_nearly_all_values() -> None:
    assert value_span(RAMP, (10.0, 20.0)) == (0.0, 255.0)
    values = np.linspace(0, 100, 20001, dtype=np.float32).reshape(1, -1)
    low, high = value_span(values, (-50.0, 50.0))
    assert low == -50
    assert 99.9 < high < 100


# Keeping


@settings(max_examples=50)
@given(tone=TONES)
def test_what_is_kept_comes_back(tone: Tone) -> None:
    assert Tone.from_dict(json.loads(json.dumps(tone.to_dict()))) == tone


@pytest.mark.parametrize(
    "kept",
    [
        None,
        [],
        "gamma",
        {"gamma": "2"},
        {"gamma": 99, "window": [2, 1]},
        {"window": [1, 2, 3]},
        {"window": [0, "b"]},
        {"window": [0, 10**400]},
        {"inverted": 1, "channel": True, "brightness": float("nan")},
        {"channel": 7, "unknown": 1, 3: 4},
    ],
)
def test_what_makes_no_sense_is_neutral(kept: object) -> None:
    assert Tone.from_dict(kept) == Tone()


def test_one_bad_value_does_not_cost_the_others() -> None:
    assert Tone.from_dict({"gamma": 99, "inverted": True, "window": [1, 2]}) == Tone(window=(1, 2), inverted=True)


@pytest.mark.parametrize("most", [255, 1000, 1001, 4095, 40_000, 65_535])
def test_parts_of_a_histogram_of_whole_values_hold_equally_many(most: int) -> None:
    values = np.arange(most + 1, dtype=np.uint16).reshape(1, -1)
    bins, span = whole_bins((0.0, float(most)))
    counts = histogram(values, bins, span)
    assert counts.sum() == most + 1
    assert bins <= 256
    assert len(set(counts[:-1].tolist())) == 1  # no comb; the last one may be cut short
    assert 0 < counts[-1] <= counts[0]


def test_windows_in_hounsfield_units_become_the_images_own() -> None:
    brain = PRESETS[0]
    assert Hounsfield().window(brain) == brain.window
    low, high = brain.window
    assert Hounsfield(1.0, -1024.0).window(brain) == (low + 1024, high + 1024)
    assert Hounsfield(-1.0, 0.0).window(brain) == (-high, -low)
    assert Hounsfield(0.0, 5.0).window(brain) is None
