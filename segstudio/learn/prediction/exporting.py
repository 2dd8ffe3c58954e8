"""Models for other programs: ONNX and torch.export files with classes and normalisation, checked against torch."""

import copy
import io
import json
import logging
import threading
import warnings
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, cast

import cv2
import numpy as np
import torch
from timm.layers import Conv2dSame
from torch import Tensor, nn

from segstudio.core.arrays import F32, U8
from segstudio.core.channels import as_channels
from segstudio.core.classes import VOID
from segstudio.errors import Cancelled, ModelError, UsageError
from segstudio.learn.backbones.registry import find_backbone
from segstudio.learn.networks.network import STRIDE
from segstudio.learn.networks.saving import LoadedModel
from segstudio.learn.networks.structures import STRUCTURES
from segstudio.learn.prediction.fallback import SPARES
from segstudio.learn.prediction.predicting import of_channels, stopping
from segstudio.storage.atomic import write_bytes

INPUT, OUTPUT = "images", "probabilities"
FORMAT_KEY = "segstudio_format"
_FORMAT = "1"
_ABOUT = "segstudio.json"  # in a torch.export file
_EXAMPLE = (2, 3 * STRIDE, 4 * STRIDE)  # images, height, width while tracing; different, and none of them 1
_FIXED = (512, 512)
_LARGEST = 512  # multiples of the stride that a side may have
_SMALLEST_SIDE = 2 * STRIDE
_ONNX_LIMIT = 2**31 - 1  # bytes of one protobuf file
_TOLERANCE = 0.01  # of a probability; far more than rounding, far less than a mistake
_ONNX_PACKAGES = ("onnx", "onnxscript", "onnxruntime")
_log = logging.getLogger(__name__)
Kind = Literal["onnx", "torch"]


@dataclass(frozen=True, slots=True)
class Exported:
    """An exported model.

    Attributes:
        path: the file.
        size: height and width of the images it takes, one at a time; None for any number of any multiples of 32.
        size_bytes: of the file.
        difference: as `check_export`, on the images that were given; None without any.
    """

    path: Path
    size: tuple[int, int] | None
    size_bytes: int
    difference: float | None = None


class WholeModel(nn.Module):
    """A network with its normalisation before it and the softmax behind it, as other programs get it."""

    mean: Tensor
    std: Tensor

    def __init__(self, network: nn.Module, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", 255 * torch.tensor(mean).reshape(1, -1, 1, 1))
        self.register_buffer("std", 255 * torch.tensor(std).reshape(1, -1, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        """Class probabilities.

        Args:
            images: ``float32 (N, C, H, W)`` in 0..255, RGB or the channels of the card; H and W multiples of 32.

        Returns:
            ``float32 (N, K, H, W)``, adding up to 1 over the classes.
        """
        scores: Tensor = self.network((images - self.mean) / self.std)
        return scores.softmax(1)


def export_model(
    model: LoadedModel,
    path: Path,
    images: Sequence[U8] = (),
    *,
    kind: Kind = "onnx",
    dynamic: bool = True,
    cancel: threading.Event | None = None,
) -> Exported:
    """Write a model as one file for other programs; see `WholeModel` for what it takes and gives, `about` for the rest.

    What the file carries is in the metadata of an ONNX file, and JSON in ``segstudio.json`` inside a torch.export file.

    Args:
        model: stays as it is.
        path: of the file; replaced as a whole once all has gone well.
        images: as for `check_export`; the file has to say the same of them as the model.
        kind: ``onnx``, or ``torch`` for torch.export (``.pt2``).
        dynamic: any number of images and any size; a network for which that cannot be is written for one image of
            512 x 512 pixels.
        cancel: when set, the call ends before its next part (tracing, translating, checking, writing).

    Raises:
        Cancelled: `cancel` was set.
        UsageError: the packages for ONNX are not installed.
        ModelError: the network cannot be written in this format, or would say something else there.
        ProjectError: the file cannot be written.
    """
    if kind == "onnx":
        _need_onnx()
    data, size = _written(model, kind, dynamic=dynamic, cancel=cancel)
    difference = _difference(data, model, images, size, cancel) if images else None
    if difference is not None and difference > _TOLERANCE:
        problem = f"is not written, its probabilities differ by {difference:.2g} from the model's"
        raise ModelError(problem, remedy="Choose the other format", path=path)
    _stop_if(cancel)
    write_bytes(path, data)
    return Exported(path, size, len(data), difference)


def about(model: LoadedModel, size: tuple[int, int] | None) -> dict[str, Any]:
    """What an exported file says of itself.

    Args:
        model: exported.
        size: height and width it takes, None for any in multiples of 32.
    """
    card = model.card
    try:
        origin = STRUCTURES.get(card.decoder) or find_backbone(card.backbone)
        source, licence = origin.source, origin.licence
    except UsageError:
        source = licence = ""
    return {
        FORMAT_KEY: _FORMAT,
        "model": card.name,
        "created": card.created,
        "classes": [{key: item[key] for key in ("index", "name", "color")} for item in card.classes],
        "void": str(VOID),
        "channels": str(card.channels),
        "normalisation": card.normalisation,
        "input": f"{INPUT}: float32 (N, {card.channels}, H, W) in 0..255, not normalised",
        "output": f"{OUTPUT}: float32 (N, {len(card.classes)}, H, W)",
        "size": "multiples of 32" if size is None else f"{size[0]} x {size[1]}",
        "backbone": card.backbone,
        "decoder": card.decoder,
        "weights_source": source,
        "weights_licence": licence,
    }


def is_export(path: Path) -> bool:
    """Whether a file is an exported model of this program, which may be replaced by a newer one."""
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                return any(name.rpartition("/")[2] == _ABOUT for name in archive.namelist())
        return path.is_file() and FORMAT_KEY.encode() in path.read_bytes()
    except (OSError, zipfile.BadZipFile):
        return False


def read_about(path: Path) -> dict[str, Any]:
    """What an exported file says of itself, see `about`; values of an ONNX file are text, lists in it JSON."""
    if zipfile.is_zipfile(path):
        found = {_ABOUT: ""}
        with _quietly():
            torch.export.load(path, extra_files=found)
        content: dict[str, Any] = json.loads(found[_ABOUT])
        return content
    import onnx

    return {item.key: item.value for item in onnx.load(path).metadata_props}


def check_export(
    path: Path,
    model: LoadedModel,
    images: Sequence[U8],
    *,
    size: tuple[int, int] | None = None,
    cancel: threading.Event | None = None,
) -> float:
    """The largest difference between what an exported file and the model itself say.

    Args:
        path: as `export_model` wrote it; run by onnxruntime or torch.
        model: the one exported.
        images: ``uint8 (H, W)`` or ``(H, W, C)``, at least one; each is cut to multiples of 32, or to `size`.
        size: height and width that the file takes, None for any.
        cancel: when set, the call ends within a layer of the network, or before the file answers.

    Returns:
        Difference of a class's probability at a pixel, 0..1; 1 when any is no number.

    Raises:
        Cancelled: `cancel` was set.
        UsageError: the packages for ONNX are not installed.
    """
    return _difference(path.read_bytes(), model, images, size, cancel)


def _difference(
    data: bytes,
    model: LoadedModel,
    images: Sequence[U8],
    size: tuple[int, int] | None,
    cancel: threading.Event | None,
) -> float:
    _stop_if(cancel)
    run = _runner(data)
    whole = _whole(model).eval()
    worst = 0.0
    for image in images:
        batch = _as_batch(image, model.card.channels, size)
        with torch.inference_mode(), stopping(whole, cancel):
            expected = whole(torch.from_numpy(batch)).numpy()
        _stop_if(cancel)
        difference = float(np.abs(run(batch) - expected).max())
        worst = max(worst, difference if np.isfinite(difference) else 1.0)
    return worst


def _runner(data: bytes) -> Callable[[F32], F32]:
    if zipfile.is_zipfile(io.BytesIO(data)):
        with _quietly():
            loaded = torch.export.load(io.BytesIO(data)).module()

        def with_torch(batch: F32) -> F32:
            with torch.no_grad():
                return np.asarray(loaded(torch.from_numpy(batch)).numpy(), np.float32)

        return with_torch
    _need_onnx()
    import onnxruntime  # type: ignore[import-untyped]

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors; its warnings are about its own choices
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    return lambda batch: session.run([OUTPUT], {INPUT: batch})[0]


def _as_batch(image: U8, channels: int, size: tuple[int, int] | None) -> F32:
    """``float32 (1, C, h, w)``: the upper left part of an image, mirrored where it is too small."""
    height, width = size or tuple(max(_SMALLEST_SIDE, side // STRIDE * STRIDE) for side in image.shape[:2])
    part = as_channels(image[:height, :width], channels)
    down, right = height - part.shape[0], width - part.shape[1]
    padded = np.asarray(cv2.copyMakeBorder(part, 0, down, 0, right, cv2.BORDER_REFLECT), np.float32)
    return np.ascontiguousarray(padded.reshape(height, width, channels).transpose(2, 0, 1)[None])


def _whole(model: LoadedModel) -> WholeModel:
    network = model.network if model.device.type == "cpu" else SPARES.of(model.network)
    mean, std = (of_channels(model.card.normalisation[name], model.card.channels) for name in ("mean", "std"))
    network = copy.deepcopy(network)
    _pad_plainly(network)
    return WholeModel(network, mean, std)


def _pad_plainly(module: nn.Module) -> None:
    """Give convolutions that work out their padding from the size of each input one that is right for all.

    It is the same for every input whose sides are multiples of the stride, and tracing it for any size takes seconds,
    not minutes.
    """
    for name, child in module.named_children():
        if not isinstance(child, Conv2dSame):
            _pad_plainly(child)
            continue
        pads: list[int] = []
        for size, stride, dilation in zip(
            reversed(child.kernel_size), reversed(child.stride), reversed(child.dilation), strict=True
        ):
            total = max(0, (size - 1) * dilation + 1 - stride)
            pads += [total // 2, total - total // 2]
        plain = nn.Conv2d(
            child.in_channels,
            child.out_channels,
            cast(tuple[int, int], child.kernel_size),
            cast(tuple[int, int], child.stride),
            dilation=cast(tuple[int, int], child.dilation),
            groups=child.groups,
            bias=child.bias is not None,
        )
        plain.weight, plain.bias = child.weight, child.bias
        setattr(module, name, nn.Sequential(nn.ZeroPad2d(cast(tuple[int, int, int, int], tuple(pads))), plain))


def _written(
    model: LoadedModel, kind: Kind, *, dynamic: bool, cancel: threading.Event | None
) -> tuple[bytes, tuple[int, int] | None]:
    """The traced model in a format, and the one size it takes; None for any."""
    whole, channels = _whole(model).eval(), model.card.channels
    write = _as_onnx if kind == "onnx" else _as_program
    if dynamic:
        rows, columns = (torch.export.Dim(name, min=2, max=_LARGEST) for name in ("rows", "columns"))
        shapes = {0: torch.export.Dim("count", min=1, max=4096), 2: STRIDE * rows, 3: STRIDE * columns}
        example = torch.zeros(_EXAMPLE[0], channels, *_EXAMPLE[1:])
        try:
            with _quietly():
                program = torch.export.export(whole, (example,), dynamic_shapes=(shapes,))
                _stop_if(cancel)
                return write(program, about(model, None)), None
        except (Cancelled, ModelError):
            raise
        except Exception as error:  # tracer and writers raise nearly anything; a fixed size asks less of them
            _log.info("%s cannot be exported for any size: %s", model.card.name, error)
    try:
        with _quietly():
            _stop_if(cancel)
            program = torch.export.export(whole, (torch.zeros(1, channels, *_FIXED),))
            _stop_if(cancel)
            return write(program, about(model, _FIXED)), _FIXED
    except (Cancelled, ModelError):
        raise
    except Exception as error:
        raise _impossible(model, kind, error) from error


def _stop_if(cancel: threading.Event | None) -> None:
    if cancel is not None and cancel.is_set():
        raise Cancelled


def _as_onnx(program: torch.export.ExportedProgram, told: Mapping[str, Any]) -> bytes:
    import onnx

    written = torch.onnx.export(
        program, dynamo=True, verbose=False, input_names=[INPUT], output_names=[OUTPUT], external_data=False
    )
    assert written is not None
    proto = written.model_proto
    if proto.ByteSize() > _ONNX_LIMIT:
        raise ModelError("the model is too large for one ONNX file", remedy="Choose the other format")
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in told.items()}
    onnx.helper.set_model_props(proto, texts)
    return bytes(proto.SerializeToString())


def _as_program(program: torch.export.ExportedProgram, told: Mapping[str, Any]) -> bytes:
    buffer = io.BytesIO()
    torch.export.save(program, buffer, extra_files={_ABOUT: json.dumps(told, ensure_ascii=False)})
    return buffer.getvalue()


def _impossible(model: LoadedModel, kind: Kind, error: Exception) -> ModelError:
    reason = str(error).partition("\n")[0].rstrip(". ")[:200]
    how = "ONNX" if kind == "onnx" else "torch.export"
    return ModelError(
        f"the model {model.card.name} cannot be written as {how} ({reason})", remedy="Choose the other format"
    )


def _need_onnx() -> None:
    missing = [name for name in _ONNX_PACKAGES if find_spec(name) is None]
    if missing:
        raise UsageError(f"ONNX needs {', '.join(missing)}", remedy="Install with: pip install 'segstudio[onnx]'")


@contextmanager
def _quietly() -> Iterator[None]:
    """Without what torch says of its own insides while it traces: nothing a person could act on."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "torch.export", "onnxscript", "onnx_ir")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)
