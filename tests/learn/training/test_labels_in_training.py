"""Labels of every kind train, or are refused in one line."""

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from segstudio.core.augmentation import Augmentation
from segstudio.core.classes import VOID
from segstudio.core.cropping import cut_crop
from segstudio.core.labels import LabelledImage
from segstudio.learn import events
from segstudio.learn.networks.saving import load_model
from segstudio.learn.request import LossSettings, Optimisation, TrainRequest
from segstudio.learn.training.loop import fit
from tests.learn.tiny import started

Ask = Callable[..., TrainRequest]
Make = Callable[..., LabelledImage]
Images = tuple[LabelledImage, ...]


@pytest.fixture(autouse=True)
def _tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segstudio.learn.training.loop.start_network", lambda *_, **__: started())


@pytest.fixture
def busy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A round and a look for new labels after every step."""
    monkeypatch.setattr("segstudio.learn.training.schedule._FIRST_ROUND", 0.0)
    monkeypatch.setattr("segstudio.learn.training.schedule._VALIDATION_SHARE", 1.0)
    monkeypatch.setattr("segstudio.learn.training.loop._REFRESH_SECONDS", 0.0)


def run(request: TrainRequest, refresh: Callable[[], Images] | None = None) -> tuple[list[events.Event], events.Ending]:
    seen: list[events.Event] = []
    return seen, fit(request, seen.append, threading.Event(), refresh)


def pixels(*marks: tuple[int, int, int]) -> np.ndarray:
    labels = np.full((64, 64), VOID, np.uint8)
    for row, column, index in marks:
        labels[row, column] = index
    return labels


def test_one_pixel_of_each_class_is_enough(make_request: Ask, make_image: Make) -> None:
    image = make_image(1, annotation=pixels((3, 3, 0), (60, 60, 1)))
    _, ending = run(make_request(labelled=(image,)))
    assert isinstance(ending, events.Done)
    assert ending.steps == 2


def test_a_single_labelled_pixel_is_refused_in_one_line(make_request: Ask, make_image: Make) -> None:
    _, ending = run(make_request(labelled=(make_image(1, annotation=pixels((3, 3, 0))),)))
    assert ending == events.Failed("the labels hold one class only. Label pixels of a second class, then train.")


def test_images_smaller_than_a_crop_train(make_request: Ask, tmp_path: Path) -> None:
    path = tmp_path / "small.png"
    cv2.imwrite(str(path), np.zeros((9, 13, 3), np.uint8))
    labels = np.zeros((9, 13), np.uint8)
    labels[:, 6:] = 1
    small = LabelledImage.pack(key="small", path=path, split="train", revision=1, annotation=labels)
    _, ending = run(make_request(labelled=(small,), augmentation=Augmentation(rotate=True, elastic=True)))
    assert isinstance(ending, events.Done)


@pytest.mark.parametrize("kind", ["ce", "ce_dice", "focal", "ce_lovasz", "ce_tversky"])
def test_a_class_nobody_has_labelled_does_no_harm(make_request: Ask, kind: str) -> None:
    loss = LossSettings(kind, balance=1.0, smoothing=0.1)  # type: ignore[arg-type]
    seen, ending = run(make_request(names=("ground", "blob"), loss=loss))
    assert isinstance(ending, events.Done)
    assert all(np.isfinite(event.loss) for event in seen if isinstance(event, events.StepDone))


@pytest.mark.usefixtures("busy")
def test_a_class_erased_from_all_labels_does_not_end_the_run(make_request: Ask, images: Images) -> None:
    def erased(image: LabelledImage) -> LabelledImage:
        annotation = image.annotation()
        annotation[annotation == 1] = VOID
        return replace(
            LabelledImage.pack(key=image.key, path=image.path, split=image.split, revision=2, annotation=annotation)
        )

    fresh = tuple(erased(image) for image in images)
    _, ending = run(make_request(steps=5, loss=LossSettings(balance=1.0)), lambda: fresh)
    assert isinstance(ending, events.Done)
    assert ending.steps == 5


@pytest.mark.usefixtures("busy")
@pytest.mark.parametrize("left", ["nothing", "void"])
def test_labels_erased_altogether_leave_the_older_ones(make_request: Ask, images: Images, left: str) -> None:
    void = tuple(
        LabelledImage.pack(
            key=image.key,
            path=image.path,
            split=image.split,
            revision=2,
            annotation=np.full((64, 64), VOID, np.uint8),
        )
        for image in images
    )
    _, ending = run(make_request(steps=4), lambda: () if left == "nothing" else void)
    assert isinstance(ending, events.Done)
    assert ending.steps == 4


@pytest.mark.usefixtures("busy")
def test_labels_that_come_while_training_join(make_request: Ask, images: Images, make_image: Make) -> None:
    seen, ending = run(make_request(steps=4), lambda: (*images, make_image(9)))
    assert isinstance(ending, events.Done)
    (note,) = [event for event in seen if isinstance(event, events.Noted)]
    assert (note.kind, note.line) == ("labels", "Labels came or went: 4 images train now, 1 validate.")


def test_validation_labels_never_train(make_request: Ask, images: Images, monkeypatch: pytest.MonkeyPatch) -> None:
    cut: list[bytes] = []

    def spied(image: np.ndarray, annotation: np.ndarray, *rest: object, **named: object) -> object:
        cut.append(annotation.tobytes())
        return cut_crop(image, annotation, *rest, **named)  # type: ignore[arg-type]

    monkeypatch.setattr("segstudio.learn.crops.data.cut_crop", spied)
    run(make_request(steps=12))
    assert set(cut) == {image.annotation().tobytes() for image in images if image.split == "train"}


@pytest.mark.usefixtures("busy")
def test_a_plateau_is_told_once_and_may_end_the_run(make_request: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segstudio.learn.training.schedule._PLATEAU_SECONDS", 0.0)
    monkeypatch.setattr("segstudio.learn.training.schedule._PLATEAU_SHARE", 0.0)
    how = Optimisation(rate=1e-9, unfreezing="from the start")
    seen, ending = run(make_request(steps=400, plateau=True, optimisation=how))
    assert isinstance(ending, events.Done)
    assert 4 <= ending.steps < 400
    (note,) = [event for event in seen if isinstance(event, events.Noted)]
    assert note.kind == "plateau"
    assert "has not risen" in note.line


@pytest.mark.usefixtures("busy")
def test_a_plateau_with_a_frozen_encoder_thaws_it(make_request: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segstudio.learn.training.schedule._PLATEAU_SECONDS", 0.0)
    monkeypatch.setattr("segstudio.learn.training.schedule._PLATEAU_SHARE", 0.0)
    seen, ending = run(make_request(steps=400, plateau=True, optimisation=Optimisation(rate=1e-9)))
    notes = [event.line for event in seen if isinstance(event, events.Noted)]
    assert "all of the network learns" in notes[0]
    assert "has not risen" in notes[1]
    assert isinstance(ending, events.Done)
    assert ending.steps < 160  # before the schedule would have thawed it


def test_without_an_average_the_weights_themselves_are_judged(make_request: Ask) -> None:
    seen, ending = run(make_request(optimisation=Optimisation(average=False)))
    assert isinstance(ending, events.Done)
    assert [event.averaged for event in seen if isinstance(event, events.RoundDone)] == [False]


def test_determinism_ends_with_the_run(make_request: Ask) -> None:
    import torch

    inside: list[bool] = []
    request = make_request(deterministic=True)
    ending = fit(request, lambda _: inside.append(torch.are_deterministic_algorithms_enabled()), threading.Event())
    assert isinstance(ending, events.Done)
    assert inside[0]
    assert not torch.are_deterministic_algorithms_enabled()


def test_a_prediction_asked_for_meanwhile_is_served_between_two_batches(make_request: Ask) -> None:
    from segstudio.learn.turns import prediction_first

    ready, served = threading.Event(), threading.Event()
    steps: list[int] = []
    during: list[int] = []

    def predict() -> None:
        assert ready.wait(20)
        with prediction_first():
            threading.Event().wait(0.1)  # the step under way ends
            before = len(steps)
            threading.Event().wait(0.3)
            during.append(len(steps) - before)
        served.set()

    cancel = threading.Event()

    def emit(event: events.Event) -> None:
        if isinstance(event, events.StepDone):
            steps.append(event.step)
            ready.set()
            if served.is_set():
                cancel.set()

    thread = threading.Thread(target=predict)
    thread.start()
    fit(make_request(steps=None), emit, cancel)
    thread.join(20)
    assert during == [0]


def test_grey_images_make_a_model_for_grey_images(
    make_request: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    grey = []
    for seed in (1, 2):
        path = tmp_path / f"grey{seed}.png"
        values = np.random.default_rng(seed).integers(0, 255, (64, 64)).astype(np.uint8)
        cv2.imwrite(str(path), values)
        labels = (values > 127).astype(np.uint8)
        grey.append(LabelledImage.pack(key=path.stem, path=path, split="train", revision=1, annotation=labels))
    seen, ending = run(make_request(labelled=tuple(grey), steps=1))
    assert isinstance(ending, events.Done)
    assert ending.model is not None
    assert load_model(ending.model).card.channels == 1
    (begun,) = [event for event in seen if isinstance(event, events.Started)]
    assert begun.note
