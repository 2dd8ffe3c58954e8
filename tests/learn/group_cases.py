"""What each of two processes does in `tests.learn.group.test_ranks`; started as a program, with a file for the answers.

All cases are done one after the other by the same two processes: starting them takes longer than the cases do.
"""

import pickle
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from segstudio.errors import Cancelled, SegStudioError, TrainingError
from segstudio.learn.crops.data import TrainingSet
from segstudio.learn.events import Event, StepDone
from segstudio.learn.group.launch import find_launch
from segstudio.learn.group.ranks import Ranks, joined
from segstudio.learn.group.synced_norm import SyncedNorm
from segstudio.learn.request import LOSSES, LossSettings, Optimisation, TrainRequest, TrainSettings
from segstudio.learn.training import loop as training
from segstudio.learn.training.losses import segmentation_loss
from segstudio.learn.training.memory import Rung
from segstudio.learn.training.recovery import Recovery
from segstudio.learn.training.stepping import Batch, Stepper
from tests.learn.tiny import started


def crops(seed: int = 0, count: int = 4) -> tuple[Tensor, Tensor]:
    """Images and labels of a whole batch; a process takes every second one."""
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(count, 3, 16, 16, generator=generator)
    target = torch.randint(0, 3, (count, 16, 16), generator=generator)
    target[0, :9] = 255
    return images, torch.where(target == 2, 255, target)


def exchanging(group: Ranks) -> dict[str, Any]:
    """What goes to and fro."""
    long = torch.arange(1300, dtype=torch.float64) * (group.rank + 1)
    return {
        "gather": group.gather({"rank": group.rank, "more": "x" * (group.rank * 1000)}),
        "once": group.once(lambda: (group.rank, "said once")),
        "add": group.add(long).numpy(),
        "now": (group.now(), group.now()),
        "place": group.place("cpu"),
    }


def norm(group: Ranks) -> dict[str, Any]:
    """One step of batch norm on a part of the crops."""
    torch.manual_seed(1)
    plain = nn.BatchNorm2d(3, momentum=0.3)
    nn.init.normal_(plain.weight)
    synced = SyncedNorm(plain, group)
    images = crops()[0][group.rank :: group.size].clone().requires_grad_()
    values = synced(images)
    (values**3).sum().backward()
    group.add_gradients(synced.parameters())
    state = {name: value.clone() for name, value in synced.state_dict().items()}
    return {"values": values.detach(), "images": images.grad, "weight": synced.weight.grad, "state": state}


def losses(group: Ranks) -> dict[str, Any]:
    """Value and gradient of every loss on a part of the crops."""
    found: dict[str, Any] = {}
    for kind in LOSSES:
        images, target = crops()
        logits = images[group.rank :: group.size, :2].clone().requires_grad_()
        settings = LossSettings(kind, smoothing=0.1)
        loss = segmentation_loss(logits, target[group.rank :: group.size], settings, reduce=group.add_losses)
        loss.backward()  # type: ignore[no-untyped-call]
        found[kind] = loss.item(), logits.grad
    return found


def failing(group: Ranks) -> dict[str, Any]:
    """What each process raises when one of them does."""
    torn: dict[str, Any] = {}
    cases: dict[str, Callable[[], object]] = {
        "expected": lambda: _raise(TrainingError("no luck", path="x.png")),
        "unforeseen": lambda: _raise(ZeroDivisionError("oh")),
        "stopped": lambda: _raise(Cancelled()),
        "memory": lambda: _raise(MemoryError()),
        "device": lambda: _raise(RuntimeError("CUDA error: gone")),
    }
    for name, fail in cases.items():
        try:
            with group.section(), group.section():
                if group.rank == 1:
                    fail()
                group.add(torch.ones(700))  # where the other one waits
        except (Exception, Cancelled) as error:
            torn[name] = type(error).__name__, str(error)
    with suppress(SegStudioError):
        group.once(lambda: _raise(TrainingError("said by the first")))
    torn["after"] = group.add(torch.ones(1)).item()
    return torn


def _raise(error: BaseException) -> None:
    raise error


def climbing(group: Ranks, folder: Path) -> dict[str, Any]:
    """Steps in which the second process has too little memory once, in the middle of a step."""
    settings = TrainSettings(batch=2, crop=64, device="cpu", optimisation=Optimisation("sgd"))
    noted: list[str] = []

    def build(device: torch.device) -> Stepper:
        return Stepper(started(), settings, np.array([5, 5]), device, group)

    rung = Rung("cpu", 2, 1, 64)
    recovery = Recovery(
        build,
        rung,
        top=rung,
        models=folder / "climbing",
        settings=settings,
        note=lambda _, line: noted.append(line),
        group=group,
    )
    short = [group.rank == 1]

    def exhausted(_: object, __: object) -> None:
        if short and short.pop():
            raise RuntimeError("[enforce fail at alloc_cpu.cpp:1] DefaultCPUAllocator: can't allocate memory")

    def draw(_stepper: Stepper, _rung: Rung) -> Batch:
        images, target = crops()
        return images[group.rank :: 2], target[group.rank :: 2]

    recovery.stepper.network.head.register_forward_pre_hook(exhausted)
    took = [recovery.step(draw, 1.0, lambda: None) for _ in range(3)]
    return {"took": took, "rung": recovery.rung, "noted": noted, "network": recovery.stepper.network.state_dict()}


def fitting(group: Ranks, request: TrainRequest) -> dict[str, Any]:
    """A whole run."""
    seen: list[Event] = []
    ending = training.fit(request, seen.append, threading.Event(), group=group)
    return {"ending": ending, "losses": [event.loss for event in seen if isinstance(event, StepDone)]}


def stopping(group: Ranks, request: TrainRequest) -> dict[str, Any]:
    """A run that only the second process is asked to stop, after a step."""
    cancel = threading.Event()

    def emit(event: Event) -> None:
        if group.rank == 1 and isinstance(event, StepDone):
            cancel.set()

    endless = replace(request, settings=replace(request.settings, steps=None))
    return {"ending": training.fit(endless, emit, cancel, group=group)}


def relabelling(group: Ranks, request: TrainRequest) -> dict[str, Any]:
    """A run whose first process is told of fewer labels on the way."""
    training._REFRESH_SECONDS = 0.0
    taken: list[list[str]] = []
    update = TrainingSet.update

    def watched(self: TrainingSet, images: Any) -> None:
        given = list(images)
        taken.append([image.key for image in given])
        update(self, given)

    TrainingSet.update = watched  # type: ignore[method-assign]
    fewer = request.images[1:]
    other = request.images if group.rank else fewer  # only what the first one says may count
    short = replace(request, settings=replace(request.settings, steps=2))
    ending = training.fit(short, lambda _: None, threading.Event(), lambda: other, group=group)
    return {"ending": ending, "taken": taken}


def main(answers: Path, asked: Path) -> None:
    """Do all cases and write the answers."""
    torch.set_num_threads(1)
    launch = find_launch()
    assert launch is not None
    request: TrainRequest = pickle.loads(asked.read_bytes())
    other = replace(request, models=request.models.with_name("stopped"))
    with joined(launch, patience=timedelta(seconds=30)) as group:
        found = {
            "exchanging": exchanging(group),
            "norm": norm(group),
            "losses": losses(group),
            "failing": failing(group),
            "climbing": climbing(group, answers.parent),
            "fitting": fitting(group, request),
            "stopping": stopping(group, other),
            "relabelling": relabelling(group, replace(other, models=request.models.with_name("relabelled"))),
        }
    answers.write_bytes(pickle.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
