"""How bright, coloured, sharp and noisy a training crop is, from its own values to the 8 bits a network sees."""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from segstudio.core.arrays import F32, U8, Pixels
from segstudio.core.augmentation import Augmentation
from segstudio.core.tone import Window, to_8bit

_FAINT = 0.05  # a blur of less, in pixels, changes nothing
# From RGB to luma and two chroma axes, and back: YIQ of the NTSC standard of 1953.
_TO_YIQ = np.array([[0.299, 0.587, 0.114], [0.595716, -0.274453, -0.321263], [0.211456, -0.522591, 0.311135]])
_FROM_YIQ = np.linalg.inv(_TO_YIQ)


@dataclass(frozen=True, slots=True, eq=False)
class Shade:
    """A random look of a crop.

    Applied in this order: the image's window, tone curve, colour, blur, noise; rounded once, at the end.

    Attributes:
        gain, offset, gamma: of the tone curve ``((x - 0.5) * gain + 0.5 + offset) ** gamma`` over 0..1, clipped.
        mix: ``(3, 3)`` from RGB to RGB, None to leave colours alone.
        blur: standard deviation in pixels.
        noise: standard deviation, black to white being 1; seed: of the noise.
    """

    gain: float = 1.0
    offset: float = 0.0
    gamma: float = 1.0
    mix: np.ndarray | None = None
    blur: float = 0.0
    noise: float = 0.0
    seed: int = 0

    def __call__(self, pixels: Pixels, window: Window) -> U8:
        """The crop as the network sees it.

        Args:
            pixels: ``(h, w)`` or ``(h, w, C)``; ``uint8``, ``uint16`` or ``float32``. `mix` counts for three channels.
            window: the values that become black and white; that of ``uint8`` is 0 and 255 always.

        Returns:
            ``uint8`` of the same shape. With nothing to change, just what `segstudio.core.tone.to_8bit` gives.
        """
        mix = self.mix if pixels.ndim == 3 and pixels.shape[2] == 3 else None
        plain = (self.gain, self.offset, self.gamma) == (1, 0, 1)
        finer = mix is not None or self.blur >= _FAINT or self.noise > 0
        if plain and not finer:
            return to_8bit(pixels, window)
        if pixels.dtype == np.uint8:
            table = self._curve(np.arange(256, dtype=np.float32))
            if not finer:
                return np.asarray(cv2.LUT(pixels, np.rint(table).astype(np.uint8)), np.uint8).reshape(pixels.shape)
            values = np.asarray(cv2.LUT(pixels, table), np.float32).reshape(pixels.shape)
        else:
            values = self._curve(_scaled(pixels, window))
        if finer:
            values = self._finer(values, mix)
        return np.asarray(np.rint(values), np.uint8)

    def _curve(self, values: F32) -> F32:
        """The tone curve of ``float32`` 0..255; may write to its argument."""
        if self.gain != 1 or self.offset:
            values *= np.float32(self.gain)
            values += np.float32(255 * (0.5 - 0.5 * self.gain + self.offset))
            np.clip(values, 0, 255, out=values)
        if self.gamma != 1:
            values /= np.float32(255)
            values = np.asarray(cv2.pow(values, self.gamma), np.float32).reshape(values.shape)
            values *= np.float32(255)
        return values

    def _finer(self, values: F32, mix: np.ndarray | None) -> F32:
        shape = values.shape
        if mix is not None:
            values = np.asarray(cv2.transform(values, mix), np.float32)
        if self.blur >= _FAINT:
            values = np.asarray(cv2.GaussianBlur(values, (0, 0), self.blur, borderType=cv2.BORDER_REFLECT), np.float32)
        if self.noise > 0:
            rng = np.random.Generator(np.random.SFC64(self.seed))  # the fastest that numpy has
            grain = rng.standard_normal(shape, np.float32)
            grain *= np.float32(255 * self.noise)
            grain += values.reshape(shape)
            values = grain
        return np.clip(values, 0, 255, out=values).reshape(shape)


def draw_shade(settings: Augmentation, rng: np.random.Generator) -> Shade:
    """A random look within what the settings allow."""
    gain = 1 + rng.uniform(-settings.gain, settings.gain) if settings.contrast else 1.0
    offset = rng.uniform(-settings.offset, settings.offset) if settings.brightness else 0.0
    gamma = math.exp(rng.uniform(-settings.gamma_span, settings.gamma_span)) if settings.gamma else 1.0
    mix = None
    if settings.colour:
        turn = math.radians(rng.uniform(-settings.hue, settings.hue))
        mix = _colour_mix(turn, 1 + rng.uniform(-settings.saturation, settings.saturation))
    blur = rng.uniform(0, settings.blur_radius) if settings.blur else 0.0
    noise, seed = 0.0, 0
    if settings.noise:
        noise, seed = rng.uniform(0, settings.noise_level), int(rng.integers(1 << 62))
    return Shade(gain, offset, gamma, mix, blur, noise, seed)


def _colour_mix(turn: float, saturation: float) -> np.ndarray:
    """``float32 (3, 3)``: hues turned and saturation changed at one luma; grey stays as it is."""
    cos, sin = math.cos(turn) * saturation, math.sin(turn) * saturation
    chroma = np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]])
    mix: np.ndarray = (_FROM_YIQ @ chroma @ _TO_YIQ).astype(np.float32)
    return mix


def _scaled(pixels: Pixels, window: Window) -> F32:
    """``float32`` 0..255, linear in the window, clipped."""
    low, high = window
    with np.errstate(over="ignore"):
        scaled = (pixels.astype(np.float32) - np.float32(low)) * np.float32(255.0 / (high - low))
    if pixels.dtype.kind == "f":
        np.nan_to_num(scaled, copy=False, nan=0.0, posinf=255.0, neginf=0.0)
    bounded: F32 = np.clip(scaled, 0.0, 255.0, out=scaled)
    return bounded
