"""Inputs that are not RGB: how the first convolution of a pretrained encoder takes them."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from segstudio.errors import UsageError
from segstudio.learn.backbones.registry import Backbone

RGB = 3


def first_convolution(encoder: nn.Module) -> tuple[str, nn.Conv2d]:
    """Name and module of the convolution that reads the image: the first that was registered.

    Raises:
        UsageError: when there is none.
    """
    for name, module in encoder.named_modules():
        if isinstance(module, nn.Conv2d):
            return name, module
    raise UsageError("the encoder has no convolution that reads the image", remedy="Choose another backbone")


def normalisation_for(backbone: Backbone, channels: int) -> dict[str, list[float]]:
    """Mean and deviation of each channel of an input in 0..1, ``mean`` and ``std``, lists of length `channels`.

    The first three of three or more channels are those of RGB in pretraining. One or two channels, and those beyond
    three, have the average of the three.

    Raises:
        UsageError: when `channels` is below 1.
    """
    _check(channels)

    def spread(values: Sequence[float]) -> list[float]:
        average = sum(values) / len(values)
        if channels < RGB:
            return [average] * channels
        return [*values, *([average] * (channels - RGB))]

    return {"mean": spread(backbone.mean), "std": spread(backbone.std)}


def adapt_kernel(kernel: Tensor, channels: int) -> tuple[Tensor, str]:
    """A first kernel for another number of channels, and in a clause how it was made.

    Of an RGB kernel, one channel gets the sum: what a grey image, repeated as red, green and blue, would give. More
    than three keep the three and add their mean; two get the mean. In each of these cases all are scaled by 3 /
    `channels`, so that activations keep their size. From another number than three, all get the mean, scaled
    likewise.

    Args:
        kernel: ``(O, C, h, w)`` float.
        channels: wanted in place of C, 1 or more.
    """
    _check(channels)
    before = kernel.shape[1]
    if channels == before:
        return kernel, "as pretrained"
    exact = _exact(kernel)
    mean = exact.mean(1, keepdim=True)
    share = before / channels
    if before == RGB and channels > RGB:
        made = torch.cat([exact, mean.expand(-1, channels - RGB, -1, -1)], 1) * share
        how = f"the first three keep their colour kernels, the others start at their mean, all scaled by 3/{channels}"
    else:
        made = mean.expand(-1, channels, -1, -1) * share
        scaled = f"the mean of {before} pretrained kernels, scaled by {before}/{channels}"
        how = "the sum of the colour kernels, as if grey were repeated" if (before, channels) == (RGB, 1) else scaled
    return made.to(kernel.device, kernel.dtype).contiguous(), how


def adapt_input(encoder: nn.Module, channels: int, *, backbone: Backbone | None = None) -> str:
    """Let the first convolution of `encoder` take `channels` channels, in place; pretrained kernels are kept as below.

    See `adapt_kernel`. With `backbone`, one channel normalised by `normalisation_for` gives what the repeated grey,
    normalised as RGB, gave: each colour's kernel is scaled by the ratio of the deviations, and the difference of the
    means goes to the bias, which is added where the convolution has none. That is exact but for the border that the
    convolution pads: it pads with each channel's mean, and where the three means differ no grey value is all of them.
    Without `backbone`, means and deviations count as equal, and then it is exact everywhere.

    The structure that results depends on the arguments alone, never on the weights, so that a stored model can be
    built again.

    Args:
        encoder: with its weights, on any device.
        channels: of the images, 1 or more.
        backbone: whose normalisation the encoder was pretrained with.

    Returns:
        One line that says how, for a person.

    Raises:
        UsageError: when `channels` is below 1, or no convolution reads the image.
    """
    _check(channels)
    _, convolution = first_convolution(encoder)
    before = convolution.in_channels
    if before == channels:
        return f"The first convolution takes {_counted(channels)} as pretrained."
    if convolution.groups != 1:
        raise UsageError("the first convolution keeps its channels apart", remedy="Choose another backbone")
    kernel = convolution.weight.detach()
    if backbone is not None and (before, channels) == (RGB, 1):
        kernel = _fold_normalisation(convolution, backbone)
    made, how = adapt_kernel(kernel, channels)
    convolution.weight = nn.Parameter(made, requires_grad=convolution.weight.requires_grad)
    convolution.in_channels = channels
    return f"The first convolution takes {_counted(channels)}: {how}."


def _fold_normalisation(convolution: nn.Conv2d, backbone: Backbone) -> Tensor:
    """RGB kernels for a grey normalised by `normalisation_for`; the bias takes the difference of the means."""
    grey = normalisation_for(backbone, 1)
    weight = convolution.weight
    exact = _exact(weight.detach())
    mean, std = (exact.new_tensor(values).view(1, RGB, 1, 1) for values in (backbone.mean, backbone.std))
    if len(set(backbone.mean)) > 1:
        moved = (exact * (grey["mean"][0] - mean) / std).sum((1, 2, 3))
        if convolution.bias is not None:
            moved += _exact(convolution.bias.detach())
        convolution.bias = nn.Parameter(moved.to(weight.device, weight.dtype), requires_grad=weight.requires_grad)
    return (exact * grey["std"][0] / std).to(weight.device, weight.dtype)


def _exact(tensor: Tensor) -> Tensor:
    """In double precision; on the CPU where the device has none."""
    return tensor.cpu().double() if tensor.device.type == "mps" else tensor.double()


def _check(channels: int) -> None:
    if channels < 1:
        raise UsageError(f"an image cannot have {channels} channels", remedy="Give 1 or more")


def _counted(channels: int) -> str:
    return "1 channel" if channels == 1 else f"{channels} channels"
