"""The bundled weights are the real ones, and a damaged file is told in one line."""

import argparse
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
import torchvision
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch import Tensor

from segstudio.errors import ProjectError, WeightsError
from segstudio.learn.backbones import registry as backbones
from segstudio.learn.backbones.matching import MatchReport, match_tensors
from segstudio.learn.backbones.registry import find_backbone, weights_state
from segstudio.learn.backbones.timm_encoders import empty_classifier, empty_encoder
from segstudio.learn.backbones.weights import import_weights, load_encoder_weights, read_weights
from segstudio.learn.networks.network import build_network
from tests.learn.files import classifier_state, empty_like, filled

LITE = find_backbone("efficientnet_lite0")
RESNET = find_backbone("resnet18")


def encoder(name: str = "tf_efficientnet_lite0") -> torch.nn.Module:
    network: torch.nn.Module = timm.create_model(name, features_only=True)
    return network


def test_the_bundled_tensors_are_those_of_the_whole_classifier_in_order() -> None:
    stored = torch.load(backbones.bundled_file(), weights_only=True)
    names = empty_classifier(LITE.encoder).state_dict()
    assert [tensor.shape for tensor in stored.values()] == [tensor.shape for tensor in names.values()]
    loaded = empty_like(LITE)
    load_encoder_weights(loaded, LITE)
    pairs = {"_conv_stem.weight": "conv_stem.weight", "_blocks.0._bn1.running_var": "blocks.0.0.bn1.running_var"}
    for theirs, ours in pairs.items():
        assert torch.equal(stored[theirs], loaded.state_dict()[ours])


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


def test_weights_of_another_network_do_not_fit_and_nothing_is_loaded(tmp_path: Path) -> None:
    state = classifier_state(RESNET)
    state["layer1.0.conv1.weight"] = torch.zeros(3, 3)
    del state["layer2.0.conv1.weight"]
    save_file(state, tmp_path / "resnet18.safetensors")
    network = empty_like(RESNET)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    with pytest.raises(WeightsError) as caught:
        load_encoder_weights(network, RESNET, folder=tmp_path)
    line = str(caught.value)
    assert "tensors of ResNet-18 fit; missing: layer2.0.conv1.weight; of another shape: layer1.0.conv1.weight" in line
    assert "3x3 in the file, 64x64x3x3 in the encoder" in line
    assert str(tmp_path / "resnet18.safetensors") in line
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor.nan_to_num(), before[name].nan_to_num())


def test_a_file_that_a_person_brought_is_used(tmp_path: Path) -> None:
    assert weights_state(RESNET, tmp_path) == "to download"
    brought = classifier_state(RESNET)
    save_file(brought, tmp_path / "resnet18.safetensors")
    assert weights_state(RESNET, tmp_path) == "on disk"
    network = build_network(RESNET, "fpn", 2, "feature", folder=tmp_path)
    assert torch.equal(network.encoder.state_dict()["model.conv1.weight"], brought["conv1.weight"])


def test_without_a_file_nothing_is_downloaded_unasked(tmp_path: Path) -> None:
    with pytest.raises(
        WeightsError, match=r"are not on this machine\. Get them by 'segstudio backbones --fetch resnet34'"
    ):
        load_encoder_weights(torch.nn.Identity(), find_backbone("resnet34"), folder=tmp_path)


WRAPPERS: dict[str, Callable[[dict[str, Tensor]], Any]] = {
    "bare": lambda state: state,
    "state_dict": lambda state: {"state_dict": state, "epoch": 3},
    "model": lambda state: {"model": state, "optimizer": {"state": {0: {"exp_avg": torch.zeros(2)}}}},
    "timm": lambda state: {"arch": "x", "args": argparse.Namespace(lr=1.0), "state_dict": state},
    "deep": lambda state: {"checkpoint": {"model_state": state}},
    "module": lambda state: {f"module.{name}": tensor for name, tensor in state.items()},
    "compiled": lambda state: {"model": {f"_orig_mod.{name}": tensor for name, tensor in state.items()}},
    "encoder": lambda state: {
        **{f"module.encoder.model.{name}": tensor for name, tensor in state.items()},
        "module.decoder.conv1.weight": torch.zeros(64, 3, 7, 7),
    },
}


@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_weights_are_found_in_whatever_a_training_wrapped_them(tmp_path: Path, wrapper: str) -> None:
    state = classifier_state(RESNET)
    torch.save(WRAPPERS[wrapper](state), tmp_path / "brought.pt")
    report = import_weights(RESNET, tmp_path / "brought.pt", tmp_path)
    assert report.complete
    assert report.line.startswith("all 100 tensors of ResNet-18 fit; left out")
    stored = load_file(tmp_path / "resnet18.safetensors")
    assert all(torch.equal(tensor, state[name]) for name, tensor in stored.items())
    assert "fc.weight" not in stored
    load_encoder_weights(empty_like(RESNET), RESNET, folder=tmp_path)


def test_counters_that_old_files_lack_are_no_loss(tmp_path: Path) -> None:
    state = {name: tensor for name, tensor in classifier_state(RESNET).items() if tensor.is_floating_point()}
    torch.save(state, tmp_path / "old.pth")
    assert import_weights(RESNET, tmp_path / "old.pth", tmp_path).complete
    load_encoder_weights(empty_like(RESNET), RESNET, folder=tmp_path)


@pytest.mark.parametrize(
    ("name", "theirs", "tapped"),
    [
        ("resnet18", "resnet18", "layer4"),
        ("mobilenetv3_small_100", "mobilenet_v3_small", "features.12"),
        ("convnext_tiny", "convnext_tiny", "features.7"),
        ("vgg16", "vgg16", "features.29"),
    ],
)
def test_files_of_torchvision_give_the_same_features(tmp_path: Path, name: str, theirs: str, tapped: str) -> None:
    """Not just the names: the network computes what torchvision's does, its epsilon included."""
    with torch.device("meta"):
        network = torchvision.models.get_model(theirs)
    state = filled(network.state_dict())
    if "mobilenet" in theirs:  # small variances, where the epsilon counts
        state |= {key: tensor * 1e-3 for key, tensor in state.items() if key.endswith("running_var")}
    network.to_empty(device="cpu").load_state_dict(state)
    torch.save(state, tmp_path / "theirs.pth")
    backbone = find_backbone(name)
    report = import_weights(backbone, tmp_path / "theirs.pth", tmp_path)
    assert report.complete
    assert any(key.startswith(("classifier", "fc")) for key in report.unexpected)
    ours = empty_like(backbone)
    load_encoder_weights(ours, backbone, folder=tmp_path)
    seen: list[Tensor] = []
    network.get_submodule(tapped).register_forward_hook(lambda *call: seen.append(call[2]))
    batch = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        network.eval()(batch)
        stages = ours(batch)
    matching = [stage for stage in stages if stage.shape == seen[0].shape]
    scale = float(seen[0].abs().max())
    assert scale > 0
    assert min(float((stage - seen[0]).abs().max()) for stage in matching) < 1e-4 * scale


def test_files_of_those_who_published_convnext_fit(tmp_path: Path) -> None:
    backbone = find_backbone("convnext_tiny")
    named = classifier_state(backbone)
    theirs = {}
    for name, tensor in named.items():
        other = name.replace(".blocks.", ".").replace("conv_dw", "dwconv").replace("mlp.fc", "pwconv")
        parts = other.split(".")
        if parts[0] == "stem":
            other = ".".join(["downsample_layers", "0", *parts[1:]])
        elif parts[2:3] == ["downsample"]:
            other = ".".join(["downsample_layers", parts[1], *parts[3:]])
        theirs[other.replace("head.norm", "norm").replace("head.fc", "head")] = tensor
    torch.save({"model": theirs}, tmp_path / "convnext_tiny_1k_224_ema.pth")
    report = import_weights(backbone, tmp_path / "convnext_tiny_1k_224_ema.pth", tmp_path)
    assert set(report.unexpected) == {"norm.weight", "norm.bias", "head.weight", "head.bias"}
    stored = load_file(tmp_path / "convnext_tiny.safetensors")
    assert all(torch.equal(tensor, named[name]) for name, tensor in stored.items())


@pytest.mark.parametrize("channels", [1, 4])
def test_a_first_convolution_for_other_channels_is_adapted(tmp_path: Path, channels: int) -> None:
    state = classifier_state(RESNET)
    state["conv1.weight"] = torch.rand(64, channels, 7, 7)
    save_file(state, tmp_path / "other.safetensors")
    report = import_weights(RESNET, tmp_path / "other.safetensors", tmp_path)
    assert f"reads {channels} channel" in report.line
    stored = load_file(tmp_path / "resnet18.safetensors")["conv1.weight"]
    torch.testing.assert_close(stored.sum(1), state["conv1.weight"].sum(1))


@settings(max_examples=20)
@given(data=st.data())
def test_what_lacks_any_one_tensor_is_incomplete(data: st.DataObject) -> None:
    encoder = empty_encoder("mobilenetv3_small_100")
    state = empty_classifier("mobilenetv3_small_100").state_dict()
    needed = [name for name, tensor in encoder.state_dict().items() if tensor.is_floating_point()]
    gone = data.draw(st.sampled_from(needed))
    del state[gone]
    report = match_tensors(state, encoder, "mobilenetv3_small_100", "Small", ordered=True).report
    assert not report.complete
    assert report.missing == (gone,)


def test_what_does_not_fit_leaves_no_file(tmp_path: Path) -> None:
    torch.save(classifier_state(RESNET), tmp_path / "brought.pth")
    with pytest.raises(WeightsError, match=r"brought\.pth: the weights do not fit: .* missing: "):
        import_weights(find_backbone("resnet34"), tmp_path / "brought.pth", tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["brought.pth"]


def test_the_report_has_a_line_for_each_tensor_that_does_not_fit() -> None:
    report = MatchReport("Net", ("a",), ("b", "c", "d", "e"), ("f (1 in the file, 2 in the encoder)",), ("g",))
    assert not report.complete
    assert report.line == (
        "1 of the 6 tensors of Net fit; missing: b, c, d and 1 more; "
        "of another shape: f (1 in the file, 2 in the encoder)"
    )
    assert len(report.lines()) == 1 + 4 + 1 + 1


class _Trap:
    def __init__(self, mark: Path) -> None:
        self._mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self._mark,)


class _Command:
    def __init__(self, mark: Path) -> None:
        self._mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return eval, (f"open({str(self._mark)!r}, 'w')",)


@pytest.mark.parametrize("trap", [_Trap, _Command])
@pytest.mark.parametrize("form", ["zip", "old", "hidden"])
def test_code_in_a_weight_file_is_never_run(tmp_path: Path, trap: type, form: str) -> None:
    mark, file = tmp_path / "sprung", tmp_path / "brought.pth"
    inside = trap(mark) if form != "hidden" else {"state_dict": classifier_state(RESNET), "extra": trap(mark)}
    torch.save(inside, file, _use_new_zipfile_serialization=form != "old")
    with pytest.raises(WeightsError, match="holds code, which is never run") as caught:
        import_weights(RESNET, file, tmp_path)
    assert not mark.exists()
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "resnet18.safetensors").exists()


def test_a_plain_pickle_and_a_script_are_refused(tmp_path: Path) -> None:
    mark = tmp_path / "sprung"
    (tmp_path / "a.pth").write_bytes(pickle.dumps(_Trap(mark)))
    with pytest.raises(WeightsError, match=r"code|truncated or damaged"):
        read_weights(tmp_path / "a.pth")
    assert not mark.exists()
    import zipfile

    with zipfile.ZipFile(tmp_path / "script.pt", "w") as archive:
        for part in ("data.pkl", "constants.pkl", "code/__torch__.py", "version"):
            archive.writestr(f"script/{part}", b"")
    with pytest.raises(WeightsError, match="holds code"):
        read_weights(tmp_path / "script.pt")


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("share", [0.0, 0.0001, 0.3, 0.999])
def test_a_cut_file_is_one_line(tmp_path: Path, suffix: str, share: float) -> None:
    whole, cut = tmp_path / f"whole{suffix}", tmp_path / f"cut{suffix}"
    state = {"conv1.weight": torch.rand(64, 3, 7, 7), "bn1.weight": torch.rand(64)}
    torch.save(state, whole) if suffix == ".pth" else save_file(state, whole)
    content = whole.read_bytes()
    cut.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(WeightsError, match=r"is empty|truncated or damaged|of no format") as caught:
        read_weights(cut)
    assert str(cut) in str(caught.value)
    assert "\n" not in str(caught.value)


@settings(max_examples=50)
@given(content=st.binary(min_size=1, max_size=300))
def test_no_bytes_at_all_are_more_than_one_line(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("bytes") / "any.pth"
    path.write_bytes(content)
    with pytest.raises(WeightsError):
        read_weights(path)


def test_what_is_no_weight_file_is_told_apart(tmp_path: Path) -> None:
    (tmp_path / "image.pth").write_bytes(b"\x89PNG\r\n" + bytes(100))
    torch.save({"epoch": 3}, tmp_path / "none.pth")
    torch.save({"conv1.weight": torch.tensor([1.0, float("nan")])}, tmp_path / "nan.pth")
    for path, said in (
        (tmp_path, "is a folder"),
        (tmp_path / "gone.pth", "is missing"),
        (tmp_path / "image.pth", "of no format"),
        (tmp_path / "none.pth", "holds no tensors"),
        (tmp_path / "nan.pth", "not finite"),
    ):
        with pytest.raises(WeightsError, match=said):
            read_weights(path)


def test_a_failed_import_leaves_the_weights_there_were(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.save(classifier_state(RESNET), tmp_path / "brought.pth")
    import_weights(RESNET, tmp_path / "brought.pth", tmp_path)
    before = (tmp_path / "resnet18.safetensors").read_bytes()
    real = Path.write_bytes

    def full(path: Path, data: bytes) -> int:
        real(path, data[:100])
        raise OSError(28, "no space")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(ProjectError, match=r"resnet18\.safetensors: cannot be written, the disk is full"):
        import_weights(RESNET, tmp_path / "brought.pth", tmp_path)
    assert (tmp_path / "resnet18.safetensors").read_bytes() == before
    assert sorted(file.name for file in tmp_path.iterdir()) == ["brought.pth", "resnet18.safetensors"]


@pytest.mark.parametrize("name", ["efficientnet_lite1", "efficientnet_lite2"])
def test_the_packages_that_can_be_installed_fit(name: str) -> None:
    backbone = find_backbone(name)
    if backbones.weights_file(backbone) is None:
        pytest.skip(f"{backbone.package} is not installed")
    encoder = empty_like(backbone)
    load_encoder_weights(encoder, backbone)
    assert all(bool(tensor.isfinite().all()) for tensor in encoder.state_dict().values())


def test_a_sorted_file_is_never_matched_by_its_order(tmp_path: Path) -> None:
    """safetensors sorts by size and name, so equal shapes there would say nothing."""
    small = find_backbone("mobilenetv3_small_100")
    with torch.device("meta"):
        theirs = torchvision.models.mobilenet_v3_small().state_dict()
    save_file(filled(theirs), tmp_path / "theirs.safetensors")
    with pytest.raises(WeightsError, match="none of the"):
        import_weights(small, tmp_path / "theirs.safetensors", tmp_path)
