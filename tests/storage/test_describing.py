"""What a person reads of a model card."""

from dataclasses import replace
from typing import Any

from segstudio.storage.cards import ModelCard
from segstudio.storage.describing import describe

CARD = ModelCard(
    name="m2",
    created="2030-05-01T10:00:00+00:00",
    backbone="resnet18",
    transfer="structure",
    decoder="fpn",
    classes=[{"index": 0, "name": "ground", "color": "#112233"}, {"index": 1, "name": "blob", "color": "#445566"}],
    normalisation={"mean": [0.5] * 4, "std": [0.5] * 4},
    settings={"seed": 3, "crop": 256, "minutes": 3.0, "decoder": "fpn", "loss": {"kind": "ce", "balance": 0.5}},
    labels="0123456789abcdef",
    splits={"train": 4, "validation": 3},
    steps=120,
    seconds=90.0,
    miou=0.75,
    dice=0.8,
    boundary=None,
    per_class={"iou": [0.5, None], "dice": [0.6, None], "accuracy": [0.7, None], "boundary": []},
    interval=[0.7, 0.8],
    curve={"losses": [[1.0, 2.0], [100.0, 0.5]], "rounds": [[10, 6.0, 0.3], [60, 48.0, 0.8], [120, 90.0, 0.75]]},
    parent="m1",
    start="m0",
    channels=4,
    verdict="Promoted: because.",
)
DEFAULTS: dict[str, Any] = {"seed": 0, "crop": None, "minutes": 3.0, "loss": {"kind": "ce", "balance": 0.0}}


def test_every_fact_has_a_line() -> None:
    assert describe(CARD, DEFAULTS) == [
        "Model: m2",
        "Made: 2030-05-01T10:00:00+00:00",
        "Network: resnet18, structure transfer, fpn decoder, from m0, 4 channels",
        "Classes: ground, blob",
        "Parent: m1",
        "Labels: 4 images train, 3 validate, fingerprint 0123456789abcdef",
        "Settings: seed 3, crop 256, loss.balance 0.5",
        "Trained: 120 steps, 1.5 minutes",
        "Curve: loss 2.000 to 0.500, mean IoU 0.300 at first, 0.800 at best (step 60, 0.8 minutes)",
        "Scores: mean IoU 0.750 (0.700 to 0.800), Dice 0.800",
        "Class ground: IoU 0.500, Dice 0.600, accuracy 0.700",
        "Verdict: Promoted: because.",
    ]


def test_a_card_that_knows_little_says_little() -> None:
    card = ModelCard(
        name="m",
        created="",
        backbone="b",
        transfer="feature",
        decoder="fpn",
        classes=CARD.classes,
        normalisation=CARD.normalisation,
        per_class_iou=[0.5, None],
    )
    lines = describe(card)
    assert "Scores: none, nothing validated" in lines
    assert "Settings: the defaults" in lines
    assert "Class ground: IoU 0.500" in lines
    assert not any(line.startswith(("Curve", "Verdict")) for line in lines)


def test_points_without_numbers_are_passed_over() -> None:
    curve: Any = {"losses": [[1, None], [2, 0.5]], "rounds": [[1, 2, None]]}
    assert "Curve: loss 0.500 to 0.500" in describe(replace(CARD, curve=curve))
