"""Weights go by stick from one machine to another, and nothing false gets in."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torchvision.models import segmentation

from segstudio.errors import ProjectError, UsageError, WeightsError
from segstudio.learn.backbones.registry import find_backbone, weights_state
from segstudio.learn.backbones.weights import import_weights
from segstudio.learn.networks import carrying
from segstudio.learn.networks.carrying import export_weights, import_file, import_folder, stored_weights
from tests.learn.files import classifier_state

LRASPP = "lraspp_mobilenet_v3_large"
SMALL = find_backbone("mobilenetv3_small_100")


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """The weights folder of a machine with one file in it."""
    folder = tmp_path / "here"
    folder.mkdir()
    save_file(classifier_state(SMALL), tmp_path / "small.safetensors")
    import_weights(SMALL, tmp_path / "small.safetensors", folder)
    return folder


def test_what_is_exported_can_be_imported_elsewhere(here: Path, tmp_path: Path) -> None:
    stick, there = tmp_path / "stick", tmp_path / "there"
    (exported,) = export_weights([], stick, here)
    assert exported.path == stick / "mobilenetv3_small_100.safetensors"
    assert sorted(file.name for file in stick.iterdir()) == ["mobilenetv3_small_100.safetensors", "weights.json"]
    (entry,) = json.loads((stick / "weights.json").read_text())["weights"]
    assert entry["licence"] == "Apache-2.0"
    assert entry["source"] == "small.safetensors"
    (carried,) = import_folder(stick, there)
    assert carried.path == there / "mobilenetv3_small_100.safetensors"
    assert carried.line.startswith("all ")
    before, after = (load_file(folder / "mobilenetv3_small_100.safetensors") for folder in (here, there))
    assert before.keys() == after.keys()
    assert all(tensor.equal(after[name]) for name, tensor in before.items())
    assert [(found.name, found.source) for found in stored_weights(there)] == [(SMALL.name, "small.safetensors")]


def test_bundled_weights_travel_too_and_exports_add_up(here: Path, tmp_path: Path) -> None:
    stick = tmp_path / "stick"
    export_weights([], stick, here)
    export_weights(["efficientnet_lite0"], stick, here)
    carried = import_folder(stick, tmp_path / "there")
    assert [item.name for item in carried] == ["efficientnet_lite0", SMALL.name]
    assert all(item.path is not None for item in carried)
    assert weights_state(find_backbone("efficientnet_lite0"), tmp_path / "there") == "on disk"


def test_a_changed_file_is_refused_and_the_others_come_in(here: Path, tmp_path: Path) -> None:
    stick, there = tmp_path / "stick", tmp_path / "there"
    export_weights([SMALL.name, "efficientnet_lite0"], stick, here)
    file = stick / "mobilenetv3_small_100.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    taken = {item.name: item for item in import_folder(stick, there)}
    assert taken["efficientnet_lite0"].path is not None
    assert taken[SMALL.name].path is None
    assert "checksum differs" in taken[SMALL.name].line
    file.unlink()
    taken = {item.name: item for item in import_folder(stick, there)}
    assert "is missing" in taken[SMALL.name].line
    assert weights_state(SMALL, there) == "to download"


def test_a_list_cannot_lead_out_of_its_folder(here: Path, tmp_path: Path) -> None:
    stick = tmp_path / "stick"
    export_weights([], stick, here)
    stored = json.loads((stick / "weights.json").read_text())
    stored["weights"][0] |= {"name": "../../here/mobilenetv3_small_100", "file": "../here/x.safetensors"}
    (stick / "weights.json").write_text(json.dumps(stored))
    (carried,) = import_folder(stick, tmp_path / "there")
    assert carried.path is None
    assert "there is no backbone" in carried.line


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"format": 9, "weights": []}',
        '{"format": 1, "weights": [{}]}',
        '{"format": 1, "weights": [{"name": ["a"], "sha256": "0"}]}',
        '{"format": 1, "weights": [{"name": 1, "sha256": "0"}]}',
        "[" * 100_000,
    ],
    ids=range(8),
)
def test_a_damaged_list_is_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "weights.json").write_text(text)
    with pytest.raises(WeightsError, match=r"weights\.json: is damaged or of another version"):
        import_folder(tmp_path)
    with pytest.raises(WeightsError, match=r"weights\.json: is damaged or of another version"):
        export_weights(["efficientnet_lite0"], tmp_path)
    assert (tmp_path / "weights.json").read_text() == text


def test_a_folder_without_a_list_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"holds no weights\.json\. .* one by one"):
        import_folder(tmp_path)


def test_what_is_not_here_cannot_be_exported(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there are no weights to export"):
        export_weights([], tmp_path / "stick", tmp_path / "empty")
    with pytest.raises(WeightsError, match=r"ResNet-34 are not on this machine\. Get them by"):
        export_weights(["resnet34"], tmp_path / "stick", tmp_path / "empty")
    assert not (tmp_path / "stick").exists()


def test_a_full_stick_is_one_line(here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, _: bytes) -> None:
        raise ProjectError("cannot be written, the disk is full", remedy="Free some space and try again", path=path)

    monkeypatch.setattr(carrying, "write_bytes", full)
    with pytest.raises(ProjectError, match="the disk is full"):
        export_weights([], tmp_path / "stick", here)
    assert not (tmp_path / "stick" / "weights.json").exists()


def test_files_that_are_no_weights_are_not_listed(here: Path) -> None:
    (here / "notes.safetensors").write_bytes(b"no header")
    (here / "resnet18.pth").write_bytes(b"no tensors either")
    (here / "timm-regnety_002.safetensors").write_bytes(bytes(3))
    assert [found.name for found in stored_weights(here)] == [SMALL.name, "resnet18", "timm:regnety_002"]
    assert stored_weights(here / "nothing") == []


def test_published_networks_travel_too(tmp_path: Path) -> None:
    here, stick, there = tmp_path / "here", tmp_path / "stick", tmp_path / "there"
    network = getattr(segmentation, LRASPP)(weights=None, weights_backbone=None)
    torch.save(network.state_dict(), tmp_path / "from the web.pth")
    report = import_file(LRASPP, tmp_path / "from the web.pth", here)
    assert report.line == f"all {len(network.state_dict())} tensors of LR-ASPP, MobileNetV3 Large fit"
    assert [(item.name, item.source) for item in stored_weights(here)] == [(LRASPP, "from the web.pth")]
    (exported,) = export_weights([], stick, here)
    assert exported.path == stick / f"{LRASPP}.safetensors"
    (carried,) = import_folder(stick, there)
    assert carried.path == there / f"{LRASPP}.safetensors"
    before, after = (load_file(folder / f"{LRASPP}.safetensors") for folder in (here, there))
    assert before.keys() == after.keys()
    assert all(tensor.equal(after[name]) for name, tensor in before.items())
    with pytest.raises(WeightsError, match=r"FCN, ResNet-50 are not on this machine\. Get them by"):
        export_weights(["fcn_resnet50"], stick, here)
    with pytest.raises(WeightsError, match="are not those of FCN"):
        import_file("fcn_resnet50", tmp_path / "from the web.pth", here)
