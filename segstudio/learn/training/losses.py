"""Losses over labelled pixels; void pixels change neither value nor gradient."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from segstudio.core.classes import VOID
from segstudio.learn.request import LossKind, LossSettings

_SMALL = 1e-6  # keeps a division defined; far below one pixel
_OVERLAP_SHARE = 0.5  # of a term for overlap beside cross-entropy
_FALSE_POSITIVES = 0.3  # Tversky's alpha
_FALSE_NEGATIVES = 0.7  # Tversky's beta: what was missed counts more than what was too much
_LOVASZ_PIXELS = 10007  # a prime, so that the pixels taken do not line up with the rows of a crop

Reduce = Callable[[Tensor], Tensor]


def _alone(sums: Tensor) -> Tensor:
    return sums


def segmentation_loss(
    logits: Tensor,
    target: Tensor,
    settings: LossSettings,
    *,
    weights: Tensor | None = None,
    reduce: Reduce = _alone,
    void: int = VOID,
) -> Tensor:
    """What the network is told is wrong, over labelled pixels only, in float32 also under autocast.

    Cross-entropy learns steadily; a term for overlap, added by half, keeps small classes alive. Overlap counts the
    classes labelled in the batch alike, whatever their weights.

    Args:
        logits: ``(N, K, H, W)`` float, unnormalised.
        target: ``(N, H, W)`` int64, class index or `void`.
        settings: which loss; its smoothing concerns cross-entropy and focal loss. Balance comes as `weights`.
        weights: ``(K,)`` float, of a pixel of each class, see `class_weights`; None counts every pixel alike.
        reduce: called once with a vector of all sums over pixels, the same length whatever the labels. When several
            processes share a batch it adds their vectors, differentiably; together with gradients averaged over
            processes, value and gradient are then those of the whole batch. Only the Lovasz term is worked out on the
            pixels of each process, and averaged.

    Returns:
        Scalar; 0 when no pixel of the batch is labelled, with a zero gradient.

    Sources: Lin et al. 2017, eq. 4 (focal, gamma 2); Milletari et al. 2016, eq. 1 (Dice); Berman et al. 2018, eq. 11
    (Lovasz-softmax); Salehi et al. 2017, eq. 3 (Tversky); Szegedy et al. 2016, section 7 (smoothing).
    """
    labelled = _Labelled(logits, target, void)
    error = _focal if settings.kind == "focal" else torch.neg
    fit = _fit_sums(labelled, error, settings.smoothing, weights)
    overlap = _OVERLAPS.get(settings.kind)
    if overlap is None:
        return _mean(reduce(fit))
    sums = reduce(torch.cat([fit, overlap.sums(labelled)]))
    return _mean(sums[:2]) + _OVERLAP_SHARE * overlap.loss(sums[2:])


def class_weights(counts: Sequence[int] | npt.NDArray[np.integer], balance: float) -> Tensor:
    """How much a pixel of each class counts, falling with a power of how many of its pixels are labelled.

    Args:
        counts: labelled pixels of each class.
        balance: the power, 0..1: 0 counts all labelled pixels alike, 1 all labelled classes.

    Returns:
        ``(K,)`` float32 on the CPU; over the labelled pixels their mean is 1. 0 for classes without labels.
    """
    pixels = torch.as_tensor(np.asarray(counts, np.float64))
    present = pixels > 0
    relative = torch.where(present, pixels.clamp(min=1) ** -balance, 0.0)
    mean = (relative * pixels).sum() / pixels.sum().clamp(min=1)
    return (relative / torch.where(mean > 0, mean, 1.0)).float()


class _Labelled:
    """Log-probabilities where there are labels, worked out once for all terms: they are a tenth of a step.

    Attributes:
        mask: ``(N, H, W)`` bool, where there are labels; `weight` is the same as float32.
        target: ``(N, H, W)`` int64, class index, 0 where void.
        log: ``(N, K, H, W)`` float32 log-probabilities; `log_true`, ``(N, H, W)``, those of the true class.
    """

    def __init__(self, logits: Tensor, target: Tensor, void: int) -> None:
        self.mask = target != void
        self.classes = logits.shape[1]
        self.weight = self.mask.float()
        self.target = target.masked_fill(~self.mask, 0)
        # Void pixels' scores are replaced, not multiplied by zero, so that not even an infinite one can leak through.
        safe = torch.where(self.mask[:, None], logits.float(), logits.new_zeros((), dtype=torch.float32))
        self.log = safe.log_softmax(1)
        self.log_true = self.log.gather(1, self.target[:, None])[:, 0]

    def by_class(self, values: Tensor) -> Tensor:
        """``(K,)`` sums of ``(N, H, W)`` values over the pixels of each class."""
        return values.new_zeros(self.classes).index_add(0, self.target.flatten(), values.flatten())

    def total(self, values: Tensor) -> Tensor:
        """``(K,)`` sums of ``(N, K, H, W)`` values over all labelled pixels."""
        return (values * self.weight[:, None]).sum((0, 2, 3))


def _focal(log: Tensor) -> Tensor:
    """Error of a class by its log-probability: that of cross-entropy, less the surer the network is already."""
    return -(torch.expm1(log) ** 2) * log


def _fit_sums(
    labelled: _Labelled, error: Callable[[Tensor], Tensor], smoothing: float, weights: Tensor | None
) -> Tensor:
    """Sum of the errors of all labelled pixels, and of their weights: ``(2,)``."""
    weight = labelled.weight
    if weights is not None:
        weight = weight * weights.to(weight)[labelled.target]
    errors = error(labelled.log_true)
    if smoothing:
        other = smoothing / max(labelled.classes - 1, 1)
        errors = (1 - smoothing - other) * errors + other * error(labelled.log).sum(1)
    return torch.stack([(errors * weight).sum(), weight.sum()])


def _mean(sums: Tensor) -> Tensor:
    return sums[0] / torch.where(sums[1] > 0, sums[1], 1.0)


def _dice_sums(labelled: _Labelled) -> Tensor:
    """Of each class the overlap, the squared probabilities and the labelled pixels: ``(3 K,)``."""
    overlap = labelled.by_class(labelled.log_true.exp() * labelled.weight)
    squares = labelled.total((2 * labelled.log).exp())
    return torch.cat([overlap, squares, labelled.by_class(labelled.weight)])


def _dice(sums: Tensor) -> Tensor:
    overlap, squares, truth = sums.view(3, -1)
    return _mean_of_present(1 - (2 * overlap + _SMALL) / (squares + truth + _SMALL), truth)


def _tversky_sums(labelled: _Labelled) -> Tensor:
    """Of each class the overlap, the probabilities and the labelled pixels: ``(3 K,)``."""
    overlap = labelled.by_class(labelled.log_true.exp() * labelled.weight)
    return torch.cat([overlap, labelled.total(labelled.log.exp()), labelled.by_class(labelled.weight)])


def _tversky(sums: Tensor) -> Tensor:
    overlap, said, truth = sums.view(3, -1)
    wrong = _FALSE_POSITIVES * (said - overlap) + _FALSE_NEGATIVES * (truth - overlap)
    return _mean_of_present(1 - (overlap + _SMALL) / (overlap + wrong + _SMALL), truth)


def _mean_of_present(losses: Tensor, truth: Tensor) -> Tensor:
    """Mean over the classes that are labelled in the batch: of others nothing can be known."""
    present = truth > 0
    return (losses * present).sum() / present.sum().clamp(min=1)


def _lovasz_sums(labelled: _Labelled) -> Tensor:
    """Sum of the losses of the classes present, and how many they are: ``(2,)``.

    All pixels would have to be sorted for every class, ten times the rest of the loss together. Evenly spaced ones
    stand for them: by ten thousand an intersection over union is known to a hundredth, and the next crops have others.
    """
    places = labelled.mask.flatten().nonzero()[:, 0]
    if len(places) > _LOVASZ_PIXELS:
        places = places[torch.arange(_LOVASZ_PIXELS, device=places.device) * len(places) // _LOVASZ_PIXELS]
    image, row, column = torch.unravel_index(places, labelled.mask.shape)
    chance = labelled.log[image, :, row, column].exp()  # (P, K)
    truth = torch.nn.functional.one_hot(labelled.target.flatten()[places], labelled.classes).float()
    errors, order = (truth - chance).abs().sort(dim=0, descending=True)
    steps = _jaccard_steps(truth.gather(0, order))
    present = truth.sum(0) > 0
    return torch.stack([(errors * steps).sum(0).mul(present).sum(), present.sum().float()])


def _jaccard_steps(truth: Tensor) -> Tensor:
    """How much the Jaccard loss of each class rises with each next pixel got wrong, worst first: ``(P, K)``."""
    total = truth.sum(0)
    loss = 1 - (total - truth.cumsum(0)) / (total + (1 - truth).cumsum(0))
    return loss.diff(dim=0, prepend=torch.zeros_like(loss[:1]))


@dataclass(frozen=True, slots=True)
class _Overlap:
    """A term for overlap: its sums over the pixels of a batch, and the loss made of them."""

    sums: Callable[[_Labelled], Tensor]
    loss: Callable[[Tensor], Tensor]


_OVERLAPS: Mapping[LossKind, _Overlap] = MappingProxyType(
    {
        "ce_dice": _Overlap(_dice_sums, _dice),
        "ce_tversky": _Overlap(_tversky_sums, _tversky),
        "ce_lovasz": _Overlap(_lovasz_sums, _mean),
    }
)
