"""Two processes that share a job find what one would, and fail together."""

import os
import pickle
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from segstudio.core.classes import ClassTable
from segstudio.core.labels import LabelledImage
from segstudio.errors import UsageError
from segstudio.learn import events
from segstudio.learn.crops.data import ImageCache, TrainingSet
from segstudio.learn.group import ranks as distributed
from segstudio.learn.group.group import ALONE
from segstudio.learn.group.launch import Launch
from segstudio.learn.group.synced_norm import SyncedNorm, sync_norms
from segstudio.learn.request import LOSSES, LossKind, LossSettings, Optimisation, TrainRequest, TrainSettings
from segstudio.learn.training.loop import fit
from segstudio.learn.training.losses import segmentation_loss
from segstudio.learn.training.memory import Rung
from segstudio.learn.training.resumable import run_folder
from segstudio.storage.cards import WEIGHTS
from tests.learn.conftest import SIZE, blob_scene
from tests.learn.group_cases import crops

ROOT = Path(__file__).parents[3]
Answers = list[dict[str, Any]]
Make = Callable[..., LabelledImage]


def labelled(folder: Path) -> tuple[LabelledImage, ...]:
    found = []
    for seed in range(11, 17):
        pixels, truth = blob_scene(seed)
        path = folder / f"image{seed}.png"
        cv2.imwrite(str(path), pixels[:, :, ::-1])
        split = "train" if seed < 14 else "validation"
        found.append(LabelledImage.pack(key=path.stem, path=path, split=split, revision=1, annotation=truth))  # type: ignore[arg-type]
    return tuple(found)


@pytest.fixture(scope="module")
def request_of_two(tmp_path_factory: pytest.TempPathFactory) -> TrainRequest:
    """SGD, as Adam's first steps blow up what rounding leaves of gradients that are zero."""
    folder = tmp_path_factory.mktemp("ranks")
    settings = TrainSettings(
        steps=6, crop=SIZE, batch=2, device="cpu", deterministic=True, optimisation=Optimisation("sgd", 0.03)
    )
    return TrainRequest(settings, ClassTable.of(("ground", "blob")), labelled(folder), folder / "models")


@pytest.fixture(scope="module")
def answers(request_of_two: TrainRequest) -> Answers:
    """What two processes say, see `tests.learn.group_cases`."""
    folder = request_of_two.models.parent
    (folder / "asked").write_bytes(pickle.dumps(request_of_two))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    common = {**os.environ, "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    common |= {"OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.learn.group_cases", str(folder / f"answers{rank}"), str(folder / "asked")],
            env={**common, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            cwd=ROOT,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        said = [process.communicate(timeout=120)[1] for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert [process.returncode for process in processes] == [0, 0], "\n".join(said)
    return [pickle.loads((folder / f"answers{rank}").read_bytes()) for rank in range(2)]


def test_values_reach_all_in_order(answers: Answers) -> None:
    for answer in answers:
        found = answer["exchanging"]
        assert [item["rank"] for item in found["gather"]] == [0, 1]
        assert [len(item["more"]) for item in found["gather"]] == [0, 1000]
        assert found["once"] == (0, "said once")
        assert found["place"] == "cpu"
        np.testing.assert_array_equal(found["add"], np.arange(1300) * 3.0)
    assert answers[0]["exchanging"]["now"] == answers[1]["exchanging"]["now"]


def test_norm_layers_see_the_crops_of_all(answers: Answers) -> None:
    torch.manual_seed(1)
    whole = nn.BatchNorm2d(3, momentum=0.3)
    nn.init.normal_(whole.weight)
    images = crops()[0].requires_grad_()
    values = whole(images)
    (values**3).sum().backward()
    assert images.grad is not None
    for rank, answer in enumerate(answers):
        found = answer["norm"]
        torch.testing.assert_close(found["values"], values.detach()[rank::2])
        torch.testing.assert_close(found["images"], images.grad[rank::2], rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(found["weight"], whole.weight.grad, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(found["state"], dict(whole.state_dict()))


@pytest.mark.parametrize("kind", [kind for kind in LOSSES if kind != "ce_lovasz"])
def test_a_loss_is_that_of_the_whole_batch(answers: Answers, kind: LossKind) -> None:
    images, target = crops()
    logits = images[:, :2].clone().requires_grad_()
    loss = segmentation_loss(logits, target, LossSettings(kind, smoothing=0.1))
    loss.backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    for rank, answer in enumerate(answers):
        value, gradient = answer["losses"][kind]
        assert value == pytest.approx(loss.item(), rel=1e-5)
        torch.testing.assert_close(gradient, logits.grad[rank::2], rtol=1e-4, atol=1e-7)


def test_lovasz_is_the_same_for_all(answers: Answers) -> None:
    assert answers[0]["losses"]["ce_lovasz"][0] == answers[1]["losses"]["ce_lovasz"][0]


def test_what_fails_in_one_fails_in_all(answers: Answers) -> None:
    first, second = answers[0]["failing"], answers[1]["failing"]
    assert first["expected"] == second["expected"] == ("TrainingError", "x.png: no luck.")
    assert second["unforeseen"] == ("ZeroDivisionError", "oh")
    assert first["unforeseen"][0] == "TrainingError"
    assert "process 1" in first["unforeseen"][1]
    assert "ZeroDivisionError: oh" in first["unforeseen"][1]
    assert first["stopped"][0] == second["stopped"][0] == "Cancelled"
    assert "out of memory in process 1" in first["memory"][1]
    assert first["device"][1].startswith("CUDA error in process 1")
    assert first["after"] == second["after"] == 2  # and they can go on


def test_too_little_memory_in_one_makes_all_climb_down(answers: Answers) -> None:
    first, second = answers[0]["climbing"], answers[1]["climbing"]
    for found in (first, second):
        assert found["rung"] == Rung("cpu", 1, 2, 64)
        assert found["took"][0] is None
        assert found["took"][1] is not None
        assert len(found["noted"]) == 1
    assert first["took"] == second["took"]
    torch.testing.assert_close(first["network"], second["network"], rtol=0, atol=0)


def test_two_processes_learn_what_one_does_with_the_doubled_batch(
    answers: Answers, request_of_two: TrainRequest, tmp_path: Path
) -> None:
    alone = replace(request_of_two, models=tmp_path, settings=replace(request_of_two.settings, batch=4))
    seen: list[events.Event] = []
    ending = fit(alone, seen.append, threading.Event())
    assert isinstance(ending, events.Done)
    assert ending.model is not None
    wanted = load_file(ending.model / WEIGHTS)
    for answer in answers:
        other = answer["fitting"]["ending"]
        assert isinstance(other, events.Done)
        assert other.model is not None
        assert other.scores is not None
        assert other.steps == 6
        assert other.scores == answers[0]["fitting"]["ending"].scores
        losses = [event.loss for event in seen if isinstance(event, events.StepDone)]
        assert answer["fitting"]["losses"] == pytest.approx(losses, rel=1e-3)
        for name, value in load_file(other.model / WEIGHTS).items():
            torch.testing.assert_close(value, wanted[name], rtol=1e-4, atol=1e-5, msg=name)
        assert ending.scores is not None
        assert other.scores.miou == pytest.approx(ending.scores.miou, abs=0.01)
    assert answers[0]["fitting"]["losses"] == answers[1]["fitting"]["losses"]


def test_only_the_first_process_writes(answers: Answers, request_of_two: TrainRequest) -> None:
    folder = answers[0]["fitting"]["ending"].model
    assert answers[1]["fitting"]["ending"].model == folder
    assert [path.name for path in request_of_two.models.iterdir() if path.is_dir()] == [folder.name]


def test_a_stop_in_one_stops_all_and_keeps_what_was_learned(answers: Answers, request_of_two: TrainRequest) -> None:
    first, second = (answer["stopping"]["ending"] for answer in answers)
    assert isinstance(first, events.Cancelled)
    assert isinstance(second, events.Cancelled)
    assert first.steps == second.steps >= 1
    assert run_folder(request_of_two.models.with_name("stopped")).is_dir()


def test_labels_come_from_the_first_process(answers: Answers, request_of_two: TrainRequest) -> None:
    fewer = [image.key for image in request_of_two.images[1:]]
    for answer in answers:
        assert isinstance(answer["relabelling"]["ending"], events.Done)
        assert answer["relabelling"]["taken"][-1] == fewer


def test_crops_are_dealt_out(images: tuple[LabelledImage, ...]) -> None:
    def drawn(size: int, part: tuple[int, int]) -> list[bytes]:
        labels = TrainingSet(images, 2, ImageCache(), part=part)
        rng = np.random.default_rng(3)
        return [crop.tobytes() for _ in range(2) for crop in labels.batch(rng, size, SIZE)[0]]

    whole = drawn(6, (0, 1))
    assert drawn(2, (0, 3)) == whole[0::3]
    assert drawn(2, (1, 3)) == whole[1::3]
    assert drawn(2, (2, 3)) == whole[2::3]


def test_norms_that_rest_are_left_alone() -> None:
    network = nn.Sequential(nn.BatchNorm2d(2), nn.Sequential(nn.BatchNorm2d(2)))
    network[0].eval()
    names = list(network.state_dict())
    sync_norms(network, ALONE)
    assert type(network[0]) is nn.BatchNorm2d
    assert isinstance(network[1][0], SyncedNorm)  # type: ignore[index]
    assert list(network.state_dict()) == names


@pytest.mark.parametrize(
    ("kind", "name", "local", "line"),
    [
        ("cuda", "auto", 1, ""),
        ("cuda", "cuda", 2, "more processes than GPUs"),
        ("cuda", "cuda:1", 0, "one device for all"),
        ("mps", "auto", 0, "MPS"),
    ],
)
def test_each_process_has_a_gpu_of_its_own(
    monkeypatch: pytest.MonkeyPatch, kind: str, name: str, local: int, line: str
) -> None:
    monkeypatch.setattr(distributed, "pick_device", lambda _: torch.device(kind))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(distributed.Ranks, "once", lambda _, work: work())
    monkeypatch.setattr(distributed.Ranks, "section", lambda _: nullcontext())
    group = distributed.Ranks(Launch(rank=local, size=3, local=local))
    if line:
        with pytest.raises(UsageError, match=line):
            group.place(name)
    else:
        assert group.place(name) == "cuda"  # of which each means its own
