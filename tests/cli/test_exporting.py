"""A model is written for other programs."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from segstudio.__main__ import main
from segstudio.learn.prediction import exporting
from segstudio.storage.project import Project
from tests.cli.calling import SHORT, Call, write_png


@pytest.fixture(scope="module")
def _tiny(_drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny") / "project"
    shutil.copytree(_drawn, folder)
    network = ("--backbone", "timm:test_resnet", "--transfer", "none", "--decoder", "light")
    assert main(["train", str(folder), *network, *SHORT]) == 0
    return folder


@pytest.fixture
def trained(_tiny: Path, tmp_path: Path) -> Path:
    """A project whose model is so small that exporting takes no time; the default one does for itself elsewhere."""
    return Path(shutil.copytree(_tiny, tmp_path / "trained"))


@pytest.mark.parametrize(("kind", "suffix", "dynamic"), [("onnx", ".onnx", False), ("torch", ".pt2", True)])
def test_a_model_is_exported_and_checked(
    call: Call, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, suffix: str, dynamic: bool
) -> None:
    monkeypatch.setattr(exporting, "_FIXED", (64, 96))
    out = tmp_path / "out" / "cells"
    answer = call("export-model", trained, "--format", kind, "--out", out, "--json", *([] if dynamic else ["--fixed"]))
    assert answer.code == 0
    path = out.with_name(f"cells{suffix}")
    assert answer.json["file"] == str(path)
    assert answer.json["dynamic"] is dynamic
    assert answer.json["size"] == (None if dynamic else [64, 96])
    assert answer.json["difference"] < 1e-3
    assert answer.json["bytes"] == path.stat().st_size
    assert [found.name for found in path.parent.iterdir()] == [path.name]
    if kind == "onnx":
        with Project.open(trained) as project:
            names = list(project.classes.names)
        import onnx

        texts = {item.key: item.value for item in onnx.load(path).metadata_props}
        assert [item["name"] for item in json.loads(texts["classes"])] == names


def test_a_file_that_says_something_else_replaces_nothing(
    call: Call, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out" / "model.pt2"
    words = ("export-model", trained, "--format", "torch", "--out", out, "--fixed")
    assert call(*words).code == 0
    before = out.read_bytes()
    monkeypatch.setattr(exporting, "_difference", lambda *_, **__: 0.5)
    answer = call(*words)
    assert answer.code == 1
    assert answer.out == ""
    assert "differ by 0.5" in answer.err
    assert "model.pt2" in answer.err
    assert out.read_bytes() == before
    assert [path.name for path in out.parent.iterdir()] == [out.name]


def test_an_export_may_be_replaced_and_nothing_else(call: Call, trained: Path, tmp_path: Path) -> None:
    with Project.open(trained) as project:
        model = project.model_in_use
    assert model is not None
    out = tmp_path / "model.pt2"
    for _ in range(2):
        assert call("export-model", model, "--format", "torch", "--out", out, "--fixed").code == 0
    out.write_bytes(b"somebody's")
    call("export-model", model, "--format", "torch", "--out", out).assert_refused("no exported model", "another name")
    assert out.read_bytes() == b"somebody's"
    image = write_png(tmp_path / "a.onnx", np.zeros((9, 9), np.uint8))
    call("export-model", model, "--out", image).assert_refused("a.onnx", "no exported model")
    call("export-model", model, "--out", trained / "annotations" / "a").assert_refused("for itself")
    (tmp_path / "b.onnx").mkdir()
    call("export-model", model, "--out", tmp_path / "b").assert_refused("is a folder")


def test_what_cannot_be_exported_is_refused(call: Call, drawn: Path, trained: Path, tmp_path: Path) -> None:
    call("export-model", drawn).assert_refused("no model yet", "segstudio train")
    call("export-model", tmp_path).assert_refused("neither a project nor a model")
    call("export-model", trained, "--format", "caffe").assert_refused("caffe", "onnx, torch", code=2)
