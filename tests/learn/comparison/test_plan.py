"""What a comparison trains, decided without torch."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from segstudio.errors import UsageError, WeightsError
from segstudio.learn.comparison.plan import ComparisonPlan, Point, Row, RowResult, plan_comparison
from segstudio.learn.networks.structures import STRUCTURES
from segstudio.learn.request import TrainSettings
from segstudio.storage.cards import ModelCard, write_card

ROOT = Path(__file__).resolve().parents[3]
SETTINGS = TrainSettings(steps=2)
LITE, LRASPP = "efficientnet_lite0", "lraspp_mobilenet_v3_large"


def rows(plan: ComparisonPlan) -> list[tuple[str, str]]:
    return [(row.transfer, row.origin) for row in plan.rows]


def model(folder: Path) -> Path:
    folder.mkdir()
    card = ModelCard(
        name=folder.name,
        created="",
        backbone=LITE,
        transfer="none",
        decoder="fpn",
        classes=[{"index": 0, "name": "a", "color": "#000000"}],
        normalisation={"mean": [0.5] * 3, "std": [0.5] * 3},
        settings={},
        labels="",
        splits={},
        steps=1,
        seconds=1.0,
    )
    write_card(folder, card)
    return folder


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A folder where weights of ResNet-18, and of one published network, seem to lie."""
    folder = tmp_path / "weights"
    folder.mkdir()
    for name in ("resnet18.safetensors", f"{LRASPP}.pth"):
        (folder / name).touch()
    return folder


def test_every_backbone_meets_every_transfer_and_baselines_come_first(weights: Path) -> None:
    plan = plan_comparison(
        SETTINGS, transfers=("parameter", "none", "feature"), backbones=(LITE, "resnet18", LITE), folder=weights
    )
    assert rows(plan) == [
        ("none", LITE),
        ("none", "resnet18"),
        ("parameter", LITE),
        ("feature", LITE),
        ("parameter", "resnet18"),
        ("feature", "resnet18"),
    ]
    assert plan.notes == ()


def test_structure_comes_once_for_each_start(weights: Path, tmp_path: Path) -> None:
    own = model(tmp_path / "m0007-x")
    plan = plan_comparison(
        SETTINGS,
        transfers=("none", "structure"),
        backbones=(LITE, "resnet18"),
        starts=(LRASPP, str(own)),
        folder=weights,
    )
    assert rows(plan)[2:] == [("structure", LRASPP), ("structure", "m0007-x")]
    assert [note for note in plan.notes if "m0007-x" in note and "head start" in note]
    assert plan.rows[3].settings(SETTINGS).start == str(own)


def test_structure_starts_from_the_model_in_use_by_itself(weights: Path, tmp_path: Path) -> None:
    own = model(tmp_path / "m0001-x")
    assert rows(plan_comparison(SETTINGS, in_use=own, folder=weights))[-1] == ("structure", "m0001-x")


def test_a_damaged_model_in_use_gives_way_to_a_published_network(weights: Path, tmp_path: Path) -> None:
    (tmp_path / "broken").mkdir()
    plan = plan_comparison(SETTINGS, in_use=tmp_path / "broken", folder=weights)
    assert rows(plan)[-1] == ("structure", LRASPP)
    assert "left out" in plan.notes[0]


def test_without_a_start_structure_is_left_out_with_one_line(tmp_path: Path) -> None:
    plan = plan_comparison(SETTINGS, folder=tmp_path)
    assert rows(plan) == [("none", LITE), ("feature", LITE), ("parameter", LITE)]
    assert len(plan.notes) == 1
    assert plan.notes[0].startswith("Structure is left out: no model is in use")


def test_structure_alone_without_a_start_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="left out: no model is in use"):
        plan_comparison(SETTINGS, transfers=("structure",), folder=tmp_path)


def test_all_weights_that_are_missing_are_named_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(WeightsError) as caught:
        plan_comparison(SETTINGS, backbones=("resnet18", LITE, "vgg16"), folder=tmp_path)
    assert "ResNet-18 and VGG-16 are not on this machine" in str(caught.value)
    assert "--fetch resnet18" in str(caught.value)


def test_a_random_start_needs_no_weights(tmp_path: Path) -> None:
    plan = plan_comparison(SETTINGS, transfers=("none",), backbones=("resnet18",), folder=tmp_path)
    assert rows(plan) == [("none", "resnet18")]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"settings": TrainSettings()}, "limit"),
        ({"transfers": ("magic",)}, "magic"),
        ({"backbones": ("magicnet",)}, "magicnet"),
        ({"starts": ("nowhere",)}, "nowhere"),
        ({"transfers": ("none",), "starts": (LRASPP,)}, "only structure"),
        ({"transfers": ()}, "nothing"),
    ],
)
def test_what_cannot_be_compared_is_wrong_usage(changes: dict[str, object], says: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=says):
        plan_comparison(**{"settings": SETTINGS, "folder": tmp_path, **changes})  # type: ignore[arg-type]


def test_a_published_network_without_weights_says_where_to_get_them(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=STRUCTURES[LRASPP].url):
        plan_comparison(SETTINGS, starts=(LRASPP,), folder=tmp_path)


def test_minutes_add_up() -> None:
    two = (Row("none", LITE), Row("feature", LITE))
    assert ComparisonPlan(two, TrainSettings(minutes=1.5)).minutes == 3.0
    assert ComparisonPlan(two, SETTINGS).minutes is None


def test_the_time_to_90_percent_is_that_of_the_first_round_there() -> None:
    curve = tuple(Point(10.0 * n, n, miou) for n, miou in enumerate((0.2, 0.46, 0.5, 0.44), 1))
    assert RowResult(Row("none", LITE), curve=curve).seconds_to_near_best == 20.0
    assert RowResult(Row("none", LITE)).seconds_to_near_best is None


def test_planning_and_reporting_do_not_load_torch() -> None:
    code = (
        "import sys, segstudio.learn.comparison.plan, segstudio.learn.comparison.report, segstudio.cli.comparing;"
        "sys.exit('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=dict(os.environ), timeout=120, check=False)
    assert done.returncode == 0
