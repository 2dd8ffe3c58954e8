"""The rule by which models go: what a person can miss stays."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from segstudio.storage.pruning import BEFORE, NEWEST, RULE, pruned


@dataclass(frozen=True)
class Model:
    name: str
    card: Mapping[str, Any] = field(default_factory=dict)
    in_use: bool = False
    kept: bool = False
    chosen: bool = False


def named(count: int) -> list[Model]:
    """Models, newest first."""
    return [Model(f"m{number}") for number in range(count, 0, -1)]


@st.composite
def shelves(draw: st.DrawFn) -> tuple[list[Model], list[str]]:
    count = draw(st.integers(0, 15))
    in_use = draw(st.integers(-1, count))
    scores = st.one_of(st.none(), st.floats(0, 1), st.just(float("nan")))
    models = [
        Model(
            f"m{number}",
            {"miou": draw(scores), "labels": draw(st.sampled_from(["a", "b", ""]))},
            number == in_use,
            draw(st.booleans()),
            draw(st.booleans()),
        )
        for number in range(count)
    ]
    before = draw(st.lists(st.sampled_from([f"m{number}" for number in range(20)]), max_size=8))
    return models, before


@settings(max_examples=50, deadline=None)
@given(shelves())
def test_what_the_rule_keeps_stays(shelf: tuple[list[Model], list[str]]) -> None:
    models, before = shelf
    gone = set(pruned(models, before=before))
    left = [model for model in models if model.name not in gone]
    assert gone <= {model.name for model in models}
    assert not any(model.in_use or model.kept or model.chosen for model in models if model.name in gone)
    assert not gone & {model.name for model in models[:NEWEST]}
    back = [name for name in dict.fromkeys(reversed(before)) if any(m.name == name and not m.in_use for m in models)]
    assert not gone & set(back[:BEFORE])
    assert pruned(left, before=before) == []  # doing it twice removes no more


def test_the_best_of_the_newest_labels_stays() -> None:
    models = [
        *named(6),
        Model("new labels", {"miou": 0.5, "labels": "new"}),
        Model("best", {"miou": 0.7, "labels": "new"}),
        Model("old labels", {"miou": 0.9, "labels": "old"}),
    ]
    assert pruned(models, before=[]) == ["m1", "new labels", "old labels"]


def test_the_rest_goes() -> None:
    assert pruned(named(5), before=[]) == []
    assert pruned(named(8), before=["m2"]) == ["m3", "m1"]
    assert pruned(named(10), before=["m1", "m2", "m3", "m4"]) == ["m5", "m1"]


def test_the_rule_says_its_numbers() -> None:
    assert f"{NEWEST} newest" in RULE
    assert f"{BEFORE} in use before" in RULE
