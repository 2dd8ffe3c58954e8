"""What may happen to a training crop on its way to the network."""

import math
from dataclasses import dataclass, fields

from segstudio.errors import UsageError

LARGEST_TURN = 180.0
_MOST = 4.0  # of a scale, and of 1 / scale: a crop must stay a small part of memory


@dataclass(frozen=True, slots=True)
class Augmentation:
    """Which changes of a crop are allowed, one switch each, and how strong they may be.

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
        scale_from, scale_to: smallest and largest scale, all ratios between them equally likely; 2 shows things twice
            as large.
        turn: largest angle of a rotation to either side, in degrees.
        bend: largest shift by bending, as a share of the crop's side.
        offset: largest change of brightness, black to white being 1.
        gain: largest change of the slope of the tone curve, which is 1.
        gamma_span: largest natural logarithm of gamma, to either side.
        hue: largest turn of the hues, in degrees; saturation: largest change of saturation, which is 1.
        noise_level: largest standard deviation of the noise, black to white being 1.
        blur_radius: largest standard deviation of the blur, in pixels of the crop.

    Raises:
        UsageError: when a strength is out of its range.
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
    scale_from: float = 0.6
    scale_to: float = 1.6
    turn: float = LARGEST_TURN
    bend: float = 0.04
    offset: float = 0.1
    gain: float = 0.25
    gamma_span: float = 0.25
    hue: float = 18.0
    saturation: float = 0.3
    noise_level: float = 0.04
    blur_radius: float = 1.5

    def __post_init__(self) -> None:
        if not 1 / _MOST <= self.scale_from <= self.scale_to <= _MOST:
            raise UsageError(
                f"crops cannot be scaled {self.scale_from} to {self.scale_to}",
                remedy=f"Choose {1 / _MOST} to {_MOST:.0f}, the smaller one first",
            )
        for name, most in _RANGES.items():
            value = getattr(self, name)
            if not (math.isfinite(value) and 0 <= value <= most):
                raise UsageError(f"a strength of {name} of {value} is out of range", remedy=f"Choose 0 to {most:g}")

    @classmethod
    def only(cls, *switches: str, **strengths: float) -> "Augmentation":
        """Just the named switches on, all others off.

        Raises:
            UsageError: a switch of another name, or a strength out of range.
        """
        for name in switches:
            if name not in SWITCHES:
                raise UsageError(f"there is no augmentation '{name}'", remedy=f"Choose among {', '.join(SWITCHES)}")
        return cls(**{name: name in switches for name in SWITCHES}, **strengths)  # type: ignore[arg-type]


SWITCHES: tuple[str, ...] = tuple(field.name for field in fields(Augmentation) if field.type is bool)
_RANGES = {
    "turn": LARGEST_TURN,
    "bend": 0.2,
    "offset": 1.0,
    "gain": 1.0,
    "gamma_span": 2.0,
    "hue": 180.0,
    "saturation": 1.0,
    "noise_level": 1.0,
    "blur_radius": 16.0,
}
