"""A model card as lines for people; command line and window show the same."""

from collections.abc import Mapping
from typing import Any

from segstudio.storage.cards import ModelCard

# Told on lines of their own, or choices that follow from others.
_ELSEWHERE = frozenset({"backbone", "transfer", "decoder", "start", "decoder_options"})


def describe(card: ModelCard, defaults: Mapping[str, Any] | None = None) -> list[str]:
    """What a card says, one fact a line, each ``Name: value``.

    Args:
        card: of the model.
        defaults: settings as they are unless somebody changes them, nested as in ``card.settings``; only what differs
            is told. None tells all of them.
    """
    parts = [card.backbone, card.transfer + " transfer", card.decoder + " decoder"]
    if card.start:
        parts.append(f"from {card.start}")
    if card.channels != 3:
        parts.append("1 channel" if card.channels == 1 else f"{card.channels} channels")
    lines = [
        f"Model: {card.name}",
        f"Made: {card.created or 'unknown'}",
        f"Network: {', '.join(parts)}",
        f"Classes: {', '.join(str(item['name']) for item in card.classes)}",
        f"Parent: {card.parent or 'none'}",
        f"Labels: {_labels(card)}",
        f"Settings: {_settings(card, defaults)}",
        f"Trained: {card.steps} steps, {card.seconds / 60:.1f} minutes",
    ]
    if curve := _curve(card.curve):
        lines.append(f"Curve: {curve}")
    lines.append(f"Scores: {_scores(card)}")
    lines += _by_class(card)
    if card.verdict:
        lines.append(f"Verdict: {card.verdict}")
    return lines


def _labels(card: ModelCard) -> str:
    train, validation = (card.splits.get(split, 0) for split in ("train", "validation"))
    counts = f"{train} images train, {validation} validate"
    return f"{counts}, fingerprint {card.labels}" if card.labels else counts


def _settings(card: ModelCard, defaults: Mapping[str, Any] | None) -> str:
    usual = _flat(defaults or {})
    changed = [
        f"{name} {_value(value)}"
        for name, value in _flat(card.settings).items()
        if name.partition(".")[0] not in _ELSEWHERE and (name not in usual or usual[name] != value)
    ]
    return ", ".join(changed) or "the defaults"


def _flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{prefix}{name}.")
        else:
            found[prefix + name] = list(value) if isinstance(value, tuple) else value
    return found


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _curve(curve: Mapping[str, list[list[float]]]) -> str:
    """First and last loss, first and best score; a card may hold points without numbers."""
    parts = []
    losses = [point for point in curve.get("losses", []) if len(point) == 2 and None not in point]
    if losses:
        parts.append(f"loss {losses[0][1]:.3f} to {losses[-1][1]:.3f}")
    rounds = [point for point in curve.get("rounds", []) if len(point) == 3 and None not in point]
    if rounds:
        step, seconds, best = max(rounds, key=lambda point: point[2])
        first = f"mean IoU {rounds[0][2]:.3f} at first"
        parts.append(f"{first}, {best:.3f} at best (step {step:.0f}, {seconds / 60:.1f} minutes)")
    return ", ".join(parts)


def _scores(card: ModelCard) -> str:
    if card.miou is None:
        return "none, nothing validated"
    span = f" ({card.interval[0]:.3f} to {card.interval[1]:.3f})" if len(card.interval) == 2 else ""
    parts = [f"mean IoU {card.miou:.3f}{span}"]
    for name, value in (("Dice", card.dice), ("accuracy", card.accuracy), ("boundary F", card.boundary)):
        if value is not None:
            parts.append(f"{name} {value:.3f}")
    return ", ".join(parts)


def _by_class(card: ModelCard) -> list[str]:
    columns = dict(card.per_class) or {"iou": card.per_class_iou}
    titles = (("iou", "IoU"), ("dice", "Dice"), ("accuracy", "accuracy"), ("boundary", "boundary F"))
    lines = []
    for place, item in enumerate(card.classes):
        values = [(title, columns[key][place]) for key, title in titles if place < len(columns.get(key, []))]
        known = [f"{title} {value:.3f}" for title, value in values if value is not None]
        if known:
            lines.append(f"Class {item['name']}: {', '.join(known)}")
    return lines
