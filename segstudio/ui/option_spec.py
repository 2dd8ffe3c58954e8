"""What can be chosen, as described data: one option, the pages they stand on, and how settings are read and changed."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from segstudio.learn.request import TrainSettings

Blocked = Callable[[TrainSettings], str]


class Choice(NamedTuple):
    """One of several values: what it is, its title, what it means, and whether it can be chosen on this machine."""

    value: Any
    title: str
    tip: str = ""
    here: bool = True


def _never(_settings: TrainSettings) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Option:
    """One thing that can be chosen.

    Attributes:
        path: of the attribute of `TrainSettings`, its parts separated by points.
        label: the field's term.
        tip: what it does, in plain words.
        choices: the values it can have; none for a number, or a switch.
        low, high: of a number.
        unit: behind the number.
        whole: whether it is a whole number.
        empty: what None is called; "" where it cannot be None.
        scale: what is shown is the value divided by it.
        name: what it is called out of context, where the label alone does not say; empty: as the label.
        marked: whether it is marked when it is not as by default.
        blocked: why it has no effect with the other settings; empty when it has.
    """

    path: str
    label: str
    tip: str
    choices: tuple[Choice, ...] = ()
    low: float = math.nan
    high: float = math.nan
    unit: str = ""
    whole: bool = False
    empty: str = ""
    scale: float = 1.0
    name: str = ""
    marked: bool = True
    blocked: Blocked = _never

    @property
    def numeric(self) -> bool:
        """Whether it is a number."""
        return not math.isnan(self.low)


@dataclass(frozen=True, slots=True)
class Page:
    """Options that belong together, in groups with a heading."""

    title: str
    groups: tuple[tuple[str, tuple[Option, ...]], ...]


def value_of(settings: TrainSettings, path: str) -> Any:
    """The attribute at a path."""
    found: Any = settings
    for part in path.split("."):
        found = getattr(found, part)
    return found


def with_values(settings: TrainSettings, values: Mapping[str, Any]) -> TrainSettings:
    """The settings with other values, by path.

    Raises:
        UsageError: strengths of augmentation are out of their ranges.
    """
    parts: dict[str, dict[str, Any]] = {}
    for path, value in values.items():
        first, _, rest = path.rpartition(".")
        parts.setdefault(first, {})[rest] = value
    whole = parts.pop("", {})
    inner = {name: replace(getattr(settings, name), **changes) for name, changes in parts.items()}
    return replace(settings, **whole, **inner)
