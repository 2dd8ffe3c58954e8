"""Which device computes, and in which precision."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from segstudio.errors import UsageError

_WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"


def pick_device(name: str) -> torch.device:
    """The device of that name; ``auto`` takes the fastest there is.

    Args:
        name: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.

    Raises:
        UsageError: when the name is unknown or this machine has no such device.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda", torch.cuda.current_device())
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    remedy = "Choose auto or cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UsageError(f"there is no device '{name}'", remedy=remedy) from error
    if device.type == "cpu":
        return torch.device("cpu")
    if device.type == "cuda" and torch.cuda.is_available():
        index = torch.cuda.current_device() if device.index is None else device.index
        if index < torch.cuda.device_count():
            return torch.device("cuda", index)
    if device.type == "mps" and torch.backends.mps.is_available():
        return device
    raise UsageError(f"this machine has no device '{name}'", remedy=remedy)


def mixed_precision(device: torch.device) -> AbstractContextManager[object]:
    """Half precision where it is faster: bfloat16, whose range needs no loss scaling; elsewhere float32.

    Faster it is on CUDA, and on a CPU that multiplies matrices of bfloat16 in hardware; there only as long as nobody
    asked for repeatable numbers, which float32 keeps alike on other CPUs too.
    """
    if device.type == "cuda" and torch.cuda.is_bf16_supported():
        return torch.autocast("cuda", torch.bfloat16)
    if device.type == "cpu" and _multiplies_halves() and not torch.are_deterministic_algorithms_enabled():
        return _halves_on_cpu()
    return nullcontext()


@cache
def _multiplies_halves() -> bool:
    """Whether the CPU has a unit for matrices of bfloat16: without one, they are slower than float32."""
    return bool(torch.cpu.get_capabilities().get("amx_bf16"))


@contextmanager
def _halves_on_cpu() -> Iterator[None]:
    with torch.autocast("cpu", torch.bfloat16), _WholeDepthwise():
        yield


class _WholeDepthwise(TorchFunctionMode):
    """Convolves channel by channel in float32 where that is to be learnt from: its gradients in bfloat16 are slow."""

    def __torch_function__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        named = kwargs or {}
        if func is not torch.conv2d or not _learns_by_channel(args, named):
            return func(*args, **named)
        whole: list[Any] = [arg.float() if isinstance(arg, torch.Tensor) else arg for arg in args]
        with torch.autocast("cpu", enabled=False):
            return torch.conv2d(*whole, **named)


def _learns_by_channel(args: Sequence[Any], named: Mapping[str, Any]) -> bool:
    """Whether a call of `torch.conv2d` is in groups, and gradients of its image or kernel are wanted."""
    groups = args[6] if len(args) > 6 else named.get("groups", 1)
    return groups > 1 and torch.is_grad_enabled() and any(arg.requires_grad for arg in args[:2])


@contextmanager
def reproducible(wanted: bool) -> Iterator[None]:
    """Within the block, torch computes the same bits from the same numbers, at whatever cost; afterwards as before.

    The switches are those of the whole process: a prediction that runs meanwhile computes so too.

    Args:
        wanted: False changes nothing.

    Source: "Reproducibility", pytorch.org/docs/stable/notes/randomness.html.
    """
    if not wanted:
        yield
        return
    cudnn = torch.backends.cudnn
    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    flags = cudnn.deterministic, cudnn.benchmark
    workspace = os.environ.get(_WORKSPACE)
    os.environ.setdefault(_WORKSPACE, ":4096:8")  # what cuBLAS wants for it
    torch.use_deterministic_algorithms(True)
    cudnn.deterministic, cudnn.benchmark = True, False
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])
        cudnn.deterministic, cudnn.benchmark = flags
        if workspace is None:
            os.environ.pop(_WORKSPACE, None)
