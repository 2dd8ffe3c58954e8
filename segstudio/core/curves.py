"""Curves and intervals as a figure for a paper (SVG), and as one line of text."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

# Okabe & Ito 2008, "Color Universal Design", without the yellow that is too pale on white: eyes of all kinds tell
# these apart. Dashes and markers tell the lines apart in print without colour, and beyond seven.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
DASHES = ("", "7 3", "2 2.5", "9 3 2 3", "4 2", "12 3", "1.5 3")
BLOCKS = "▁▂▃▄▅▆▇█"
_INK, _QUIET, _GRID = "#222222", "#666666", "#E4E4E4"
_FONT = "Helvetica, Arial, 'Liberation Sans', sans-serif"
_SIZE, _SMALL = 12, 11
_GLYPH = 0.56  # mean width of a letter, as a share of the font's size
_LEFT, _TOP, _BOTTOM, _GAP, _EDGE = 62, 44, 54, 34, 24
_WIDE, _HIGH = 430, 270  # of the plot itself
_ROW = 24
_SPAN, _FIGURES = 180, 130  # width of the panel of intervals, and of the numbers beside it


@dataclass(frozen=True, slots=True)
class Line:
    """One curve of a figure, with the value it ended at.

    Attributes:
        label: for the legend.
        points: ``(x, y)`` in rising order of x; may be empty.
        value: shown as a dot beside the curves; None without one.
        low, high: bounds of its interval; None without one.
    """

    label: str
    points: tuple[tuple[float, float], ...]
    value: float | None = None
    low: float | None = None
    high: float | None = None


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Round numbers from `low` to `high`, about `count` of them, in steps of 1, 2 or 5 times a power of ten."""
    if not (math.isfinite(low) and math.isfinite(high)) or high <= low:
        return [low]
    rough = (high - low) / max(count - 1, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(place * step, 12) for place in range(first, last + 1)]


def sparkline(points: Sequence[tuple[float, float]], *, end: float, top: float, width: int = 16) -> str:
    """A curve as a row of block characters.

    Args:
        points: ``(x, y)`` in rising order of x, y from 0 on; each holds until the next one.
        end: x at the right border; lines of one `end` and one `top` can be compared by eye.
        top: y of a full block.
        width: characters.

    Returns:
        `width` characters; spaces before the first point and after the last one.
    """
    drawn = []
    for place in range(width):
        until = end * (place + 1) / width
        known = [y for x, y in points if x <= until * (1 + 1e-9)]
        if not known or top <= 0 or points[-1][0] <= end * place / width:
            drawn.append(" ")
            continue
        drawn.append(BLOCKS[min(len(BLOCKS) - 1, max(0, int(known[-1] / top * len(BLOCKS))))])
    return "".join(drawn)


def figure(lines: Sequence[Line], *, title: str, x_label: str, y_label: str, value_label: str, note: str = "") -> str:
    """Curves over a common axis, a legend, and beside it the values they ended at with their intervals.

    Args:
        lines: in the order of the legend.
        title: above.
        x_label, y_label: of the axes.
        value_label: of the axis of the values.
        note: below, in small letters; may be empty.

    Returns:
        An SVG document, light, of text as text.
    """
    names = max((_width(line.label) for line in lines), default=0.0)
    legend = 44 + names
    width = _LEFT + _WIDE + _GAP + legend + _SPAN + _FIGURES + _EDGE
    height = max(_TOP + _HIGH, _row(len(lines))) + _BOTTOM + (18 if note else 0)
    plot, values = _Plot(lines), _Values(lines, left=_LEFT + _WIDE + _GAP + legend)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_n(width)} {_n(height)}" width="{_n(width)}" '
        f'height="{_n(height)}" font-family={quoteattr(_FONT)} font-size="{_SIZE}" fill="{_INK}">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{_n(width)}" height="{_n(height)}" fill="#FFFFFF"/>',
        _text(_LEFT, 24, title, size=14, bold=True),
        *plot.axes(x_label, y_label),
        *values.axis(value_label),
    ]
    for place, line in enumerate(lines):
        parts += plot.curve(line, place)
        parts += _entry(line, place, _LEFT + _WIDE + _GAP)
        parts += values.dot(line, place)
    if note:
        parts.append(_text(_LEFT, height - 12, note, size=_SMALL, colour=_QUIET))
    return "\n".join([*parts, "</svg>", ""])


class _Plot:
    """The panel of the curves."""

    def __init__(self, lines: Sequence[Line]) -> None:
        ends = [line.points[-1][0] for line in lines if line.points]
        heights = [y for line in lines for _, y in line.points]
        self._end = max(ends, default=1.0) or 1.0
        self._low, self._high = _range(heights)

    def axes(self, x_label: str, y_label: str) -> list[str]:
        bottom = _TOP + _HIGH
        parts = []
        for value in ticks(self._low, self._high):
            y = self._y(value)
            parts.append(_segment(_LEFT, y, _LEFT + _WIDE, y, _GRID))
            parts.append(_text(_LEFT - 8, y + 4, _label(value), anchor="end", size=_SMALL))
        for value in ticks(0.0, self._end, 7):
            x = self._x(value)
            parts.append(_segment(x, bottom, x, bottom + 5, _INK))
            parts.append(_text(x, bottom + 19, _label(value), anchor="middle", size=_SMALL))
        parts.append(_segment(_LEFT, bottom, _LEFT + _WIDE, bottom, _INK))
        parts.append(_segment(_LEFT, _TOP, _LEFT, bottom, _INK))
        parts.append(_text(_LEFT + _WIDE / 2, bottom + 40, x_label, anchor="middle"))
        middle = _TOP + _HIGH / 2
        turned = f'<g transform="rotate(-90 18 {_n(middle)})">{_text(18, middle, y_label, anchor="middle")}</g>'
        return [*parts, turned]

    def curve(self, line: Line, place: int) -> list[str]:
        if not line.points:
            return []
        places = [(self._x(x), self._y(y)) for x, y in line.points]
        path = " ".join(f"{_n(x)},{_n(y)}" for x, y in places)
        drawn = f'<polyline points="{path}" fill="none" {_stroke(place)}/>'
        return [drawn, *(_marker(x, y, place) for x, y in places)]

    def _x(self, value: float) -> float:
        return _LEFT + _WIDE * value / self._end

    def _y(self, value: float) -> float:
        return _TOP + _HIGH * (1 - (value - self._low) / (self._high - self._low))


class _Values:
    """The panel of the values with their intervals, one in each row of the legend."""

    def __init__(self, lines: Sequence[Line], left: float) -> None:
        found = [value for line in lines for value in (line.value, line.low, line.high) if value is not None]
        self._low, self._high = _range(found)
        self._left = left
        self._bottom = _row(len(lines)) - 2

    def axis(self, label: str) -> list[str]:
        parts = []
        for value in ticks(self._low, self._high, 5):
            x = self._x(value)
            parts.append(_segment(x, _TOP, x, self._bottom, _GRID))
            parts.append(_segment(x, self._bottom, x, self._bottom + 5, _INK))
            parts.append(_text(x, self._bottom + 19, _label(value), anchor="middle", size=_SMALL))
        parts.append(_segment(self._left, self._bottom, self._left + _SPAN, self._bottom, _INK))
        parts.append(_text(self._left + _SPAN / 2, self._bottom + 40, label, anchor="middle"))
        return parts

    def dot(self, line: Line, place: int) -> list[str]:
        y = _row(place)
        parts = []
        if line.low is not None and line.high is not None:
            low, high = self._x(line.low), self._x(line.high)
            colour = f'stroke="{_colour(place)}" stroke-width="1.6"'
            ends = "".join(f"M{_n(x)},{_n(y - 4)}V{_n(y + 4)}" for x in (low, high))
            parts.append(f'<path d="M{_n(low)},{_n(y)}H{_n(high)}{ends}" fill="none" {colour}/>')
        if line.value is not None:
            parts.append(_marker(self._x(line.value), y, place))
        else:
            parts.append(_text(self._left + 8, y + 4, "no result", size=_SMALL, colour=_QUIET))
        return [*parts, _text(self._left + _SPAN + 12, y + 4, _figures(line), size=_SMALL)]

    def _x(self, value: float) -> float:
        return self._left + _SPAN * (value - self._low) / (self._high - self._low)


def _entry(line: Line, place: int, left: float) -> list[str]:
    """A row of the legend."""
    y = _row(place)
    sample = f'<path d="M{_n(left)},{_n(y)}h26" fill="none" {_stroke(place)}/>'
    return [sample, _marker(left + 13, y, place), _text(left + 32, y + 4, line.label)]


def _figures(line: Line) -> str:
    if line.value is None:
        return ""
    span = "" if line.low is None or line.high is None else f" [{line.low:.3f}, {line.high:.3f}]"
    return f"{line.value:.3f}{span}"


def _range(values: Sequence[float]) -> tuple[float, float]:
    """What an axis shows of 0..1: the values with some room around them."""
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    room = max((high - low) * 0.08, 0.02)
    return max(0.0, low - room), min(1.0, high + room)


def _row(place: int) -> float:
    return _TOP + 12 + _ROW * place


def _colour(place: int) -> str:
    return PALETTE[place % len(PALETTE)]


def _stroke(place: int) -> str:
    dash = DASHES[place % len(DASHES)]
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return f'stroke="{_colour(place)}" stroke-width="1.8" stroke-linejoin="round"{dashed}'


def _marker(x: float, y: float, place: int) -> str:
    """Circle, square, triangle, diamond in turn; open from the eighth line on."""
    fill = _colour(place) if place < len(PALETTE) else "#FFFFFF"
    look = f'fill="{fill}" stroke="{_colour(place)}" stroke-width="1.2"'
    shape = place % 4
    if shape == 0:
        return f'<circle cx="{_n(x)}" cy="{_n(y)}" r="3.2" {look}/>'
    if shape == 1:
        return f'<rect x="{_n(x - 2.9)}" y="{_n(y - 2.9)}" width="5.8" height="5.8" {look}/>'
    corners = ((0, -3.8), (3.6, 2.8), (-3.6, 2.8)) if shape == 2 else ((0, -4), (4, 0), (0, 4), (-4, 0))
    points = " ".join(f"{_n(x + dx)},{_n(y + dy)}" for dx, dy in corners)
    return f'<polygon points="{points}" {look}/>'


def _segment(x1: float, y1: float, x2: float, y2: float, colour: str) -> str:
    return f'<path d="M{_n(x1)},{_n(y1)}L{_n(x2)},{_n(y2)}" stroke="{colour}"/>'


def _text(
    x: float,
    y: float,
    words: str,
    *,
    anchor: str = "start",
    size: int = _SIZE,
    colour: str = _INK,
    bold: bool = False,
) -> str:
    weight = ' font-weight="bold"' if bold else ""
    place = f'x="{_n(x)}" y="{_n(y)}" text-anchor="{anchor}" font-size="{size}" fill="{colour}"'
    return f"<text {place}{weight}>{escape(words)}</text>"


def _width(words: str) -> float:
    return len(words) * _SIZE * _GLYPH


def _label(value: float) -> str:
    return f"{value:.10g}"


def _n(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
