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
from segstudio.core.channels import as_channels
from segstudio.core.classes import VOID
from segstudio.core.proposal import Proposal
from segstudio.errors import Cancelled, ImageError, SegStudioError
from segstudio.learn.device import mixed_precision
from segstudio.learn.networks.network import STRIDE
from segstudio.learn.networks.saving import LoadedModel
from segstudio.learn.prediction.ahead import read_ahead
from segstudio.learn.prediction.fallback import CEILINGS, SMALLEST_TILE, SPARES, release
from segstudio.learn.prediction.tiling import Axis, Piece, blend, cut
from segstudio.learn.prediction.tta import Tta
from segstudio.learn.prediction.views import averaged, mirrors
from segstudio.storage.images import read_image

_LARGEST_TILE = 1024
_SMALLEST_INPUT = 64  # below it, deep features have next to no pixels
_SCORES_LIMIT = 32_000_000  # floats of one tile's class scores: 128 MB, held three times at once
_CPU = torch.device("cpu")


def predict(
    model: LoadedModel,
    image: U8,
    *,
    indices: Mapping[str, int] | None = None,
    cancel: threading.Event | None = None,
    tile: int | None = None,
    progress: Callable[[float], None] | None = None,
    tta: Tta = "none",
) -> Proposal:
    """Classify every pixel of an image.

    Args:
        model: used by this call alone while it runs.
        image: ``uint8 (H, W)``, ``(H, W, 3)`` RGB or ``(H, W, C)``, as `segstudio.storage.images.Image` gives it.
        indices: of the classes of a project by their names, see `segstudio.storage.project.Project.class_indices`.
            None answers in the model's own indices.
        cancel: when set, the call ends within a layer of the network.
        tile: side of the tiles in pixels, 64 or more; None chooses by the number of classes, and one tile when the
            image fits.
        progress: called with the share done, 0..1, after each tile.
        tta: test-time augmentation: the mean over mirrored, or over mirrored and scaled views of each tile.

    Returns:
        The proposal, of the size of the image. Tiles overlap and are blended, so that no seam shows. A pixel whose
        class is not in `indices` is void, with the confidence in that class; where the network gives no numbers it is
        void with none.

    Raises:
        Cancelled: `cancel` was set.
        ImageError: the network takes images of another number of channels.
        ModelError: the machine has too little memory even for the smallest tiles.
    """
    classes = np.empty(image.shape[:2], np.uint8)
    confidence = np.empty(image.shape[:2], np.uint8)
    homes = homes_of(model, indices)
    for piece in pieces(model, image, cancel=cancel, tile=tile, progress=progress, tta=tta):
        united = unite(piece.scores, homes)
        sure, best = united.max(0), homes[united.argmax(0)]
        broken = np.isnan(sure)  # argmax takes not-a-number for the largest
        best[broken] = VOID
        sure[broken] = 0
        classes[piece.rows, piece.columns] = best
        confidence[piece.rows, piece.columns] = (sure * 255).round().clip(0, 255)
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
    tta: Tta = "none",
) -> Iterator[FilePrediction]:
    """Predict image files one after the other, the next being read meanwhile.

    A file that cannot be read gives its error and the rest carries on. Arguments as for `predict`.

    Raises:
        Cancelled: `cancel` was set.
    """
    for path, image in read_ahead(paths, lambda path: read_image(path).network()):
        if cancel is not None and cancel.is_set():
            raise Cancelled
        if isinstance(image, SegStudioError):
            yield FilePrediction(path, None, image)
            continue
        try:
            yield FilePrediction(path, predict(model, image, indices=indices, cancel=cancel, tta=tta), None)
        except ImageError as error:
            yield FilePrediction(path, None, ImageError(error.problem, remedy=error.remedy, path=path))


def pieces(
    model: LoadedModel,
    image: U8,
    *,
    cancel: threading.Event | None = None,
    tile: int | None = None,
    progress: Callable[[float], None] | None = None,
    tta: Tta = "none",
) -> Iterator[Piece]:
    """Class probabilities of an image, part by part, so that memory stays bounded.

    Arguments and errors as for `predict`.

    Yields:
        Parts that cover the image without overlapping, in rows from the top.
    """
    height, width = image.shape[:2]
    if tile is None:
        rows, columns = cut(height, width, _tile_side(model, tta))
    else:
        rows, columns = Axis.of(height, tile), Axis.of(width, tile)
    passes, total, done = _Passes(model, image, cancel, tta), len(rows.starts) * len(columns.starts), 0

    def compute(down: slice, across: slice) -> F32:
        nonlocal done
        scores = passes.scores(image[down, across])
        done += 1
        if progress is not None:
            progress(done / total)
        return scores

    yield from blend(rows, columns, compute)


def _tile_side(model: LoadedModel, tta: Tta) -> int:
    limit = (_SCORES_LIMIT / model.classes) ** 0.5 / (1.25 if tta == "flips and scales" else 1)
    side = min(int(limit) // STRIDE * STRIDE, _LARGEST_TILE, CEILINGS.side(model.device) or _LARGEST_TILE)
    return max(side, SMALLEST_TILE)


class _Passes:
    """Passes of the network over tiles of one image; goes on with smaller tiles or on the CPU when it has to."""

    def __init__(self, model: LoadedModel, image: U8, cancel: threading.Event | None, tta: Tta) -> None:
        self._network, self._device = model.network, model.device
        self._card, self._cancel, self._tta = model.card, cancel, tta
        self._flips = mirrors(model.card.settings)
        try:
            as_channels(image[:1, :1], self._card.channels)
        except ValueError as error:
            raise ImageError(str(error), remedy="Give images like those it was trained on") from error
        # Made before anything fails: then it is too late.
        self._spare = None if self._device.type == "cpu" else SPARES.of(self._network)
        if CEILINGS.given_up(self._device):
            self._move_to_cpu()

    def scores(self, tile: U8) -> F32:
        """``float32 (K, h, w)`` probabilities of a tile; the caller's own."""
        area = tile.shape[0] * tile.shape[1]
        while True:
            side = CEILINGS.side(self._device)
            if side is not None and area > side * side:
                return self._in_parts(tile, side)
            try:
                return self._one(tile)
            except (RuntimeError, MemoryError) as error:
                CEILINGS.lower(self._device, area, error)
            release(self._device)  # behind the handler: the traceback held what was computed
            if CEILINGS.given_up(self._device):
                self._move_to_cpu()

    def _move_to_cpu(self) -> None:
        assert self._spare is not None
        self._network, self._device = self._spare, _CPU

    def _in_parts(self, tile: U8, side: int) -> F32:
        rows, columns = cut(tile.shape[0], tile.shape[1], side)
        whole: F32 | None = None
        for piece in blend(rows, columns, lambda down, across: self.scores(tile[down, across])):
            if whole is None:
                whole = np.empty((piece.scores.shape[0], *tile.shape[:2]), np.float32)
            whole[:, piece.rows, piece.columns] = piece.scores
        assert whole is not None
        return whole

    def _one(self, tile: U8) -> F32:
        """One pass, padded for the network and cropped again."""
        height, width = tile.shape[:2]
        down = max(_SMALLEST_INPUT, -(-height // STRIDE) * STRIDE) - height
        right = max(_SMALLEST_INPUT, -(-width // STRIDE) * STRIDE) - width
        border = cv2.BORDER_REFLECT_101 if min(height, width) > 1 else cv2.BORDER_REPLICATE
        padded: U8 = np.asarray(cv2.copyMakeBorder(tile, 0, down, 0, right, border), np.uint8)
        if padded.ndim < tile.ndim:  # OpenCV drops a third dimension of 1
            padded = padded[:, :, None]
        padded = as_channels(padded, self._card.channels)
        batch = to_input(padded[None], self._card.normalisation, self._device)
        with torch.inference_mode(), mixed_precision(self._device), stopping(self._network, self._cancel):
            scores = averaged(self._network, batch, self._tta, self._flips)
        result: F32 = scores[:, :height, :width].cpu().contiguous().numpy()
        return result


def to_input(images: U8, normalisation: Mapping[str, list[float]], device: torch.device) -> Tensor:
    """What the network takes.

    Args:
        images: ``uint8 (N, H, W, C)``.
        normalisation: ``mean`` and ``std`` of each channel in 0..1. Those of RGB serve other images by their mean.
        device: where to put it.

    Returns:
        ``(N, C, H, W)`` float32, channels last in memory.
    """
    channels = images.shape[-1]
    mean = torch.tensor(of_channels(normalisation["mean"], channels), device=device)
    std = torch.tensor(of_channels(normalisation["std"], channels), device=device)
    values = torch.from_numpy(np.ascontiguousarray(images)).to(device).float()
    return ((values / 255 - mean) / std).permute(0, 3, 1, 2)  # of NHWC: already channels last


def of_channels(values: list[float], channels: int) -> list[float]:
    """One number for each channel: as they are, or their mean where there are others than channels."""
    return values if len(values) == channels else [sum(values) / len(values)] * channels


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
