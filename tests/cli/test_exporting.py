"""A model is written for other programs."""

import json
from pathlib import Path

import numpy as np
import pytest

from segstudio.storage.project import Project
from tests.cli.calling import Call, write_png


@pytest.mark.parametrize(("kind", "suffix"), [("onnx", ".onnx"), ("torch", ".pt2")])
def test_a_model_is_exported_and_checked(call: Call, trained: Path, tmp_path: Path, kind: str, suffix: str) -> None:
    out = tmp_path / "out" / "cells"
    answer = call("export-model", trained, "--format", kind, "--out", out, "--json")
    assert answer.code == 0
    path = out.with_name(f"cells{suffix}")
    assert answer.json["file"] == str(path)
    assert answer.json["dynamic"] is True
    assert answer.json["difference"] < 1e-3
    assert answer.json["bytes"] == path.stat().st_size
    assert [found.name for found in path.parent.iterdir()] == [path.name]
    if kind == "onnx":
        with Project.open(trained) as project:
            names = list(project.classes.names)
        import onnx

        texts = {item.key: item.value for item in onnx.load(path).metadata_props}
        assert [item["name"] for item in json.loads(texts["classes"])] == names


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
