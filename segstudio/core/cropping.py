"""Augmented training crops of an image and its labels, seeded; the window previews the same ones."""

import numpy as np

from segstudio.core.arrays import U8, Pixels
from segstudio.core.augmentation import Augmentation
from segstudio.core.classes import VOID
from segstudio.core.shading import draw_shade
from segstudio.core.tone import Window
from segstudio.core.warping import draw_warp

_WHOLE = (0.0, 255.0)


def cut_crop(
    image: Pixels,
    annotation: U8,
    place: tuple[int, int],
    side: int,
    settings: Augmentation,
    rng: np.random.Generator,
    *,
    window: Window = _WHOLE,
) -> tuple[U8, U8]:
    """A crop around a pixel: randomly placed, and changed as the settings allow.

    The image is warped in its own depth, then brought to the 8 bits that a network sees at a prediction, by its own
    window. Labels take the same warp.

    Args:
        image: ``(H, W)``, ``(H, W, 3)`` RGB or ``(H, W, C)``; ``uint8``, ``uint16`` or ``float32``.
        annotation: ``uint8 (H, W)`` of class indices and void.
        place: row and column of a pixel that should lie within the crop.
        side: of the square crop, in pixels.
        settings: what may happen.
        rng: source of all randomness.
        window: the values of the image that become black and white; of no account for ``uint8``.

    Returns:
        ``uint8 (side, side)`` or ``(side, side, C)`` and ``uint8 (side, side)``; outside of the image, its mirror image
        and void.
    """
    warp = draw_warp(image.shape, place, side, settings, rng)
    shade = draw_shade(settings, rng)
    pixels, labels = warp(image, annotation, window)
    return shade(pixels, window), labels


def preview(
    image: Pixels,
    annotation: U8,
    settings: Augmentation,
    rng: np.random.Generator,
    count: int,
    *,
    side: int = 256,
    window: Window = _WHOLE,
) -> list[tuple[U8, U8]]:
    """Some crops of one image as a network would see them, around labelled pixels where there are any.

    Arguments as for `cut_crop`; `count` is how many.

    Returns:
        Pairs of pixels and labels as `cut_crop` gives them.
    """
    # Row by row: of a huge image, the places of all labelled pixels would take gigabytes.
    labelled = np.cumsum([np.count_nonzero(row != VOID) for row in annotation])
    crops = []
    for _ in range(count):
        if labelled[-1]:
            row = int(np.searchsorted(labelled, rng.integers(labelled[-1]), side="right"))
            column = int(rng.choice(np.flatnonzero(annotation[row] != VOID)))
        else:
            row, column = (int(rng.integers(length)) for length in annotation.shape)
        crops.append(cut_crop(image, annotation, (row, column), side, settings, rng, window=window))
    return crops
