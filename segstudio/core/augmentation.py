"""What may happen to a training crop on its way to the network."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Augmentation:
    """Which changes of a crop are allowed, one switch each.

    Attributes:
        flip: mirror left to right.
        flip_vertical: mirror top to bottom; right where images have no upside, as under a microscope.
        rotate: turn by any angle.
        scale: show smaller and larger.
        elastic: bend smoothly.
        brightness, contrast, gamma: change the tone curve.
        colour: shift hue and saturation of RGB images.
        noise: add Gaussian noise.
        blur: blur slightly.
    """

    flip: bool = True
    flip_vertical: bool = False
    rotate: bool = False
    scale: bool = True
    elastic: bool = False
    brightness: bool = True
    contrast: bool = True
    gamma: bool = True
    colour: bool = False
    noise: bool = False
    blur: bool = False
