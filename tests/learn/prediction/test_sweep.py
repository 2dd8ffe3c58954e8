"""Every image of a project is predicted, and what is done need not be done again."""

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from segstudio.core.classes import ClassTable
from segstudio.errors import Cancelled, UsageError
from segstudio.learn.backbones.registry import find_backbone
from segstudio.learn.networks.network import build_network
from segstudio.learn.networks.saving import class_entries, save_model
from segstudio.learn.prediction.sweep import Predicted, predict_project
from segstudio.storage.cards import ModelCard
from segstudio.storage.project import Project
from tests.learn.conftest import blob_scene

KEYS = [f"image{number}" for number in range(5)]


def add_model(project: Project, name: str) -> Path:
    backbone = find_backbone("efficientnet_lite0")
    card = ModelCard(
        name=name,
        created="",
        backbone=backbone.name,
        transfer="feature",
        decoder="fpn",
        classes=class_entries(project.classes),
        normalisation={"mean": list(backbone.mean), "std": list(backbone.std)},
    )
    torch.manual_seed(0)
    folder = project.models_folder / name
    save_model(build_network(backbone, "fpn", 2, "feature"), card, folder)
    return project.add_model(folder, use=True).folder


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """Five images, no labels, and a model."""
    images = tmp_path / "images"
    images.mkdir()
    for number, key in enumerate(KEYS):
        cv2.imwrite(str(images / f"{key}.png"), blob_scene(number)[0])
    with Project.create(tmp_path / "project", ClassTable.of(("ground", "blob"))) as made:
        made.add_images(sorted(images.iterdir()), root=images)
        add_model(made, "m0001")
        yield made


def swept(project: Project, **options: object) -> list[Predicted]:
    seen: list[Predicted] = []
    predict_project(project, progress=seen.append, device="cpu", **options)  # type: ignore[arg-type]
    return seen


def test_progress_tells_rate_and_time_left(project: Project) -> None:
    seen = swept(project)
    assert [event.key for event in seen] == KEYS
    assert [event.done for event in seen] == [1, 2, 3, 4, 5]
    assert all(event.per_second > 0 for event in seen)
    assert all(event.remaining is not None for event in seen)
    assert seen[-1].remaining == 0
    assert not any(event.skipped for event in seen)


def test_what_this_model_said_of_this_file_is_skipped(project: Project) -> None:
    swept(project, keys=KEYS[:3])
    image = project.image(KEYS[1]).path
    time.sleep(0.02)  # the clock of a file system is coarse
    cv2.imwrite(str(image), blob_scene(9)[0])
    assert [event.key for event in swept(project, skip_done=True) if event.skipped] == [KEYS[0], KEYS[2]]
    assert [event.key for event in swept(project, skip_done=True) if event.skipped] == KEYS
    assert not any(event.skipped for event in swept(project))


def test_an_older_file_put_in_place_is_predicted_again(project: Project, tmp_path: Path) -> None:
    other = tmp_path / "old.png"
    cv2.imwrite(str(other), blob_scene(9)[0])
    os.utime(other, (1_000_000_000, 1_000_000_000))
    swept(project)
    time.sleep(0.02)
    other.replace(project.image(KEYS[0]).path)
    if os.name == "nt":
        pytest.skip("entries have no time of change here")
    assert [event.key for event in swept(project, skip_done=True) if not event.skipped] == [KEYS[0]]


def test_another_model_skips_nothing(project: Project) -> None:
    swept(project)
    add_model(project, "m0002")
    assert not any(event.skipped for event in swept(project, skip_done=True))


def test_a_later_model_of_the_same_name_skips_nothing(project: Project) -> None:
    swept(project)
    weights = project.models_folder / "m0001" / "weights.safetensors"
    time.sleep(0.02)
    weights.write_bytes(weights.read_bytes())
    assert not any(event.skipped for event in swept(project, skip_done=True))


def test_a_damaged_proposal_is_made_again(project: Project) -> None:
    swept(project)
    path = project.folder / "proposals" / f"{KEYS[2]}.png"
    path.write_bytes(path.read_bytes()[:50])
    assert [event.key for event in swept(project, skip_done=True) if not event.skipped] == [KEYS[2]]
    assert project.load_proposal(KEYS[2]) is not None


def test_shards_share_the_images(project: Project) -> None:
    parts = [[event.key for event in swept(project, shard=(number, 2))] for number in (0, 1)]
    assert parts == [KEYS[0::2], KEYS[1::2]]
    for shard in ((2, 2), (-1, 2), (0, 0)):
        with pytest.raises(UsageError, match="there is no part"):
            swept(project, shard=shard)


def test_a_broken_image_is_one_line_and_the_rest_carries_on(project: Project) -> None:
    path = project.image(KEYS[1]).path
    path.write_bytes(b"no image")
    seen: list[Predicted] = []
    problems = predict_project(project, progress=seen.append, device="cpu")
    assert len(problems) == 1
    assert str(path) in problems[0]
    assert [event.key for event in seen if event.problem] == [KEYS[1]]
    assert len(seen) == 5


def test_cancelling_keeps_what_is_done_and_a_resume_does_the_rest(project: Project) -> None:
    cancel = threading.Event()

    def stop(event: Predicted) -> None:
        if event.done == 2:
            cancel.set()

    with pytest.raises(Cancelled):
        predict_project(project, progress=stop, cancel=cancel, device="cpu")
    assert [event.skipped for event in swept(project, skip_done=True)] == [True, True, False, False, False]
    for key in KEYS:
        proposal = project.load_proposal(key)
        assert proposal is not None
        assert np.isin(proposal.classes, (0, 1)).all()
