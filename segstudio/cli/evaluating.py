"""The command that scores predictions against truth."""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.table import Table

from segstudio.cli.options import AsJson, Device, examples, one_of
from segstudio.cli.output import Output, number, output, table
from segstudio.cli.predicting import CONFIDENCE_SUFFIX, model_folder
from segstudio.cli.stopping import stoppable
from segstudio.core.arrays import I64, U8
from segstudio.core.classes import MAX_CLASSES
from segstudio.core.labels import LabelledImage
from segstudio.core.metrics import Scores, confusion_matrix
from segstudio.errors import MaskError, ProjectError, UsageError
from segstudio.storage.masks import read_mask
from segstudio.storage.project import Project

SPLITS = ("validation", "train", "all")


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command(
        "evaluate",
        epilog=examples(
            "evaluate cells --split validation",
            "evaluate --predictions masks --truth truth --classes 2 --json",
            "evaluate --predictions masks --truth truth --classes background,nucleus",
        ),
    )(evaluate)


def evaluate(
    project: Annotated[
        Path | None, typer.Argument(metavar="[PROJECT]", help="Score its model in use on its annotations.")
    ] = None,
    predictions: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder of predicted masks (PNG).")] = None,
    truth: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder of true masks (PNG).")] = None,
    classes: Annotated[str | None, typer.Option(metavar="K", help="Number of classes, or their names.")] = None,
    split: Annotated[
        str, typer.Option(metavar="|".join(SPLITS), help="Which annotations of a project.")
    ] = "validation",
    device: Device = "auto",
    as_json: AsJson = False,
) -> int:
    """Score a model, or a folder of predicted masks.

    Intersection over union comes from one confusion matrix pooled over all images; void (255) in the truth is left
    out, void in a prediction counts as a miss, and the mean runs over the classes present in the truth. Masks are
    matched by name; those without a partner are left out, and counted on stderr and in the JSON.
    """
    folders = (predictions, truth, classes)
    with output(as_json=as_json) as out:
        if project is not None and folders == (None, None, None):
            return _evaluate_project(project, one_of("--split", split, SPLITS), device, out)
        if project is not None or predictions is None or truth is None or classes is None:
            raise UsageError(
                "evaluate takes either a project or two folders of masks",
                remedy="Give PROJECT, or --predictions, --truth and --classes",
            )
        names = _class_names(classes)
        scored = score_folders(predictions, truth, len(names))
        if scored.without_truth:
            out.say(f"Predictions without a mask in {truth}, left out: {scored.without_truth}.")
        if scored.without_prediction:
            out.problem(f"Masks of {truth} without a prediction, left out: {scored.without_prediction}.")
        missing = {"without_truth": scored.without_truth, "without_prediction": scored.without_prediction}
        out.result(scores_data(scored.scores, names) | missing, *scores_text(scored.scores, names))
    return 0


def scores_data(scores: Scores, names: list[str]) -> dict[str, object]:
    """Scores for JSON."""
    return {
        "miou": scores.miou,
        "per_class_iou": dict(zip(names, scores.per_class_iou, strict=True)),
        "dice": scores.dice,
        "pixel_accuracy": scores.pixel_accuracy,
        "images": scores.images,
        "labelled_pixels": scores.labelled_pixels,
    }


def scores_text(scores: Scores, names: list[str]) -> list[str | Table]:
    """Scores for a person."""
    rows = [[name, number(value)] for name, value in zip(names, scores.per_class_iou, strict=True)]
    summary = (
        f"mean IoU {number(scores.miou)}, Dice {number(scores.dice)}, "
        f"pixel accuracy {number(scores.pixel_accuracy)} on {scores.labelled_pixels} pixels of {scores.images} images"
    )
    return [table(["class", ">IoU"], rows), summary]


@dataclass(frozen=True, slots=True)
class FolderScores:
    """Scores of the pairs of two folders, and how many masks of each have no partner in the other."""

    scores: Scores
    without_truth: int
    without_prediction: int


def score_folders(predictions: Path, truth: Path, classes: int) -> FolderScores:
    """Score a folder of masks against another.

    Args:
        predictions, truth: folders of mask PNGs, with their subfolders. A truth mask belongs to the prediction at the
            same relative place, otherwise to the only prediction of its name.
        classes: number of classes.

    Raises:
        MaskError: no mask has a partner, one has several, or a mask is damaged, of another size, or holds a value
            without a class.
    """
    found = _masks(predictions)
    by_name: dict[str, list[Path]] = defaultdict(list)
    for key, path in found.items():
        by_name[Path(key).name].append(path)
    pairs = []
    true_masks = _masks(truth)
    for key, true_path in true_masks.items():
        candidates = [found[key]] if key in found else by_name[Path(key).name]
        if len(candidates) > 1:
            remedy = "Keep one of them, or keep the folders of the truth"
            raise MaskError("has several predictions of its name", remedy=remedy, path=true_path)
        pairs += [(true_path, path) for path in candidates]
    if not pairs:
        raise MaskError(
            f"has no prediction for any mask of {truth}", remedy="Give masks of the same names", path=predictions
        )
    confusion: I64 = np.zeros((classes, classes + 1), np.int64)
    for true_path, predicted_path in pairs:
        true = read_mask(true_path, classes=classes)
        height, width = true.shape
        confusion += confusion_matrix(true, _prediction(predicted_path, (width, height), classes), classes)
    return FolderScores(
        Scores.of(confusion, images=len(pairs)),
        without_truth=len(found) - len({path for _, path in pairs}),
        without_prediction=len(true_masks) - len(pairs),
    )


def _prediction(path: Path, size: tuple[int, int], classes: int) -> U8:
    predicted = read_mask(path, classes=classes)
    height, width = predicted.shape
    if (width, height) != size:
        raise MaskError(
            f"is {width} x {height}, its truth is {size[0]} x {size[1]}",
            remedy="Predict at the size of the image",
            path=path,
        )
    return predicted


def _masks(folder: Path) -> dict[str, Path]:
    """The masks in a folder, by relative path without suffix."""
    if not folder.is_dir():
        raise MaskError("is no folder", remedy="Give a folder of mask PNGs", path=folder)
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() == ".png" and path.is_file())
    found = {
        path.relative_to(folder).with_suffix("").as_posix(): path
        for path in paths
        if not path.name.startswith(".") and not path.name.endswith(CONFIDENCE_SUFFIX)
    }
    if not found:
        raise MaskError("holds no masks", remedy="Give a folder of mask PNGs", path=folder)
    return found


def _class_names(classes: str) -> list[str]:
    """Names of the classes: their numbers when only their count is given."""
    if classes.strip().isdecimal():
        count = int(classes)
        if not 1 <= count <= MAX_CLASSES:
            raise UsageError(f"--classes {count} is out of range", remedy=f"Give 1 to {MAX_CLASSES}")
        return [str(index) for index in range(count)]
    names = [name.strip() for name in classes.split(",") if name.strip()]
    if not names or len(set(names)) < len(names):
        raise UsageError(f"--classes '{classes}' names no classes", remedy="Give their number, or different names")
    return names


def _evaluate_project(folder: Path, split: str, device: str, out: Output) -> int:
    with Project.open(folder) as project:
        images: tuple[LabelledImage, ...] = tuple(
            image for image in project.labelled() if split in ("all", image.split)
        )
        if not images:
            problem = "has no labels" if split == "all" else f"has no labels in the {split} split"
            raise ProjectError(problem, remedy="Paint a few strokes on more images", path=folder)
        model = model_folder(folder)
        names, indices = list(project.classes.names), project.class_indices()
    from segstudio.learn.device import pick_device
    from segstudio.learn.saving import load_model
    from segstudio.learn.scoring import score

    loaded = load_model(model, pick_device(device))
    out.say(f"Scoring {model.name} on {len(images)} images ...")
    with stoppable("Stopping.") as stop:
        scores = score(loaded, images, classes=len(names), indices=indices, cancel=stop.event)
    data = scores_data(scores, names) | {"model": model, "split": split}
    out.result(data, *scores_text(scores, names))
    return 0
