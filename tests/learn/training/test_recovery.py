"""A run goes on without memory, without numbers, without its device; each time a person is told in one line."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from segstudio.errors import TrainingError
from segstudio.learn.request import TrainSettings
from segstudio.learn.training import memory, recovery
from segstudio.learn.training.memory import Rung
from segstudio.learn.training.recovery import Recovery
from segstudio.learn.training.stepping import Batch, Stepper
from tests.learn.tiny import started
from tests.learn.training.test_stepping import batch

TOP = Rung("cuda:0", 4, 1, 256)
SETTINGS = TrainSettings()
CPU = torch.device("cpu")
NO_MEMORY = (
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    RuntimeError("MPS backend out of memory (MPS allocated: 17 GB)"),
    RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes."),
    RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 1 bytes."),
    RuntimeError("CUDA error: out of memory"),
    MemoryError(),
)


class Bench:
    """A recovery whose steps, and whose GPU, are made up."""

    def __init__(self, models: Path, monkeypatch: pytest.MonkeyPatch, rung: Rung = TOP) -> None:
        monkeypatch.setattr(recovery, "pick_device", lambda _name: CPU)  # this machine has no other one
        monkeypatch.setattr(recovery, "free", lambda _device: None)
        self.models = models
        self.notes: list[tuple[str, str]] = []
        self.built = 0
        self.seeds = iter(range(1000))
        self.fails: Callable[[Rung], BaseException | None] = lambda _rung: None
        self.tried: list[Rung] = []
        self.recovery = Recovery(
            self.build,
            rung,
            top=TOP,
            models=models,
            settings=SETTINGS,
            note=lambda kind, line: self.notes.append((kind, line)),
        )

    def build(self, device: torch.device) -> Stepper:
        self.built += 1
        return Stepper(started(), SETTINGS, np.array([1, 1]), device)

    def draw(self, _stepper: Stepper, rung: Rung) -> Batch:
        self.tried.append(rung)
        if (error := self.fails(rung)) is not None:
            raise error
        return batch(next(self.seeds), size=2)

    def step(self) -> float | None:
        return self.recovery.step(self.draw, 1.0, lambda: None)

    def steps(self, count: int) -> None:
        for _ in range(count):
            self.step()

    def weights(self) -> list[torch.Tensor]:
        return [value.clone() for value in self.recovery.stepper.network.state_dict().values()]


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(tmp_path, monkeypatch)


@pytest.mark.parametrize("error", NO_MEMORY, ids=lambda error: str(error)[:24])
def test_out_of_memory_climbs_down_rung_by_rung_to_the_cpu(bench: Bench, error: BaseException) -> None:
    bench.fails = lambda rung: error if rung.device != "cpu" else None
    while bench.step() is None:
        pass
    rungs = list(dict.fromkeys(bench.tried))
    assert rungs == [
        Rung("cuda:0", 4, 1, 256),
        Rung("cuda:0", 2, 2, 256),
        Rung("cuda:0", 1, 4, 256),
        Rung("cuda:0", 1, 4, 128),
        Rung("cuda:0", 1, 4, 64),
        Rung("cpu", 4, 1, 256),
    ]
    assert [kind for kind, _ in bench.notes] == ["memory"] * 5
    assert (
        bench.notes[0][1] == "Out of memory: training goes on with 2 crops at once, 2 times, of 256 pixels, on cuda:0."
    )
    assert all("\n" not in line for _, line in bench.notes)
    assert bench.built == 2


def test_at_the_bottom_of_the_ladder_the_run_fails_in_one_line(bench: Bench) -> None:
    bench.fails = lambda _rung: MemoryError()
    with pytest.raises(TrainingError, match="too little memory"):
        bench.steps(20)
    assert bench.tried[-1] == Rung("cpu", 1, 4, 64)


def test_the_rung_is_remembered_for_the_next_run_like_it(bench: Bench) -> None:
    bench.fails = lambda rung: MemoryError() if rung.batch > 2 else None
    while bench.step() is None:
        pass
    assert memory.recall(bench.models, SETTINGS, TOP) == Rung("cuda:0", 2, 2, 256)
    assert memory.recall(bench.models, TrainSettings(decoder="unet"), TOP) == TOP
    assert memory.recall(bench.models, SETTINGS, Rung("cpu", 4, 1, 256)) == Rung("cpu", 4, 1, 256)


def test_what_was_learned_comes_along_to_the_cpu(bench: Bench) -> None:
    for _ in range(5):
        assert bench.step() is not None
    before = bench.weights()
    bench.fails = lambda rung: MemoryError() if rung.device != "cpu" else None
    while bench.recovery.rung.device != "cpu":
        assert bench.step() is None
    assert all(torch.equal(one, other) for one, other in zip(bench.weights(), before, strict=True))


@pytest.mark.parametrize(
    "text", ["CUDA error: device-side assert triggered", "CUDA error: unspecified launch failure", "cuDNN error: 8"]
)
def test_a_device_that_vanishes_leaves_the_last_good_weights(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    bench.step()
    bench.recovery.snapshot()
    good = bench.weights()
    bench.step()

    def lost(_self: Stepper) -> None:
        raise RuntimeError(text)

    monkeypatch.setattr(Stepper, "snapshot", lost)  # nothing can be fetched from there any more
    bench.fails = lambda rung: RuntimeError(text) if rung.device != "cpu" else None
    assert bench.step() is None
    assert bench.recovery.rung == Rung("cpu", 4, 1, 256)
    assert [kind for kind, _ in bench.notes] == ["device"]
    assert all(torch.equal(one, other) for one, other in zip(bench.weights(), good, strict=True))
    assert bench.step() is not None


def test_a_network_too_large_for_the_device_starts_on_the_cpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failures = [torch.OutOfMemoryError("CUDA out of memory")]
    build = Bench.build

    def first_fails(self: Bench, device: torch.device) -> Stepper:
        if failures:
            raise failures.pop()
        return build(self, device)

    monkeypatch.setattr(Bench, "build", first_fails)
    bench = Bench(tmp_path, monkeypatch)
    assert bench.recovery.rung.device == "cpu"
    assert [kind for kind, _ in bench.notes] == ["memory"]


@pytest.mark.parametrize("error", [RuntimeError("size mismatch"), RuntimeError("CUDA error: 1")])
def test_other_errors_are_not_swallowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: RuntimeError) -> None:
    bench = Bench(tmp_path, monkeypatch, Rung("cpu", 4, 1, 256))
    bench.fails = lambda _rung: error
    with pytest.raises(RuntimeError, match=str(error)):
        bench.step()


def test_what_cannot_be_repeated_is_told_in_one_line(bench: Bench) -> None:
    bench.fails = lambda _rung: RuntimeError("cumsum_cuda_kernel does not have a deterministic implementation, but")
    with pytest.raises(TrainingError, match="cannot repeat these steps bit for bit"):
        bench.step()


def spoil(monkeypatch: pytest.MonkeyPatch, bad: Callable[[], bool]) -> None:
    """Make the loss of a step not-a-number when `bad` says so."""
    from segstudio.learn.training.losses import segmentation_loss

    def spoiled(logits: torch.Tensor, *rest: object, **named: object) -> torch.Tensor:
        loss = segmentation_loss(logits, *rest, **named)  # type: ignore[arg-type]
        return loss * (math.nan if bad() else 1.0)

    monkeypatch.setattr("segstudio.learn.training.stepping.segmentation_loss", spoiled)


def test_a_loss_that_is_no_number_steps_back_and_halves_the_rates(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.step()
    bench.recovery.snapshot()
    good = bench.weights()
    bench.step()
    bad = [True]
    spoil(monkeypatch, lambda: bool(bad and bad.pop()))
    assert bench.step() is None
    assert all(torch.equal(one, other) for one, other in zip(bench.weights(), good, strict=True))
    assert bench.recovery.stepper.lowered == 0.5
    (note,) = bench.notes
    assert note[0] == "numbers"
    assert bench.step() is not None


def test_fruitless_steps_back_end_the_run(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    spoil(monkeypatch, lambda: True)
    with pytest.raises(TrainingError, match="the loss is no number any more"):
        bench.steps(20)
    assert len(bench.notes) == 4


def test_sound_steps_between_make_steps_back_fruitful(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recovery, "_SOUND_STEPS", 2)
    counter = iter(range(1000))
    spoil(monkeypatch, lambda: next(counter) % 3 == 0)
    for _ in range(30):
        bench.step()
    assert len(bench.notes) == 10


def test_weights_that_are_no_numbers_are_never_the_good_ones(bench: Bench) -> None:
    bench.step()
    good = bench.recovery.snapshot()
    with torch.no_grad():
        next(bench.recovery.stepper.network.parameters()).fill_(math.nan)
    assert bench.recovery.snapshot() is good
