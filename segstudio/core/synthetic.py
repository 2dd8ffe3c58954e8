"""Microscope-like images drawn from scratch, with their truth, and strokes as a careful person would paint them.

The scenes imitate a fluorescence microscope: cell nuclei and thin fibres of very different brightness under uneven
light, with haze, debris, blurred cells from another plane, and the noise of few photons. Brightness alone does not
tell the classes apart.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from segstudio.core.arrays import F32, U8, Bool
from segstudio.core.geometry import Rect
from segstudio.core.strokes import Point, capsules

BACKGROUND, NUCLEUS, FIBRE = 0, 1, 2
CLASS_NAMES = ("background", "nucleus", "fibre")

_FINE = 4  # shapes are drawn this much larger and then averaged
_STEP = 3.0  # pixels between two pointer positions of a simulated stroke
_TURNS = tuple(math.radians(angle) for angle in (0, 12, -12, 28, -28, 50, -50, 80, -80))
_BIGGEST = {BACKGROUND: 13, NUCLEUS: 9, FIBRE: 3}  # brush sizes
_LONGEST = {BACKGROUND: 110, NUCLEUS: 45, FIBRE: 90}  # pixels
_CLOSE = 2  # thin strokes of background close around objects
_APART = 20  # pixels between the starts of two strokes


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """An image and what is in it.

    Attributes:
        image: ``uint8 (H, W)``, grey.
        truth: ``uint8 (H, W)``: `BACKGROUND`, `NUCLEUS` or `FIBRE`; fibres lie over nuclei.
    """

    image: U8
    truth: U8


@dataclass(frozen=True, slots=True)
class Scribble:
    """A stroke of a simulated person.

    Attributes:
        value: class index painted.
        size: brush diameter in pixels.
        points: pointer positions from press to release, x and y in image coordinates; at least one.
    """

    value: int
    size: int
    points: tuple[Point, ...]


def draw_scene(seed: int, *, width: int = 320, height: int = 320) -> Scene:
    """Draw one scene; the same seed and size give the same pixels.

    Args:
        seed: not negative.
        width, height: in pixels, at least 64.
    """
    rng = np.random.default_rng([seed, width, height])
    shape = (height, width)
    truth = np.zeros(shape, np.uint8)
    light = _surroundings(rng, shape)
    for coverage in _nuclei(rng, shape):
        truth[coverage > 0.5] = NUCLEUS
        glow = coverage * _chromatin(rng, shape) * np.float32(math.exp(rng.uniform(math.log(0.16), math.log(0.8))))
        light = np.maximum(light, 0) + _blurred(glow, rng.uniform(0.5, 1.6))
    for _ in range(_count(rng, shape, 5, 9)):
        coverage = _fibre(rng, shape)
        truth[coverage > 0.5] = FIBRE
        glow = coverage * _along(rng, shape) * np.float32(rng.uniform(0.22, 0.7))
        light = light * (1 - np.float32(0.35) * coverage) + _blurred(glow, rng.uniform(0.3, 0.8))
    return Scene(_exposed(rng, light), truth)


def draw_scribbles(scene: Scene, seed: int, *, per_class: int = 5) -> list[Scribble]:
    """Strokes that label part of a scene, none of them touching a pixel of another class.

    Objects are painted along their middle; the background partly close around objects, where the border has to be
    learnt, and partly in the open, where it is bright enough to be mistaken.

    Args:
        scene: what to label.
        seed: not negative; the same one gives the same strokes.
        per_class: strokes a class, fewer where a class has no room for more; the background gets two thin ones more.
    """
    rng = np.random.default_rng(seed)
    scribbles = []
    for value in (BACKGROUND, NUCLEUS, FIBRE):
        inside = scene.truth == value
        clearance = _clearance(inside)
        free = inside & (clearance > 1.2)
        for number in range(per_class + (_CLOSE if value == BACKGROUND else 0)):
            if not free.any():
                break
            close = free & (clearance < 5)
            thin = number >= per_class and bool(close.any())
            start = _start(rng, close if thin else free, None if thin or value != BACKGROUND else scene.image)
            hugging = thin or (value == BACKGROUND and number % 2 == 0)
            scribble = _walk(rng, inside, clearance, start, value, hugging=hugging)
            scribbles.append(scribble)
            _forbid(free, scribble.points)
    return scribbles


def _count(rng: np.random.Generator, shape: tuple[int, int], low: int, high: int) -> int:
    """A number of objects that would be between `low` and `high` in a 320 x 320 image."""
    return max(2, round(int(rng.integers(low, high + 1)) * shape[0] * shape[1] / 320**2))


def _nuclei(rng: np.random.Generator, shape: tuple[int, int]) -> list[F32]:
    """Coverage of each nucleus, ``float32 (H, W)`` in 0..1; some touch, none lies on another."""
    found: list[tuple[float, float, float]] = []
    coverages = []
    for _ in range(_count(rng, shape, 9, 17)):
        radius = rng.uniform(10, 22)
        x, y = rng.uniform(0, shape[1]), rng.uniform(0, shape[0])
        if any(math.hypot(x - u, y - v) < 0.9 * (radius + other) for u, v, other in found):
            continue
        found.append((x, y, radius))
        angle = np.linspace(0, 2 * math.pi, 72, endpoint=False)
        ripple = sum(rng.normal(0, 0.05) * np.cos(k * angle + rng.uniform(0, 6.3)) for k in (2, 3, 4, 5))
        squeeze, tilt = rng.uniform(0.65, 1.0), rng.uniform(0, math.pi)
        u, v = radius * (1 + ripple) * np.cos(angle), radius * squeeze * (1 + ripple) * np.sin(angle)
        outline = np.stack([x + u * math.cos(tilt) - v * math.sin(tilt), y + u * math.sin(tilt) + v * math.cos(tilt)])
        fine = np.zeros((shape[0] * _FINE, shape[1] * _FINE), np.uint8)
        cv2.fillPoly(fine, [np.rint(outline.T * _FINE).astype(np.int32)], 255)
        coverages.append(_reduced(fine, shape))
    return coverages


def _fibre(rng: np.random.Generator, shape: tuple[int, int]) -> F32:
    """Coverage of a thin curved filament, ``float32 (H, W)`` in 0..1."""
    x, y = rng.uniform(0, shape[1]), rng.uniform(0, shape[0])
    heading, bend = rng.uniform(0, 2 * math.pi), rng.normal(0, 0.01)
    points = [(x, y)]
    for _ in range(int(rng.integers(30, 90))):
        bend = 0.93 * bend + rng.normal(0, 0.009)
        heading += 4 * bend
        x, y = x + 4 * math.cos(heading), y + 4 * math.sin(heading)
        points.append((x, y))
    fine = np.zeros((shape[0] * _FINE, shape[1] * _FINE), np.uint8)
    path = np.rint(np.asarray(points) * _FINE).astype(np.int32)
    cv2.polylines(fine, [path], False, 255, round(rng.uniform(2.6, 4.4) * _FINE), cv2.LINE_8)
    return _reduced(fine, shape)


def _surroundings(rng: np.random.Generator, shape: tuple[int, int]) -> F32:
    """Light that belongs to no object: haze, cells out of focus, debris."""
    light = np.float32(0.06) * _smooth_noise(rng, shape, 5) + np.float32(0.12) * _smooth_noise(rng, shape, 45)
    for _ in range(_count(rng, shape, 2, 5)):
        light += _blob(rng, shape, rng.uniform(9, 20), 1.0) * np.float32(rng.uniform(0.08, 0.2))
    for _ in range(_count(rng, shape, 8, 24)):
        light += _blob(rng, shape, rng.uniform(0.8, 1.8), 2.0) * np.float32(rng.uniform(0.2, 0.8))
    return light


def _blob(rng: np.random.Generator, shape: tuple[int, int], sigma: float, power: float) -> F32:
    """A round spot somewhere, 1 in its middle."""
    y, x = np.ogrid[: shape[0], : shape[1]]
    u, v = rng.uniform(0, shape[1]), rng.uniform(0, shape[0])
    squared = ((x - u) ** 2 + (y - v) ** 2) / (2 * sigma**2)
    return np.asarray(np.exp(-(squared**power)), np.float32)


def _chromatin(rng: np.random.Generator, shape: tuple[int, int]) -> F32:
    """Texture of a nucleus around 1, with darker spots."""
    spots = _smooth_noise(rng, shape, 3)
    grain = 0.75 + 0.35 * _smooth_noise(rng, shape, 7)
    return np.asarray(grain - 0.45 * np.clip(spots - 0.62, 0, 0.3), np.float32)


def _along(rng: np.random.Generator, shape: tuple[int, int]) -> F32:
    """Brightness of a fibre, changing along it."""
    return (0.55 + 0.75 * _smooth_noise(rng, shape, 14)).astype(np.float32)


def _smooth_noise(rng: np.random.Generator, shape: tuple[int, int], scale: float) -> F32:
    """``float32 (H, W)`` in 0..1 that varies over about `scale` pixels."""
    small = (max(2, math.ceil(shape[0] / scale)), max(2, math.ceil(shape[1] / scale)))
    noise = rng.random(small).astype(np.float32)
    grown = cv2.resize(noise, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)
    return np.clip(grown, 0, 1).astype(np.float32)


def _exposed(rng: np.random.Generator, light: F32) -> U8:
    """What the camera makes of the light: uneven illumination, optics, photons, read noise, 8 bits."""
    height, width = light.shape
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    direction = rng.uniform(0, 2 * math.pi)
    uneven = 1 + rng.uniform(0, 0.3) * (x * math.cos(direction) + y * math.sin(direction))
    uneven *= 1 - rng.uniform(0.1, 0.35) * (x**2 + y**2) / 2
    seen = np.clip(_blurred(light, rng.uniform(0.6, 1.0)) * uneven + rng.uniform(0.03, 0.09), 0, None)
    photons = rng.uniform(90, 320)
    counted = rng.poisson(seen * photons) / photons + rng.normal(0, 0.012, light.shape)
    return np.asarray(np.clip(np.rint(counted * rng.uniform(0.65, 1.15) * 255), 0, 255), np.uint8)


def _blurred(light: F32, sigma: float) -> F32:
    return np.asarray(cv2.GaussianBlur(light, (0, 0), sigma), np.float32)


def _reduced(fine: U8, shape: tuple[int, int]) -> F32:
    """The share of each pixel that is covered, from a drawing `_FINE` times as large."""
    small = cv2.resize(fine, (shape[1], shape[0]), interpolation=cv2.INTER_AREA)
    return (small / 255).astype(np.float32)


def _clearance(inside: Bool) -> F32:
    """Distance of each pixel to the nearest one outside, in pixels; the image's rim counts as inside."""
    if inside.all():
        return np.full(inside.shape, max(inside.shape), np.float32)
    return np.asarray(cv2.distanceTransform(inside.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE), np.float32)


def _start(rng: np.random.Generator, free: Bool, image: U8 | None) -> Point:
    """The middle of a free pixel; brighter ones are likelier when an image is given."""
    rows, columns = np.nonzero(free)
    weights = np.ones(rows.size) if image is None else 0.1 + (image[rows, columns] / 255.0) ** 2
    chosen = int(rng.choice(rows.size, p=weights / weights.sum()))
    return float(columns[chosen]) + 0.5, float(rows[chosen]) + 0.5


def _walk(
    rng: np.random.Generator, inside: Bool, clearance: F32, start: Point, value: int, *, hugging: bool
) -> Scribble:
    """Drag a brush from `start` without leaving the class, keeping to the middle or, `hugging`, to the border."""
    room = float(clearance[int(start[1]), int(start[0])])
    size = int(np.clip(round(1.2 * room), 1, _BIGGEST[value]))
    while size > 1 and not _stays_inside(inside, start, start, size):
        size -= 1
    wanted = size / 2 + 1.5 if hugging else math.inf
    points, heading, length = [start], rng.uniform(0, 2 * math.pi), 0.0
    turns: Sequence[float] = [math.radians(angle) for angle in range(0, 360, 20)]
    while length < _LONGEST[value]:
        best, where = -math.inf, (heading, points[-1])
        for turn in turns:
            angle = heading + turn
            end = (points[-1][0] + _STEP * math.cos(angle), points[-1][1] + _STEP * math.sin(angle))
            if not _stays_inside(inside, points[-1], end, size):
                continue
            there = float(clearance[int(end[1]), int(end[0])])
            away = min(there, size / 2 + 4) if math.isinf(wanted) else -abs(there - wanted)
            merit = away - 1.2 * abs(turn) / math.pi * len(points[:2]) + rng.normal(0, 0.25)
            if merit > best:
                best, where = merit, (angle, end)
        if math.isinf(best):
            break
        heading = where[0]
        points.append(where[1])
        length += _STEP
        turns = _TURNS
    return Scribble(value, size, tuple(points))


def _stays_inside(inside: Bool, start: Point, end: Point, size: int) -> bool:
    """Whether a brush dragged from `start` to `end` ends on the image and covers pixels of the class only."""
    height, width = inside.shape
    if not (0 <= end[0] < width and 0 <= end[1] < height):
        return False
    return all(
        bool(inside[rect.slices][covered].all())
        for rect, covered in capsules(start, end, size, Rect.of_shape(inside.shape))
    )


def _forbid(free: Bool, points: Sequence[Point]) -> None:
    """Keep later strokes from starting near this one."""
    near = np.zeros(free.shape, np.uint8)
    path = np.asarray(points, np.float64).astype(np.int32)
    cv2.polylines(near, [path], False, 1, 2 * _APART, cv2.LINE_8)
    cv2.circle(near, (int(path[0][0]), int(path[0][1])), _APART, 1, -1)
    free &= near == 0
