"""Which model is in use, the way back, what is kept, and removal that leaves no half model."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from segstudio.errors import ProjectError
from segstudio.storage.project import Project

Made = Callable[..., str]


@pytest.fixture
def made(project: Project) -> Made:
    """Put a model on the shelf of the project, as a run does, and give its name."""

    def make(name: str, *, use: bool = True, number: int = 0, miou: float | None = None) -> str:
        folder = project.models_folder / name
        folder.mkdir(parents=True)
        card = {
            "format": 1,
            "name": name,
            "created": f"2030-01-01T00:00:{number or int(name[1:]):02}+00:00",
            "backbone": "b",
            "transfer": "feature",
            "decoder": "fpn",
            "classes": [{"index": 0, "name": "x", "color": "#ffffff"}],
            "normalisation": {"mean": [0, 0, 0], "std": [1, 1, 1]},
            "miou": miou,
        }
        (folder / "card.json").write_text(json.dumps(card))
        (folder / "weights.safetensors").write_bytes(b"w")
        project.add_model(folder, use=use)
        return name

    return make


def in_use(project: Project) -> str | None:
    return project.model_in_use.name if project.model_in_use else None


def test_rolling_back_goes_further_each_time_and_survives_a_restart(project: Project, made: Made) -> None:
    for name in ("m1", "m2", "m3"):
        made(name)
    made("m4", use=False)
    assert project.previous_model() == "m2"
    assert project.roll_back() == "m2"
    assert in_use(project) == "m2"
    project.close()
    with Project.open(project.folder) as again:
        assert again.previous_model() == "m1"
        assert again.roll_back() == "m1"
        assert again.previous_model() is None
        with pytest.raises(ProjectError, match="no model that was in use before"):
            again.roll_back()
        assert in_use(again) == "m1"


def test_a_removed_or_vanished_model_is_skipped_on_the_way_back(project: Project, made: Made) -> None:
    for name in ("m1", "m2", "m3", "m4"):
        made(name)
    project.remove_model("m3")
    shutil.rmtree(project.models_folder / "m2")
    assert project.previous_model() == "m1"
    assert project.roll_back() == "m1"


def test_using_one_again_makes_no_circle(project: Project, made: Made) -> None:
    made("m1")
    made("m2")
    project.use_model("m2")
    project.use_model("m1")
    assert project.roll_back() == "m2"
    assert project.roll_back() == "m1"
    assert project.previous_model() is None


def test_what_a_person_chose_or_keeps_is_known(project: Project, made: Made) -> None:
    made("m1")
    made("m2")
    project.use_model("m1")
    project.keep_model("m2", True)
    standing = {model.name: (model.in_use, model.kept, model.chosen) for model in project.models()}
    assert standing == {"m1": (True, False, True), "m2": (False, True, False)}
    project.keep_model("m2", False)
    assert not any(model.kept for model in project.models())
    with pytest.raises(ProjectError, match=r"has no model 'm9'.*Models are: m2, m1"):
        project.keep_model("m9", True)


def test_the_model_in_use_cannot_be_removed(project: Project, made: Made) -> None:
    made("m1")
    with pytest.raises(ProjectError, match="'m1' is in use"):
        project.remove_model("m1")
    with pytest.raises(ProjectError, match="has no model 'm2'"):
        project.remove_model("m2")
    assert in_use(project) == "m1"


def test_a_model_of_a_removed_ones_name_starts_anew(project: Project, made: Made) -> None:
    made("m1", use=False)
    project.keep_model("m1", True)
    project.remove_model("m1")
    assert not any(project.models_folder.iterdir())
    made("m1", use=False)
    assert [model.kept for model in project.models()] == [False]


def test_a_model_that_is_open_elsewhere_stays_whole(
    project: Project, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows refuses to rename a folder in which a file is open."""
    made("m1", use=False)

    def refuse(*_: object) -> None:
        raise PermissionError(13, "in use by another process")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", refuse)
        with pytest.raises(ProjectError, match=r"m1: cannot be removed\. Close the program"):
            project.remove_model("m1")
    assert [model.name for model in project.models()] == ["m1"]
    project.remove_model("m1")
    assert project.models() == []


def test_what_could_not_be_deleted_is_no_model_and_goes_later(
    project: Project, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("m1", "m2"):
        made(name, use=False)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", lambda *_, **__: None)
        project.remove_model("m1")
    assert [model.name for model in project.models()] == ["m2"]
    assert len(list(project.models_folder.iterdir())) == 2
    project.remove_model("m2")
    assert list(project.models_folder.iterdir()) == []


def test_pruning_removes_by_the_rule_and_passes_over_what_is_locked(
    project: Project, made: Made, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(1, 11):
        made(f"m{number}", miou=0.9 if number == 2 else 0.1)
    project.keep_model("m1", True)
    rename = Path.replace

    def refuse(path: Path, target: Path) -> Path:
        if path.name == "m3":
            raise PermissionError(13, "in use by another process")
        return rename(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", refuse)
        assert project.prune_models() == ["m5", "m4"]
    assert "m3: cannot be removed" in caplog.text
    assert project.prune_models() == ["m3"]
    assert [model.name for model in project.models()] == ["m10", "m9", "m8", "m7", "m6", "m2", "m1"]


def test_damaged_entries_of_the_database_count_as_empty(project: Project, made: Made) -> None:
    made("m1")
    for name in ("models in use before", "models kept", "models chosen"):
        for value in ("{", "3", "[1]"):
            project.set_setting(name, value)
            assert project.previous_model() is None
            assert [model.kept for model in project.models()] == [False]
    made("m2")
    assert project.roll_back() == "m1"
