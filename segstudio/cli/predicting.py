"""The command that lets a model label a folder of images."""

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from segstudio.cli.options import AsJson, Device, examples
from segstudio.cli.output import output
from segstudio.cli.stopping import stoppable
from segstudio.core.classes import ClassTable, LabelClass
from segstudio.core.proposal import Proposal
from segstudio.errors import Cancelled, ImageError, ModelError, ProjectError, SegStudioError, UsageError
from segstudio.storage.atomic import write_bytes
from segstudio.storage.cards import CARD, ModelCard
from segstudio.storage.images import find_images
from segstudio.storage.masks import encode_grey, write_mask
from segstudio.storage.naming import PROJECT_FILE
from segstudio.storage.outputs import MARK, check_targets, is_output
from segstudio.storage.project import Project

if TYPE_CHECKING:
    from segstudio.learn.saving import LoadedModel

CONFIDENCE_SUFFIX = ".confidence.png"


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command(
        "predict",
        epilog=examples(
            "predict cells --images ~/microscope --out masks",
            "predict cells/models/NAME --images ~/microscope --out masks --confidence",
        ),
    )(predict)


def predict(
    model: Annotated[
        Path,
        typer.Argument(metavar="MODEL", help="A project (its model in use) or a model folder.", show_default=False),
    ],
    images: Annotated[Path, typer.Option(metavar="DIR", help="Folder of images, with its subfolders.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder to write into.")],
    confidence: Annotated[
        bool, typer.Option("--confidence", help="Also write STEM.confidence.png, 255 = sure.")
    ] = False,
    device: Device = "auto",
    as_json: AsJson = False,
) -> int:
    """Predict every image of a folder.

    For each one, STEM.png is written: an indexed mask with the colours of the classes, those of the project if MODEL is
    one; a class that the project has removed since is void there. Subfolders are kept. Earlier
    masks are replaced; a folder in which anything else would be, or that a project keeps for itself, is refused. An
    image that cannot be read gets a line on stderr and the rest carries on; the exit code is 1 only when not one mask
    could be written. Ctrl+C keeps the masks written so far and leaves with 130.
    """
    with output(as_json=as_json) as speaker:
        folder = model_folder(model)
        paths, inside = _images_to_predict(images, out)
        job = _Job(paths, images, out, _classes_of(model), confidence=confidence)
        check_targets(job.targets(), [*paths, *inside, *_images_of(model)])
        _check_writable(out)
        from segstudio.learn.device import pick_device
        from segstudio.learn.saving import load_model

        loaded = load_model(folder, pick_device(device))
        with (
            speaker.progress("Predicting", len(paths)) as update,
            stoppable("Stopping; the masks written so far are kept.") as stop,
        ):
            try:
                for number, (path, problem) in enumerate(job.run(loaded, stop.event), 1):
                    if problem:
                        speaker.problem(problem)
                    update(number, path.name)
            except Cancelled:
                speaker.say(f"Stopped after {job.written} of {len(paths)} images.")
        if not job.written and not stop.signal:
            raise ImageError("not one of its images could be predicted", remedy="See the lines above", path=images)
        data = {"out": out, "model": folder, "images": job.written, "problems": job.problems}
        failed = f", {len(job.problems)} left out" if job.problems else ""
        speaker.result(data | {"stopped": bool(stop.signal)}, f"{out}: masks of {job.written} images{failed}.")
    return stop.exit_code


def model_folder(place: Path) -> Path:
    """The model folder that a person means by `place`: itself, or the model in use of a project.

    Raises:
        ModelError: when it is neither, or the project has no model yet.
    """
    if (place / CARD).is_file():
        return place
    try:
        with Project.open(place) as project:
            folder = project.model_in_use
    except ProjectError as error:
        if (place / PROJECT_FILE).exists():
            raise
        raise ModelError(
            "is neither a project nor a model", remedy=f"Give a project, or a folder with {CARD}", path=place
        ) from error
    if folder is None:
        raise ModelError("has no model yet", remedy=f"Train one with: segstudio train {place}", path=place)
    return folder


def class_table(card: ModelCard) -> ClassTable:
    """The classes a model tells apart.

    Raises:
        UsageError: when names or colours of the card make no table.
    """
    return ClassTable(tuple(LabelClass(item["index"], item["name"], item["color"]) for item in card.classes))


@dataclass(frozen=True, slots=True)
class _Classes:
    """The classes of a project, and which of them a name of a model's means; None: the model's own."""

    table: ClassTable
    indices: Mapping[str, int] | None


class _Job:
    """Writes the mask of one image after the other.

    Attributes:
        written: number of images done.
        problems: one line for each image that was left out.
    """

    def __init__(
        self, paths: Sequence[Path], images: Path, out: Path, classes: "_Classes | None", *, confidence: bool
    ) -> None:
        self.written = 0
        self.problems: list[str] = []
        self._classes = classes
        self._confidence = confidence
        self._masks = {path: (out / path.relative_to(images)).with_suffix(".png") for path in paths}

    def targets(self) -> Iterator[Path]:
        """Every file it is going to write."""
        for mask in self._masks.values():
            yield mask
            if self._confidence:
                yield _confidence_of(mask)

    def run(self, model: "LoadedModel", cancel: threading.Event) -> Iterator[tuple[Path, str]]:
        """Predict the images; yields each with its problem, empty when its mask was written.

        Raises:
            Cancelled: `cancel` was set.
            ProjectError: when the folder cannot be written.
        """
        from segstudio.learn.prediction import predict_files

        classes = self._classes or _Classes(class_table(model.card), None)
        wanted: list[Path] = []
        taken: dict[Path, Path] = {}
        for path, mask in self._masks.items():
            first = taken.setdefault(mask, path)
            if first == path:
                wanted.append(path)
                continue
            problem = str(ImageError(f"skipped, {first.name} has the same name", remedy="Rename one", path=path))
            self.problems.append(problem)
            yield path, problem
        for item in predict_files(model, wanted, indices=classes.indices, cancel=cancel):
            if item.proposal is None:
                self.problems.append(str(item.problem))
                yield item.path, str(item.problem)
                continue
            self._write(self._masks[item.path], item.proposal, classes.table)
            self.written += 1
            yield item.path, ""

    def _write(self, mask: Path, proposal: Proposal, classes: ClassTable) -> None:
        write_mask(mask, proposal.classes, classes, text=MARK)
        if self._confidence:
            write_bytes(_confidence_of(mask), encode_grey(proposal.confidence, text=MARK))


def _confidence_of(mask: Path) -> Path:
    return mask.with_name(mask.stem + CONFIDENCE_SUFFIX)


def _images_to_predict(images: Path, out: Path) -> tuple[list[Path], list[Path]]:
    """The images of a folder to predict, and those below `out`, which are left out because masks belong there.

    What an earlier prediction wrote below `out` is in neither.
    """
    if images.is_dir() and out.resolve() == images.resolve():
        raise UsageError(f"{out}: masks would overwrite images", remedy="Give another folder with --out")
    target = out.resolve()
    paths: list[Path] = []
    inside: list[Path] = []
    for path in find_images(images):
        (inside if target in path.resolve().parents else paths).append(path)
    if not paths:
        raise ImageError("holds no images", remedy="Choose a folder with PNG, JPEG, TIFF or BMP files", path=images)
    return paths, [path for path in inside if not is_output(path)]


def _classes_of(place: Path) -> _Classes | None:
    """The classes of a project; None of a model folder."""
    if (place / CARD).is_file():
        return None
    with Project.open(place) as project:
        return _Classes(project.classes, project.class_indices())


def _images_of(place: Path) -> list[Path]:
    """The images of a project; none of a model folder."""
    if (place / CARD).is_file():
        return []
    with Project.open(place) as project:
        return [record.path for record in project.images()]


def _check_writable(out: Path) -> None:
    """Refuse at once a folder that cannot be written, not after the first image is predicted."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        writable = os.access(out, os.W_OK)
    except OSError as error:
        raise _not_writable(out) from error
    if not writable:
        raise _not_writable(out)


def _not_writable(out: Path) -> SegStudioError:
    return ProjectError("cannot be written", remedy="Choose a folder you may write to", path=out)
