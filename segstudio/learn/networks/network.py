"""Segmentation networks: a pretrained encoder under a decoder and a head that gives class scores."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.modules.batchnorm import _BatchNorm

from segstudio.errors import UsageError
from segstudio.learn.backbones.adapting import RGB, adapt_input
from segstudio.learn.backbones.registry import Backbone
from segstudio.learn.backbones.weights import load_encoder_weights
from segstudio.learn.networks.decoders import TwoScales, find_decoder
from segstudio.learn.request import Transfer

STRIDE = 32  # both sides of an input must be multiples of it
_SMALL_PROBE = 2 * STRIDE
_PROBE = 4 * STRIDE  # side of the images that networks are asked about their structure with


class SegmentationNetwork(nn.Module):
    """Encoder, decoder and head; norm layers of the encoder can be pinned to their pretrained statistics.

    Attributes:
        encoder, decoder, head: the three parts, run in this order. The encoder gives a list of features, from the full
            size to the deepest; every convolution of the head gives class scores.
        channels: of the images.
        input_note: how the encoder was made to take other images than RGB, one line; else empty.
        frozen: the encoder takes no gradient and its norm layers stay in eval mode.
    """

    def __init__(
        self, encoder: nn.Module, decoder: nn.Module, head: nn.Module, *, channels: int = RGB, input_note: str = ""
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.head = head
        self.channels = channels
        self.input_note = input_note
        self.frozen = False
        self._norm_pinned = False
        self._stages: list[list[str]] | None = None

    def forward(self, images: Tensor) -> Tensor:
        """Class scores of normalised images.

        Args:
            images: ``(N, C, H, W)`` float, H and W multiples of 32.

        Returns:
            ``(N, K, H, W)`` float, unnormalised.
        """
        return self.decode(self.features(images))

    def features(self, images: Tensor) -> list[Tensor]:
        """What the encoder sees, from the full size to the deepest; `decode` turns it into class scores."""
        return list(self.encoder(images))

    def decode(self, features: list[Tensor], *, half: bool = False) -> Tensor:
        """Class scores ``(N, K, H, W)`` of what `features` gave; with `half`, where it `halves`, of half the size."""
        scales = self.decoder(features)
        if half and isinstance(self.head, TwoScales):
            return self.head.half_size(scales)
        return cast(Tensor, self.head(scales))

    @property
    def halves(self) -> bool:
        """Whether class scores can be had at half the size, before they are enlarged for the last time."""
        return isinstance(self.head, TwoScales)

    def score_layers(self) -> list[nn.Conv2d]:
        """The convolutions whose outputs are class scores; where there are several, their scores are added."""
        return [layer for layer in self.head.modules() if isinstance(layer, nn.Conv2d)]

    def stages(self) -> list[list[nn.Parameter]]:
        """The encoder's parameters by stage, from the stem to the deepest; every parameter is in one of them.

        A stage is what one more of the encoder's features needs beyond the shallower ones.
        """
        parameters = dict(self.encoder.named_parameters())
        if self._stages is None or {name for stage in self._stages for name in stage} != set(parameters):
            self._stages = self._find_stages()
        return [[parameters[name] for name in stage] for stage in self._stages]

    def _find_stages(self) -> list[list[str]]:
        # Autograd's graph tells what depends on what, in any encoder. On small images that is many times faster than on
        # the meta device, where Python does the work of torch's kernels.
        leaves = {name: value.detach().requires_grad_() for name, value in self.encoder.named_parameters()}
        state = {name: value.clone() for name, value in self.encoder.named_buffers()}
        device = next((value.device for value in leaves.values()), None)
        images = torch.zeros(2, self.channels, _SMALL_PROBE, _SMALL_PROBE, device=device)
        with torch.random.fork_rng(devices=[]), torch.enable_grad():
            features = functional_call(self.encoder, {**leaves, **state}, (images,))
        left = dict(leaves)
        stages: list[list[str]] = []
        for feature in features:
            if left and feature.requires_grad and feature.numel():
                needed = _needed(feature, list(left.values()))
                stages.append([name for name, is_needed in zip(left, needed, strict=True) if is_needed])
                left = {name: leaf for name, leaf in left.items() if name not in set(stages[-1])}
        if left:
            stages.append(list(left))
        return [stage for stage in stages if stage]

    def reads(self) -> tuple[int, ...]:
        """Positions of the `features` that class scores depend on; of the others `decode` needs the shape at most."""
        state = {name: torch.empty_like(value, device="meta") for name, value in self.state_dict().items()}
        encoder = {name.removeprefix("encoder."): value for name, value in state.items() if name.startswith("encoder.")}
        images = torch.empty(2, self.channels, _PROBE, _PROBE, device="meta")
        features = list(functional_call(self.encoder, encoder, (images,)))
        leaves = [feature.detach().requires_grad_() for feature in features]
        scores = functional_call(
            _Decoding(self), {f"network.{name}": value for name, value in state.items()}, (leaves,)
        )
        needed = _needed(scores, leaves)
        return tuple(place for place, leaf in enumerate(leaves) if needed[place] and leaf.numel())

    def train(self, mode: bool = True) -> "SegmentationNetwork":
        """As in torch, but pinned and frozen norm layers stay in eval mode, or running statistics would drift."""
        super().train(mode)
        for module in self.encoder.modules():
            if isinstance(module, _BatchNorm) and (self._norm_pinned or not _learns(module)):
                module.eval()
        if self.frozen:
            self.encoder.eval()
        return self

    def pin_norm(self, pinned: bool) -> None:
        """Keep the encoder's norm layers at their running statistics, also in training mode."""
        self._norm_pinned = pinned
        self.train(self.training)

    def freeze(self, frozen: bool) -> None:
        """Switch gradients of the whole encoder off or on."""
        self.frozen = frozen
        self.encoder.requires_grad_(not frozen)
        self.train(self.training)

    def thaw(self, stages: int) -> None:
        """Let the deepest `stages` of the encoder's stages learn; the others stay as they are, bit for bit.

        Args:
            stages: 0 freezes the whole encoder; their number, see `stages`, or more lets all of it learn.
        """
        self.frozen = stages <= 0
        self.encoder.requires_grad_(not self.frozen)
        if not self.frozen:
            for stage in self.stages()[:-stages]:
                for parameter in stage:
                    parameter.requires_grad_(False)
        self.train(self.training)


class _Decoding(nn.Module):
    """`SegmentationNetwork.decode` as a module of its own, for tools that only take modules."""

    def __init__(self, network: SegmentationNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, features: list[Tensor]) -> Tensor:
        return self.network.decode(features)


def _learns(module: nn.Module) -> bool:
    parameters = list(module.parameters(recurse=False))
    return not parameters or any(parameter.requires_grad for parameter in parameters)


def _needed(output: Tensor, inputs: list[Tensor]) -> list[bool]:
    """Whether `output` was computed from each of `inputs`."""
    gradients = torch.autograd.grad(
        output, inputs, grad_outputs=torch.empty_like(output), allow_unused=True, retain_graph=True
    )
    return [gradient is not None for gradient in gradients]


def build_network(
    backbone: Backbone,
    decoder: str,
    classes: int,
    transfer: Transfer,
    *,
    channels: int = RGB,
    options: Mapping[str, Any] | None = None,
    pretrained: bool = True,
    folder: Path | None = None,
) -> SegmentationNetwork:
    """A network ready to train; its decoder starts from torch's random state.

    Args:
        backbone: the encoder.
        decoder: name in `segstudio.learn.networks.decoders.DECODERS`.
        classes: number of classes K.
        transfer: ``feature`` freezes the encoder for good; all but ``none`` pin its norm layers, since a handful of
            crops gives worse statistics than the pretraining; ``none`` leaves everything random.
        channels: of the images; the first convolution is adapted to other ones than RGB.
        options: the decoder's arguments, when a stored model used others than today's.
        pretrained: False leaves the weights random because the caller fills them in.
        folder: where weights that are not bundled lie.

    Raises:
        UsageError: unknown decoder, or one that cannot stand on this encoder.
        TypeError: `options` are not those of the decoder.
        WeightsError: see `load_encoder_weights`.
    """
    chosen = find_decoder(decoder)
    try:
        encoder, body, head = chosen.make(
            backbone.encoder, classes, channels, chosen.options if options is None else options
        )
    except (AssertionError, NotImplementedError, TypeError, ValueError) as error:
        if isinstance(error, TypeError) and options is not None:
            raise  # the options do not suit the decoder
        # How timm's networks say that their last stages cannot be had at a finer stride.
        raise UsageError(
            f"the decoder {chosen.title} does not work with {backbone.title}", remedy="Choose the decoder fpnfine"
        ) from error
    if transfer != "none" and pretrained:
        load_encoder_weights(cast(nn.Module, encoder.model), backbone, folder=folder)
    network = SegmentationNetwork(
        encoder, body, head, channels=channels, input_note=adapted(encoder, channels, backbone)
    )
    network.pin_norm(transfer != "none")
    if transfer == "feature":
        network.freeze(True)
    return network


def adapted(encoder: nn.Module, channels: int, backbone: Backbone) -> str:
    """Make an encoder of RGB images take images of `channels`, in place; one line says how, empty for RGB."""
    return "" if channels == RGB else adapt_input(encoder, channels, backbone=backbone)


def on_device(network: SegmentationNetwork, device: torch.device) -> SegmentationNetwork:
    """Move it there, in place, with channels last in memory: a third faster on a CPU, and what tensor cores want."""
    network.to(device)
    return network.to(memory_format=torch.channels_last)
