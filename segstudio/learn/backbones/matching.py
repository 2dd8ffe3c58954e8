"""Which tensors of a file are those of an encoder, whatever names they go by."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from segstudio.errors import UsageError
from segstudio.learn.backbones.adapting import adapt_kernel, first_convolution
from segstudio.learn.backbones.timm_encoders import empty_classifier

_COUNTER = "num_batches_tracked"  # old files lack it, and nothing that is computed depends on it
_KINDS = frozenset({"weight", "bias", "running_mean", "running_var"})
_WRAPPINGS = ("module.", "_orig_mod.", "model.", "backbone.", "encoder.", "net.", "network.")
_PREFIXES = 32  # places in a file that are tried as the beginning of the encoder
_SHOWN = 3
# Networks that torchvision normalises with another epsilon than timm; a difference in it is one in the variances.
_TORCHVISION_EPS = {"mobilenetv3": 1e-3}
_TORCHVISION_START = "features.0.0.weight"


@dataclass(frozen=True, slots=True)
class MatchReport:
    """What of a file fits a network.

    Attributes:
        title: of the network.
        fitted: tensors of the network that the file has; of an encoder without the counters of its norm layers.
        missing: those that it has not.
        wrong_shape: those that it has in another shape, each with both shapes.
        unexpected: tensors of the file that there is no place for, for instance its classifier.
        note: what was done to make the input fit; mostly empty.
    """

    title: str
    fitted: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    wrong_shape: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    note: str = ""

    @property
    def complete(self) -> bool:
        """Whether nothing of the network is missing."""
        return not self.missing and not self.wrong_shape

    @property
    def line(self) -> str:
        """The report in one line."""
        total = len(self.fitted) + len(self.missing) + len(self.wrong_shape)
        if not self.complete:
            fits = f"{len(self.fitted) or 'none'} of the {total} tensors of {self.title} fit"
            parts = [
                f"{word} {_some(names)}"
                for word, names in (("missing:", self.missing), ("of another shape:", self.wrong_shape))
                if names
            ]
            return "; ".join([fits, *parts])
        line = f"all {total} tensors of {self.title} fit"
        if self.unexpected:
            line += f"; left out, since there is no place for them: {_some(self.unexpected)}"
        return f"{line}; {self.note}" if self.note else line

    def lines(self) -> list[str]:
        """The report in full, a line each for what fits and for every tensor that does not."""
        found = [self.line]
        found += [f"missing: {name}" for name in self.missing]
        found += [f"of another shape: {name}" for name in self.wrong_shape]
        found += [f"left out: {name}" for name in self.unexpected]
        return found


@dataclass(frozen=True, slots=True)
class Match:
    """The tensors for an encoder by its own names, and the report of how they were found."""

    tensors: Mapping[str, Tensor]
    report: MatchReport


def match_tensors(
    state: Mapping[str, Tensor], encoder: nn.Module, architecture: str, title: str, *, ordered: bool
) -> Match:
    """Find the tensors of `encoder` among those of a file.

    Looked for, until everything fits: timm's names, below whatever prefix; the names that timm's own reader of foreign
    files understands; and, in a file that keeps the order of its network, the same shapes in the same order, which is
    how torchvision's files differ. Otherwise the way that finds most is reported. The kernel of the first convolution
    may have another number of channels and is adapted.

    Args:
        state: the file's tensors.
        encoder: timm feature extractor; only names and shapes count, so it may be on the meta device.
        architecture: its name in timm.
        title: its name for people.
        ordered: whether `state` is in the order in which the tensors were registered.
    """
    wanted = encoder.state_dict()
    ways: list[Callable[[], Mapping[str, tuple[str, Tensor]]]] = [
        lambda: _by_name(state, wanted),
        lambda: _by_foreign_names(state, wanted, architecture),
    ]
    if ordered:
        ways.append(lambda: _by_order(state, wanted, encoder, architecture))
    best: Match | None = None
    for way in ways:
        match = _check_shapes(way(), state, encoder, title)
        if match.report.complete:
            return match
        if best is None or len(match.report.fitted) > len(best.report.fitted):
            best = match
    assert best is not None
    return best


def timm_names(encoder: nn.Module, architecture: str) -> dict[str, str]:
    """For each tensor of a feature extractor of timm, its name in timm's whole classifier.

    Both differ where timm flattens a network to reach its stages: ``stages_0.norm`` for ``stages.0.norm``.
    """
    whole = {_canonical(name): name for name in empty_classifier(architecture).state_dict()}
    return {name: whole.get(_canonical(name), name) for name in encoder.state_dict()}


def _by_name(state: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> Mapping[str, tuple[str, Tensor]]:
    """The same names, or those below the prefix under which most are found."""
    by_canonical = {_canonical(name): name for name in state}
    names = {name: _canonical(name) for name in wanted}
    probe = next(iter(names.values()), "")
    prefixes = [""] + [
        name.removesuffix(probe) for name in by_canonical if probe and name.endswith(f".{probe}") and name != probe
    ]
    best: dict[str, tuple[str, Tensor]] = {}
    for prefix in prefixes[:_PREFIXES]:
        found = {}
        for name, canonical in names.items():
            source = by_canonical.get(prefix + canonical)
            if source is not None:
                found[name] = (source, state[source])
        if len(found) > len(best):
            best = found
    return best


def _by_foreign_names(
    state: Mapping[str, Tensor], wanted: Mapping[str, Tensor], architecture: str
) -> Mapping[str, tuple[str, Tensor]]:
    """Through the function by which timm renames the files of those who published the network first, if it has one."""
    classifier = empty_classifier(architecture)
    rename = getattr(sys.modules[type(classifier).__module__], "checkpoint_filter_fn", None)
    if rename is None:
        return {}
    try:
        renamed = rename(_unwrapped(state), classifier)
    except Exception:  # each of these functions fails in its own ways on names that it does not expect
        return {}
    if not isinstance(renamed, dict):
        return {}
    # Memory tells where a tensor came from, also when it has got another shape on the way.
    sources = {tensor.data_ptr(): name for name, tensor in state.items()}
    tensors = {name: tensor for name, tensor in renamed.items() if isinstance(tensor, Tensor)}
    found = _by_name(tensors, wanted)
    return {name: (sources.get(tensor.data_ptr(), source), tensor) for name, (source, tensor) in found.items()}


def _by_order(
    state: Mapping[str, Tensor], wanted: Mapping[str, Tensor], encoder: nn.Module, architecture: str
) -> Mapping[str, tuple[str, Tensor]]:
    """The beginning of the file, when each tensor there has the shape and the kind of its counterpart; else nothing."""
    stored = [(name, tensor) for name, tensor in state.items() if not name.endswith(_COUNTER)]
    places = [(name, tensor) for name, tensor in wanted.items() if not name.endswith(_COUNTER)]
    if len(stored) < len(places):
        return {}
    first = f"{first_convolution(encoder)[0]}.weight"
    found: dict[str, tuple[str, Tensor]] = {}
    for (source, tensor), (name, place) in zip(stored, places, strict=False):
        kinds = {source.rpartition(".")[2], name.rpartition(".")[2]}
        if len(kinds) == 2 and kinds <= _KINDS:
            return {}
        if _squeezed(tensor) == _squeezed(place):
            tensor = tensor.reshape(place.shape)
        elif name != first or not _differs_in_channels(tensor, place):
            return {}
        found[name] = (source, tensor)
    if next(iter(_unwrapped(state)), "") == _TORCHVISION_START:
        _fold_epsilon(found, encoder, architecture)
    return found


def _fold_epsilon(found: dict[str, tuple[str, Tensor]], encoder: nn.Module, architecture: str) -> None:
    """Let norm layers give what they gave with torchvision's epsilon: only its sum with the variance counts."""
    theirs = next((eps for start, eps in _TORCHVISION_EPS.items() if architecture.startswith(start)), None)
    if theirs is None:
        return
    for name, module in encoder.named_modules():
        variance = f"{name}.running_var"
        if isinstance(module, _BatchNorm) and variance in found:
            source, tensor = found[variance]
            found[variance] = (source, tensor + (theirs - module.eps))


def _check_shapes(
    found: Mapping[str, tuple[str, Tensor]], state: Mapping[str, Tensor], encoder: nn.Module, title: str
) -> Match:
    wanted = encoder.state_dict()
    try:
        first = f"{first_convolution(encoder)[0]}.weight"
    except UsageError:
        first = ""
    tensors: dict[str, Tensor] = {}
    fitted, missing, wrong, note = [], [], [], ""
    for name, place in wanted.items():
        if name not in found and name.endswith(_COUNTER):
            tensors[name] = torch.zeros(place.shape, dtype=place.dtype)
            continue
        if name not in found:
            missing.append(name)
            continue
        source, tensor = found[name]
        if name == first and _differs_in_channels(tensor, place):
            channels = tensor.shape[1]
            tensor, how = adapt_kernel(tensor, place.shape[1])
            note = f"the file's first convolution reads {channels} channels, here {place.shape[1]}: {how}"
        if tensor.shape != place.shape:
            wrong.append(f"{source} ({_shape(tensor)} in the file, {_shape(place)} in the encoder)")
            continue
        tensors[name] = tensor
        if not name.endswith(_COUNTER):
            fitted.append(name)
    used = {source for source, _ in found.values()}
    unexpected = tuple(name for name in state if name not in used)
    report = MatchReport(title, tuple(fitted), tuple(missing), tuple(wrong), unexpected, note)
    return Match(tensors, report)


def _unwrapped(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Without the beginnings that training loops put before every name."""
    bare = dict(state)
    while bare:
        start = next((part for part in _WRAPPINGS if all(name.startswith(part) for name in bare)), None)
        if start is None:
            break
        bare = {name.removeprefix(start): tensor for name, tensor in bare.items()}
    return bare


def _canonical(name: str) -> str:
    return name.replace("_", ".")


def _squeezed(tensor: Tensor) -> list[int]:
    return [side for side in tensor.shape if side != 1]


def _differs_in_channels(tensor: Tensor, place: Tensor) -> bool:
    shapes = tensor.shape, place.shape
    return tensor.ndim == place.ndim == 4 and shapes[0] != shapes[1] and _apart(shapes[0]) == _apart(shapes[1])


def _apart(shape: torch.Size) -> tuple[int, ...]:
    return (shape[0], *shape[2:])


def _shape(tensor: Tensor) -> str:
    return "x".join(str(side) for side in tensor.shape) or "a number"


def _some(names: tuple[str, ...]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
