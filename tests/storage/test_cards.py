"""A model card comes back as it was written, or says what is wrong with it."""

import errno
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from segstudio.core.metrics import Scores
from segstudio.errors import ModelError, ProjectError
from segstudio.storage.cards import CARD, ModelCard, card_scores, read_card, write_card

MODEL = ModelCard(
    name="m1",
    created="2030-05-01T10:00:00+00:00",
    backbone="efficientnet_lite0",
    transfer="parameter",
    decoder="fpn",
    classes=[{"index": 0, "name": "Zelle", "color": "#112233"}, {"index": 1, "name": "b", "color": "#445566"}],
    normalisation={"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]},
    settings={"seed": 0, "crop": 256, "minutes": 3.0},
    labels="0123456789abcdef",
    splits={"train": 4, "validation": 1},
    steps=120,
    seconds=61.5,
    miou=0.75,
    per_class_iou=[0.5, None],
    parent="m0",
)


def test_a_card_comes_back(tmp_path: Path) -> None:
    write_card(tmp_path, MODEL)
    assert read_card(tmp_path) == MODEL


def test_not_a_number_becomes_null(tmp_path: Path) -> None:
    nan = float("nan")
    write_card(tmp_path, replace(MODEL, miou=nan, per_class_iou=[nan, 0.5], settings={"x": [nan]}))
    card = read_card(tmp_path)
    assert (card.miou, card.per_class_iou, card.settings) == (None, [None, 0.5], {"x": [None]})
    assert "NaN" not in (tmp_path / CARD).read_text()


def test_unknown_entries_are_passed_over(tmp_path: Path) -> None:
    write_card(tmp_path, MODEL)
    content = json.loads((tmp_path / CARD).read_text(encoding="utf-8"))
    (tmp_path / CARD).write_text(json.dumps({**content, "later": 1}))
    assert read_card(tmp_path) == MODEL


def broken(**changes: Any) -> str:
    content = {"format": 1, **{name: getattr(MODEL, name) for name in MODEL.__dataclass_fields__}, **changes}
    return json.dumps({name: value for name, value in content.items() if value != "gone"})


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "is damaged"),
        ("{", "is damaged"),
        ("[1]", "is no model card"),
        ("{}", "is no model card"),
        (broken(format=2), "newer SegStudio"),
        (broken(backbone="gone"), "is incomplete"),
        (broken(backbone=3), "'backbone'"),
        (broken(classes=[]), "'classes'"),
        (broken(classes=[{"index": 1, "name": "a", "color": "#000000"}]), "'classes'"),
        (broken(classes={"0": "a"}), "'classes'"),
        (broken(normalisation={"mean": [0, 0, 0]}), "'normalisation'"),
        (broken(normalisation=[0.5]), "'normalisation'"),
        (broken(settings=[]), "'settings'"),
        (broken(steps="many"), "'steps'"),
        (broken(seconds=None), "'seconds'"),
        (broken(start=None), "'start'"),
        (broken(channels=0), "'channels'"),
        (broken(channels=True), "'channels'"),
        (broken(validation=[1]), "'validation'"),
        (broken(dice="high"), "'dice'"),
        (broken(boundary=[]), "'boundary'"),
        (broken(per_class={"iou": 0.5}), "'per_class'"),
        (broken(confusion=[[1, -1]]), "'confusion'"),
        (broken(interval=[0.5]), "'interval'"),
        (broken(curve={"losses": [1.0]}), "'curve'"),
        (broken(verdict=1), "'verdict'"),
        (broken(kept="yes"), "'kept'"),
        (broken(parent=3), "'parent'"),
        (broken(normalisation={"mean": [0.5], "std": [0.5, 0.5]}), "'normalisation'"),
        (broken(normalisation={"mean": [0.5], "std": [0.0]}), "'normalisation'"),
        (broken(normalisation={"mean": [math.nan], "std": [0.5]}), "'normalisation'"),
        ("[" * 100_000, "is damaged"),
    ],
)
def test_a_bad_card_is_one_line(tmp_path: Path, content: str, says: str) -> None:
    (tmp_path / CARD).write_text(content)
    with pytest.raises(ModelError, match=says) as caught:
        read_card(tmp_path)
    assert caught.value.path == tmp_path / CARD
    assert caught.value.remedy


def test_a_card_from_before_the_newer_entries_is_read(tmp_path: Path) -> None:
    newer = ("start", "channels", "validation", "dice", "accuracy", "boundary", "per_class", "confusion")
    (tmp_path / CARD).write_text(broken(**dict.fromkeys((*newer, "interval", "curve", "verdict", "kept"), "gone")))
    assert read_card(tmp_path) == MODEL


def test_scores_travel_with_the_card(tmp_path: Path) -> None:
    matrix, edges = np.array([[3, 1, 0], [0, 4, 2]]), np.array([[2, 1, 2, 2], [0, 0, 0, 0]])
    scores = Scores.of(matrix, images=2, boundaries=edges, interval=(0.25, 0.75))
    card = ModelCard(**{**vars(MODEL), **card_scores(scores)})
    write_card(tmp_path, card)
    assert read_card(tmp_path) == card
    assert (card.miou, card.interval) == (scores.miou, [0.25, 0.75])
    assert card.confusion == [[3, 1, 0], [0, 4, 2]]
    assert card.per_class["boundary"] == [pytest.approx(2 / 3), None]
    assert card_scores(None) == {}


def test_a_missing_card_is_one_line(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(ModelError, match=r"is no model, it has no card\.json"):
            read_card(folder)
    (tmp_path / CARD).mkdir()
    with pytest.raises(ModelError, match="cannot be read"):
        read_card(tmp_path)


def test_a_failing_write_leaves_the_old_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_card(tmp_path, MODEL)

    def refuse(*_args: object, **_kwargs: object) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr("os.replace", refuse)
    with pytest.raises(ProjectError, match="disk is full"):
        write_card(tmp_path, replace(MODEL, name="other"))
    assert read_card(tmp_path) == MODEL
