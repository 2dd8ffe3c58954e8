"""The state of a run on disk, so that a run that was stopped goes on exactly where it stood."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from segstudio.errors import ModelError, ProjectError
from segstudio.learn.training.resumable import FORMAT, STATE, TENSORS, ResumeInfo, read_info, read_state, run_folder
from segstudio.learn.training.stepping import Snapshot
from segstudio.storage.atomic import replacing_folder, write_text

_RANDOM = "random"
_WANTED: dict[str, type | tuple[type, ...]] = {
    "crops": int,
    "rounds": int,
    "round_pixels": (int, type(None)),
    "curve": dict,
    "channels": int,
    "learning": int,
    "rung": dict,
    "batches": dict,
    "labels": str,
    "before": (str, type(None)),
    "own": (str, type(None)),
    "averaged": int,
    "lowered": float,
}


@dataclass(frozen=True, eq=False)
class StoppedRun:
    """A run as it was saved.

    Attributes:
        info: what people ask for.
        snapshot: everything that learns.
        content: the rest, as `save_run` was given it; what a run needs is there and of the right type.
        random: state of torch's generator.
    """

    info: ResumeInfo
    snapshot: Snapshot
    content: Mapping[str, Any]
    random: Tensor


def save_run(models: Path, snapshot: Snapshot, content: Mapping[str, Any]) -> None:
    """Write the state of a run, complete or not at all, in place of the one before.

    Args:
        models: folder of a project's models.
        snapshot: everything that learns.
        content: the rest, as JSON can hold it; with all that `segstudio.learn.training.resumable.read_info` wants.

    Raises:
        ProjectError: when it cannot be written; what was there before still is.
    """
    tensors = {_RANDOM: torch.get_rng_state()}
    tensors |= {f"network/{name}": value for name, value in snapshot.network.items()}
    tensors |= {f"average/{name}": value for name, value in snapshot.average.items()}
    for number, state in snapshot.optimizer.items():
        tensors |= {f"optimizer/{number}/{name}": value for name, value in state.items()}
    folder = run_folder(models)
    with replacing_folder(folder) as temporary:
        try:
            save_file({name: value.contiguous() for name, value in tensors.items()}, temporary / TENSORS)
        except SafetensorError as error:  # its word for what the disk refuses
            raise ProjectError(
                "the state of the run cannot be written", remedy="Free some space", path=folder
            ) from error
        numbers = {"format": FORMAT, "averaged": snapshot.averaged, "lowered": snapshot.lowered}
        write_text(temporary / STATE, json.dumps({**content, **numbers}))


def load_run(models: Path) -> StoppedRun:
    """Read what `save_run` wrote.

    Raises:
        ModelError: when there is none, or it is damaged or of a newer version.
    """
    folder = run_folder(models)
    content = read_state(folder)
    info = read_info(content, folder)
    damaged = ModelError("the stopped run is damaged", remedy="Train anew", path=folder)
    if any(not isinstance(content.get(name), kind) for name, kind in _WANTED.items()):
        raise damaged
    try:
        tensors = load_file(folder / TENSORS)
        parts: dict[str, dict[str, Tensor]] = {"network": {}, "average": {}, "optimizer": {}}
        random = tensors.pop(_RANDOM)
        for name, value in tensors.items():
            part, _, rest = name.partition("/")
            parts[part][rest] = value
        optimizer: dict[int, dict[str, Tensor]] = {}
        for name, value in parts["optimizer"].items():
            number, _, rest = name.partition("/")
            optimizer.setdefault(int(number), {})[rest] = value
        snapshot = Snapshot(
            parts["network"], parts["average"], int(content["averaged"]), optimizer, float(content["lowered"])
        )
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise damaged from error
    return StoppedRun(info, snapshot, content, random)
