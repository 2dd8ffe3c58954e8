"""Whole projects: what was promoted is in use by the time anybody hears of it."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from segstudio.core.classes import VOID, ClassTable, move_class, remove_class
from segstudio.core.labels import LabelledImage
from segstudio.errors import Cancelled, ModelError, ProjectError
from segstudio.learn import events
from segstudio.learn.networks.saving import load_model
from segstudio.learn.prediction.sweep import Predicted, predict_project
from segstudio.learn.request import TrainSettings
from segstudio.learn.training.runs import train_project
from segstudio.storage.project import Project
from segstudio.storage.pruning import NEWEST
from segstudio.storage.steady import Steadiness
from tests.learn.tiny import started

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
    monkeypatch.setattr("segstudio.learn.training.loop._REFRESH_SECONDS", 0.0)
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


def test_a_model_proposes_the_right_classes_after_they_changed(project: Project) -> None:
    train_project(project, SETTINGS, lambda _: None, threading.Event())

    def proposed() -> np.ndarray:
        predict_project(project, ["image1"])
        proposal = project.load_proposal("image1")
        assert proposal is not None
        return proposal.classes

    before = proposed()
    assert set(np.unique(before)) == {0, 1}
    project.reclassing.apply(move_class(project.classes, 0, 1))
    assert np.array_equal(proposed(), 1 - before)
    project.set_classes(project.classes.change(0, name="cell").add("new"))
    assert np.array_equal(proposed(), 1 - before)
    project.reclassing.apply(remove_class(project.classes, 0, 2))
    assert project.classes.names == ("ground", "new")
    assert np.array_equal(proposed(), before)
    project.reclassing.apply(remove_class(project.classes, 1))
    assert np.array_equal(proposed(), np.where(before == 1, VOID, 0))


@pytest.mark.parametrize("what", ["train", "predict"])
def test_classes_stay_while_a_run_relies_on_them(project: Project, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    refused: list[str] = []
    train_project(project, SETTINGS, lambda _: None, threading.Event())
    monkeypatch.setattr(project.reclassing, "_steadiness", Steadiness(project.folder, patience=0.01))

    def interfere(_event: object) -> None:
        with pytest.raises(ProjectError) as caught:
            project.reclassing.apply(move_class(project.classes, 0, 1))
        refused.append(str(caught.value))

    if what == "train":
        train_project(project, SETTINGS, interfere, threading.Event())
    else:
        predict_project(project, progress=interfere)
    assert refused
    assert all("Stop that first" in line for line in refused)
    project.reclassing.apply(move_class(project.classes, 0, 1))


def test_a_run_does_not_begin_while_classes_change(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(project.reclassing, "_steadiness", Steadiness(project.folder, patience=0.01))
    endings: list[events.Ending] = []

    def begin(_done: int, _of: int) -> None:
        endings.append(train_project(project, SETTINGS, lambda _: None, threading.Event()))

    project.reclassing.apply(move_class(project.classes, 0, 1), progress=begin)
    assert isinstance(endings[0], events.Failed)
    assert "are being changed" in endings[0].message


def test_the_model_in_use_is_judged_by_the_names_of_its_classes(project: Project) -> None:
    seen: list[events.Event] = []

    def last_round(settings: TrainSettings) -> events.RoundDone:
        train_project(project, settings, seen.append, threading.Event())
        return [event for event in seen if isinstance(event, events.RoundDone)][-1]

    good = last_round(replace(SETTINGS, steps=30))
    project.reclassing.apply(move_class(project.classes, 0, 1))
    after = last_round(replace(SETTINGS, steps=1))
    assert good.candidate is not None
    assert after.in_use is not None
    assert after.in_use.miou == pytest.approx(good.candidate.miou)


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs train a network that takes milliseconds, with a round after every step."""
    monkeypatch.setattr("segstudio.learn.training.loop.start_network", lambda *_, **__: started())
    monkeypatch.setattr("segstudio.learn.training.schedule._FIRST_ROUND", 0.0)
    monkeypatch.setattr("segstudio.learn.training.schedule._VALIDATION_SHARE", 1.0)


@pytest.fixture
def unjudged(project: Project) -> Project:
    """Nothing validates, so that every round promotes."""
    key = next(record.key for record in project.images() if record.split == "validation")
    project.set_annotation(key, np.full((64, 64), VOID, np.uint8))
    return project


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize("wish", ["none", "keep", "choose"])
def test_of_the_models_of_a_run_the_last_one_stays_and_what_a_person_wants(unjudged: Project, wish: str) -> None:
    promoted: list[Path] = []

    def emit(event: events.Event) -> None:
        if isinstance(event, events.Promoted):
            promoted.append(event.folder)
            if len(promoted) == 2 and wish == "keep":
                unjudged.keep_model(event.folder.name, True)
            if len(promoted) == 2 and wish == "choose":
                unjudged.use_model(event.folder.name)

    train_project(unjudged, replace(SETTINGS, steps=5), emit, threading.Event())
    assert len(promoted) == 5
    assert len({folder.name for folder in promoted}) == 5
    stay = [promoted[-1]] if wish == "none" else [promoted[1], promoted[-1]]
    assert sorted(model.folder for model in unjudged.models()) == sorted(stay)
    assert unjudged.model_in_use == promoted[-1]


def test_a_model_nobody_can_judge_is_there_but_not_in_use(project: Project) -> None:
    seen: list[events.Event] = []
    train_project(project, replace(SETTINGS, steps=1), seen.append, threading.Event())
    before = project.model_in_use
    assert before is not None
    train_project(project, replace(SETTINGS, steps=1), seen.append, threading.Event())
    (offered,) = [event for event in seen if isinstance(event, events.Offered)]
    assert project.model_in_use == before
    assert {model.folder for model in project.models()} == {before, offered.folder}


@pytest.mark.usefixtures("tiny")
def test_a_stopped_run_of_a_project_goes_on(project: Project) -> None:
    cancel = threading.Event()

    def emit(event: events.Event) -> None:
        if isinstance(event, events.StepDone) and event.step == 2:
            cancel.set()

    settings = replace(SETTINGS, steps=6)
    assert isinstance(train_project(project, settings, emit, cancel), events.Cancelled)
    ending = train_project(project, settings, lambda _: None, threading.Event(), resume=True)
    assert isinstance(ending, events.Done)
    assert ending.steps == 6
    assert len(project.models()) == 1


def test_offers_that_nobody_took_up_do_not_pile_up(project: Project) -> None:
    train_project(project, SETTINGS, lambda _: None, threading.Event())
    in_use = project.model_in_use
    assert in_use is not None
    offered: list[Path] = []

    def emit(event: events.Event) -> None:
        if isinstance(event, events.Offered):
            offered.append(event.folder)

    for _ in range(NEWEST + 2):
        train_project(project, replace(SETTINGS, steps=1), emit, threading.Event())
    assert len(set(offered)) == NEWEST + 2
    assert {model.folder for model in project.models()} == {in_use, *offered[-NEWEST:]}
