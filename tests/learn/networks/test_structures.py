"""The registry of published networks says what torchvision says; as ours they predict what they did before."""

import threading
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torchvision.models import get_model_weights, segmentation

from segstudio.errors import UsageError, WeightsError
from segstudio.learn.backbones.registry import find_backbone
from segstudio.learn.networks.published import build_structure, import_structure
from segstudio.learn.networks.structures import STRUCTURES, Structure, fetch_structure, find_structure, structure_file

SMALL = STRUCTURES["lraspp_mobilenet_v3_large"]
DEEPLAB = STRUCTURES["deeplabv3_mobilenet_v3_large"]


def published(structure: Structure, seed: int = 0) -> nn.Module:
    """torchvision's own network, with random weights in the place of the published ones."""
    torch.manual_seed(seed)
    network: nn.Module = getattr(segmentation, structure.name)(
        weights=None, weights_backbone=None, num_classes=len(structure.classes), aux_loss=False
    )
    return network.eval()


@pytest.mark.parametrize("structure", STRUCTURES.values(), ids=lambda item: item.name)
def test_the_registry_tells_the_truth(structure: Structure) -> None:
    weights = get_model_weights(structure.name).DEFAULT
    assert structure.url == weights.url
    assert structure.classes == tuple(name.strip("_") for name in weights.meta["categories"])
    with torch.device("meta"):
        network = published(structure)
    assert structure.parameters == sum(parameter.numel() for parameter in network.parameters())
    transform, backbone = weights.transforms(), find_backbone(structure.normalised_as)
    assert (tuple(transform.mean), tuple(transform.std)) == (backbone.mean, backbone.std)


@pytest.mark.parametrize("name", [SMALL.name, DEEPLAB.name, "fcn_resnet50"])
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_published_network_predicts_as_in_torchvision(name: str, suffix: str, tmp_path: Path) -> None:
    structure = STRUCTURES[name]
    theirs = published(structure)
    state = theirs.state_dict() | {"aux_classifier.4.weight": torch.zeros(21, 256, 1, 1)}
    (torch.save if suffix == ".pth" else save_file)(state, tmp_path / f"{name}{suffix}")
    ours = build_structure(structure, folder=tmp_path).eval()
    images = torch.randn(1, 3, 64, 96)
    with torch.inference_mode():
        assert torch.allclose(ours(images), theirs(images)["out"], atol=1e-5)


@pytest.mark.parametrize("structure", STRUCTURES.values(), ids=lambda item: item.name)
def test_parts_and_stages(structure: Structure) -> None:
    with torch.device("meta"):
        network = build_structure(structure, pretrained=False, classes=4).train()
        features = network.features(torch.empty(structure.smallest_batch, 3, 64, 64))
        assert network.decode(features).shape == (structure.smallest_batch, 4, 64, 64)
    stages = network.stages()
    assert len(stages) >= 5
    assert sum(map(len, stages)) == len(list(network.encoder.parameters()))
    assert [layer.out_channels for layer in network.score_layers()] == [4] * len(network.score_layers())
    assert not any(module.p for module in network.modules() if isinstance(module, nn.Dropout))


def test_norm_layers_of_the_encoder_are_pinned_and_dilation_is_kept() -> None:
    network = build_structure(SMALL, pretrained=False).train()
    assert not any(m.training for m in network.encoder.modules() if isinstance(m, nn.BatchNorm2d))
    assert any(m.training for m in network.decoder.modules() if isinstance(m, nn.BatchNorm2d))
    assert network.features(torch.zeros(1, 3, 64, 64))[-1].shape[-1] == 4


def test_other_channels_are_adapted(tmp_path: Path) -> None:
    torch.save(published(SMALL).state_dict(), tmp_path / f"{SMALL.name}.pth")
    network = build_structure(SMALL, channels=5, folder=tmp_path)
    assert "5 channels" in network.input_note
    assert network(torch.zeros(2, 5, 64, 64)).shape == (2, 21, 64, 64)


def test_a_file_with_its_published_name_is_found(tmp_path: Path) -> None:
    assert structure_file(SMALL, tmp_path) is None
    path = tmp_path / "lraspp_mobilenet_v3_large-d234d4ea.pth"
    path.touch()
    assert structure_file(SMALL, tmp_path) == path


def test_missing_weights_say_where_to_get_them_and_where_to_put_them(tmp_path: Path) -> None:
    with pytest.raises(WeightsError) as caught:
        build_structure(SMALL, folder=tmp_path)
    line = str(caught.value)
    assert line.startswith(f"{tmp_path}: the weights of LR-ASPP")
    assert SMALL.url in line
    assert "weights import FILE --backbone lraspp_mobilenet_v3_large" in line


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    torch.save(published(DEEPLAB).state_dict(), tmp_path / f"{SMALL.name}.pth")
    with pytest.raises(
        WeightsError, match=r"are not those of LR-ASPP, MobileNetV3 Large, '.*' and \d+ more are missing"
    ):
        build_structure(SMALL, folder=tmp_path)


def test_weights_with_other_classes_are_refused(tmp_path: Path) -> None:
    state = published(SMALL).state_dict()
    state["classifier.low_classifier.weight"] = torch.zeros(5, 40, 1, 1)
    torch.save(state, tmp_path / f"{SMALL.name}.pth")
    with pytest.raises(WeightsError, match=r"'classifier\.low_classifier\.weight' is 5x40x1x1 instead of 21x40x1x1"):
        build_structure(SMALL, folder=tmp_path)


def test_truncated_weights_are_refused(tmp_path: Path) -> None:
    path = tmp_path / f"{SMALL.name}.pth"
    torch.save(published(SMALL).state_dict(), path)
    path.write_bytes(path.read_bytes()[:100_000])
    with pytest.raises(WeightsError, match="truncated") as caught:
        build_structure(SMALL, folder=tmp_path)
    assert str(path) in str(caught.value)


def test_fetching_downloads_once_and_checks_the_sum(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[object, ...]] = []

    def download(url: str, path: Path, *, sha256: str, progress: object, cancel: object) -> None:
        asked.append((url, sha256, progress, cancel))
        path.write_bytes(b"weights")

    monkeypatch.setattr("segstudio.learn.backbones.hub.download", download)
    flag = threading.Event()
    path = fetch_structure(SMALL.name, tmp_path, cancel=flag)
    assert path == structure_file(SMALL, tmp_path)
    assert fetch_structure(SMALL.name, tmp_path) == path
    assert asked == [(SMALL.url, "d234d4ea", None, flag)]


def test_an_unknown_network_lists_the_known() -> None:
    with pytest.raises(UsageError, match=r"no published network 'sam'\. Choose one of deeplabv3_mobilenet"):
        find_structure("sam")


def test_a_file_a_person_brings_is_taken_in_whole(tmp_path: Path) -> None:
    theirs = published(SMALL)
    state = theirs.state_dict() | {"aux_classifier.4.weight": torch.zeros(21, 256, 1, 1)}
    torch.save({"model": state}, tmp_path / "brought.pth")
    folder = tmp_path / "weights"
    report = import_structure(SMALL, tmp_path / "brought.pth", folder)
    assert report.complete
    assert report.unexpected == ("aux_classifier.4.weight",)
    assert structure_file(SMALL, folder) == folder / f"{SMALL.name}.safetensors"
    ours = build_structure(SMALL, folder=folder).eval()
    images = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        assert torch.allclose(ours(images), theirs(images)["out"], atol=1e-5)


def test_a_file_of_another_network_changes_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "weights"
    torch.save(published(DEEPLAB).state_dict(), tmp_path / "other.pth")
    with pytest.raises(WeightsError, match=r"other\.pth: the weights are not those of LR-ASPP.*choose the network"):
        import_structure(SMALL, tmp_path / "other.pth", folder)
    assert not folder.exists()
