"""Whole projects: what was promoted is in use by the time anybody hears of it."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from segstudio.core.classes import VOID, ClassTable
from segstudio.core.labels import LabelledImage
from segstudio.errors import Cancelled, ModelError
from segstudio.learn import events
from segstudio.learn.request import TrainSettings
from segstudio.learn.runs import Predicted, predict_project, train_project
from segstudio.learn.saving import load_model
from segstudio.storage.project import Project

SETTINGS = TrainSettings(steps=3, crop=64, batch=2, device="cpu")


@pytest.fixture
def project(tmp_path: Path, images: tuple[LabelledImage, ...]) -> Iterator[Project]:
    """Four images, all labelled, the last one validates."""
    with Project.create(tmp_path / "project", ClassTable.of(["ground", "blob"])) as made:
        made.add_images([image.path for image in images])
        for image in images:
            made.set_split(image.key, image.split)
            made.set_annotation(image.key, image.annotation())
        yield made


def test_a_promoted_model_is_in_use_when_it_is_told(project: Project) -> None:
    told: list[tuple[Path, Path | None]] = []
    seen: list[events.Event] = []

    def emit(event: events.Event) -> None:
        seen.append(event)
        if isinstance(event, events.Promoted):
            told.append((event.folder, project.model_in_use))

    ending = train_project(project, SETTINGS, emit, threading.Event())
    assert isinstance(ending, events.Done)
    assert seen[-1] is ending
    assert told == [(ending.model, ending.model)]
    assert [model.folder for model in project.models()] == [ending.model]
    assert ending.model is not None
    assert load_model(ending.model).card.splits == {"train": 3, "validation": 1}


def test_a_project_without_labels_fails_in_one_line(tmp_path: Path) -> None:
    with Project.create(tmp_path / "empty", ClassTable.of(["a", "b"])) as empty:
        ending = train_project(empty, SETTINGS, lambda _: None, threading.Event())
    assert ending == events.Failed("nothing is labelled yet. Paint two classes in an image, then train.")


def test_labels_painted_meanwhile_join(
    project: Project, make_image: Callable[..., LabelledImage], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("segstudio.learn.training._REFRESH_SECONDS", 0.0)
    more = make_image(9)
    project.add_images([more.path])

    def emit(event: events.Event) -> None:
        if isinstance(event, events.StepDone) and event.step == 1:
            project.set_split(more.key, "train")
            project.set_annotation(more.key, more.annotation())

    ending = train_project(project, SETTINGS, emit, threading.Event())
    assert isinstance(ending, events.Done)
    assert ending.model is not None
    assert load_model(ending.model).card.splits == {"train": 4, "validation": 1}


def test_proposals_are_saved_and_annotations_untouched(project: Project) -> None:
    train_project(project, SETTINGS, lambda _: None, threading.Event())
    before = {record.key: project.annotation(record.key) for record in project.images()}
    project.image("image2").path.write_bytes(b"no image")
    seen: list[Predicted] = []
    problems = predict_project(project, progress=seen.append)
    assert [event.done for event in seen] == [1, 2, 3, 4]
    assert {event.total for event in seen} == {4}
    assert len(problems) == 1
    assert "image2.png" in problems[0]
    assert project.model_in_use is not None
    for key, annotation in before.items():
        assert np.array_equal(project.annotation(key), annotation)
        proposal = project.load_proposal(key)
        assert (proposal is None) == (key == "image2")
        if proposal is not None:
            assert proposal.model == project.model_in_use.name
            assert not (proposal.classes == VOID).any()


def test_only_the_chosen_images_are_predicted(project: Project) -> None:
    train_project(project, SETTINGS, lambda _: None, threading.Event())
    predict_project(project, ["image3"])
    assert [record.key for record in project.images() if record.proposed] == ["image3"]


def test_predicting_can_be_cancelled(project: Project) -> None:
    train_project(project, SETTINGS, lambda _: None, threading.Event())
    cancel = threading.Event()
    with pytest.raises(Cancelled):
        predict_project(project, progress=lambda _: cancel.set(), cancel=cancel)
    assert sum(record.proposed for record in project.images()) == 1


def test_predicting_without_a_model_is_told(project: Project) -> None:
    with pytest.raises(ModelError, match=r"the project has no model yet\. Train one first"):
        predict_project(project)
