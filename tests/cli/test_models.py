"""The models of a project: which is in use, the way back, what is kept, what goes."""

import json
import shutil
from pathlib import Path

import pytest

from tests.cli.calling import Call


@pytest.fixture
def three(call: Call, trained: Path) -> tuple[Path, list[str]]:
    """A project with three models, the trained one in use, and their names, newest first."""
    (first,) = call("models", trained, "--json").json["models"]
    names = [first["name"]]
    for number in (2, 3):
        name = f"m000{number}-copy"
        folder = Path(shutil.copytree(first["folder"], trained / "models" / name))
        card = json.loads((folder / "card.json").read_text())
        card |= {"name": name, "created": f"203{number}-01-01T00:00:00+00:00"}
        (folder / "card.json").write_text(json.dumps(card))
        names.insert(0, name)
    return trained, names


def standing(call: Call, project: Path) -> dict[str, tuple[bool, bool]]:
    models = call("models", project, "--json").json["models"]
    return {model["name"]: (model["in_use"], model["kept"]) for model in models}


def test_use_and_back(call: Call, three: tuple[Path, list[str]]) -> None:
    project, (newest, middle, first) = three
    assert f"{middle} is in use." in call("models", project, "--use", middle).out
    told = call("models", project, "--use", newest, "--json").json["models"]
    assert [model["in_use"] for model in told] == [True, False, False]
    assert f"{middle} is in use again." in call("models", project, "--back").out
    assert f"{first} is in use again." in call("models", project, "--back").out
    call("models", project, "--back").assert_refused("no model that was in use before", "Choose")


def test_keep_release_and_remove(call: Call, three: tuple[Path, list[str]]) -> None:
    project, (newest, middle, first) = three
    assert "kept" in call("models", project, "--keep", middle).out
    assert standing(call, project) == {newest: (False, False), middle: (False, True), first: (True, False)}
    assert call("models", project, "--release", middle).code == 0
    assert not standing(call, project)[middle][1]
    assert call("models", project, "--remove", middle).code == 0
    assert set(standing(call, project)) == {newest, first}
    call("models", project, "--remove", first).assert_refused(first, "in use", "Put another one")
    call("models", project, "--use", "nowhere").assert_refused("no model 'nowhere'", newest)


def test_pruning_follows_the_rule_it_prints(call: Call, three: tuple[Path, list[str]]) -> None:
    project, names = three
    assert "Kept are the model in use" in call("models", project).out
    assert call("models", project, "--prune", "--json").json["removed"] == []
    for number in range(4, 9):
        folder = Path(shutil.copytree(project / "models" / names[0], project / "models" / f"m000{number}"))
        card = json.loads((folder / "card.json").read_text())
        card |= {"created": f"204{number}-01-01T00:00:00+00:00", "miou": 0.0}
        (folder / "card.json").write_text(json.dumps(card))
    removed = call("models", project, "--prune", "--json").json["removed"]
    assert set(removed) <= {*names[:2]}
    assert removed
    assert "nothing to remove" in call("models", project, "--prune").out


def test_the_card_is_told(call: Call, three: tuple[Path, list[str]]) -> None:
    project, (_, _, first) = three
    out = call("models", project, "--card", first).out
    assert f"Model: {first}" in out
    assert "feature transfer" in out
    assert "crop 64" in out
    assert "seed" not in out
    assert "Standing: in use" in out
    assert call("models", project, "--card", first, "--json").json["card"]["name"] == first
    call("models", project, "--card", "nowhere").assert_refused("nowhere", first)


def test_one_thing_at_a_time(call: Call, three: tuple[Path, list[str]]) -> None:
    project, (newest, *_) = three
    call("models", project, "--use", newest, "--back").assert_refused("--use and --back", "one of them", code=2)
