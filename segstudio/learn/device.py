"""Which device computes, and in which precision."""

from contextlib import AbstractContextManager, nullcontext

import torch

from segstudio.errors import UsageError


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
    """Half precision where it is faster: bfloat16 on CUDA, whose range needs no loss scaling; elsewhere float32."""
    if device.type == "cuda" and torch.cuda.is_bf16_supported():
        return torch.autocast("cuda", torch.bfloat16)
    return nullcontext()
