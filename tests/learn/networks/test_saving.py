"""Model folders are complete, harmless, and say what is wrong with them."""

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from segstudio.errors import ModelError, ProjectError
from segstudio.learn.backbones.registry import find_backbone
from segstudio.learn.networks.network import build_network
from segstudio.learn.networks.saving import load_model, save_model
from segstudio.storage.cards import CARD, WEIGHTS, ModelCard


def card(**changes: object) -> ModelCard:
    fields: dict[str, object] = {
        "name": "m0001",
        "created": "2026-01-01T00:00:00+00:00",
        "backbone": "efficientnet_lite0",
        "transfer": "feature",
        "decoder": "fpn",
        "classes": [{"index": 0, "name": "a", "color": "#000000"}, {"index": 1, "name": "b", "color": "#ffffff"}],
        "normalisation": {"mean": [0.5] * 3, "std": [0.5] * 3},
    }
    return ModelCard(**(fields | changes))  # type: ignore[arg-type]


@pytest.fixture
def saved(tmp_path: Path) -> Callable[..., Path]:
    def save(**changes: object) -> Path:
        network = build_network(find_backbone("efficientnet_lite0"), "fpn", 2, "feature")
        save_model(network, card(**changes), tmp_path / "model")
        return tmp_path / "model"

    return save


class _Trap:
    def __init__(self, mark: Path) -> None:
        self._mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self._mark,)


def test_pickled_code_is_refused_and_does_not_run(saved: Callable[..., Path], tmp_path: Path) -> None:
    folder = saved()
    torch.save(_Trap(tmp_path / "sprung"), folder / WEIGHTS)
    with pytest.raises(ModelError, match="is no safetensors file"):
        load_model(folder)
    (folder / WEIGHTS).write_bytes(pickle.dumps(_Trap(tmp_path / "sprung")))
    with pytest.raises(ModelError, match="is no safetensors file"):
        load_model(folder)
    assert not (tmp_path / "sprung").exists()


def test_truncated_weights_are_told(saved: Callable[..., Path]) -> None:
    folder = saved()
    data = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(data[: len(data) // 2])
    with pytest.raises(ModelError, match="truncated"):
        load_model(folder)


def test_missing_weights_are_told(saved: Callable[..., Path]) -> None:
    folder = saved()
    (folder / WEIGHTS).unlink()
    with pytest.raises(ModelError, match="the weights of the model are missing"):
        load_model(folder)


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"decoder": "unet"}, "do not fit the card"),
        ({"classes": [{"index": 0, "name": "a", "color": "#000000"}]}, "do not fit the card"),
        ({"decoder": "new"}, "there is no decoder 'new'"),
        ({"backbone": "new"}, "there is no backbone 'new'"),
        ({"transfer": "new"}, "unknown transfer 'new'"),
        ({"decoder": "fcn_resnet50"}, "do not fit the card"),
        (
            {"channels": 4, "normalisation": {"mean": [0.5] * 4, "std": [0.5] * 4}},
            "'encoder.model.conv_stem.weight' is 32x3x3x3 instead of 32x4x3x3",
        ),
        ({"backbone": "vgg16", "decoder": "deeplabv3plus"}, "does not work with VGG-16"),
        ({"settings": {"decoder_options": {"decoder_pyramid_channels": 64}}}, "do not fit the card"),
        ({"settings": {"decoder_options": {"nonsense": 1}}}, "do not fit the card"),
    ],
)
def test_a_card_that_does_not_fit_is_told(saved: Callable[..., Path], changes: dict[str, object], line: str) -> None:
    folder = saved(**changes)
    with pytest.raises(ModelError, match=line):
        load_model(folder)


def test_tensors_too_many_are_told(saved: Callable[..., Path]) -> None:
    folder = saved()
    save_file(load_file(folder / WEIGHTS) | {"head.9.weight": torch.zeros(1)}, folder / WEIGHTS)
    with pytest.raises(ModelError, match=r"do not fit the card, 'head\.9\.weight' is too many\.") as caught:
        load_model(folder)
    assert "\n" not in str(caught.value)


def test_weights_of_another_architecture_are_told(saved: Callable[..., Path]) -> None:
    folder = saved()
    save_file(build_network(find_backbone("resnet18"), "fpn", 2, "none").state_dict(), folder / WEIGHTS)
    with pytest.raises(ModelError, match=r"do not fit the card, 'encoder\..*' and \d+ more are missing\.") as caught:
        load_model(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("channels", [1, 5])
def test_other_channels_come_back(tmp_path: Path, channels: int) -> None:
    network = build_network(find_backbone("efficientnet_lite0"), "light", 2, "parameter", channels=channels).eval()
    save_model(network, card(decoder="light", channels=channels, transfer="parameter"), tmp_path / "model")
    loaded = load_model(tmp_path / "model").network
    assert loaded.channels == channels
    images = torch.randn(1, channels, 64, 64)
    with torch.inference_mode():
        assert torch.allclose(loaded(images), network(images), atol=1e-4)


def test_a_card_from_before_there_were_channels_still_loads(saved: Callable[..., Path]) -> None:
    """As the first version wrote it, decoder options included."""
    options = {"decoder_pyramid_channels": 128, "decoder_segmentation_channels": 64, "decoder_dropout": 0.0}
    folder = saved(settings={"decoder_options": options})
    content = json.loads((folder / CARD).read_text())
    for name in ("start", "channels", "validation", "curve", "kept", "verdict", "interval", "confusion"):
        content.pop(name, None)
    (folder / CARD).write_text(json.dumps(content))
    network = load_model(folder).network
    assert network.channels == 3
    names = set(load_file(folder / WEIGHTS))
    assert {"decoder.p5.weight", "head.0.weight", "encoder.model.conv_stem.weight"} <= names


def test_two_loads_share_no_weights(saved: Callable[..., Path]) -> None:
    folder = saved()
    first, second = load_model(folder), load_model(folder)
    with torch.no_grad():
        for parameter in first.network.parameters():
            parameter.zero_()
    assert any(parameter.any() for parameter in second.network.head.parameters())
    assert not first.network.training


def test_a_full_disk_is_told_and_leaves_no_half_model(
    saved: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_tensors: object, path: Path) -> None:
        path.write_bytes(b"half")
        raise SafetensorError("No space left on device")

    monkeypatch.setattr("segstudio.learn.networks.saving.save_file", refuse)
    with pytest.raises(ProjectError, match="cannot be written"):
        saved()
    assert list(tmp_path.iterdir()) == []
