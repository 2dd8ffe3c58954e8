"""The command that lets a model label a folder of images."""

import contextlib
import hashlib
import json
import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from segstudio.cli.options import AsJson, Device, examples, one_of
from segstudio.cli.output import output
from segstudio.cli.ranks import follow, joined
from segstudio.cli.stopping import Stop, stoppable
from segstudio.core.classes import ClassTable, LabelClass
from segstudio.core.proposal import Proposal
from segstudio.errors import Cancelled, ImageError, MaskError, ModelError, ProjectError, SegStudioError, UsageError
from segstudio.learn.group.group import Group
from segstudio.storage.atomic import write_bytes
from segstudio.storage.cards import CARD, WEIGHTS, ModelCard
from segstudio.storage.images import find_images
from segstudio.storage.masks import encode_grey, read_text, write_mask
from segstudio.storage.naming import PROJECT_FILE
from segstudio.storage.outputs import MARK, check_targets, is_output
from segstudio.storage.project import Project

if TYPE_CHECKING:
    from segstudio.learn.networks.saving import LoadedModel
    from segstudio.learn.prediction.tta import Tta

CONFIDENCE_SUFFIX = ".confidence.png"
_ORIGIN = "SegStudio-Origin"
_TTA: "Mapping[str, Tta]" = {"none": "none", "flips": "flips", "flips-and-scales": "flips and scales"}


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command(
        "predict",
        epilog=examples(
            "predict cells --images ~/microscope --out masks",
            "predict cells/models/NAME --images ~/microscope --out masks --confidence",
            "predict cells --images ~/microscope --out masks --resume",
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
    resume: Annotated[
        bool, typer.Option("--resume", help="Skip images whose mask was written by this model from this very file.")
    ] = False,
    tta: Annotated[
        str, typer.Option(metavar="|".join(_TTA), help="Average over mirrored, and scaled, views: better and slower.")
    ] = "none",
    device: Device = "auto",
    as_json: AsJson = False,
) -> int:
    """Predict every image of a folder.

    For each one, STEM.png is written: an indexed mask with the colours of the classes, those of the project if MODEL is
    one; a class that the project has removed since is void there. Subfolders are kept. Earlier
    masks are replaced; a folder in which anything else would be, or that a project keeps for itself, is refused. An
    image that cannot be read gets a line on stderr and the rest carries on; the exit code is 1 only when not one mask
    could be written. Ctrl+C keeps the masks written so far and leaves with 130; with --resume the next call goes on
    from there. Several processes of torchrun share the images.
    """
    with joined() as group:
        if not group.first:
            return follow(group, partial(_predict_along, group, device))
        with group.section(), output(as_json=as_json) as speaker:
            views = _TTA[one_of("--tta", tta, _TTA)]
            folder = model_folder(model)
            paths, inside = _images_to_predict(images, out)
            job = _Job(paths, images, out, _classes_of(model), confidence=confidence)
            check_targets(job.targets(), [*paths, *inside, *_images_of(model)])
            _check_writable(out)
            from segstudio.learn.device import pick_device
            from segstudio.learn.networks.saving import load_model

            loaded = load_model(folder, pick_device(group.place(device)))
            with (
                speaker.progress("Predicting", len(paths)) as update,
                stoppable("Stopping; the masks written so far are kept.") as stop,
            ):
                try:
                    with group.section():
                        done = job.run(group, loaded, folder, stop.event, views, resume=resume)
                        for number, (path, problem) in enumerate(done, 1):
                            if problem:
                                speaker.problem(problem)
                            update(number, f"{path.name}{job.time_left(len(paths) - number)}")
                except Cancelled:
                    speaker.say(f"Stopped after {job.written} of {len(paths)} images.")
            if not job.written and not job.skipped and not stop.signal:
                raise ImageError("not one of its images could be predicted", remedy="See the lines above", path=images)
            data = {"out": out, "model": folder, "images": job.written, "skipped": job.skipped}
            more = f", {job.skipped} were there already" if job.skipped else ""
            more += f", {len(job.problems)} left out" if job.problems else ""
            line = f"{out}: masks of {job.written} images{more}."
            speaker.result({**data, "problems": job.problems, "stopped": bool(stop.signal)}, line)
        return stop.exit_code


def _predict_along(group: Group, device: str, stop: Stop) -> None:
    """The part of a process that is not the first."""
    from segstudio.learn.device import pick_device
    from segstudio.learn.networks.saving import load_model

    def given() -> _Work:
        raise AssertionError("only the first process knows it")

    place = pick_device(group.place(device))
    with contextlib.suppress(Cancelled), group.section():
        work = group.once(given)
        for _ in _predicted(group, load_model(work.folder, place), work, stop.event):
            pass


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
        skipped: number of images whose masks were there.
        problems: one line for each image that was left out.
    """

    def __init__(
        self, paths: Sequence[Path], images: Path, out: Path, classes: "_Classes | None", *, confidence: bool
    ) -> None:
        self.written = self.skipped = 0
        self._began = time.perf_counter()
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

    def run(
        self,
        group: Group,
        model: "LoadedModel",
        folder: Path,
        cancel: threading.Event,
        tta: "Tta",
        *,
        resume: bool,
    ) -> Iterator[tuple[Path, str]]:
        """Predict the images; yields each with its problem, empty when it has a mask.

        Args:
            group: the processes that share the images; the others are in `_predict_along`.
            model: loaded from `folder`.
            folder: of the model.
            cancel: stops it.
            tta: test-time augmentation.
            resume: leave masks alone that this call would write again.

        Raises:
            Cancelled: `cancel` was set.
            ProjectError: when the folder cannot be written.
        """
        classes = self._classes or _Classes(class_table(model.card), None)
        origin = _Origin.of(folder, model.card, classes, tta)
        wanted: list[_Wanted] = []
        taken: dict[Path, Path] = {}
        for path, mask in self._masks.items():
            first = taken.setdefault(mask, path)
            # Looked at before the file is read: should it change meanwhile, it is predicted again the next time.
            mark = origin.mark(path)
            if first != path:
                problem = str(ImageError(f"skipped, {first.name} has the same name", remedy="Rename one", path=path))
                self.problems.append(problem)
                yield path, problem
            elif resume and self._is_written(mask, mark):
                self.skipped += 1
                yield path, ""
            else:
                wanted.append(_Wanted(path, mask, mark))
        if group.size > 1:  # they go image by image together: those of one size at a time
            wanted.sort(key=lambda item: _bytes_of(item.path), reverse=True)
        self._began = time.perf_counter()
        work = group.once(lambda: _Work(folder, classes, wanted, tta, self._confidence))
        for path, problem in _predicted(group, model, work, cancel):
            if problem:
                self.problems.append(problem)
            else:
                self.written += 1
            yield path, problem

    def time_left(self, images: int) -> str:
        """How long as many images will take at the rate so far, to follow a name; empty until that is known."""
        if not self.written or not images:
            return ""
        seconds = images * (time.perf_counter() - self._began) / self.written
        return f", {seconds / 60:.0f} min left" if seconds >= 90 else f", {seconds:.0f} s left"

    def _is_written(self, mask: Path, mark: str) -> bool:
        files = [mask, _confidence_of(mask)] if self._confidence else [mask]
        try:
            return bool(mark) and all(read_text(file).get(_ORIGIN) == mark for file in files)
        except MaskError:
            return False


@dataclass(frozen=True, slots=True)
class _Wanted:
    """An image to predict, its mask, and the `_Origin.mark` of that."""

    path: Path
    mask: Path
    mark: str


@dataclass(frozen=True, slots=True)
class _Work:
    """What all processes that share a prediction have to know."""

    folder: Path
    classes: _Classes
    wanted: list[_Wanted]
    tta: "Tta"
    confidence: bool


def _predicted(group: Group, model: "LoadedModel", work: _Work, cancel: threading.Event) -> Iterator[tuple[Path, str]]:
    """Predict a share of the images; yields those of all processes, each with its problem.

    Args:
        group: the processes; they go on from image to image together, so that each knows when another one has failed.
        model, cancel: as for `_Job.run`.
        work: the same for all.
    """
    from segstudio.learn.prediction.predicting import predict_files

    mine = {item.path: item for item in work.wanted[group.rank :: group.size]}
    found = predict_files(model, mine, indices=work.classes.indices, cancel=cancel, tta=work.tta)
    for _ in range(0, len(work.wanted), group.size):
        item, one = next(found, None), None
        if item is not None:
            one = item.path, str(item.problem or "")
            if item.proposal is not None:
                _write(mine[item.path], item.proposal, work)
        yield from (done for done in group.gather(one) if done is not None)


def _write(wanted: _Wanted, proposal: Proposal, work: _Work) -> None:
    text = {**MARK, _ORIGIN: wanted.mark}
    # The mask comes last: where it is, the other is.
    if work.confidence:
        write_bytes(_confidence_of(wanted.mask), encode_grey(proposal.confidence, text=text))
    write_mask(wanted.mask, proposal.classes, work.classes.table, text=text)


def _bytes_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


@dataclass(frozen=True, slots=True)
class _Origin:
    """What a mask comes from, kept in the mask itself: so that a kill loses nothing, and several may write at once."""

    digest: str

    @staticmethod
    def of(folder: Path, card: ModelCard, classes: _Classes, tta: str) -> "_Origin":
        with (folder / WEIGHTS).open("rb") as stream:
            weights = hashlib.file_digest(stream, "sha256").hexdigest()
        table = [(item.index, item.name, item.color) for item in classes.table]
        what = [weights, card.classes, card.normalisation, table, sorted((classes.indices or {}).items()), tta]
        return _Origin(hashlib.sha256(json.dumps(what).encode()).hexdigest())

    def mark(self, path: Path) -> str:
        """Of the mask of an image; empty when the image cannot be looked at."""
        try:
            found = path.stat()
        except OSError:
            return ""
        return hashlib.sha256(f"{self.digest} {found.st_size} {found.st_mtime_ns}".encode()).hexdigest()


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
