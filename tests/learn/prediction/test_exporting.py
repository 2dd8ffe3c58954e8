"""Exported files say what the model says, and carry what is needed to use them."""

import json
import sys
import threading
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from timm.layers import Conv2dSame
from torch import Tensor, nn
from torch.nn import functional

from segstudio.core.arrays import U8
from segstudio.errors import Cancelled, ModelError, ProjectError, UsageError
from segstudio.learn.backbones.registry import find_backbone
from segstudio.learn.networks.decoders import DECODERS
from segstudio.learn.networks.network import build_network
from segstudio.learn.networks.saving import LoadedModel
from segstudio.learn.prediction import exporting
from segstudio.learn.prediction.exporting import (
    Exported,
    check_export,
    export_model,
    is_export,
    read_about,
)
from segstudio.storage.cards import ModelCard
from segstudio.storage.images import read_image

CPU = torch.device("cpu")
EXACT = 1e-4
NORMALISATION = {"mean": [0.4, 0.5, 0.6], "std": [0.2, 0.3, 0.25]}

Export = Callable[..., Exported]


class Small(nn.Module):
    """A network of three layers that works at half the size."""

    def __init__(self, channels: int = 3) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.down = nn.Conv2d(channels, 4, 3, stride=2, padding=1)
        self.scores = nn.Conv2d(4, 3, 1)

    def forward(self, images: Tensor) -> Tensor:
        found = self.scores(self.down(images).relu())
        return functional.interpolate(found, scale_factor=2.0, mode="bilinear")


class Stubborn(Small):
    """A network that only works at one size."""

    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images) + torch.zeros(512, 512)


class Impossible(Small):
    """A network that no tracer can follow."""

    def forward(self, images: Tensor) -> Tensor:
        return images * float(images.sum())


def model_of(network: nn.Module, **entries: Any) -> LoadedModel:
    names = ("ground", "Zelle", "\u7d30\u80de")
    card = ModelCard(
        name="m0001",
        created="2026-01-01T00:00:00+00:00",
        backbone="efficientnet_lite0",
        transfer="feature",
        decoder="fpn",
        classes=[{"index": i, "name": name, "color": f"#00000{i}"} for i, name in enumerate(names)],
        normalisation=NORMALISATION,
        **entries,
    )
    return LoadedModel(network.eval(), card, CPU)  # type: ignore[arg-type]


def noise(height: int, width: int, channels: int = 3) -> U8:
    return np.random.default_rng(0).integers(0, 255, (height, width, channels)).astype(np.uint8)


@pytest.fixture(params=["onnx", "torch"], scope="module")
def export(request: pytest.FixtureRequest) -> Export:
    return partial(export_model, kind=request.param)


@pytest.fixture(scope="module")
def small(export: Export, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """`Small`, in each format; shared, since writing takes seconds."""
    return export(model_of(Small()), tmp_path_factory.mktemp("small") / "model")


def test_an_export_says_what_the_model_says_at_any_size(small: Exported) -> None:
    model = model_of(Small())
    assert small.size is None
    assert small.size_bytes == small.path.stat().st_size
    assert [path.name for path in small.path.parent.iterdir()] == ["model"]  # no weights beside it
    images = [noise(64, 64), noise(130, 200), noise(20, 300), noise(90, 100)[:, :, 0]]
    assert check_export(small.path, model, images) < EXACT
    with torch.no_grad():
        model.network.scores.bias += torch.tensor([1.0, 0, 0])  # type: ignore[operator, union-attr]
    assert check_export(small.path, model, images) > 0.01


def test_an_export_carries_classes_and_normalisation(small: Exported) -> None:
    found = read_about(small.path)
    classes, normalisation = found["classes"], found["normalisation"]
    if isinstance(classes, str):
        classes, normalisation = json.loads(classes), json.loads(normalisation)
    assert classes == model_of(Small()).card.classes
    assert normalisation == NORMALISATION
    assert found["model"] == "m0001"
    assert (found["void"], found["channels"]) == ("255", "3")
    assert found["weights_licence"] == "Apache-2.0"
    assert "0..255" in found["input"]


def test_only_our_exports_are_known_as_such(small: Exported, tmp_path: Path) -> None:
    assert is_export(small.path)
    (tmp_path / "other").write_bytes(b"anything")
    torch.save({"a": 1}, tmp_path / "archive")
    for name in ("other", "archive", "missing", "."):
        assert not is_export(tmp_path / name)


def test_a_cancelled_export_leaves_what_was_there(
    export: Export, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, cancel = tmp_path / "model", threading.Event()
    path.write_text("before")
    trace = torch.export.export

    def cancelled_meanwhile(*args: Any, **named: Any) -> torch.export.ExportedProgram:
        cancel.set()
        return trace(*args, **named)

    monkeypatch.setattr(torch.export, "export", cancelled_meanwhile)
    with pytest.raises(Cancelled):
        export(model_of(Small()), path, cancel=cancel)
    assert [file.read_text() for file in tmp_path.iterdir()] == ["before"]


def test_a_cancelled_check_ends(small: Exported) -> None:
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(Cancelled):
        check_export(small.path, model_of(Small()), [noise(64, 64)], cancel=cancel)


def test_an_export_that_says_something_else_is_not_written(
    export: Export, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model"
    path.write_bytes(b"before")
    right = export(model_of(Small()), tmp_path / "right", [noise(64, 64)])
    assert right.difference is not None
    assert right.difference < EXACT
    monkeypatch.setattr(
        exporting, "_runner", lambda _data: lambda batch: np.zeros((1, 3, *batch.shape[2:]), np.float32)
    )
    with pytest.raises(ModelError, match=r"model: is not written, its probabilities differ by 0\.\d+ from the model's"):
        export(model_of(Small()), path, [noise(64, 64)])
    assert path.read_bytes() == b"before"


def test_a_folder_one_may_not_write_to_is_named_by_the_file(export: Export, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"no folder")
    with pytest.raises(ProjectError, match=r"file/model\.onnx: "):
        export(model_of(Small()), tmp_path / "file" / "model.onnx")


# What follows is the same in both formats but for the writing, so one of them will do.


def test_a_network_of_one_size_is_exported_for_that(tmp_path: Path) -> None:
    model = model_of(Stubborn())
    done = export_model(model, tmp_path / "model", kind="torch")
    assert done.size == (512, 512)
    assert read_about(done.path)["size"] == "512 x 512"
    assert check_export(done.path, model, [noise(300, 700)], size=done.size) < EXACT


def test_other_channels_than_rgb(tmp_path: Path) -> None:
    model = model_of(Small(5), channels=5)
    done = export_model(model, tmp_path / "model", kind="torch")
    assert check_export(done.path, model, [noise(64, 96, 5)]) < EXACT


def test_what_cannot_be_exported_is_one_line_and_leaves_the_file(export: Export, tmp_path: Path) -> None:
    (tmp_path / "model").write_bytes(b"before")
    with pytest.raises(ModelError, match="m0001 cannot be written as"):
        export(model_of(Impossible()), tmp_path / "model")
    assert (tmp_path / "model").read_bytes() == b"before"


def test_missing_packages_are_named_with_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(UsageError, match=r"ONNX needs onnxscript\. Install with: pip install 'segstudio\[onnx\]'"):
        export_model(model_of(Small()), tmp_path / "model")


@pytest.mark.parametrize("decoder", list(DECODERS))
def test_every_decoder_can_be_exported(decoder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For one small size: a size that stays open takes three times as long to trace."""
    monkeypatch.setattr(exporting, "_FIXED", (64, 96))
    torch.manual_seed(0)
    model = model_of(build_network(find_backbone("timm:test_resnet"), decoder, 3, "none"))
    done = export_model(model, tmp_path / "model.pt2", kind="torch", dynamic=False)
    assert check_export(done.path, model, [noise(64, 96)], size=done.size) < EXACT


def test_padding_that_depends_on_the_size_of_the_image_fits_any_size(export: Export, tmp_path: Path) -> None:
    network = Small()
    network.down = Conv2dSame(3, 4, 5, stride=2)
    done = export(model_of(network), tmp_path / "model")
    assert done.size is None
    assert check_export(done.path, model_of(network), [noise(64, 64), noise(96, 160), noise(224, 64)]) < EXACT


def test_the_default_network_on_real_images(tmp_path: Path, shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For one size, which takes a tenth of the time; the layers whose sizes must stay open are tried above."""
    monkeypatch.setattr(exporting, "_FIXED", (224, 320))
    torch.manual_seed(0)
    model = model_of(build_network(find_backbone("efficientnet_lite0"), "fpnfine", 3, "feature"))
    done = export_model(model, tmp_path / "model.onnx", dynamic=False)
    paths = sorted((shared_data / "camvid" / "images").iterdir())[:2]
    images = [read_image(path).network()[100:356, 200:500] for path in paths]
    assert check_export(done.path, model, [*images, noise(64, 96)], size=done.size) < 1e-3


def test_exporting_says_nothing(export: Export, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        export(model_of(Small()), tmp_path / "model")
    said = capfd.readouterr()
    assert (said.out, said.err) == ("", "")
