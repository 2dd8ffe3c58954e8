"""The bundled weights are the real ones, and a damaged file is told in one line."""

import errno
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file

from segstudio.errors import ProjectError, UsageError, WeightsError
from segstudio.learn import backbones
from segstudio.learn.backbones import BACKBONES, find_backbone, weights_state
from segstudio.learn.networks import build_network
from segstudio.learn.weights import classifier_names, fetch_weights, load_encoder_weights

LITE = find_backbone("efficientnet_lite0")


def encoder(name: str = "tf_efficientnet_lite0") -> torch.nn.Module:
    network: torch.nn.Module = timm.create_model(name, features_only=True)
    return network


def test_the_bundled_tensors_are_those_of_the_whole_classifier_in_order() -> None:
    stored = torch.load(backbones.bundled_file(), weights_only=True)
    assert [tensor.shape for tensor in stored.values()] == list(classifier_names(LITE).values())
    classifier = timm.create_model(LITE.encoder)
    classifier.load_state_dict(dict(zip(classifier_names(LITE), stored.values(), strict=True)), strict=True)
    pairs = {"_conv_stem.weight": "conv_stem.weight", "_blocks.0._bn1.running_var": "blocks.0.0.bn1.running_var"}
    for theirs, ours in pairs.items():
        assert torch.equal(stored[theirs], classifier.state_dict()[ours])


def test_the_encoder_sees_as_it_was_pretrained(shared_data: Path) -> None:
    """On real photographs the inputs of deep norm layers have the statistics stored in them; random ones have not."""

    def mismatch(network: torch.nn.Module) -> float:
        found: list[float] = []
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):

                def look(layer: torch.nn.BatchNorm2d, inputs: tuple[torch.Tensor, ...]) -> None:
                    assert layer.running_mean is not None
                    assert layer.running_var is not None
                    deviation = (layer.running_var + layer.eps).sqrt()
                    found.append(float(((inputs[0].mean((0, 2, 3)) - layer.running_mean).abs() / deviation).median()))

                module.register_forward_pre_hook(look)
        with torch.inference_mode():
            network.eval()(batch)
        return float(torch.tensor(found).median())

    from segstudio.storage.images import read_image

    paths = sorted((shared_data / "camvid" / "images").iterdir())[:4]
    pixels = torch.stack([torch.tensor(read_image(path).display()) for path in paths])
    batch = (pixels.permute(0, 3, 1, 2).float() / 255 - 0.5) / 0.5
    right = encoder()
    load_encoder_weights(right, LITE)
    shuffled = encoder()
    load_encoder_weights(shuffled, LITE)
    for module in shuffled.modules():
        if isinstance(module, torch.nn.Conv2d):
            module.reset_parameters()
    assert mismatch(right) < 0.5
    assert mismatch(shuffled) > 2 * mismatch(right)


def test_a_truncated_file_is_one_line_with_file_and_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    damaged = tmp_path / "weights.pth"
    damaged.write_bytes(backbones.bundled_file().read_bytes()[:500_000])
    monkeypatch.setattr(backbones, "bundled_file", lambda: damaged)
    with pytest.raises(WeightsError) as caught:
        load_encoder_weights(encoder(), LITE)
    line = str(caught.value)
    assert str(damaged) in line
    assert "Reinstall" in line
    assert "\n" not in line


def test_a_missing_file_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backbones, "bundled_file", lambda: tmp_path / "gone.pth")
    with pytest.raises(WeightsError, match=r"gone\.pth: the weight file is missing\. Reinstall"):
        load_encoder_weights(encoder(), LITE)


def test_pickled_code_in_a_weight_file_is_refused(tmp_path: Path) -> None:
    trap = tmp_path / "resnet18.pth"
    torch.save(_Trap(tmp_path / "sprung"), trap)
    with pytest.raises(WeightsError, match="damaged"):
        load_encoder_weights(encoder("resnet18"), find_backbone("resnet18"), folder=tmp_path)
    assert not (tmp_path / "sprung").exists()


def test_weights_of_another_network_do_not_fit(tmp_path: Path) -> None:
    save_file({"conv1.weight": torch.zeros(3, 3)}, tmp_path / "resnet18.safetensors")
    with pytest.raises(WeightsError, match=r"do not fit ResNet-18 at 'conv1\.weight'"):
        load_encoder_weights(encoder("resnet18"), find_backbone("resnet18"), folder=tmp_path)


def test_a_file_that_a_person_brought_is_used(tmp_path: Path) -> None:
    resnet = find_backbone("resnet18")
    assert weights_state(resnet, tmp_path) == "to download"
    brought = timm.create_model("resnet18").state_dict()
    save_file(brought, tmp_path / "resnet18.safetensors")
    assert weights_state(resnet, tmp_path) == "on disk"
    network = build_network(resnet, "fpn", 2, "feature", folder=tmp_path)
    assert torch.equal(network.encoder.state_dict()["model.conv1.weight"], brought["conv1.weight"])


def test_without_a_file_nothing_is_downloaded_unasked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timm, "create_model", _no_network)
    with pytest.raises(WeightsError, match="are not on this machine"):
        load_encoder_weights(torch.nn.Identity(), find_backbone("resnet34"), folder=tmp_path)


def test_a_hub_that_cannot_be_reached_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timm, "create_model", _no_network)
    with pytest.raises(WeightsError, match="could not be downloaded"):
        fetch_weights(find_backbone("resnet34"), tmp_path)
    assert not list(tmp_path.iterdir())


def test_downloaded_weights_are_found_afterwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = timm.create_model("resnet18")
    monkeypatch.setattr(timm, "create_model", lambda *_, **__: hub)
    resnet = find_backbone("resnet18")
    path = fetch_weights(resnet, tmp_path)
    assert weights_state(resnet, tmp_path) == "on disk"
    loaded = encoder_like(hub)
    load_encoder_weights(loaded, resnet, folder=tmp_path)
    assert path.parent == tmp_path
    assert torch.equal(loaded.state_dict()["conv1.weight"], hub.state_dict()["conv1.weight"])


def test_a_download_that_cannot_be_written_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = timm.create_model("resnet18")
    monkeypatch.setattr(timm, "create_model", lambda *_, **__: hub)

    def full(path: Path, data: bytes) -> None:
        with path.open("wb") as file:
            file.write(data[:100])
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(ProjectError, match=r"resnet18\.safetensors: cannot be written, the disk is full"):
        fetch_weights(find_backbone("resnet18"), tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("backbone", BACKBONES.values(), ids=lambda item: item.name)
def test_the_registry_tells_the_truth(backbone: backbones.Backbone) -> None:
    with torch.device("meta"):
        network = timm.create_model(backbone.encoder, features_only=True)
    published = timm.get_pretrained_cfg(backbone.encoder)
    assert sum(parameter.numel() for parameter in network.parameters()) == backbone.parameters
    assert (backbone.mean, backbone.std) == (published.mean, published.std)


def test_an_unknown_backbone_lists_the_known() -> None:
    with pytest.raises(UsageError, match=r"no backbone 'vgg'\. Choose one of efficientnet_lite0, resnet18"):
        find_backbone("vgg")


class _Trap:
    def __init__(self, mark: Path) -> None:
        self._mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self._mark,)


def encoder_like(network: torch.nn.Module) -> torch.nn.Module:
    import copy

    other = copy.deepcopy(network)
    for parameter in other.parameters():
        torch.nn.init.zeros_(parameter)
    return other


def _no_network(*_: object, **__: object) -> torch.nn.Module:
    raise ConnectionError("no network")
