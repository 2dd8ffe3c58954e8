"""Whether a run was stopped that can go on; free of torch, so that window and command line may ask at once."""

import json
import logging
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from pathlib import Path
from typing import Any

from segstudio.core.augmentation import Augmentation
from segstudio.errors import ModelError, UsageError
from segstudio.learn.request import LossSettings, Optimisation, TrainSettings
from segstudio.learn.training.curve import Curve

_log = logging.getLogger(__name__)
STATE = "run.json"
TENSORS = "run.safetensors"
FORMAT = 1
_REMEDY = "Train anew"
_PARTS = {"optimisation": Optimisation, "loss": LossSettings, "augmentation": Augmentation}


@dataclass(frozen=True, slots=True)
class ResumeInfo:
    """A run that was stopped, or cut off, and can go on.

    Attributes:
        steps, seconds: it has taken.
        when: its state was saved.
        settings: its own.
        classes: names, in index order.
        curve: of its steps so far, as `Curve.data` gives it.
    """

    steps: int
    seconds: float
    when: datetime
    settings: TrainSettings
    classes: tuple[str, ...]
    curve: Mapping[str, list[list[float]]] = field(default_factory=dict, hash=False)


def run_folder(models: Path) -> Path:
    """Where the state of a project's last run lies, when there is one."""
    return models / ".run"


def resumable(models: Path) -> ResumeInfo | None:
    """What run could go on, None when there is none or its state is damaged.

    Args:
        models: folder of a project's models.
    """
    folder = run_folder(models)
    if not (folder / STATE).is_file() or not (folder / TENSORS).is_file():
        return None
    try:
        return read_info(read_state(folder), folder)
    except ModelError as error:
        _log.warning("%s", error)
        return None


def forget_run(models: Path) -> None:
    """Remove the state of a run, if there is one."""
    shutil.rmtree(run_folder(models), ignore_errors=True)


def read_state(folder: Path) -> dict[str, Any]:
    """What a run's state says besides its tensors.

    Raises:
        ModelError: when it is missing, damaged or of a newer version.
    """
    path = folder / STATE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError("the stopped run cannot be read", remedy=_REMEDY, path=path) from error
    if not isinstance(content, dict) or not isinstance(content.get("format"), int):
        raise ModelError("is no stopped run", remedy=_REMEDY, path=path)
    if content["format"] > FORMAT:
        raise ModelError("was stopped by a newer SegStudio", remedy="Update SegStudio", path=path)
    return content


def read_info(content: Mapping[str, Any], folder: Path) -> ResumeInfo:
    """The part of a run's state that people ask for.

    Raises:
        ModelError: when something of it is missing or makes no sense.
    """
    curve = Curve()
    try:
        if "curve" in content:
            curve.restore(content["curve"])
        return ResumeInfo(
            steps=int(content["steps"]),
            seconds=float(content["seconds"]),
            when=datetime.fromisoformat(content["when"]),
            settings=settings_from(content["settings"]),
            classes=tuple(str(name) for name in content["classes"]),
            curve=curve.data(),
        )
    except (AttributeError, KeyError, TypeError, ValueError, UsageError) as error:
        raise ModelError("the stopped run is damaged", remedy=_REMEDY, path=folder / STATE) from error


def settings_from(content: Mapping[str, Any]) -> TrainSettings:
    """Settings as `dataclasses.asdict` and JSON left them; what is missing has its default.

    Raises:
        ValueError, TypeError: when an entry is unknown or of another type.
        UsageError: a strength of an augmentation is out of its range.
    """
    parts = {name: _build(kind, content[name]) for name, kind in _PARTS.items()}
    settings: TrainSettings = _build(TrainSettings, {**content, **parts})
    return settings


def _build(kind: Any, content: Mapping[str, Any]) -> Any:
    if not isinstance(content, Mapping):
        raise TypeError(f"no {kind.__name__}")
    defaults = kind()
    known = {field.name for field in fields(kind)}
    values = {}
    for name, value in content.items():
        if name not in known:
            raise ValueError(f"{name} is unknown")
        default = getattr(defaults, name)
        values[name] = tuple(value) if isinstance(default, tuple) else value
        wanted = (int, float) if isinstance(default, float) else (type(default),)
        if value is not None and default is not None and not isinstance(values[name], wanted):
            raise TypeError(f"{name} is no {type(default).__name__}")
    return kind(**values)
