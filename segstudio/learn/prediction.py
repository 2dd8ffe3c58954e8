"""What a model says of an image of any size, tile by tile, in bounded memory, to be stopped at any moment."""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from segstudio.core.arrays import F32, U8
from segstudio.core.classes import VOID
from segstudio.core.proposal import Proposal
from segstudio.errors import Cancelled, SegStudioError
from segstudio.learn.device import mixed_precision
from segstudio.learn.networks import STRIDE
from segstudio.learn.saving import LoadedModel
from segstudio.storage.images import read_image

_LARGEST_TILE = 1024
_SMALLEST_TILE = 256
_SMALLEST_INPUT = 64  # below it, deep features have next to no pixels
_SCORES_LIMIT = 48_000_000  # floats of one tile's class scores: 190 MB
_OVERLAP = 1 / 8  # of a tile, on each inner side


def predict(
    model: LoadedModel,
    image: U8,
    *,
    indices: Mapping[str, int] | None = None,
    cancel: threading.Event | None = None,
    tile: int | None = None,
    progress: Callable[[float], None] | None = None,
) -> Proposal:
    """Classify every pixel of an image.

    Args:
        model: used by this call alone while it runs.
        image: ``uint8 (H, W)`` or ``(H, W, 3)`` RGB, as `segstudio.storage.images.Image.display` gives it.
        indices: of the classes of a project by their names, see `segstudio.storage.project.Project.class_indices`.
            None answers in the model's own indices.
        cancel: when set, the call ends within a layer of the network.
        tile: side of the tiles in pixels; None chooses by the number of classes, and one tile when the image fits.
        progress: called with the share done, 0..1, after each tile.

    Returns:
        The proposal, of the size of the image. Tiles overlap and are blended, so that no seam shows. A pixel whose
        class is not in `indices` is void, with the confidence in that class.

    Raises:
        Cancelled: `cancel` was set.
    """
    classes = np.empty(image.shape[:2], np.uint8)
    confidence = np.empty(image.shape[:2], np.uint8)
    homes = homes_of(model, indices)
    for top, scores in probabilities(model, image, cancel=cancel, tile=tile, progress=progress):
        united = unite(scores, homes)
        best = united.argmax(0)
        rows = slice(top, top + scores.shape[1])
        classes[rows] = homes[best]
        chosen = np.take_along_axis(united, best[None], 0)[0]
        confidence[rows] = np.nan_to_num(chosen * 255).round().clip(0, 255)
    return Proposal(classes, confidence, model.card.name)


def homes_of(model: LoadedModel, indices: Mapping[str, int] | None) -> U8:
    """Which class of a project each class of a model is, by its name.

    Args:
        model: knows its classes by the names they had when it was trained.
        indices: as for `predict`.

    Returns:
        ``uint8 (K,)`` indices; void where the project has no such class.
    """
    if indices is None:
        return np.arange(model.classes, dtype=np.uint8)
    return np.array([indices.get(str(item["name"]), VOID) for item in model.card.classes], np.uint8)


def unite(scores: F32, homes: U8) -> F32:
    """Add up the probabilities of classes that have become one in the project.

    Args:
        scores: ``float32 (K, h, w)``.
        homes: ``uint8 (K,)``, see `homes_of`.

    Returns:
        ``float32 (K, h, w)``: the sum stands at the first class of each, zeros at the others; those that are void
        stay apart.
    """
    first: dict[int, int] = {}
    united = scores
    for place, home in enumerate(homes.tolist()):
        into = first.setdefault(home, place)
        if home != VOID and into != place:
            united = scores.copy() if united is scores else united
            united[into] += united[place]
            united[place] = 0
    return united


@dataclass(frozen=True, slots=True)
class FilePrediction:
    """The proposal for one file, or why there is none.

    Attributes:
        path: the image file.
        proposal: None when the image could not be read.
        problem: the error, None when all is well.
    """

    path: Path
    proposal: Proposal | None
    problem: SegStudioError | None


def predict_files(
    model: LoadedModel,
    paths: Iterable[Path],
    *,
    indices: Mapping[str, int] | None = None,
    cancel: threading.Event | None = None,
) -> Iterator[FilePrediction]:
    """Predict image files one after the other; a file that cannot be read gives its error and the rest carries on.

    Arguments as for `predict`.

    Raises:
        Cancelled: `cancel` was set.
    """
    for path in paths:
        try:
            image = read_image(path).display()
        except SegStudioError as error:
            yield FilePrediction(path, None, error)
            continue
        yield FilePrediction(path, predict(model, image, indices=indices, cancel=cancel), None)


def probabilities(
    model: LoadedModel,
    image: U8,
    *,
    cancel: threading.Event | None = None,
    tile: int | None = None,
    progress: Callable[[float], None] | None = None,
) -> Iterator[tuple[int, F32]]:
    """Class probabilities of an image, in bands of rows from top to bottom, so that memory stays bounded.

    Arguments as for `predict`.

    Yields:
        First row of the band, and its ``float32 (K, h, W)`` probabilities.
    """
    height, width = image.shape[:2]
    side = tile or _tile_side(model.classes)
    fits = height * width <= side * side if tile is None else max(height, width) <= side
    rows = [(0, height)] if fits else _spans(height, side)
    columns = [(0, width)] if fits else _spans(width, side)
    held: F32 | None = None  # lower part of the band before, which the next one overlaps
    for number, (top, bottom) in enumerate(rows):
        band = np.zeros((model.classes, bottom - top, width), np.float32)
        for place, (left, right) in enumerate(columns):
            scores = _one_tile(model, image[top:bottom, left:right], cancel)
            scores *= _fade(columns, place)[None, None]
            scores *= _fade(rows, number)[None, :, None]
            band[:, :, left:right] += scores
            if progress is not None:
                progress((number * len(columns) + place + 1) / (len(rows) * len(columns)))
        if held is not None:
            band[:, : held.shape[1]] += held
        end = rows[number + 1][0] if number + 1 < len(rows) else bottom
        held = band[:, end - top :]
        yield top, band[:, : end - top]


def _tile_side(classes: int) -> int:
    side = int((_SCORES_LIMIT / classes) ** 0.5) // STRIDE * STRIDE
    return min(max(side, _SMALLEST_TILE), _LARGEST_TILE)


def _spans(length: int, side: int) -> list[tuple[int, int]]:
    """Even tiles of at most about `side` that all overlap by the same length, so that two fades add up to one."""
    if length <= side:
        return [(0, length)]
    overlap = 2 * max(1, int(side * _OVERLAP))
    count = -(-(length - overlap) // (side - overlap))
    even = -(-(length + (count - 1) * overlap) // count)
    step = even - overlap
    return [(start, min(start + even, length)) for start in range(0, length - overlap, step)]


def _fade(spans: list[tuple[int, int]], place: int) -> F32:
    """``(n,)`` weights of a tile along one axis: a ramp over the middle half of each overlap, nothing beyond it."""
    start, stop = spans[place]
    weights = np.ones(stop - start, np.float32)
    for neighbour in (place - 1, place + 1):
        if 0 <= neighbour < len(spans):
            shared = spans[place - 1][1] - start if neighbour < place else stop - spans[place + 1][0]
            ramp = (((np.arange(shared) + 0.5) / shared - 0.25) * 2).clip(0, 1).astype(np.float32)
            if neighbour < place:
                weights[:shared] *= ramp
            else:
                weights[-shared:] *= 1 - ramp
    return weights


def _one_tile(model: LoadedModel, tile: U8, cancel: threading.Event | None) -> F32:
    """``float32 (K, h, w)`` probabilities of one tile, padded for the network and cropped again."""
    height, width = tile.shape[:2]
    down = max(_SMALLEST_INPUT, -(-height // STRIDE) * STRIDE) - height
    right = max(_SMALLEST_INPUT, -(-width // STRIDE) * STRIDE) - width
    border = cv2.BORDER_REFLECT_101 if min(height, width) > 1 else cv2.BORDER_REPLICATE
    padded: U8 = np.asarray(cv2.copyMakeBorder(tile, 0, down, 0, right, border), np.uint8)
    if padded.ndim == 2:
        padded = np.repeat(padded[:, :, None], 3, axis=2)
    batch = to_input(padded[None], model.card.normalisation, model.device)
    with torch.inference_mode(), mixed_precision(model.device), stopping(model.network, cancel):
        scores = model.network(batch)[0].float().softmax(0)
    result: F32 = scores[:, :height, :width].cpu().numpy()
    return result


def to_input(images: U8, normalisation: dict[str, list[float]], device: torch.device) -> Tensor:
    """What the network takes.

    Args:
        images: ``uint8 (N, H, W, 3)`` RGB.
        normalisation: ``mean`` and ``std`` of RGB in 0..1.
        device: where to put it.

    Returns:
        ``(N, 3, H, W)`` float32, channels last in memory.
    """
    mean = torch.tensor(normalisation["mean"], device=device)
    std = torch.tensor(normalisation["std"], device=device)
    values = torch.from_numpy(np.ascontiguousarray(images)).to(device).float()
    return ((values / 255 - mean) / std).permute(0, 3, 1, 2)  # of NHWC: already channels last


@contextmanager
def stopping(network: nn.Module, cancel: threading.Event | None) -> Iterator[None]:
    """Within the block, a forward pass of this thread raises Cancelled at the next layer once `cancel` is set."""
    if cancel is None:
        yield
        return
    owner = threading.get_ident()

    def look(*_: object) -> None:
        if cancel.is_set() and threading.get_ident() == owner:
            raise Cancelled

    hooks = [module.register_forward_pre_hook(look) for module in network.modules() if not list(module.children())]
    try:
        look()
        yield
    finally:
        for hook in hooks:
            hook.remove()
