"""Every way a network can start; classes of one name keep their weights, new ones neither dominate nor are dead."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from segstudio.core.classes import ClassTable
from segstudio.errors import ModelError, UsageError, WeightsError
from segstudio.learn.backbones.registry import find_backbone
from segstudio.learn.networks.decoders import DECODERS, TwoScales
from segstudio.learn.networks.inheriting import StartedNetwork, build_from_model, check_start, inherit, start_network
from segstudio.learn.networks.network import SegmentationNetwork, build_network
from segstudio.learn.networks.published import build_structure
from segstudio.learn.networks.saving import class_entries, load_model, save_model
from segstudio.learn.networks.structures import STRUCTURES
from segstudio.learn.request import TrainSettings, Transfer
from segstudio.storage.cards import ModelCard

LITE = find_backbone("efficientnet_lite0")
SMALL = STRUCTURES["lraspp_mobilenet_v3_large"]
STREET = ClassTable.of(("road", "car", "lamp"))
IMAGES = torch.linspace(-1, 1, 3 * 64 * 64).view(1, 3, 64, 64)


def same(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Up to rounding, which depends on how tensors lie in memory."""
    return torch.allclose(one, other, rtol=1e-3, atol=1e-3 * float(other.detach().abs().max()))


def heads(classes: int, fill: Callable[[torch.Tensor], object] = nn.init.normal_) -> SegmentationNetwork:
    """A network that is little more than its score layers."""
    network = SegmentationNetwork(nn.Identity(), nn.Identity(), TwoScales(4, 3, classes))
    for layer in network.score_layers():
        fill(layer.weight.data)
        assert layer.bias is not None
        fill(layer.bias.data)
    return network


def card(started: StartedNetwork, table: ClassTable, transfer: str = "structure", **changes: object) -> ModelCard:
    fields: dict[str, object] = {
        "name": "m0001",
        "created": "2026-01-01T00:00:00+00:00",
        "backbone": started.backbone,
        "transfer": transfer,
        "decoder": started.decoder,
        "classes": class_entries(table),
        "normalisation": started.normalisation,
        "settings": {"decoder_options": dict(started.options)},
        "start": started.start,
        "channels": started.network.channels,
    }
    return ModelCard(**(fields | changes))  # type: ignore[arg-type]


@pytest.fixture
def stored(tmp_path: Path) -> Callable[..., Path]:
    """A model of the classes sky, road and car."""

    def store(decoder: str = "fpnfine", channels: int = 3, transfer: Transfer = "parameter") -> Path:
        table = ClassTable.of(("sky", "road", "car"))
        chosen = TrainSettings(decoder=decoder, transfer=transfer)
        started = start_network(chosen, table, channels=channels)
        for layer in started.network.score_layers():
            nn.init.normal_(layer.weight)
        save_model(started.network, card(started, table, transfer, name="m0007"), tmp_path / "m0007")
        return tmp_path / "m0007"

    return store


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A folder with weights of the smallest published network, random ones."""
    torch.manual_seed(1)
    network = build_structure(SMALL, pretrained=False)
    state = {f"backbone.{name.removeprefix('body.')}": v for name, v in network.encoder.state_dict().items()}
    state |= {f"classifier.{name}": value for name, value in network.decoder.state_dict().items()}
    for at, kind in enumerate(("low", "high")):
        for name, value in network.head.layers[at].state_dict().items():  # type: ignore[index,union-attr]
            state[f"classifier.{kind}_classifier.{name}"] = value
    torch.save(state, tmp_path / f"{SMALL.name}.pth")
    return tmp_path


def test_classes_of_one_name_keep_their_scores() -> None:
    network = heads(3)
    scales = torch.randn(2, 4, 8, 8), torch.randn(2, 3, 16, 16)
    before = network.head(scales)
    report = inherit(network, ("Sky ", "road", "car"), ("CAR", "lamp", "sky"))
    after = network.head(scales)
    assert torch.allclose(after[:, 0], before[:, 2])
    assert torch.allclose(after[:, 2], before[:, 0])
    assert torch.allclose(after[:, 1], (before[:, 0] + before[:, 2]) / 2 - math.log(2), atol=1e-5)
    assert (report.kept, report.new, report.dropped) == (("CAR", "sky"), ("lamp",), ("road",))
    assert report.line == "Classes: CAR, sky kept; lamp new; road dropped."


@given(st.integers(1, 6), st.integers(0, 5), st.integers(0, 3), st.floats(0.01, 5), st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_a_new_class_never_dominates_and_has_its_share(
    kept: int, new: int, dropped: int, spread: float, seed: int
) -> None:
    torch.manual_seed(seed)
    donors = [f"old{at}" for at in range(kept + dropped)]
    network = heads(len(donors), lambda tensor: nn.init.normal_(tensor, std=spread))
    inherit(network, donors, [*donors[:kept], *(f"new{at}" for at in range(new))])
    with torch.inference_mode():
        chance = network.head((torch.randn(1, 4, 8, 8), torch.randn(1, 3, 16, 16))).softmax(1)
    if new:
        assert float(chance[:, kept:].max()) <= 1 / (2 * kept) + 1e-5
        assert bool((chance.argmax(1) < kept).all())
    if new and spread < 0.1:
        assert float(chance[:, kept:].min()) > 0.25 / (kept + new)


def test_a_new_class_learns_from_the_first_step() -> None:
    network = heads(3)
    inherit(network, ("a", "b", "c"), ("a", "b", "d"))
    scores = network.head((torch.randn(2, 4, 8, 8), torch.randn(2, 3, 16, 16)))
    nn.functional.cross_entropy(scores, torch.full((2, 32, 32), 2)).backward()  # type: ignore[no-untyped-call]
    gradients = [layer.weight.grad for layer in network.score_layers()]
    assert all(gradient is not None and gradient[2].abs().max() > 1e-3 for gradient in gradients)


def test_without_a_class_in_common_all_start_equal() -> None:
    network = heads(4)
    report = inherit(network, ("a", "b", "c", "d"), ("x", "y"))
    chance = network.head((torch.randn(1, 4, 8, 8), torch.randn(1, 3, 16, 16))).softmax(1)
    assert torch.allclose(chance, torch.full_like(chance, 0.5))
    assert report.line == "Classes: x, y new; a, b, c, d dropped."


def test_a_long_list_of_classes_is_cut() -> None:
    report = inherit(heads(9), [str(at) for at in range(9)], ("0",))
    assert report.line == "Classes: 0 kept; 1, 2, 3, 4, 5 and 3 more dropped."


@pytest.mark.parametrize("transfer", ["parameter", "feature", "none"])
def test_from_a_backbone(transfer: Transfer) -> None:
    started = start_network(TrainSettings(decoder="deeplabv3plus", transfer=transfer), STREET, channels=3)
    assert (started.backbone, started.decoder, started.start, started.note) == (
        "efficientnet_lite0",
        "deeplabv3plus",
        "",
        "",
    )
    assert started.smallest_batch == 2
    assert started.options == DECODERS["deeplabv3plus"].options
    assert started.normalisation == {"mean": [0.5] * 3, "std": [0.5] * 3}
    assert started.network.frozen == (transfer == "feature")
    assert started.network(torch.zeros(2, 3, 64, 64)).shape == (2, 3, 64, 64)


def test_from_a_backbone_with_other_channels() -> None:
    started = start_network(TrainSettings(decoder="light"), STREET, channels=5)
    assert "5 channels" in started.note
    assert len(started.normalisation["mean"]) == len(started.normalisation["std"]) == 5
    assert started.network(torch.zeros(2, 5, 64, 64)).shape == (2, 3, 64, 64)


def test_from_a_published_network(weights: Path, tmp_path: Path) -> None:
    chosen = TrainSettings(transfer="structure", start=SMALL.name)
    check_start(chosen, weights)
    table = ClassTable.of(("Background", "lamp", "car"))
    started = start_network(chosen, table, channels=3, folder=weights)
    assert (started.start, started.decoder, started.backbone) == (SMALL.name, SMALL.name, "mobilenet_v3_large")
    assert started.note.startswith("Classes: Background, car kept; lamp new; aeroplane, bicycle")
    before = build_structure(SMALL, folder=weights).eval()(IMAGES)
    network = started.network.eval()
    assert torch.allclose(network(IMAGES)[:, 2], before[:, 7], atol=1e-5)
    save_model(network, card(started, table), tmp_path / "model")
    again = load_model(tmp_path / "model").network
    assert same(again(IMAGES), network(IMAGES))
    again.train()
    assert all(parameter.requires_grad for parameter in network.parameters())


def test_a_model_that_came_from_a_published_network_can_go_on(weights: Path, tmp_path: Path) -> None:
    first = start_network(TrainSettings(transfer="structure", start=SMALL.name), STREET, channels=3, folder=weights)
    save_model(first.network, card(first, STREET, name="m0003"), tmp_path / "m0003")
    second = start_network(TrainSettings(transfer="structure", start=str(tmp_path / "m0003")), STREET, channels=3)
    assert (second.start, second.decoder, second.backbone) == ("m0003", SMALL.name, first.backbone)
    assert same(second.network.eval()(IMAGES), first.network.eval()(IMAGES))
    save_model(second.network, card(second, STREET), tmp_path / "m0004")
    assert same(load_model(tmp_path / "m0004").network(IMAGES), first.network(IMAGES))


@pytest.mark.parametrize("decoder", ["fpn", "fpnfine"])
def test_from_an_earlier_model(stored: Callable[..., Path], decoder: str) -> None:
    """It keeps its own backbone and decoder, whatever the settings say; a frozen encoder learns again."""
    folder = stored(decoder, transfer="feature")
    chosen = TrainSettings(backbone="resnet18", transfer="structure", decoder="unet", start=str(folder))
    check_start(chosen)
    started = start_network(chosen, STREET, channels=3)
    assert (started.backbone, started.decoder, started.start) == ("efficientnet_lite0", decoder, "m0007")
    assert started.options == DECODERS[decoder].options
    assert started.note == "Classes: road, car kept; lamp new; sky dropped."
    donor = load_model(folder)
    with torch.inference_mode():
        now, before = started.network.eval()(IMAGES), donor.network(IMAGES)
    assert torch.allclose(now[:, :2], before[:, 1:], atol=1e-5)
    assert not started.network.frozen
    assert all(parameter.requires_grad for parameter in started.network.parameters())


def test_going_on_with_the_same_classes_changes_nothing(stored: Callable[..., Path]) -> None:
    folder = stored()
    network, donor, report = build_from_model(folder, ClassTable.of(("sky", "road", "car")), transfer="feature")
    assert same(network.eval()(IMAGES), load_model(folder).network(IMAGES))
    assert network.frozen
    assert donor.name == "m0007"
    assert report.line == "Classes: sky, road, car kept."


@pytest.mark.parametrize(("before", "after"), [(3, 1), (3, 5), (1, 3), (5, 1)])
def test_a_model_moves_to_other_channels_and_back_to_disk(
    stored: Callable[..., Path], tmp_path: Path, before: int, after: int
) -> None:
    folder = stored("light", channels=before)
    chosen = TrainSettings(transfer="structure", start=str(folder))
    started = start_network(chosen, STREET, channels=after)
    assert "first convolution" in started.note
    assert len(started.normalisation["mean"]) == after
    save_model(started.network, card(started, STREET), tmp_path / "other")
    images = torch.randn(1, after, 64, 64)
    assert same(load_model(tmp_path / "other").network(images), started.network.eval()(images))


def test_channels_move_also_where_the_normalisation_went_into_a_bias(tmp_path: Path) -> None:
    """ResNet's first convolution has no bias but for grey images."""
    table, backbone = ClassTable.of(("a", "b")), find_backbone("resnet18")
    for before, after in ((1, 3), (5, 1)):
        network = build_network(backbone, "light", 2, "none", channels=before)
        fields = StartedNetwork(
            network, "resnet18", "light", {"width": 32}, "", {"mean": [0.5] * 3, "std": [0.5] * 3}, ""
        )
        save_model(network, card(fields, table, "none"), tmp_path / "donor")
        moved, _, _ = build_from_model(tmp_path / "donor", table, channels=after)
        save_model(moved, card(fields, table, "none", channels=after), tmp_path / "moved")
        images = torch.randn(1, after, 64, 64)
        assert same(load_model(tmp_path / "moved").network(images), moved.eval()(images))


@pytest.mark.parametrize("function", [check_start, lambda s: start_network(s, STREET, channels=3)])
def test_nowhere_to_start_from_is_one_line(function: Callable[[TrainSettings], object], tmp_path: Path) -> None:
    def line(start: str | None) -> str:
        with pytest.raises((UsageError, ModelError, WeightsError)) as caught:
            function(TrainSettings(transfer="structure", start=start))
        assert "\n" not in str(caught.value)
        return str(caught.value)

    assert "has to start from something. Choose one of deeplabv3_mobilenet_v3_large" in line(None)
    assert "'sam' is no published network and no folder of a model. Choose one of" in line("sam")
    assert "is no model, it has no card.json" in line(str(tmp_path))


def test_published_weights_that_are_not_there_are_told(tmp_path: Path) -> None:
    chosen = TrainSettings(transfer="structure", start=SMALL.name)
    with pytest.raises(WeightsError, match="not on this machine"):
        check_start(chosen, tmp_path)
    with pytest.raises(WeightsError, match="not on this machine"):
        start_network(chosen, STREET, channels=3, folder=tmp_path)
