"""Model cards: what a model folder says of its weights, so that loading needs no other knowledge."""

import json
import math
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from segstudio.errors import ModelError
from segstudio.storage.atomic import write_text

CARD = "card.json"
WEIGHTS = "weights.safetensors"
FORMAT = 1

_REMEDY = "Train the model again or restore its folder from a backup"


@dataclass(frozen=True, kw_only=True)
class ModelCard:
    """Everything about a model but its weights.

    Attributes:
        name: of the model, the name of its folder.
        created: ISO 8601, UTC.
        backbone: name in the registry.
        transfer: ``parameter``, ``feature`` or ``none``.
        decoder: name in the registry.
        classes: ``{"index", "name", "color"}`` of each class, in index order.
        normalisation: ``{"mean": [r, g, b], "std": [r, g, b]}`` for values in 0..1.
        settings: what it was trained with.
        labels: fingerprint of the labels, see `segstudio.core.labels.fingerprint`.
        splits: number of images by split.
        steps: optimiser steps taken.
        seconds: time trained.
        miou: validation mean IoU, None without validation.
        per_class_iou: by class index, None where a class is in neither truth nor prediction.
        parent: name of the model in use when training began, or None.
        start: what moved in with a structure transfer: a published network's name or a model's name; else empty.
        channels: of the images it takes.
        validation: keys of the images it was scored on.
        dice, accuracy, boundary: mean Dice, pixel accuracy and mean boundary F-score on the validation labels.
        per_class: ``{"iou", "dice", "accuracy", "boundary"}`` by class index, None where undefined.
        confusion: ``K`` rows of ``K + 1`` pixel counts, true by predicted class, the last column "no answer".
        interval: 90 % bootstrap interval of the mean IoU over images, ``[low, high]``; empty without.
        curve: ``{"losses": [[step, loss], ...], "rounds": [[step, seconds, mean IoU], ...]}``.
        verdict: the line of the gate that let it in.
        kept: whether a person asked to keep it.
    """

    name: str
    created: str
    backbone: str
    transfer: str
    decoder: str
    classes: list[dict[str, Any]]
    normalisation: dict[str, list[float]]
    settings: dict[str, Any] = field(default_factory=dict)
    labels: str = ""
    splits: dict[str, int] = field(default_factory=dict)
    steps: int = 0
    seconds: float = 0.0
    miou: float | None = None
    per_class_iou: list[float | None] = field(default_factory=list)
    parent: str | None = None
    start: str = ""
    channels: int = 3
    validation: list[str] = field(default_factory=list)
    dice: float | None = None
    accuracy: float | None = None
    boundary: float | None = None
    per_class: dict[str, list[float | None]] = field(default_factory=dict)
    confusion: list[list[int]] = field(default_factory=list)
    interval: list[float] = field(default_factory=list)
    curve: dict[str, list[list[float]]] = field(default_factory=dict)
    verdict: str = ""
    kept: bool = False


def write_card(folder: Path, card: ModelCard) -> None:
    """Write the card of a model into its folder, atomically; not-a-number becomes null.

    Raises:
        ProjectError: when the file cannot be written.
    """
    content = {"format": FORMAT, **asdict(card)}
    write_text(Path(folder) / CARD, json.dumps(_without_nan(content), indent=1, ensure_ascii=False, allow_nan=False))


def read_card(folder: Path) -> ModelCard:
    """Read and check the card of a model folder.

    Raises:
        ModelError: when the card is missing, damaged, or of a newer version.
    """
    path = Path(folder) / CARD
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ModelError(f"is no model, it has no {CARD}", remedy="Choose a model folder", path=Path(folder)) from error
    except OSError as error:
        raise ModelError(f"cannot be read ({error.strerror})", remedy="Allow reading it", path=path) from error
    except ValueError as error:
        raise ModelError("is damaged", remedy=_REMEDY, path=path) from error
    if not isinstance(content, dict) or not isinstance(content.get("format"), int):
        raise ModelError("is no model card", remedy=_REMEDY, path=path)
    if content["format"] > FORMAT:
        raise ModelError("was made by a newer SegStudio", remedy="Update SegStudio", path=path)
    known = {item.name: content[item.name] for item in fields(ModelCard) if item.name in content}
    try:
        card = ModelCard(**known)
    except TypeError as error:
        raise ModelError("is incomplete", remedy=_REMEDY, path=path) from error
    wrong = _wrong_entry(known)
    if wrong is not None:
        raise ModelError(f"has a wrong entry '{wrong}'", remedy=_REMEDY, path=path)
    return card


def _wrong_entry(entries: dict[str, Any]) -> str | None:
    for name in ("name", "created", "backbone", "transfer", "decoder", "labels"):
        if not isinstance(entries.get(name, ""), str):
            return name
    for name, kind in (("settings", dict), ("splits", dict), ("per_class_iou", list), ("steps", int)):
        if not isinstance(entries.get(name, kind()), kind):
            return name
    numbers = entries["normalisation"]
    if not isinstance(numbers, dict) or not all(_three_numbers(numbers.get(name)) for name in ("mean", "std")):
        return "normalisation"
    return None if _classes_are_right(entries["classes"]) else "classes"


def _three_numbers(value: object) -> bool:
    return isinstance(value, list) and len(value) == 3 and all(isinstance(v, int | float) for v in value)


def _classes_are_right(classes: object) -> bool:
    if not isinstance(classes, list) or not classes:
        return False
    return all(
        isinstance(item, dict)
        and item.get("index") == place
        and isinstance(item.get("name"), str)
        and isinstance(item.get("color"), str)
        for place, item in enumerate(classes)
    )


def _without_nan(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    return value
