"""Which models of a project are kept when new ones come, and which are removed."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

NEWEST = 5
BEFORE = 3
RULE = (
    f"Kept are the model in use, the {BEFORE} in use before it, every model you chose or asked to keep,"
    f" the best of those scored on the newest labels, and the {NEWEST} newest."
    " The others are removed when a run adds a model."
)


class Prunable(Protocol):
    """What the rule looks at, see `segstudio.storage.project.ModelRecord`."""

    @property
    def name(self) -> str: ...
    @property
    def card(self) -> Mapping[str, Any]: ...
    @property
    def in_use(self) -> bool: ...
    @property
    def kept(self) -> bool: ...
    @property
    def chosen(self) -> bool: ...


def pruned(models: Sequence[Prunable], *, before: Sequence[str]) -> list[str]:
    """The models to remove, by `RULE`.

    Args:
        models: all of the project, newest first.
        before: names of the models that were in use before, the latest last; some may be gone.

    Returns:
        Names, in the order of `models`.
    """
    there = {model.name for model in models}
    current = {model.name for model in models if model.in_use}
    back = dict.fromkeys(name for name in reversed(before) if name in there and name not in current)
    kept = current | set(list(back)[:BEFORE])
    kept |= {model.name for model in models if model.kept or model.chosen}
    kept |= {model.name for model in models[:NEWEST]}
    best = _best(models)
    return [model.name for model in models if model.name not in kept and model is not best]


def _best(models: Sequence[Prunable]) -> Prunable | None:
    """Of the models scored on the same labels as the newest one with a score, the best; of equals the newest."""
    scored = [model for model in models if _score(model) is not None]
    same = [model for model in scored if model.card.get("labels") == scored[0].card.get("labels")]
    return max(same, key=lambda model: _score(model) or 0.0, default=None)


def _score(model: Prunable) -> float | None:
    value = model.card.get("miou")
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None
