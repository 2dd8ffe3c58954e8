"""Figures: one way of writing them."""

import numpy as np
import pytest

from segstudio.core.classes import VOID, ClassTable
from segstudio.core.document import Document
from segstudio.core.figures import about, changed, pixels
from segstudio.core.geometry import Rect
from segstudio.core.history import Patch, Piece, uniform


@pytest.mark.parametrize(("count", "text"), [(0, "0 px"), (393, "393 px"), (1_234_567, "1,234,567 px")])
def test_pixels(count: int, text: str) -> None:
    assert pixels(count) == text


def test_about() -> None:
    assert about(12_345_678) == "about 12.3 Mpx"
    assert about(2.5e9) == "about 2,500.0 Mpx"


def test_only_pixels_that_changed_count() -> None:
    document = Document(np.full((600, 600), VOID, np.uint8), ClassTable.of(["a", "b"]))
    document.annotation[:10] = 1
    gesture = document.begin("Rectangle")
    gesture.fill(Rect(0, 0, 300, 20), np.ones((20, 300), np.bool_), 1)
    patch = gesture.finish()
    assert patch is not None
    assert changed(patch) == "3,000 px"
    patch.pack()
    assert changed(patch) == "3,000 px"


def test_a_huge_patch_is_not_looked_into() -> None:
    side = 4096
    piece = Piece(Rect(0, 0, side, side), uniform(0, (side, side)), uniform(1, (side, side)))
    assert changed(Patch("annotation", "Fill", [piece])) == "about 16.8 Mpx"
