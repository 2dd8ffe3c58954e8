"""What predictions do when a device has too little memory or fails: smaller tiles, then the CPU."""

import copy
import logging
import threading
from weakref import WeakKeyDictionary

import torch
from torch import nn

from segstudio.errors import ModelError
from segstudio.learn.networks.network import STRIDE, SegmentationNetwork
from segstudio.learn.training.memory import free, is_device_lost, is_out_of_memory

_log = logging.getLogger(__name__)
SMALLEST_TILE = 256
_GIVEN_UP = 0  # in place of a tile's side: nothing fits, or the device failed


class Ceilings:
    """The largest tiles that devices have had memory for; thread-safe."""

    def __init__(self) -> None:
        self._sides: dict[str, int] = {}
        self._lock = threading.Lock()

    def side(self, device: torch.device) -> int | None:
        """Side of the square whose area a tile may have; None as long as nothing was too large."""
        with self._lock:
            return self._sides.get(str(device)) or None

    def given_up(self, device: torch.device) -> bool:
        """Whether the device is left alone."""
        with self._lock:
            return self._sides.get(str(device)) == _GIVEN_UP

    def lower(self, device: torch.device, area: int, error: BaseException) -> None:
        """Take in that a tile of so many pixels did not work; told in one line.

        Raises:
            ModelError: nothing smaller is left to try.
            BaseException: `error`, when it is of another kind.
        """
        if is_device_lost(error) and device.type != "cpu":
            reason, side = f"{device} failed ({_first_line(error)})", _GIVEN_UP
        elif is_out_of_memory(error):
            reason, side = f"{device} has too little memory", self._half(area)
        else:
            raise error
        if not side and device.type == "cpu":
            raise ModelError(
                "needs more memory than this machine has left",
                remedy="Close other programs, or train a smaller decoder",
            ) from error
        with self._lock:
            before = self._sides.get(str(device))
            if before is not None and before <= side:
                return  # another thread found out first
            self._sides[str(device)] = side
        what = f"in tiles of {side} x {side} pixels" if side else "on the CPU"
        _log.warning("%s: predicting %s from now on.", reason, what)

    @staticmethod
    def _half(area: int) -> int:
        if area <= SMALLEST_TILE**2:
            return _GIVEN_UP
        return max(SMALLEST_TILE, int(area**0.5) // 2 // STRIDE * STRIDE)


CEILINGS = Ceilings()  # of this process: what one prediction found out, the next one need not


class Spares:
    """Copies on the CPU of networks elsewhere, since nothing can be fetched from a device that has failed."""

    def __init__(self) -> None:
        self._kept: WeakKeyDictionary[nn.Module, tuple[tuple[int, ...], SegmentationNetwork]] = WeakKeyDictionary()
        self._lock = threading.Lock()

    def of(self, network: SegmentationNetwork) -> SegmentationNetwork:
        """The copy of a network, made anew when its weights have changed since."""
        tensors = [*network.parameters(), *network.buffers()]
        versions = tuple(0 if tensor.is_inference() else tensor._version for tensor in tensors)
        with self._lock:
            kept = self._kept.get(network)
            if kept is None or kept[0] != versions:
                kept = versions, _copied(network)
                self._kept[network] = kept
            return kept[1]


SPARES = Spares()


def _copied(network: SegmentationNetwork) -> SegmentationNetwork:
    # What `deepcopy` finds in the memo it does not copy, so that the device needs no memory for it.
    memo: dict[int, object] = {}
    for parameter in network.parameters():
        memo[id(parameter)] = nn.Parameter(_fetched(parameter), requires_grad=parameter.requires_grad)
    for buffer in network.buffers():
        memo[id(buffer)] = _fetched(buffer)
    return copy.deepcopy(network, memo).eval()


def _fetched(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.detach().to("cpu", copy=True)


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0].rstrip(". ")


def release(device: torch.device) -> None:
    """Give memory that nobody uses back to a device, when it still answers."""
    try:
        free(device)
    except RuntimeError as error:
        if not is_device_lost(error):
            raise
