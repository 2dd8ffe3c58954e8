"""Small projects and strokes for the tests of storage."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from segstudio.core.classes import VOID, ClassTable
from segstudio.core.document import Document
from segstudio.core.history import Entry
from segstudio.storage.project import Project
from tests.storage.reclassing import proposal_of, reject

CLASSES = ClassTable.of(["background", "nucleus", "border"])
SIZE = (60, 40)  # width and height


def draw_image(path: Path, *, size: tuple[int, int] = SIZE, seed: int = 0) -> Path:
    """A grey noise image of its own content."""
    width, height = size
    values = np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    PIL.Image.fromarray(values).save(path)
    return path


def paint(document: Document, value: int, start: tuple[int, int], end: tuple[int, int] | None = None) -> None:
    """One brush stroke."""
    gesture = document.begin("Brush")
    gesture.line(start, end or start, 7, value)
    gesture.finish()


def follow(document: Document, listener: Callable[[Entry], object]) -> None:
    """Send every step of a document to `listener`."""

    def tell(entry: Entry) -> None:
        listener(entry)

    document.on_commit.append(tell)


Paint = Callable[..., None]
Follow = Callable[[Document, Callable[[Entry], object]], None]
Draw = Callable[..., Path]


@pytest.fixture(autouse=True)
def synced(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Syncing takes no time; the size of each file at its sync is noted instead."""
    sizes: list[int] = []
    monkeypatch.setattr("os.fsync", lambda handle: sizes.append(os.fstat(handle).st_size))
    return sizes


@pytest.fixture(name="paint")
def _paint() -> Paint:
    return paint


@pytest.fixture(name="follow")
def _follow() -> Follow:
    return follow


@pytest.fixture(name="draw_image")
def _draw_image() -> Draw:
    return draw_image


@pytest.fixture
def classes() -> ClassTable:
    return CLASSES


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A folder of four images."""
    for number in range(4):
        draw_image(tmp_path / "images" / f"cell{number}.png", seed=number)
    return tmp_path / "images"


@pytest.fixture
def project(tmp_path: Path, images: Path) -> Iterator[Project]:
    """A project over four images, ``cell0`` to ``cell3``."""
    with Project.create(tmp_path / "project", CLASSES) as made:
        made.add_images(sorted(images.iterdir()), root=images)
        yield made


@pytest.fixture
def painted(project: Project) -> Document:
    """A document of ``cell0`` with three strokes, the first two of them in the mask file."""
    document = project.load_document("cell0")
    follow(document, lambda entry: project.record("cell0", entry))
    paint(document, 1, (5, 5), (50, 30))
    paint(document, 2, (30, 5))
    project.checkpoint("cell0")
    paint(document, 0, (10, 30))
    return document


@pytest.fixture
def full(project: Project, painted: Document, paint: Paint, follow: Follow) -> Project:
    """Strokes and a rejection on two images, one stroke undone; a mask without a history; two proposals."""
    reject(painted)
    other = project.load_document("cell1")
    follow(other, lambda entry: project.record("cell1", entry))
    paint(other, 1, (3, 3), (40, 20))
    paint(other, 2, (50, 30))
    other.undo()
    project.set_annotation("cell2", np.random.default_rng(3).choice(np.array([0, 1, 2, VOID], np.uint8), (40, 60)))
    project.save_proposal("cell0", proposal_of(1))
    project.save_proposal("cell3", proposal_of(2))
    painted.on_commit.clear()
    return project
