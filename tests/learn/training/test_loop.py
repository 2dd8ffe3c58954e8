"""What must hold of every run: one ending, one gate, labels as they come, and a stop within a batch."""

import copy
import math
import pickle
import shutil
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from segstudio.core.classes import VOID
from segstudio.core.labels import LabelledImage, fingerprint
from segstudio.errors import ProjectError
from segstudio.learn import events
from segstudio.learn.backbones import registry as backbones
from segstudio.learn.networks.network import SegmentationNetwork
from segstudio.learn.networks.saving import load_model, save_model
from segstudio.learn.prediction.predicting import predict
from segstudio.learn.request import TrainRequest, Transfer
from segstudio.learn.training import loop as training
from segstudio.learn.training.loop import fit
from segstudio.storage.cards import WEIGHTS
from segstudio.storage.images import read_image

Make = Callable[..., LabelledImage]
Ask = Callable[..., TrainRequest]
Images = tuple[LabelledImage, ...]
Kind = TypeVar("Kind")


def run(request: TrainRequest, **options: object) -> list[events.Event]:
    """Train; whatever happens, exactly one ending comes, and it is the last event."""
    seen: list[events.Event] = []
    ending = fit(request, seen.append, threading.Event(), **options)  # type: ignore[arg-type]
    endings = [event for event in seen if isinstance(event, events.Done | events.Cancelled | events.Failed)]
    assert endings == [ending]
    assert seen[-1] is ending
    return seen


def only(seen: list[events.Event], kind: type[Kind]) -> Kind:
    """The one event of that kind."""
    (event,) = (event for event in seen if isinstance(event, kind))
    return event


@pytest.fixture
def many_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """A round and a look for new labels after every step."""
    monkeypatch.setattr("segstudio.learn.training.schedule._FIRST_ROUND", 0.0)
    monkeypatch.setattr("segstudio.learn.training.schedule._VALIDATION_SHARE", 1.0)
    monkeypatch.setattr("segstudio.learn.training.loop._REFRESH_SECONDS", 0.0)


def test_a_run_tells_its_story_and_learns(make_request: Ask) -> None:
    seen = run(make_request(steps=20))
    started, done = only(seen, events.Started), only(seen, events.Done)
    assert (started.device, started.train_images, started.validation_images) == ("cpu", 3, 1)
    steps = [event for event in seen if isinstance(event, events.StepDone)]
    assert [step.step for step in steps] == list(range(1, 21))
    assert steps[-1].loss < steps[0].loss
    assert done.steps == 20
    assert done.images_per_second == pytest.approx(20 * 2 / done.seconds)
    assert done.scores is not None
    assert done.scores.miou > 0.6
    promoted = only(seen, events.Promoted)
    assert promoted.folder == done.model
    assert promoted.folder.name == "m0001-efficientnet_lite0-parameter"
    assert promoted.miou == done.scores.miou


def test_the_name_of_a_removed_model_is_not_given_again(make_request: Ask) -> None:
    request = make_request()
    first = only(run(request), events.Promoted).folder
    shutil.rmtree(first)
    assert only(run(request), events.Promoted).folder.name.startswith("m0002-")


def test_every_event_is_picklable(make_request: Ask) -> None:
    for event in run(make_request()):
        assert pickle.loads(pickle.dumps(event)) == event


@pytest.mark.parametrize(
    ("decoder", "transfer"), [("fpn", "parameter"), ("fpnfine", "parameter"), ("light", "feature"), ("unet", "none")]
)
def test_what_was_saved_predicts_the_same(
    make_request: Ask, monkeypatch: pytest.MonkeyPatch, decoder: str, transfer: Transfer
) -> None:
    saved: list[SegmentationNetwork] = []

    def spied(network: SegmentationNetwork, *rest: object) -> None:
        saved.append(copy.deepcopy(network).eval())
        save_model(network, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr("segstudio.learn.judging.rounds.save_model", spied)
    request = make_request(decoder=decoder, transfer=transfer)
    done = only(run(request), events.Done)
    assert done.model is not None
    loaded = load_model(done.model)
    image = read_image(request.images[0].path).display()
    proposal = predict(loaded, image)
    again = predict(replace(loaded, network=saved[-1]), image)
    assert np.array_equal(proposal.classes, again.classes)
    assert np.array_equal(proposal.confidence, again.confidence)
    assert proposal.model == done.model.name


def test_the_card_tells_how_the_model_came_to_be(make_request: Ask) -> None:
    request = make_request(seed=7, decoder="fpn")
    done = only(run(request), events.Done)
    assert done.model is not None
    card = load_model(done.model).card
    assert (card.backbone, card.transfer, card.decoder) == ("efficientnet_lite0", "parameter", "fpn")
    assert [item["name"] for item in card.classes] == ["ground", "blob"]
    assert card.settings["seed"] == 7
    assert card.labels == fingerprint(request.images)
    assert card.splits == {"train": 3, "validation": 1}
    assert card.steps == 2
    assert card.channels == 3
    assert card.validation == ["image4"]
    assert [step for step, _ in card.curve["losses"]] == [1, 2]
    assert len(card.curve["rounds"]) == 1
    assert card.verdict.startswith("Promoted, but not verified")
    assert done.scores is not None
    assert card.miou == pytest.approx(done.scores.miou)
    assert card.dice == pytest.approx(done.scores.dice)
    assert len(card.confusion) == 2


def test_feature_transfer_saves_the_bundled_encoder_bit_identical(make_request: Ask) -> None:
    done = only(run(make_request(transfer="feature", steps=3)), events.Done)
    assert done.model is not None
    saved = load_file(done.model / WEIGHTS)
    bundled = list(torch.load(backbones.bundled_file(), weights_only=True).values())
    encoder = [value for name, value in saved.items() if name.startswith("encoder.")]
    assert len(encoder) == 288  # all but the classifier's last 8
    fresh = load_model(done.model).network.encoder.state_dict()
    for value, original in zip(fresh.values(), bundled, strict=False):
        assert torch.equal(value, original)


def test_one_seed_gives_one_result(make_request: Ask, tmp_path: Path) -> None:
    def weights(folder: str, seed: int) -> dict[str, torch.Tensor]:
        done = only(run(make_request(steps=4, seed=seed, models=tmp_path / folder)), events.Done)
        assert done.model is not None
        tensors: dict[str, torch.Tensor] = load_file(done.model / WEIGHTS)
        return tensors

    first, second, other = weights("a", 1), weights("b", 1), weights("c", 2)
    assert all(torch.equal(value, second[name]) for name, value in first.items())
    assert not all(torch.equal(value, other[name]) for name, value in first.items())


def test_a_stop_is_obeyed_within_one_batch(make_request: Ask) -> None:
    cancel, seen = threading.Event(), list[events.Event]()

    def emit(event: events.Event) -> None:
        seen.append(event)
        if isinstance(event, events.StepDone) and event.step == 2:
            cancel.set()

    ending = fit(make_request(steps=None, minutes=None), emit, cancel)
    assert isinstance(ending, events.Cancelled)
    assert ending.steps == 2
    assert seen[-1] is ending


def test_a_stop_before_the_start_ends_it(make_request: Ask) -> None:
    cancel, seen = threading.Event(), list[events.Event]()
    cancel.set()
    fit(make_request(), seen.append, cancel)
    assert not [event for event in seen if isinstance(event, events.StepDone)]
    assert isinstance(seen[-1], events.Cancelled)


@pytest.mark.usefixtures("many_rounds")
def test_a_stop_keeps_what_was_promoted(make_request: Ask) -> None:
    cancel = threading.Event()

    def emit(event: events.Event) -> None:
        if isinstance(event, events.Promoted):
            cancel.set()

    ending = fit(make_request(steps=None), emit, cancel)
    assert isinstance(ending, events.Cancelled)
    assert ending.model is not None
    assert ending.scores is not None
    load_model(ending.model)


def test_time_limits_the_run(make_request: Ask) -> None:
    done = only(run(make_request(steps=None, minutes=1 / 60)), events.Done)
    assert 1 <= done.seconds < 10
    assert done.steps > 0


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"labelled": ()}, "nothing is labelled yet. Paint two classes in an image, then train."),
        ({"crop": 50}, "crops of 50 pixels do not work. Use a multiple of 32 from 64 on."),
        ({"batch": 1, "decoder": "deeplabv3plus"}, "batches of 1 are too small. Use 2 crops or more."),
        ({"device": "cuda:99"}, "this machine has no device 'cuda:99'. Choose auto or cpu."),
        ({"device": "abacus"}, "there is no device 'abacus'. Choose auto or cpu."),
    ],
)
def test_what_cannot_be_trained_is_one_line(make_request: Ask, change: dict[str, object], line: str) -> None:
    assert run(make_request(**change)) == [events.Failed(line)]


def test_no_training_image_is_one_line(make_request: Ask, make_image: Make) -> None:
    (failed,) = run(make_request(labelled=(make_image(2, "validation"),)))
    assert failed == events.Failed("no image of the training split is labelled. Label an image, then train.")


def test_truncated_weights_are_one_line(make_request: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    damaged = tmp_path / "weights.pth"
    damaged.write_bytes(b"PK\x03\x04")
    monkeypatch.setattr(backbones, "bundled_file", lambda: damaged)
    failed = only(run(make_request()), events.Failed)
    assert failed.message.startswith(f"{damaged}: the weight file is truncated or damaged")
    assert not failed.details


def test_an_unforeseen_error_comes_with_its_traceback(make_request: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("two\nlines")

    monkeypatch.setattr("segstudio.learn.training.stepping.segmentation_loss", broken)
    failed = only(run(make_request()), events.Failed)
    assert "\n" not in failed.message
    assert "ZeroDivisionError" in failed.details


def test_a_corrupt_image_is_named_and_the_rest_carries_on(make_request: Ask, images: Images) -> None:
    images[1].path.write_bytes(b"no image")
    seen = run(make_request())
    assert str(images[1].path) in only(seen, events.Started).note
    assert only(seen, events.Started).train_images == 2
    only(seen, events.Done)


def test_unreadable_images_alone_fail_in_one_line(make_request: Ask, images: Images) -> None:
    for image in images:
        image.path.unlink()
    failed = only(run(make_request()), events.Failed)
    assert "no labelled image can be read" in failed.message
    assert not failed.details


def test_a_loss_that_is_no_number_ends_the_run(make_request: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "segstudio.learn.training.stepping.segmentation_loss", lambda logits, *_, **__: logits.sum() * math.nan
    )
    seen = run(make_request(steps=50))
    assert only(seen, events.Failed).message == "the loss is no number any more. Train again with a lower rate."
    notes = [event for event in seen if isinstance(event, events.Noted)]
    assert {note.kind for note in notes} == {"numbers"}
    assert not [event for event in seen if isinstance(event, events.StepDone)]


@pytest.mark.parametrize("validated", [True, False])
def test_a_candidate_without_a_step_is_never_promoted(make_request: Ask, images: Images, validated: bool) -> None:
    seen = run(make_request(labelled=images if validated else images[:3], minutes=0.0))
    assert only(seen, events.Done).model is None
    assert only(seen, events.RoundDone).outcome == "no numbers"
    assert "does not give numbers" in only(seen, events.RoundDone).verdict


def test_without_validation_a_model_is_promoted_as_not_verified(make_request: Ask, images: Images) -> None:
    seen = run(make_request(labelled=images[:3]))
    advice = "Label a second image so that models can be compared."
    assert advice in only(seen, events.Started).note
    assert only(seen, events.RoundDone).verdict == f"Promoted, but not verified. {advice}"
    assert only(seen, events.RoundDone).candidate is None
    assert math.isnan(only(seen, events.Promoted).miou)
    assert only(seen, events.Done).scores is None


def test_a_worse_candidate_does_not_replace_the_model_in_use(make_request: Ask, judged: Images) -> None:
    in_use = only(run(make_request(steps=15, labelled=judged)), events.Done).model
    seen = run(make_request(steps=1, in_use=in_use, labelled=judged))
    verdict = only(seen, events.RoundDone)
    assert verdict.candidate is not None
    assert verdict.in_use is not None
    assert verdict.candidate.miou < verdict.in_use.miou
    assert verdict.verdict.startswith("Not promoted: mean IoU")
    assert verdict.outcome == "not better"
    assert verdict.difference is not None
    assert verdict.difference.mean < 0
    done = only(seen, events.Done)
    assert done.model is None
    assert done.scores == verdict.candidate


def test_too_few_labels_for_a_verdict_offer_the_model(make_request: Ask) -> None:
    in_use = only(run(make_request()), events.Done).model
    assert in_use is not None
    seen = run(make_request(in_use=in_use, transfer="none"))
    assert only(seen, events.RoundDone).outcome == "too few labels"
    assert not [event for event in seen if isinstance(event, events.Promoted)]
    offered = only(seen, events.Offered)
    assert only(seen, events.Done).model is None
    card = load_model(offered.folder).card
    assert card.verdict == offered.why
    assert card.parent == in_use.name
    assert "label" in offered.why


@pytest.mark.usefixtures("many_rounds")
def test_a_promotion_tells_which_model_of_its_run_it_replaces(make_request: Ask, images: Images) -> None:
    seen = run(make_request(steps=6, labelled=images[:3]))
    promoted = [event for event in seen if isinstance(event, events.Promoted)]
    assert len(promoted) > 1
    assert [event.replaces for event in promoted] == [None, *(event.folder for event in promoted[:-1])]


@pytest.mark.usefixtures("many_rounds")
def test_labels_that_change_between_rounds_join(make_request: Ask, images: Images, make_image: Make) -> None:
    stroke = np.full((64, 64), VOID, np.uint8)
    stroke[10:30, 10:30] = 1
    fresh = (*images, make_image(9, annotation=stroke))
    asked: list[int] = []

    def refresh() -> Images:
        asked.append(1)
        return fresh

    done = only(run(make_request(steps=4), refresh=refresh), events.Done)
    assert asked
    assert done.model is not None
    card = load_model(done.model).card
    assert card.splits == {"train": 4, "validation": 1}
    assert card.labels == fingerprint(fresh)


@pytest.mark.usefixtures("many_rounds")
def test_labels_that_cannot_be_looked_at_do_not_end_the_run(
    make_request: Ask, images: Images, make_image: Make, caplog: pytest.LogCaptureFixture
) -> None:
    answers: list[Images] = []

    def refresh() -> Images:
        answers.append(images if answers else ())
        if len(answers) == 1:
            raise ProjectError("is busy in another program", remedy="Try again")
        return (*images, make_image(9))

    done = only(run(make_request(steps=4), refresh=refresh), events.Done)
    assert len(answers) > 1
    assert "is busy in another program" in caplog.text
    assert done.model is not None
    assert load_model(done.model).card.splits == {"train": 4, "validation": 1}


@pytest.mark.usefixtures("many_rounds")
def test_changed_validation_labels_score_the_model_in_use_anew(
    make_request: Ask, images: Images, make_image: Make
) -> None:
    in_use = only(run(make_request(steps=2)), events.Done).model
    swapped = make_image(4, "validation", annotation=1 - (images[3].annotation() == 1).astype(np.uint8), revision=2)
    seen = run(make_request(steps=2, in_use=in_use), refresh=lambda: (*images[:3], swapped))
    rounds = [event for event in seen if isinstance(event, events.RoundDone)]
    assert {event.in_use.labelled_pixels for event in rounds if event.in_use} == {64 * 64}


def test_model_folders_are_numbered_on(make_request: Ask, tmp_path: Path) -> None:
    (tmp_path / "models" / "m0001-resnet18-none").mkdir(parents=True)
    done = only(run(make_request(transfer="feature")), events.Done)
    assert done.model == tmp_path / "models" / "m0002-efficientnet_lite0-feature"


def test_background_lowers_the_priority_of_its_thread_only(make_request: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    lowered: list[str] = []
    monkeypatch.setattr(training, "lower_priority", lambda: lowered.append(threading.current_thread().name))
    run(make_request(steps=1))
    assert not lowered
    request = make_request(steps=1)
    thread = threading.Thread(target=lambda: run(request, background=True), name="its own")
    thread.start()
    thread.join()
    assert lowered == ["its own"]
