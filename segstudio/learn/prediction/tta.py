"""Test-time augmentation by name; free of torch."""

from typing import Literal

Tta = Literal["none", "flips", "flips and scales"]
TTAS: tuple[Tta, ...] = ("none", "flips", "flips and scales")
