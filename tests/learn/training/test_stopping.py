"""A run that ends before its time loses nothing: its state is kept, and what nobody could judge is offered."""

import gc
import weakref
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from segstudio.errors import TrainingError
from segstudio.learn import events
from segstudio.learn.networks.saving import load_model
from segstudio.learn.request import TrainRequest
from segstudio.learn.training.recovery import Recovery
from segstudio.learn.training.resumable import resumable
from segstudio.learn.training.stepping import Stepper
from tests.learn.tiny import started
from tests.learn.training.test_resuming import notes, run

Ask = Callable[..., TrainRequest]


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs train a network that takes milliseconds."""
    monkeypatch.setattr("segstudio.learn.training.loop.start_network", lambda *_, **__: started())


@pytest.fixture
def many_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """A round after every step."""
    monkeypatch.setattr("segstudio.learn.training.schedule._FIRST_ROUND", 0.0)
    monkeypatch.setattr("segstudio.learn.training.schedule._VALIDATION_SHARE", 1.0)


@pytest.mark.usefixtures("many_rounds")
def test_a_stop_offers_what_nobody_could_judge(make_request: Ask) -> None:
    _, first = run(make_request())
    assert isinstance(first, events.Done)
    seen, _ = run(make_request(steps=50, in_use=first.model, transfer="none"), stop_at=2)
    (offered,) = [event for event in seen if isinstance(event, events.Offered)]
    card = load_model(offered.folder).card
    assert (card.steps, card.miou) == (2, None)
    assert "a verdict needs" in offered.why
    assert isinstance(seen[-1], events.Cancelled)


@pytest.mark.usefixtures("tiny")
def test_what_was_learned_survives_an_error_that_ends_the_run(
    make_request: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps, step = iter(range(1, 100)), Recovery.step

    def fails(self: Recovery, *rest: object) -> float | None:
        if next(steps) == 4:
            raise TrainingError("there is too little memory")
        return step(self, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(Recovery, "step", fails)
    _, ending = run(make_request(steps=50))
    assert isinstance(ending, events.Failed)
    info = resumable(tmp_path / "models")
    assert info is not None
    assert info.steps == 3


@pytest.mark.usefixtures("tiny", "many_rounds")
@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("CUDA error: unspecified launch failure")]
)
def test_a_device_that_fails_while_scoring_does_not_end_the_run(
    make_request: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: RuntimeError
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("segstudio.learn.judging.gate.Gate.judge", fails)
    seen, ending = run(make_request(steps=4))
    assert len(notes(seen, "memory")) == 3
    assert isinstance(ending, events.Failed)  # the last round has to be
    assert not ending.details
    info = resumable(tmp_path / "models")
    assert info is not None
    assert info.steps == 4


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize("how", ["done", "stopped", "failed"])
def test_the_network_is_freed_when_the_run_is_over(
    make_request: Ask, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """In the window full collections are rare, and the memory of a graphics card is small."""
    held: list[weakref.ref[object]] = []
    begin, step = Stepper.__init__, Stepper.step

    def watched(self: Stepper, *arguments: object, **named: object) -> None:
        begin(self, *arguments, **named)  # type: ignore[arg-type]
        held.append(weakref.ref(self.network))

    def fails(*_arguments: object, **_named: object) -> float:
        raise TrainingError("of all things")

    monkeypatch.setattr(Stepper, "__init__", watched)
    monkeypatch.setattr(Stepper, "step", fails if how == "failed" else step)
    gc.disable()
    try:
        run(make_request(steps=4), stop_at=2 if how == "stopped" else None)
        assert held
        assert [alive() for alive in held] == [None] * len(held)
    finally:
        gc.enable()
