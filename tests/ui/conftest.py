"""What the tests of widgets share."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication

from segstudio.storage.project import ImageRecord, ModelRecord
from segstudio.ui.theme import Tokens, apply_theme


@pytest.fixture
def tokens(qapp: QApplication) -> Tokens:
    return apply_theme(qapp, "dark")


@pytest.fixture
def record() -> Callable[..., ImageRecord]:
    """Makes image records; ``state`` says which."""

    def make(key: str, state: str = "unlabelled") -> ImageRecord:
        labelled = 12 if state == "in progress" else 0
        return ImageRecord(
            key=key,
            path=Path(f"/images/{key}.png"),
            width=640,
            height=480,
            split="train" if labelled else None,
            labelled_pixels=labelled,
            reviewed=state == "reviewed",
            proposed=state == "proposed",
            revision=0,
        )

    return make


@pytest.fixture
def model_record() -> Callable[..., ModelRecord]:
    def make(name: str, miou: float | None, *, in_use: bool = False) -> ModelRecord:
        card = {"miou": miou, "backbone": "efficientnet_lite0", "transfer": "parameter", "decoder": "fpn"}
        return ModelRecord(name=name, folder=Path("/models") / name, card=card, in_use=in_use)

    return make
