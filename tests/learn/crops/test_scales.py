"""Crop sizes follow the images."""

from pathlib import Path

import numpy as np
import pytest

from segstudio.core.arrays import U8
from segstudio.core.labels import LabelledImage
from segstudio.learn.crops.scales import suggest_crop


def labelled(annotation: U8, key: str = "a") -> LabelledImage:
    return LabelledImage.pack(key=key, path=Path(f"{key}.png"), split="train", revision=1, annotation=annotation)


@pytest.mark.parametrize(
    ("shapes", "expected"),
    [([(1000, 1400)], 256), ([(100, 80)], 128), ([(20, 30), (10, 10)], 64), ([(90, 90), (300, 20)], 256), ([], 256)],
)
def test_the_crop_follows_the_images(shapes: list[tuple[int, int]], expected: int) -> None:
    assert suggest_crop([labelled(np.zeros(shape, np.uint8)) for shape in shapes]) == expected
