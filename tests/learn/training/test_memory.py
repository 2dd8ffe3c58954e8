"""Which errors mean too little memory, and how long a rung is remembered."""

import json
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from segstudio.learn.request import TrainSettings
from segstudio.learn.training.memory import Rung, is_device_lost, is_out_of_memory, lower, recall, remember

TOP = Rung("cuda:0", 8, 1, 256)
ASKED = TrainSettings()


@pytest.mark.parametrize(
    ("error", "memory", "lost"),
    [
        (torch.OutOfMemoryError("CUDA out of memory."), True, False),
        (RuntimeError("MPS backend out of memory"), True, False),
        (RuntimeError("CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate"), True, False),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), True, False),
        (MemoryError("Unable to allocate 3 GiB"), True, False),
        (RuntimeError("CUDA error: unspecified launch failure"), False, True),
        (RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"), False, True),
        (RuntimeError("size mismatch"), False, False),
        (ValueError("out of memory"), False, False),
    ],
)
def test_errors_are_told_apart(error: BaseException, memory: bool, lost: bool) -> None:
    assert (is_out_of_memory(error), is_device_lost(error)) == (memory, lost)


@settings(max_examples=50, deadline=None)
@given(
    batch=st.integers(1, 64),
    crop=st.integers(2, 40).map(lambda n: 32 * n),
    smallest=st.integers(1, 2),
    device=st.sampled_from(["cpu", "cuda:1", "mps"]),
)
def test_the_ladder_ends_and_every_rung_asks_for_less(batch: int, crop: int, smallest: int, device: str) -> None:
    top = rung = Rung(device, max(batch, smallest), 1, crop)
    for _ in range(40):
        below = lower(rung, top, smallest_batch=smallest)
        if below is None:
            break
        if below.device == rung.device:
            assert below.batch * below.crop**2 < rung.batch * rung.crop**2
        else:
            assert below == Rung("cpu", top.batch, 1, crop)
        assert below.batch >= smallest
        assert below.crop >= 64
        assert below.crop % 32 == 0
        if below.device == rung.device and below.crop == rung.crop:
            assert rung.batch * rung.accumulation - below.batch * below.accumulation < rung.accumulation * 2
        rung = below
    assert rung.device == "cpu"
    assert below is None


def test_what_is_remembered_comes_back_for_a_week(tmp_path: Path) -> None:
    rung = Rung("cuda:0", 2, 4, 128)
    assert recall(tmp_path, ASKED, TOP) == TOP
    remember(tmp_path, ASKED, TOP, rung)
    assert recall(tmp_path, ASKED, TOP) == rung
    assert recall(tmp_path, TrainSettings(backbone="resnet18"), TOP) == TOP
    (file,) = tmp_path.iterdir()
    content = json.loads(file.read_text())
    for entry in content.values():
        entry["when"] = "2020-01-01T00:00:00+00:00"
    file.write_text(json.dumps(content))
    assert recall(tmp_path, ASKED, TOP) == TOP


@pytest.mark.parametrize(
    "change",
    [{"batch": 0}, {"batch": 99}, {"crop": 50}, {"crop": 512}, {"when": "soon"}, {"when": None}, {"device": "cuda:7"}],
)
def test_nonsense_is_not_recalled(tmp_path: Path, change: dict[str, object]) -> None:
    remember(tmp_path, ASKED, TOP, Rung("cuda:0", 2, 4, 128))
    (file,) = tmp_path.iterdir()
    content = {key: {**entry, **change} for key, entry in json.loads(file.read_text()).items()}
    file.write_text(json.dumps(content))
    assert recall(tmp_path, ASKED, TOP) == TOP


def test_damage_is_no_memory(tmp_path: Path) -> None:
    remember(tmp_path, ASKED, TOP, Rung("cpu", 8, 1, 256))
    (file,) = tmp_path.iterdir()
    for text in ("{", "[]", "3", '{"a": 1}'):
        file.write_text(text)
        assert recall(tmp_path, ASKED, TOP) == TOP


def test_a_folder_that_cannot_be_written_does_not_matter(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    remember(tmp_path / "file", ASKED, TOP, Rung("cpu", 8, 1, 256))
    assert recall(tmp_path / "file", ASKED, TOP) == TOP
    assert (tmp_path / "file").read_text() == ""
