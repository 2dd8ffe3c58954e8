"""Crop sizes follow the images; widths are those of the things that are labelled."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from segstudio.core.arrays import U8
from segstudio.core.classes import VOID
from segstudio.core.labels import LabelledImage
from segstudio.learn.crops import scales
from segstudio.learn.crops.scales import object_widths, suggest_crop


def labelled(annotation: U8, key: str = "a") -> LabelledImage:
    return LabelledImage.pack(key=key, path=Path(f"{key}.png"), split="train", revision=1, annotation=annotation)


@pytest.mark.parametrize(
    ("shapes", "expected"),
    [([(1000, 1400)], 256), ([(100, 80)], 128), ([(20, 30), (10, 10)], 64), ([(90, 90), (300, 20)], 256), ([], 256)],
)
def test_the_crop_follows_the_images(shapes: list[tuple[int, int]], expected: int) -> None:
    assert suggest_crop([labelled(np.zeros(shape, np.uint8)) for shape in shapes]) == expected


@pytest.mark.parametrize("band", [100, 10_000, 1 << 22])
def test_lines_are_as_wide_as_they_are(band: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scales, "_BAND", band)
    annotation = np.zeros((200, 200), np.uint8)
    annotation[:, 100:104] = 1
    annotation[:, 20:30] = 2
    widths = object_widths([labelled(annotation), labelled(annotation.T.copy(), "b")], 4)
    assert widths[1] == pytest.approx(4)
    assert widths[2] == pytest.approx(10)
    assert np.isnan(widths[3])
    disc = np.asarray(cv2.circle(np.zeros((200, 200), np.uint8), (100, 100), 40, 1, -1), np.uint8)
    assert 25 < object_widths([labelled(disc)], 2)[1] < 45


def test_a_stroke_has_no_width_of_its_own() -> None:
    annotation = np.full((50, 50), VOID, np.uint8)
    annotation[10:13] = 0
    widths = object_widths([labelled(annotation)], 2)
    assert np.isinf(widths[0])
    annotation[13:16] = 1
    assert np.isfinite(object_widths([labelled(annotation)], 2)).all()


def test_a_sample_of_many_images_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scales, "_ENOUGH", 1)
    stripes = np.repeat(np.arange(40, dtype=np.uint8)[None] % 2, 40, axis=0)
    images = [labelled(stripes, str(number)) for number in range(5)]
    assert object_widths(images, 2) == pytest.approx(object_widths(images[::-1], 2))
    assert object_widths([], 2).tolist() == pytest.approx([np.nan, np.nan], nan_ok=True)
