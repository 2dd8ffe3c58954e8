"""Small labelled images that a network can learn in seconds: bright blobs on a textured ground."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from segstudio.core.arrays import U8
from segstudio.core.classes import VOID, ClassTable
from segstudio.core.labels import LabelledImage, Split
from segstudio.learn.request import TrainRequest, TrainSettings

SIZE = 64


def blob_scene(seed: int, size: int = SIZE) -> tuple[U8, U8]:
    """An RGB image of blobs and its full truth: 0 is ground, 1 a blob; a border of void."""
    rng = np.random.default_rng(seed)
    image = rng.integers(40, 90, (size, size, 3)).astype(np.uint8)
    truth = np.zeros((size, size), np.uint8)
    for _ in range(3):
        centre = tuple(int(v) for v in rng.integers(12, size - 12, 2))
        cv2.circle(truth, centre, int(rng.integers(6, 11)), 1, -1)
    image[truth == 1] = rng.integers(150, 220, (int((truth == 1).sum()), 3))
    truth[:2] = truth[-2:] = VOID
    return image, truth


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    """Crops this small are faster on one thread, and sums always come in the same order."""
    torch.set_num_threads(1)


@pytest.fixture
def make_image(tmp_path: Path) -> Callable[..., LabelledImage]:
    """Write an image file and return it with its labels."""

    def make(seed: int, split: Split = "train", *, annotation: U8 | None = None, revision: int = 1) -> LabelledImage:
        pixels, truth = blob_scene(seed)
        path = tmp_path / f"image{seed}.png"
        cv2.imwrite(str(path), pixels[:, :, ::-1])
        labels = truth if annotation is None else annotation
        return LabelledImage.pack(key=path.stem, path=path, split=split, revision=revision, annotation=labels)

    return make


@pytest.fixture
def images(make_image: Callable[..., LabelledImage]) -> tuple[LabelledImage, ...]:
    """Three images that train and one that validates."""
    return make_image(1), make_image(2), make_image(3), make_image(4, "validation")


@pytest.fixture
def make_request(tmp_path: Path, images: tuple[LabelledImage, ...]) -> Callable[..., TrainRequest]:
    """A request of a few steps on the CPU with 64-pixel crops; keywords change its settings."""

    def make(
        *,
        labelled: tuple[LabelledImage, ...] = images,
        names: tuple[str, ...] = ("ground", "blob"),
        in_use: Path | None = None,
        models: Path = tmp_path / "models",
        **settings: object,
    ) -> TrainRequest:
        chosen = {"steps": 2, "crop": SIZE, "batch": 2, "device": "cpu", **settings}
        return TrainRequest(TrainSettings(**chosen), ClassTable.of(names), labelled, models, in_use)  # type: ignore[arg-type]

    return make


@pytest.fixture
def judged(make_image: Callable[..., LabelledImage]) -> tuple[LabelledImage, ...]:
    """Three images that train and three that validate: enough for a verdict."""
    return tuple(make_image(seed, "train" if seed < 14 else "validation") for seed in range(11, 17))
