"""Batch norm over the crops of all processes; torch's own needs CUDA, and cannot tell that another process failed."""

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from segstudio.learn.group.group import Group


class SyncedNorm(_BatchNorm):
    """Batch norm whose statistics, in training mode, are those of all processes together.

    It has the names and values of the layer it stands for, so that weights fit either. What else that layer did, timm's
    activation, comes along.

    Args:
        norm: the layer it stands for.
        group: the processes.
    """

    def __init__(self, norm: _BatchNorm, group: Group) -> None:
        super().__init__(norm.num_features, norm.eps, norm.momentum, norm.affine, norm.track_running_stats)
        for name, parameter in norm.named_parameters(recurse=False):
            self.register_parameter(name, parameter)
        for name, buffer in norm.named_buffers(recurse=False):
            self.register_buffer(name, buffer)
        for name, child in norm.named_children():
            self.add_module(name, child)
        self._after = [name for name, _ in norm.named_children()]
        self._group = group
        self.train(norm.training)

    def forward(self, images: Tensor) -> Tensor:
        """Normalise ``(N, C, ...)`` float."""
        # On the meta device a network is asked about its structure, which nobody else is.
        alone = not self.training or images.is_meta
        values = super().forward(images) if alone else self._together(images)
        for name in self._after:
            values = getattr(self, name)(values)
        return values

    def _check_input_dim(self, images: Tensor) -> None:
        """Any number of dimensions will do."""

    def _together(self, images: Tensor) -> Tensor:
        values, mean, variance, count = cast(
            tuple[Tensor, Tensor, Tensor, float],
            _Normalised.apply(images, self.weight, self.bias, self.eps, self._group),
        )
        if self.running_mean is not None and self.running_var is not None:
            with torch.no_grad():
                assert self.num_batches_tracked is not None
                self.num_batches_tracked.add_(1)
                share = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
                self.running_mean.lerp_(mean.to(self.running_mean), share)
                unbiased = variance * count / max(count - 1, 1)
                self.running_var.lerp_(unbiased.to(self.running_var), share)
        return values


class _Normalised(torch.autograd.Function):
    """Source: Ioffe & Szegedy 2015, algorithm 1 and the gradients after it, with all sums taken over the group."""

    @staticmethod
    def forward(
        ctx: Any, images: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float, group: Group
    ) -> tuple[Tensor, Tensor, Tensor, float]:
        own = images.numel() // images.shape[1]
        variance, mean = torch.var_mean(images.float(), _others(images), correction=0)
        variance, mean = variance.double(), mean.double()  # the squares of means are taken off again
        sums = group.add(torch.cat([mean * own, (variance + mean**2) * own, mean.new_tensor([own])]))
        count = float(sums[-1])
        mean, squares = (sums[:-1] / count).view(2, -1)
        variance = (squares - mean**2).clamp(min=0)
        inverse = (variance + eps).rsqrt().float()
        scale = inverse if weight is None else inverse * weight
        shift = -mean.float() * scale if bias is None else bias - mean.float() * scale
        ctx.save_for_backward(images, weight, mean.float(), inverse)
        ctx.group, ctx.count = group, count
        ctx.mark_non_differentiable(mean, variance)
        return (
            torch.addcmul(_spread(shift, images), images.float(), _spread(scale, images)).to(images),
            mean,
            variance,
            count,
        )

    @staticmethod
    def backward(ctx: Any, gradient: Tensor, *_: object) -> tuple[Tensor | None, ...]:
        images, weight, mean, inverse = ctx.saved_tensors
        upstream = gradient.float()
        normal = (images.float() - _spread(mean, images)) * _spread(inverse, images)
        by_bias = upstream.sum(_others(images))
        by_weight = (upstream * normal).sum(_others(images))
        sums = ctx.group.add(torch.cat([by_bias, by_weight]).double() / ctx.count).float()
        level, slope = sums.view(2, -1)
        scale = inverse if weight is None else inverse * weight
        by_images = upstream - _spread(level, images) - normal * _spread(slope, images)
        by_images = (by_images * _spread(scale, images)).to(images)
        return by_images, by_weight if weight is not None else None, by_bias if weight is not None else None, None, None


def _others(images: Tensor) -> list[int]:
    """All dimensions but that of the channels."""
    return [dimension for dimension in range(images.ndim) if dimension != 1]


def _spread(values: Tensor, images: Tensor) -> Tensor:
    return values.view(1, -1, *[1] * (images.ndim - 2))


def sync_norms(network: nn.Module, group: Group) -> None:
    """Put a `SyncedNorm` in place of each batch norm that is in training mode."""
    for name, child in network.named_children():
        if isinstance(child, _BatchNorm) and child.training and not isinstance(child, SyncedNorm):
            setattr(network, name, SyncedNorm(child, group))
        else:
            sync_norms(child, group)
