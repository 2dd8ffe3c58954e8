"""Losses over labelled pixels; void pixels change neither value nor gradient."""

import torch
from torch import Tensor

from segstudio.core.classes import VOID

_SMALL = 1e-6  # keeps a division defined; far below one pixel


def masked_cross_entropy(logits: Tensor, target: Tensor, *, void: int = VOID) -> Tensor:
    """Mean cross-entropy over labelled pixels only.

    Args:
        logits: ``(N, K, H, W)`` float, unnormalised.
        target: ``(N, H, W)`` int64, class index or `void`.

    Returns:
        Scalar; 0 when no pixel of the batch is labelled, with a zero gradient.
    """
    return _Labelled(logits, target, void).cross_entropy()


def masked_dice(logits: Tensor, target: Tensor, *, void: int = VOID) -> Tensor:
    """Soft Dice loss over labelled pixels only, averaged over the classes labelled in the batch.

    Args:
        logits: ``(N, K, H, W)`` float, unnormalised.
        target: ``(N, H, W)`` int64, class index or `void`.

    Returns:
        Scalar in [0, 1]; 0 when no pixel of the batch is labelled, with a zero gradient.

    Source: Milletari et al. 2016, eq. 1; void pixels leave both numerator and denominator.
    """
    return _Labelled(logits, target, void).dice()


def segmentation_loss(logits: Tensor, target: Tensor, *, dice: float, void: int = VOID) -> Tensor:
    """Cross-entropy plus `dice` times Dice: the first learns steadily, the second keeps small classes alive."""
    labelled = _Labelled(logits, target, void)
    loss = labelled.cross_entropy()
    return loss + dice * labelled.dice() if dice else loss


class _Labelled:
    """Log-probabilities where there are labels, worked out once for both losses: they are a tenth of a step."""

    def __init__(self, logits: Tensor, target: Tensor, void: int) -> None:
        labelled = target != void
        self.classes = logits.shape[1]
        self.weight = labelled.float()
        self.target = target.masked_fill(~labelled, 0)
        # Void pixels' scores are replaced, not multiplied by zero, so that not even an infinite one can leak through.
        safe = torch.where(labelled[:, None], logits.float(), logits.new_zeros((), dtype=torch.float32))
        self.log = safe.log_softmax(1)
        self.log_true = self.log.gather(1, self.target[:, None])[:, 0]  # of the true class, (N, H, W)

    def cross_entropy(self) -> Tensor:
        return -(self.log_true * self.weight).sum() / self.weight.sum().clamp(min=1)

    def dice(self) -> Tensor:
        truth = self._by_class(self.weight)
        overlap = self._by_class(self.log_true.exp() * self.weight)
        size = ((2 * self.log).exp() * self.weight[:, None]).sum((0, 2, 3)) + truth
        present = truth > 0
        loss = (1 - (2 * overlap + _SMALL) / (size + _SMALL)) * present
        return loss.sum() / present.sum().clamp(min=1)

    def _by_class(self, values: Tensor) -> Tensor:
        """``(K,)`` sums of ``(N, H, W)`` values over the pixels of each class."""
        return values.new_zeros(self.classes).index_add(0, self.target.flatten(), values.flatten())
