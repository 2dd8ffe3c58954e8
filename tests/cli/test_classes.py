"""Classes are listed, renamed, removed, merged and moved from the command line."""

import json
from pathlib import Path

import numpy as np
import pytest

from segstudio.core.classes import VOID
from segstudio.errors import Cancelled
from segstudio.storage.project import Project
from segstudio.storage.reclassing import Reclassing
from tests.cli.calling import SHORT, Call


def masks(folder: Path) -> dict[str, np.ndarray]:
    with Project.open(folder) as project:
        return {record.key: project.annotation(record.key) for record in project.images()}


def names(folder: Path) -> tuple[str, ...]:
    with Project.open(folder) as project:
        return project.classes.names


def test_the_list_counts_pixels(call: Call, drawn: Path) -> None:
    told = call("classes", drawn, "list", "--json").json["classes"]
    assert [item["name"] for item in told] == ["background", "nucleus", "fibre"]
    found = masks(drawn).values()
    for item in told:
        counts = [int(np.count_nonzero(mask == item["index"])) for mask in found]
        assert (item["pixels"], item["images"]) == (sum(counts), sum(count > 0 for count in counts))
    text = call("classes", drawn, "list").out
    assert str(told[1]["pixels"]) in text
    assert "fibre" in text


def test_rename(call: Call, drawn: Path) -> None:
    answer = call("classes", drawn, "rename", "nucleus", "core", "--json")
    assert [item["name"] for item in answer.json["classes"]] == ["background", "core", "fibre"]
    call("classes", drawn, "rename", "nucleus", "x").assert_refused("no class 'nucleus'", "background, core", code=2)
    call("classes", drawn, "rename", "core", "fibre").assert_refused("two classes", code=2)


def test_remove_leaves_void(call: Call, drawn: Path) -> None:
    before = masks(drawn)
    answer = call("classes", drawn, "remove", "nucleus", "--yes", "--json").json
    assert answer["changed"] is True
    assert answer["pixels"] == sum(int(np.count_nonzero(mask == 1)) for mask in before.values())
    assert names(drawn) == ("background", "fibre")
    for key, mask in masks(drawn).items():
        np.testing.assert_array_equal(mask, np.array([0, VOID, 1, *[VOID] * 253], np.uint8)[before[key]])


@pytest.mark.parametrize("arguments", [("merge", "nucleus", "fibre"), ("remove", "nucleus", "--into", "fibre")])
def test_merge(call: Call, drawn: Path, arguments: tuple[str, ...]) -> None:
    before = masks(drawn)
    answer = call("classes", drawn, *arguments, "--yes")
    assert answer.code == 0
    assert "become 'fibre', and 'nucleus' is gone" in answer.out
    assert names(drawn) == ("background", "fibre")
    for key, mask in masks(drawn).items():
        np.testing.assert_array_equal(mask, np.array([0, 1, 1, *[VOID] * 253], np.uint8)[before[key]])


def test_move(call: Call, drawn: Path) -> None:
    before = masks(drawn)
    assert call("classes", drawn, "move", "fibre", "0", "--yes", "--json").json["changed"] is True
    assert names(drawn) == ("fibre", "background", "nucleus")
    for key, mask in masks(drawn).items():
        np.testing.assert_array_equal(mask, np.array([1, 2, 0, *[VOID] * 253], np.uint8)[before[key]])
    assert call("classes", drawn, "move", "fibre", "0", "--json").json["changed"] is False
    call("classes", drawn, "move", "fibre", "3", "--yes").assert_refused("no place", "0 to 2", code=2)


def test_what_makes_no_sense_is_one_line(call: Call, drawn: Path, tmp_path: Path) -> None:
    before = masks(drawn)
    call("classes", drawn, "remove", "what", "--yes").assert_refused("no class 'what'", code=2)
    call("classes", drawn, "merge", "fibre", "what", "--yes").assert_refused("no class 'what'", code=2)
    call("classes", drawn, "merge", "fibre", "fibre", "--yes").assert_refused("into itself", code=2)
    call("classes", tmp_path / "none", "list").assert_refused("no SegStudio project")
    call("classes", drawn).assert_refused("--help", code=2)
    with Project.open(drawn) as project:
        project.set_classes(project.classes.change(1, locked=True))
    call("classes", drawn, "remove", "nucleus", "--yes").assert_refused("'nucleus' is locked", "Unlock", code=2)
    call("classes", drawn, "merge", "nucleus", "fibre", "--yes").assert_refused("'nucleus' is locked", code=2)
    for key, mask in masks(drawn).items():
        np.testing.assert_array_equal(mask, before[key])


def test_while_somebody_relies_on_the_classes_it_is_refused(
    call: Call, drawn: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("segstudio.storage.steady.Steadiness.__init__.__kwdefaults__", {"patience": 0.05})
    with Project.open(drawn) as project, project.reclassing.steady():
        call("classes", drawn, "remove", "nucleus", "--yes").assert_refused("is being trained", "Stop that first")
    assert len(names(drawn)) == 3


@pytest.mark.parametrize(("typed", "code"), [("y\n", 0), ("n\n", 130)])
def test_it_asks_with_the_numbers(
    call: Call, drawn: Path, monkeypatch: pytest.MonkeyPatch, typed: str, code: int
) -> None:
    pixels = sum(int(np.count_nonzero(mask == 1)) for mask in masks(drawn).values())
    asked: list[str] = []

    def confirm(question: str, *, abort: bool, err: bool) -> bool:
        assert abort
        assert err
        asked.append(question)
        if typed == "n\n":
            raise KeyboardInterrupt
        return True

    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("typer.confirm", confirm)
    answer = call("classes", drawn, "remove", "nucleus", "--json")
    assert answer.code == code
    assert len(asked) == 1
    assert f"{pixels} px in 3 images become void" in asked[0]
    assert "cannot be undone" in asked[0]
    assert len(names(drawn)) == (2 if code == 0 else 3)


def test_where_nobody_can_be_asked_nothing_is_done(call: Call, drawn: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: False)
    call("classes", drawn, "remove", "nucleus").assert_refused("px in 3 images", "Add --yes", code=2)
    assert len(names(drawn)) == 3


def test_a_signal_changes_nothing(call: Call, drawn: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def cancelled(*_args: object, **_kwargs: object) -> None:
        raise Cancelled

    monkeypatch.setattr(Reclassing, "apply", cancelled)
    answer = call("classes", drawn, "remove", "nucleus", "--yes")
    assert "Nothing is changed" in answer.err
    assert answer.out == ""


def test_a_model_means_the_same_classes_after_a_move(call: Call, trained: Path, images: Path, tmp_path: Path) -> None:
    """Its masks follow the project; so do its scores."""
    from segstudio.storage.masks import read_mask

    score = ("evaluate", trained, "--split", "all", "--device", "cpu", "--json")
    before, out = call(*score).json, tmp_path / "masks"
    assert call("predict", trained, "--images", images, "--out", out / "before").code == 0
    assert call("classes", trained, "move", "background", "2", "--yes").code == 0
    after = call(*score).json
    assert json.dumps(after["per_class_iou"], sort_keys=True) == json.dumps(before["per_class_iou"], sort_keys=True)
    assert call("predict", trained, "--images", images, "--out", out / "after").code == 0
    np.testing.assert_array_equal(
        read_mask(out / "after" / "a.png"), np.array([2, 0, 1], np.uint8)[read_mask(out / "before" / "a.png")]
    )


def test_training_keeps_its_classes(call: Call, drawn: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refused: list[str] = []
    from segstudio.learn.training.loop import fit

    def spied(*args: object, **kwargs: object) -> object:
        monkeypatch.setattr("segstudio.storage.steady.Steadiness.__init__.__kwdefaults__", {"patience": 0.05})
        answer = call("classes", drawn, "remove", "nucleus", "--yes")
        refused.append(answer.err)
        return fit(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr("segstudio.learn.training.runs.fit", spied)
    assert call("train", drawn, "--transfer", "feature", *SHORT).code == 0
    assert "is being trained" in refused[0]
