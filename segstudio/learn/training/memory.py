"""Out of memory is a normal event: which errors mean it, and the rungs of the ladder a run climbs down."""

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import torch

from segstudio.errors import SegStudioError
from segstudio.learn.networks.network import STRIDE
from segstudio.learn.request import TrainSettings
from segstudio.storage.atomic import write_text

_log = logging.getLogger(__name__)
_FILE = ".memory.json"
_REMEMBERED = timedelta(days=7)
_SMALLEST_CROP = 2 * STRIDE
_NO_MEMORY = (
    "out of memory",
    "can't allocate memory",
    "not enough memory",
    "cannot allocate memory",
    "alloc_failed",
    "bad_alloc",
    "insufficient memory",
)
_DEVICE_LOST = (
    "cuda error",
    "cuda driver error",
    "cudnn error",
    "cudnn_status",
    "cublas_status",
    "device-side assert",
    "unspecified launch failure",
    "no cuda gpus are available",
    "command buffer",
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a device, or the machine, had too little memory: of CUDA, MPS, torch on a CPU, or numpy."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error).lower() for words in _NO_MEMORY)


def is_device_lost(error: BaseException) -> bool:
    """Whether the device itself fails, so that nothing computed on it can be used or fetched any more."""
    if is_out_of_memory(error) or not isinstance(error, RuntimeError):
        return False
    return any(words in str(error).lower() for words in _DEVICE_LOST)


@dataclass(frozen=True, slots=True)
class Rung:
    """How much a step asks of the memory.

    Attributes:
        device: ``cpu``, ``cuda:0`` or ``mps``.
        batch: crops at once.
        accumulation: batches whose gradients make one step.
        crop: side of a crop in pixels.
    """

    device: str
    batch: int
    accumulation: int
    crop: int

    def __str__(self) -> str:
        times = f" {self.accumulation} times," if self.accumulation > 1 else ""
        return f"{self.batch} crops at once,{times} of {self.crop} pixels, on {self.device}"


def lower(rung: Rung, top: Rung, *, smallest_batch: int) -> Rung | None:
    """The next rung down, None at the bottom.

    Batches halve while twice as many of them make a step; then crops halve; then it is the CPU's turn, from the top,
    since its memory is another one.

    Args:
        rung: that asked too much.
        top: what the settings ask for.
        smallest_batch: that the decoder can learn from.
    """
    if rung.batch // 2 >= smallest_batch:
        return replace(rung, batch=rung.batch // 2, accumulation=rung.accumulation * 2)
    crop = rung.crop // 2 // STRIDE * STRIDE
    if crop >= _SMALLEST_CROP:
        return replace(rung, crop=crop)
    return None if rung.device == "cpu" else on_cpu(top)


def on_cpu(top: Rung) -> Rung:
    """What the settings ask for, on the CPU."""
    return replace(top, device="cpu")


def free(device: torch.device) -> None:
    """Give memory that nobody uses back to the device."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()


def remember(models: Path, settings: TrainSettings, top: Rung, rung: Rung) -> None:
    """Keep the rung at which a run found enough memory, for the next run like it on that device.

    Args:
        models: folder of a project's models, where it is written.
        settings: of the run.
        top, rung: where it began, and where it is now.
    """
    content = _read(models)
    content[_key(settings, top)] = {**asdict(rung), "when": datetime.now(UTC).isoformat(timespec="seconds")}
    try:
        write_text(models / _FILE, json.dumps(content, indent=1))
    except SegStudioError as error:  # the next run finds out by itself
        _log.warning("%s", error)


def recall(models: Path, settings: TrainSettings, top: Rung) -> Rung:
    """The rung to start at: that of the last run like this one, or `top`.

    It is forgotten after a week, so that a machine with more memory, or with fewer programs open, is noticed.
    """
    found = _read(models).get(_key(settings, top))
    try:
        if not isinstance(found, dict) or datetime.now(UTC) - datetime.fromisoformat(found["when"]) > _REMEMBERED:
            return top
        rung = Rung(str(found["device"]), int(found["batch"]), int(found["accumulation"]), int(found["crop"]))
    except (KeyError, TypeError, ValueError):
        return top
    sane = 1 <= rung.batch <= top.batch and _SMALLEST_CROP <= rung.crop <= top.crop and rung.accumulation >= 1
    return rung if sane and rung.crop % STRIDE == 0 and rung.device in (top.device, "cpu") else top


def _key(settings: TrainSettings, top: Rung) -> str:
    network = f"{settings.backbone} {settings.start or settings.decoder} {settings.transfer}"
    return f"{top.device}, {network}, {top.batch} x {top.accumulation} x {top.crop}"


def _read(models: Path) -> dict[str, Mapping[str, object]]:
    try:
        content = json.loads((models / _FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
