"""Curves as a figure and as a line of text."""

import math
import xml.etree.ElementTree as ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segstudio.core.curves import BLOCKS, PALETTE, Line, figure, sparkline, ticks

SVG = "{http://www.w3.org/2000/svg}"
NUMBERS = st.floats(-1e6, 1e6)


def drawn(*lines: Line, note: str = "") -> ElementTree.Element:
    return ElementTree.fromstring(
        figure(lines, title="A & B", x_label="time (s)", y_label="mean IoU", value_label="in the end", note=note)
    )


def words(svg: ElementTree.Element) -> list[str]:
    return [text.text or "" for text in svg.iter(f"{SVG}text")]


@pytest.mark.parametrize(
    ("low", "high", "count", "expected"),
    [
        (0.0, 120.0, 4, [0, 50, 100]),
        (0.0, 120.0, 7, [0, 20, 40, 60, 80, 100, 120]),
        (0.0, 1.0, 3, [0, 0.5, 1]),
        (0.21, 0.58, 5, [0.3, 0.4, 0.5]),
        (3.0, 3.0, 5, [3]),
        (0.0, math.nan, 5, [0]),
    ],
)
def test_ticks_are_round(low: float, high: float, count: int, expected: list[float]) -> None:
    assert ticks(low, high, count) == pytest.approx(expected)


@settings(max_examples=50)
@given(low=NUMBERS, width=st.floats(1e-3, 1e6))
def test_ticks_lie_inside_and_rise(low: float, width: float) -> None:
    found = ticks(low, low + width)
    assert 1 <= len(found) <= 6
    assert found == sorted(set(found))
    assert low - 1e-6 * width <= found[0]
    assert found[-1] <= low + width * (1 + 1e-6)


def test_a_sparkline_rises_with_its_curve_and_waits_for_the_first_point() -> None:
    line = sparkline([(50, 0.25), (100, 1.0)], end=100, top=1.0, width=4)
    assert line == f" {BLOCKS[2]}{BLOCKS[2]}{BLOCKS[-1]}"


def test_a_sparkline_ends_where_its_curve_does() -> None:
    assert sparkline([(10, 1.0), (40, 1.0)], end=100, top=1.0, width=5) == f"{BLOCKS[-1] * 2}   "


@pytest.mark.parametrize("points", [(), ((1.0, 0.0),)])
def test_a_sparkline_of_nothing_is_blank(points: tuple[tuple[float, float], ...]) -> None:
    assert sparkline(points, end=1, top=0.0, width=3) == "   "


@settings(max_examples=50)
@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 1)), max_size=20))
def test_a_sparkline_is_as_wide_as_asked(points: list[tuple[float, float]]) -> None:
    line = sparkline(sorted(points), end=100, top=1.0)
    assert len(line) == 16
    assert set(line) <= set(BLOCKS) | {" "}


def test_a_figure_shows_curves_legend_intervals_and_axes() -> None:
    svg = drawn(
        Line("none <x>", ((10, 0.2), (20, 0.3)), 0.31, 0.25, 0.36),
        Line("parameter", ((10, 0.4), (20, 0.5)), 0.52),
        note="a note",
    )
    assert svg.find(f"{SVG}title").text == "A & B"  # type: ignore[union-attr]
    lines = svg.findall(f"{SVG}polyline")
    assert [line.get("stroke") for line in lines] == list(PALETTE[:2])
    told = words(svg)
    for part in ("A & B", "time (s)", "mean IoU", "in the end", "none <x>", "parameter", "a note"):
        assert part in told
    assert "0.310 [0.250, 0.360]" in told
    assert "0.520" in told
    assert svg.find(f"{SVG}rect").get("fill") == "#FFFFFF"  # type: ignore[union-attr]


def test_higher_scores_lie_higher_and_later_ones_further_right() -> None:
    svg = drawn(Line("a", ((10, 0.2), (20, 0.8))))
    first, second = [
        tuple(map(float, pair.split(",")))
        for pair in (svg.find(f"{SVG}polyline").get("points") or "").split()  # type: ignore[union-attr]
    ]
    assert first[0] < second[0]
    assert first[1] > second[1]


def test_a_line_without_points_or_value_stays_in_the_legend() -> None:
    svg = drawn(Line("failed", ()), Line("other", ((1, 0.5),), 0.5))
    assert {"failed", "no result"} <= set(words(svg))
    assert len(svg.findall(f"{SVG}polyline")) == 1


def test_a_figure_of_nothing_is_a_figure() -> None:
    assert "A & B" in words(drawn())


def test_nothing_leaves_the_drawing_when_there_are_many_lines() -> None:
    svg = drawn(*(Line(f"line {n}", ((5, n / 20),), n / 20, 0.0, 1.0) for n in range(20)))
    height = float(svg.get("height", 0))
    width = float(svg.get("width", 0))
    for text in svg.iter(f"{SVG}text"):
        assert 0 <= float(text.get("y", 0)) <= height
        assert 0 <= float(text.get("x", 0)) <= width
    assert len({entry for entry in words(svg) if entry.startswith("line ")}) == 20
