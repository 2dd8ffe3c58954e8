"""Determinism holds for a block and leaves no trace; half precision comes where it is faster."""

import os

import pytest
import torch
from torch import nn

from segstudio.learn import device as devices
from segstudio.learn.device import mixed_precision, reproducible


def switches() -> tuple[object, ...]:
    cudnn = torch.backends.cudnn
    return (
        torch.are_deterministic_algorithms_enabled(),
        cudnn.deterministic,
        cudnn.benchmark,
        os.environ.get("CUBLAS_WORKSPACE_CONFIG"),
    )


def test_switches_are_as_before_whatever_happens() -> None:
    before = switches()
    inside: list[tuple[object, ...]] = []

    def fail() -> None:
        with reproducible(True):
            inside.append(switches())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert inside == [(True, True, False, ":4096:8")]
    assert switches() == before


def test_a_workspace_that_was_chosen_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":16:8")
    with reproducible(True):
        assert switches()[-1] == ":16:8"
    assert switches()[-1] == ":16:8"


def test_not_wanted_nothing_changes() -> None:
    before = switches()
    with reproducible(False):
        assert switches() == before


CPU = torch.device("cpu")


@pytest.fixture
def matrix_unit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A CPU that multiplies matrices of bfloat16 in hardware; the numbers are the same on one that does not."""
    monkeypatch.setattr(devices, "_multiplies_halves", lambda: True)


@pytest.mark.usefixtures("matrix_unit")
def test_a_cpu_with_a_matrix_unit_convolves_in_halves_but_for_single_channels() -> None:
    images = torch.rand(1, 4, 8, 8)
    dense, strided = nn.Conv2d(4, 6, 3), nn.Conv2d(6, 6, 3, groups=6, stride=2)
    with mixed_precision(CPU):
        half = dense(images)
        whole = strided(half)
        also = nn.functional.conv2d(half, strided.weight, groups=6)
    assert (half.dtype, whole.dtype, also.dtype) == (torch.bfloat16, torch.float32, torch.float32)
    whole.sum().backward()
    assert dense.weight.grad is not None
    assert dense.weight.grad.dtype == torch.float32
    assert dense(images).dtype == torch.float32


@pytest.mark.usefixtures("matrix_unit")
def test_repeatable_numbers_are_whole_ones() -> None:
    with reproducible(True), mixed_precision(CPU):
        assert nn.Conv2d(4, 6, 3)(torch.rand(1, 4, 8, 8)).dtype == torch.float32


def test_a_cpu_without_one_keeps_whole_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    devices._multiplies_halves.cache_clear()
    try:
        with mixed_precision(CPU):
            assert nn.Conv2d(4, 6, 3)(torch.rand(1, 4, 8, 8)).dtype == torch.float32
    finally:
        devices._multiplies_halves.cache_clear()
