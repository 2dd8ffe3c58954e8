"""Determinism holds for a block and leaves no trace."""

import os

import pytest
import torch

from segstudio.learn.device import reproducible


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
