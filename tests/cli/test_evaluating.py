"""Scores of folders of masks and of projects."""

import math
import shutil
from pathlib import Path

import numpy as np
import pytest

from segstudio.cli.evaluating import _compared, score_pairs, scores_text
from segstudio.core.bootstrap import PairedDifference
from segstudio.core.classes import VOID
from tests.cli.calling import Call, write_png

Folders = tuple[Path, Path]


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    """Predictions and truth whose pooled counts can be read off; one prediction gives no answer."""
    predictions, truth = tmp_path / "predictions", tmp_path / "truth"
    write_png(truth / "a.png", np.array([[0, 0, 0, 0], [1, 1, VOID, VOID]], np.uint8))
    write_png(predictions / "a.png", np.array([[0, 0, 0, 1], [1, 1, 0, 2]], np.uint8))
    write_png(truth / "deep" / "b.png", np.array([[0, 0, 1, 1]], np.uint8))
    write_png(predictions / "deep" / "b.png", np.array([[0, 1, 1, VOID]], np.uint8))
    return predictions, truth


def arguments(folders: Folders, classes: str = "3") -> tuple[object, ...]:
    return ("evaluate", "--predictions", folders[0], "--truth", folders[1], "--classes", classes)


def test_scores_come_from_one_pooled_matrix_without_void(call: Call, folders: Folders) -> None:
    told = call(*arguments(folders), "--json").json
    zero, one = 4 / 6, 3 / 6  # class 0: 4 hits of 6 true, none wrong; class 1: 3 hits of 4 true, 2 wrong
    assert told["per_class_iou"] == {"0": pytest.approx(zero), "1": pytest.approx(one), "2": None}
    assert told["miou"] == pytest.approx((zero + one) / 2)
    assert told["dice"] == pytest.approx((8 / 10 + 6 / 9) / 2)
    assert told["pixel_accuracy"] == pytest.approx(7 / 10)
    assert told["images"] == 2
    assert told["labelled_pixels"] == 10


def test_classes_may_be_named(call: Call, folders: Folders) -> None:
    answer = call(*arguments(folders, "sky,road,car"))
    assert answer.code == 0
    assert "sky" in answer.out
    assert "mean IoU 0.583" in answer.out
    assert set(call(*arguments(folders, "sky,road,car"), "--json").json["per_class_iou"]) == {"sky", "road", "car"}


def test_truth_without_a_labelled_pixel_gives_null_and_not_nan(call: Call, folders: Folders) -> None:
    for name in ("a.png", "deep/b.png"):
        shape = (2, 4) if name == "a.png" else (1, 4)
        write_png(folders[1] / name, np.full(shape, VOID, np.uint8))
    told = call(*arguments(folders), "--json").json
    assert told["miou"] is None
    assert told["labelled_pixels"] == 0


def test_masks_are_matched_by_stem_wherever_they_lie(call: Call, folders: Folders) -> None:
    predictions, _ = folders
    (predictions / "deep" / "b.png").rename(predictions / "b.png")
    write_png(predictions / "a.confidence.png", np.zeros((2, 4), np.uint8))
    assert call(*arguments(folders), "--json").json["images"] == 2


def test_predictions_without_truth_are_left_out_and_said_so(call: Call, folders: Folders) -> None:
    write_png(folders[0] / "more.png", np.full((2, 2), 1, np.uint8))
    answer = call(*arguments(folders), "--json")
    assert answer.json["images"] == 2
    assert answer.json["without_truth"] == 1
    assert "left out: 1." in answer.err


def test_truth_without_a_prediction_is_left_out_and_said_so(call: Call, folders: Folders) -> None:
    (folders[0] / "a.png").unlink()
    answer = call(*arguments(folders), "--json")
    assert answer.json["images"] == 1
    assert answer.json["without_prediction"] == 1
    assert "without a prediction, left out: 1." in answer.err


def test_folders_without_a_pair_are_refused(call: Call, folders: Folders) -> None:
    for path in (folders[0] / "a.png", folders[0] / "deep" / "b.png"):
        path.rename(path.with_name(f"other {path.name}"))
    call(*arguments(folders), "--json").assert_refused("predictions", "no prediction for any mask", "same names")


def test_masks_of_different_sizes_are_refused(call: Call, folders: Folders) -> None:
    write_png(folders[0] / "a.png", np.zeros((2, 5), np.uint8))
    call(*arguments(folders)).assert_refused("predictions/a.png", "5 x 2", "4 x 2", "size")


def test_a_value_without_a_class_is_refused(call: Call, folders: Folders) -> None:
    call(*arguments(folders, "2")).assert_refused("predictions/a.png", "the value 2")


def test_folders_without_masks_are_refused(call: Call, folders: Folders, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    call(*arguments((tmp_path / "empty", folders[1]))).assert_refused("empty", "no masks")
    call(*arguments((folders[0], tmp_path / "missing"))).assert_refused("missing")


def test_a_damaged_mask_is_refused(call: Call, folders: Folders) -> None:
    (folders[0] / "a.png").write_bytes((folders[0] / "a.png").read_bytes()[:50])
    call(*arguments(folders)).assert_refused("predictions/a.png", "damaged")


@pytest.mark.parametrize(("split", "images"), [("validation", None), ("train", None), ("all", 3)])
def test_a_project_is_scored_on_a_split(call: Call, trained: Path, split: str, images: int | None) -> None:
    told = call("evaluate", trained, "--split", split, "--json").json
    labelled = call("info", trained, "--json").json["labelled"]
    assert told["images"] == (images or labelled[split])
    assert told["split"] == split
    assert set(told["per_class_iou"]) == {"background", "nucleus", "fibre"}
    assert 0 <= told["miou"] <= 1


def test_the_validation_score_is_the_one_training_reported(call: Call, trained: Path) -> None:
    told = call("evaluate", trained, "--json").json
    assert told["miou"] == pytest.approx(call("models", trained, "--json").json["models"][0]["miou"], abs=1e-6)


def test_a_project_without_labels_or_model_is_refused(call: Call, drawn: Path, images: Path, tmp_path: Path) -> None:
    call("evaluate", drawn).assert_refused("no model yet", "segstudio train")
    assert call("new", tmp_path / "new", "--images", images, "--classes", "a,b").code == 0
    call("evaluate", tmp_path / "new").assert_refused("no labels", "Paint")


def test_scores_by_class_and_the_confusion_are_told(call: Call, folders: Folders) -> None:
    told = call(*arguments(folders), "--confusion", "--json").json
    assert told["confusion"] == [[4, 2, 0, 0], [0, 3, 0, 1], [0, 0, 0, 0]]
    assert told["per_class_accuracy"] == {"0": pytest.approx(4 / 6), "1": pytest.approx(3 / 4), "2": None}
    assert told["per_class_dice"] == {"0": pytest.approx(8 / 10), "1": pytest.approx(6 / 9), "2": None}
    assert set(told["per_class_boundary"]) == {"0", "1", "2"}
    assert 0 <= told["boundary"] <= 1
    low, high = told["interval"]
    assert 0 <= low <= told["miou"] <= high <= 1
    assert "confusion" not in call(*arguments(folders), "--json").json
    text = call(*arguments(folders), "--confusion").out
    assert "no answer" in text
    assert f"({low:.3f} to {high:.3f})" in text


def test_two_models_of_a_project_are_compared_on_the_same_images(call: Call, trained: Path) -> None:
    (model,) = call("models", trained, "--json").json["models"]
    shutil.copytree(model["folder"], trained / "models" / "again")
    asked = ("evaluate", trained, "--split", "all", "--model", model["name"], "--against", "again")
    told = call(*asked, "--json").json
    assert told["difference"] == {"mean": 0, "low": 0, "high": 0, "probability": 0.5}
    assert told["against"]["miou"] == told["miou"]
    assert Path(told["model"]).name == model["name"]
    assert Path(told["against"]["model"]).name == "again"
    assert "equally good" in call(*asked).out
    call("evaluate", trained, "--model", "nowhere").assert_refused("nowhere", "again")


def test_folders_have_no_models(call: Call, folders: Folders) -> None:
    call(*arguments(folders), "--against", "m").assert_refused("--model and --against", "PROJECT", code=2)


@pytest.mark.parametrize(
    ("gain", "says"),
    [
        (PairedDifference(0.05, 0.02, 0.08, 1.0), "better by 0.050 mean IoU (0.020 to 0.080)."),
        (PairedDifference(-0.05, -0.08, -0.02, 0.0), "worse by 0.050 mean IoU (0.020 to 0.080)."),
        (PairedDifference(-0.05, -0.08, 0.02, 0.2), "worse by 0.050 mean IoU (-0.020 to 0.080), which may be chance."),
        (PairedDifference(0.05, math.nan, math.nan, math.nan), "one image cannot tell"),
        (PairedDifference(0, 0, 0, 0.5), "equally good"),
    ],
)
def test_a_comparison_in_words(gain: PairedDifference, says: str) -> None:
    assert says in _compared(gain)


def test_without_images_no_score_is_defined() -> None:
    scores = score_pairs([], 2)
    assert (scores.images, scores.labelled_pixels, scores.interval) == (0, 0, None)
    assert scores_text(scores, ["a", "b"])[-1].startswith("mean IoU -, Dice -")  # type: ignore[union-attr]
