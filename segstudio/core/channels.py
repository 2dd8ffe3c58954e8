"""Images of any number of channels, as a network takes them."""

import cv2
import numpy as np

from segstudio.core.arrays import U8

GREY, RGB = 1, 3


def as_channels(pixels: U8, channels: int) -> U8:
    """An image with as many channels as a network wants.

    Grey is repeated where RGB is wanted, RGB becomes grey where grey is wanted; other numbers have to agree.

    Args:
        pixels: ``uint8 (H, W)``, ``(H, W, 3)`` RGB or ``(H, W, C)``.
        channels: of the network, 1 or more.

    Returns:
        ``uint8 (H, W, channels)``; the very argument, or a view of it, when nothing has to change.

    Raises:
        ValueError: an image of so many channels cannot be given to that network.

    Source: the weights from RGB to grey are those of Rec. ITU-R BT.601.
    """
    found = pixels.shape[2] if pixels.ndim == 3 else GREY
    if found == channels:
        return pixels if pixels.ndim == 3 else pixels[:, :, None]
    if (found, channels) == (GREY, RGB):
        return np.repeat(pixels.reshape(*pixels.shape[:2], 1), RGB, axis=2)
    if (found, channels) == (RGB, GREY):
        return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8)[:, :, None]
    raise ValueError(f"has {found} channels, the network takes {channels}")
