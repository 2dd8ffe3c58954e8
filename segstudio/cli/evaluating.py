"""The command that scores predictions against truth."""

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.table import Table

from segstudio.cli.models import model_named
from segstudio.cli.options import AsJson, Device, examples, one_of
from segstudio.cli.output import Output, number, output, table
from segstudio.cli.predicting import CONFIDENCE_SUFFIX, model_folder
from segstudio.cli.stopping import stoppable
from segstudio.core.arrays import I64, U8
from segstudio.core.bootstrap import PairedDifference, difference, interval
from segstudio.core.boundaries import boundary_counts
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
            "evaluate cells --split validation --confusion",
            "evaluate cells --model m0002-resnet18-parameter --against m0001-resnet18-feature",
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
    model: Annotated[
        str | None, typer.Option(metavar="NAME", help="Score this model of the project instead of the one in use.")
    ] = None,
    against: Annotated[
        str | None, typer.Option(metavar="NAME", help="Compare with this model of the project, on the same images.")
    ] = None,
    confusion: Annotated[
        bool, typer.Option("--confusion", help="Also count pixels by true and predicted class.")
    ] = False,
    device: Device = "auto",
    as_json: AsJson = False,
) -> int:
    """Score a model, or a folder of predicted masks.

    Intersection over union comes from one confusion matrix pooled over all images; void (255) in the truth is left
    out, void in a prediction counts as a miss, and the mean runs over the classes present in the truth. Borders count
    as found within 0.75 % of the image's diagonal. In brackets stands the 90 % interval that drawing the images again
    and again gives. Masks are matched by name; those without a partner are left out, and counted on stderr and in the
    JSON.
    """
    folders = (predictions, truth, classes)
    with output(as_json=as_json) as out:
        if project is not None and folders == (None, None, None):
            wanted = _Wanted(model, against, one_of("--split", split, SPLITS), device, confusion)
            return _evaluate_project(project, wanted, out)
        if model is not None or against is not None:
            raise UsageError("--model and --against name models of a project", remedy="Give PROJECT and no folders")
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
        data = scores_data(scored.scores, names, confusion=confusion) | missing
        out.result(data, *scores_text(scored.scores, names, confusion=confusion))
    return 0


def scores_data(scores: Scores, names: list[str], *, confusion: bool = False) -> dict[str, object]:
    """Scores for JSON."""

    def by_class(values: tuple[float | None, ...]) -> dict[str, float | None]:
        return dict(zip(names, values, strict=False))

    data: dict[str, object] = {
        "miou": scores.miou,
        "interval": scores.interval,
        "per_class_iou": by_class(scores.per_class_iou),
        "dice": scores.dice,
        "per_class_dice": by_class(scores.per_class_dice),
        "pixel_accuracy": scores.pixel_accuracy,
        "per_class_accuracy": by_class(scores.per_class_accuracy),
        "boundary": scores.boundary,
        "per_class_boundary": by_class(scores.per_class_boundary),
        "images": scores.images,
        "labelled_pixels": scores.labelled_pixels,
    }
    return data | {"confusion": scores.confusion} if confusion else data


def scores_text(scores: Scores, names: list[str], *, confusion: bool = False) -> list[str | Table]:
    """Scores for a person."""
    columns = (scores.per_class_iou, scores.per_class_dice, scores.per_class_accuracy, scores.per_class_boundary)
    rows = [[name, *(number(value) for value in values)] for name, *values in zip(names, *columns, strict=True)]
    span = "" if scores.interval is None else f" ({number(scores.interval[0])} to {number(scores.interval[1])})"
    summary = (
        f"mean IoU {number(scores.miou)}{span}, Dice {number(scores.dice)}, "
        f"pixel accuracy {number(scores.pixel_accuracy)}, boundary F {number(scores.boundary)} "
        f"on {scores.labelled_pixels} pixels of {scores.images} images"
    )
    parts: list[str | Table] = [table(["class", ">IoU", ">Dice", ">accuracy", ">boundary F"], rows)]
    if confusion:
        counts = [[name, *map(str, row)] for name, row in zip(names, scores.confusion, strict=True)]
        parts += ["", table(["true \\ predicted", *(f">{name}" for name in names), ">no answer"], counts), ""]
    return [*parts, summary]


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
    return FolderScores(
        score_pairs((_read_pair(*pair, classes) for pair in pairs), classes),
        without_truth=len(found) - len({path for _, path in pairs}),
        without_prediction=len(true_masks) - len(pairs),
    )


def score_pairs(pairs: Iterable[tuple[U8, U8]], classes: int) -> Scores:
    """Score predictions against their truth, one image after the other.

    Args:
        pairs: truth and prediction of each image, ``uint8 (H, W)`` class indices or void; without any, no score is
            defined.
        classes: number of classes.
    """
    confusions: list[I64] = []
    boundaries: I64 = np.zeros((classes, 4), np.int64)
    for true, predicted in pairs:
        confusions.append(confusion_matrix(true, predicted, classes))
        boundaries += boundary_counts(true, predicted, classes)
    every = np.stack(confusions) if confusions else np.zeros((0, classes, classes + 1), np.int64)
    return Scores.of(every.sum(axis=0), images=len(every), boundaries=boundaries, interval=interval(every))


def _read_pair(true_path: Path, predicted_path: Path, classes: int) -> tuple[U8, U8]:
    true = read_mask(true_path, classes=classes)
    height, width = true.shape
    return true, _prediction(predicted_path, (width, height), classes)


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


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Which models of a project to score, on what, and where."""

    model: str | None
    against: str | None
    split: str
    device: str
    confusion: bool


def _evaluate_project(folder: Path, wanted: _Wanted, out: Output) -> int:
    with Project.open(folder) as project:
        images: tuple[LabelledImage, ...] = tuple(
            image for image in project.labelled() if wanted.split in ("all", image.split)
        )
        if not images:
            problem = "has no labels" if wanted.split == "all" else f"has no labels in the {wanted.split} split"
            raise ProjectError(problem, remedy="Paint a few strokes on more images", path=folder)
        model = model_folder(folder) if wanted.model is None else model_named(project, wanted.model).folder
        against = None if wanted.against is None else model_named(project, wanted.against).folder
        names, indices = list(project.classes.names), project.class_indices()
    from segstudio.learn.crops.data import ImageCache
    from segstudio.learn.device import pick_device
    from segstudio.learn.judging.scoring import ImageScore, confusions_of, pooled, score_images
    from segstudio.learn.networks.saving import load_model

    cache = ImageCache()

    def scored(place: Path) -> list[ImageScore]:
        out.say(f"Scoring {place.name} on {len(images)} images ...")
        loaded = load_model(place, pick_device(wanted.device))
        return score_images(loaded, images, classes=len(names), indices=indices, cache=cache, cancel=stop.event)

    with stoppable("Stopping.") as stop:
        first = scored(model)
        second = [] if against is None else scored(against)
    scores = pooled(first, len(names))
    data = scores_data(scores, names, confusion=wanted.confusion) | {"model": model, "split": wanted.split}
    parts = scores_text(scores, names, confusion=wanted.confusion)
    if against is not None:
        other = pooled(second, len(names))
        gain = difference(confusions_of(first, len(names)), confusions_of(second, len(names)))
        data |= {"against": {"model": against, **scores_data(other, names)}, "difference": asdict(gain)}
        parts = [f"{model.name}:", *parts, f"{against.name}:", *scores_text(other, names), _compared(gain)]
    out.result(data, *parts)
    return 0


def _compared(gain: PairedDifference) -> str:
    if gain.mean == 0:
        return "The two are equally good."
    low, high = (gain.low, gain.high) if gain.mean > 0 else (-gain.high, -gain.low)
    line = f"The first is {'better' if gain.mean > 0 else 'worse'} by {abs(gain.mean):.3f} mean IoU"
    if math.isnan(low):
        return f"{line}; one image cannot tell whether that is chance."
    return f"{line} ({low:.3f} to {high:.3f}){'' if low > 0 else ', which may be chance'}."
