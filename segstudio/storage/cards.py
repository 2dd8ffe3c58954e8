"""Model cards: what a model folder says of its weights, so that loading needs no other knowledge."""

import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from segstudio.core.metrics import Scores
from segstudio.errors import ModelError
from segstudio.storage.atomic import write_text

CARD = "card.json"
WEIGHTS = "weights.safetensors"
FORMAT = 1

_REMEDY = "Train the model again or restore its folder from a backup"
Right = Callable[[object], bool]


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
    except (ValueError, RecursionError) as error:
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


def card_scores(scores: Scores | None) -> dict[str, Any]:
    """The entries of a card that hold scores, to be given to `ModelCard` by name; none without scores."""
    if scores is None:
        return {}
    return {
        "miou": scores.miou,
        "per_class_iou": list(scores.per_class_iou),
        "dice": scores.dice,
        "accuracy": scores.pixel_accuracy,
        "boundary": scores.boundary,
        "per_class": {
            "iou": list(scores.per_class_iou),
            "dice": list(scores.per_class_dice),
            "accuracy": list(scores.per_class_accuracy),
            "boundary": list(scores.per_class_boundary),
        },
        "confusion": [list(row) for row in scores.confusion],
        "interval": [] if scores.interval is None else list(scores.interval),
    }


def _wrong_entry(entries: dict[str, Any]) -> str | None:
    """The first entry that is of another kind than it should be; None when all is well."""
    for name, right in _RIGHT.items():
        if name in entries and not right(entries[name]):
            return name
    return None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _or_none(right: Right) -> Right:
    return lambda value: value is None or right(value)


def _list_of(right: Right) -> Right:
    return lambda value: isinstance(value, list) and all(right(item) for item in value)


def _by_name(right: Right) -> Right:
    return lambda value: isinstance(value, dict) and all(right(item) for item in value.values())


def _is_normalisation(value: object) -> bool:
    if not isinstance(value, dict):
        return False
    mean, std = value.get("mean"), value.get("std")
    numbers = _list_of(_is_number)
    return (
        isinstance(mean, list)
        and isinstance(std, list)
        and numbers(mean)
        and numbers(std)
        and 0 < len(mean) == len(std)
        and all(map(math.isfinite, mean))
        and all(0 < value < math.inf for value in std)  # it divides
    )


def _are_classes(classes: object) -> bool:
    if not isinstance(classes, list) or not classes:
        return False
    return all(
        isinstance(item, dict)
        and item.get("index") == place
        and isinstance(item.get("name"), str)
        and isinstance(item.get("color"), str)
        for place, item in enumerate(classes)
    )


_maybe_number = _or_none(_is_number)
_RIGHT: dict[str, Right] = {
    **dict.fromkeys(("name", "created", "backbone", "transfer", "decoder", "labels", "start", "verdict"), _is_text),
    "settings": _by_name(lambda _: True),
    "splits": _by_name(_is_count),
    "steps": _is_count,
    "seconds": _is_number,
    **dict.fromkeys(("miou", "dice", "accuracy", "boundary"), _maybe_number),
    "per_class_iou": _list_of(_maybe_number),
    "parent": _or_none(_is_text),
    "channels": lambda value: _is_count(value) and value != 0,
    "validation": _list_of(_is_text),
    "per_class": _by_name(_list_of(_maybe_number)),
    "confusion": _list_of(_list_of(_is_count)),
    "interval": lambda value: _list_of(_is_number)(value) and len(value) in (0, 2),  # type: ignore[arg-type]
    "curve": _by_name(_list_of(_list_of(_maybe_number))),
    "kept": lambda value: isinstance(value, bool),
    "normalisation": _is_normalisation,
    "classes": _are_classes,
}


def _without_nan(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    return value
