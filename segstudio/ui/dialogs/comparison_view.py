"""What the dialog that compares transfers shows, in words and numbers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from segstudio.core.curves import PALETTE
from segstudio.learn.comparison.plan import (
    Comparison,
    ComparisonPlan,
    Event,
    Point,
    Row,
    RowDone,
    RowResult,
    RowScored,
    RowStarted,
    RowStepped,
)
from segstudio.learn.request import Transfer
from segstudio.ui.dialogs.listing import Cell, Column
from segstudio.ui.panels.run_view import clock
from segstudio.ui.theme import Tokens, mix

COLUMNS = (
    Column("Transfer", 104),
    Column("From", tip="The backbone, published network or model that it starts from"),
    Column("Mean IoU", 156, right=True, tip="On all validation pixels, with the 90 % interval over images"),
    Column("Gain", 172, right=True, tip="Over a random start, on the same pixels, with its 90 % interval"),
    Column("Steps", 60, right=True),
    Column("Crops/s", 64, right=True, tip="Training crops a second"),
    Column("To 90 %", 72, right=True, tip="Time until 90 % of its best score was reached"),
)
NONE = "–"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person wants compared.

    Attributes:
        transfers, backbones: each with each.
        start: of structure; None without it.
        minutes: for each training.
    """

    transfers: tuple[Transfer, ...]
    backbones: tuple[str, ...]
    start: str | None
    minutes: float

    @property
    def count(self) -> int:
        """How many trainings that are: structure does not take a backbone."""
        plain = len([name for name in self.transfers if name != "structure"]) * len(self.backbones)
        return plain + (self.start is not None)


class Standing:
    """How a comparison stands, from what it tells.

    Attributes:
        plan: what is compared.
        results: by place in the plan, of rows that have ended.
        points: by place, the curves so far.
        found: what can be written as a report; None while there is nothing.
        ended: whether nothing more comes.
    """

    def __init__(self, plan: ComparisonPlan) -> None:
        self.plan = plan
        self.results: dict[int, RowResult] = {}
        self.points: dict[int, list[Point]] = {at: [] for at in range(len(plan.rows))}
        self.found: Comparison | None = None
        self.ended = False
        self._at = -1
        self._step: RowStepped | None = None

    def take(self, event: Event) -> None:
        """Take in what is told."""
        match event:
            case RowStarted():
                self._at, self._step = event.number - 1, None
            case RowStepped():
                self._step = event
            case RowScored():
                self.points[event.number - 1].append(event.point)
            case RowDone():
                self.results[event.number - 1] = event.result
                self.found = event.so_far
            case _:
                if event.comparison.rows:
                    self.found = event.comparison
                self._at, self.ended = -1, True

    @property
    def share(self) -> float:
        """How much of all is done, 0..1."""
        ended = len(self.results)
        running = self._step.done if self._step is not None and self._at not in self.results else 0.0
        return min(1.0, (ended + running) / max(1, len(self.plan.rows)))

    @property
    def line(self) -> str:
        """What goes on, with the time left; empty when nothing does."""
        if not 0 <= self._at < len(self.plan.rows):
            return ""
        parts = [f"{self._at + 1} of {len(self.plan.rows)}", self.plan.rows[self._at].label]
        if self._at in self.results:
            return "  ·  ".join(parts)
        step = self._step
        if step is None:
            return "  ·  ".join([*parts, "preparing …"])
        if step.done >= 1.0:
            return "  ·  ".join([*parts, "scoring all validation images …"])
        parts += [f"step {step.step:,}", f"{step.images_per_second:.1f} crops/s"]
        left = self._left(step)
        return "  ·  ".join([*parts, f"{clock(left)} left"] if left is not None else parts)

    def cells(self, tokens: Tokens) -> list[tuple[Cell, ...]]:
        """The rows of the table."""
        return [self._cells(at, row, tokens) for at, row in enumerate(self.plan.rows)]

    def _left(self, step: RowStepped) -> float | None:
        minutes = self.plan.settings.minutes
        each = 60 * minutes if minutes is not None else step.seconds / step.done if step.done > 0 else None
        return None if each is None else each * (len(self.plan.rows) - self._at - step.done)

    def _cells(self, at: int, row: Row, tokens: Tokens) -> tuple[Cell, ...]:
        result, running = self.results.get(at), at == self._at
        kind = "" if result is not None or running else "quiet"
        first = (Cell(row.transfer, kind=kind, color=color_of(at, tokens)), Cell(row.origin, row.label, kind))
        if result is not None:
            return (*first, *_result_cells(result))
        curve = self.points[at]
        if running and curve:
            score = f"{curve[-1].miou:.3f} so far"
            return (*first, Cell(score, "On the images that the curves are scored on", "quiet"), *[Cell()] * 4)
        over = "stopped" if curve else "left out"
        word = "running …" if running else over if self.ended else "waiting"
        return (*first, Cell(word, kind="quiet"), *[Cell()] * 4)


def color_of(place: int, tokens: Tokens) -> str:
    """Colour of a curve, told apart by eyes of all kinds; the same as in the report, but for what its ground asks."""
    color = PALETTE[place % len(PALETTE)]
    if color == "#000000":
        return tokens.text
    return mix(color, "#ffffff", 0.25).name() if tokens.dark else color


def total_line(wanted: Wanted) -> str:
    """How long a comparison will take, before it begins."""
    count = wanted.count
    if not count:
        return "Choose at least one transfer and a backbone."
    trainings = "1 training" if count == 1 else f"{count} trainings"
    if count == 1:
        return f"{trainings} of {_minutes(wanted.minutes)}. Choose more to compare."
    return f"{trainings} of {_minutes(wanted.minutes)}: about {_minutes(count * wanted.minutes)} altogether."


def ended_line(found: Comparison) -> str:
    """What came of it, in a line."""
    scored = [result for result in found.rows if result.scores is not None and math.isfinite(result.scores.miou)]
    if not found.rows:
        return "Stopped before a training had ended."
    if not scored:
        return f"No training came to a result: {found.rows[0].error}"
    best = max(scored, key=lambda result: result.scores.miou if result.scores else 0.0)
    assert best.scores is not None
    how = f"Stopped after {len(found.rows)} of {len(found.plan.rows)}. " if found.stopped else ""
    sure = _sure(best)
    return f"{how}Best: {best.row.label}, mean IoU {best.scores.miou:.3f}.{sure}"


def problems_of(results: Sequence[RowResult]) -> list[str]:
    """What went wrong, a line for each row that failed."""
    return [f"{result.row.label}: {result.error}" for result in results if result.error]


def _sure(best: RowResult) -> str:
    gain = best.gain
    if gain is None or not math.isfinite(gain.low):
        return ""
    if gain.low > 0:
        return f" Better than {best.against} by {gain.mean:.3f} ({gain.low:.3f} to {gain.high:.3f})."
    return f" Its lead over {best.against} may be chance: {gain.low:.3f} to {gain.high:.3f}."


def _result_cells(result: RowResult) -> tuple[Cell, ...]:
    if result.error or result.scores is None:
        return (Cell("failed", result.error, "error"), *[Cell(tip=result.error)] * 4)
    scores, gain, near = result.scores, result.gain, result.seconds_to_near_best
    span = f" ({scores.interval[0]:.2f} to {scores.interval[1]:.2f})" if scores.interval else ""
    notes = "\n".join(result.notes)
    gained = Cell(NONE, "This is what others are compared with" if not result.against else "", "quiet")
    if gain is not None:
        bounds = f" ({gain.low:.2f} to {gain.high:.2f})" if math.isfinite(gain.low) else ""
        gained = Cell(f"{gain.mean:+.3f}{bounds}", f"Over {result.against}", "success" if gain.low > 0 else "")
    return (
        Cell(f"{scores.miou:.3f}{span}", notes),
        gained,
        Cell(f"{result.steps:,}"),
        Cell(f"{result.images_per_second:.1f}"),
        Cell(NONE if near is None else clock(near)),
    )


def _minutes(minutes: float) -> str:
    if minutes >= 60:
        hours, rest = divmod(round(minutes), 60)
        return f"{hours} h {rest:02d} min"
    return f"{minutes:g} min"
