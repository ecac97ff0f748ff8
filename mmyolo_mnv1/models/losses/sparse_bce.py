"""Binary cross entropy with sparse targets."""

import torch.nn as nn
import torch.nn.functional as F
from mmyolo.registry import MODELS
from torch import Tensor


@MODELS.register_module()
class SparseBCELoss(nn.Module):
    """Sum of ``binary_cross_entropy_with_logits`` over all logits, sparse targets.

    The cross entropy of a logit x and a target t is softplus(x) - x t. About one in a
    thousand class targets of a detector is not 0, so no target tensor is made: the
    second term is summed over the non-zero targets only.

    Args:
        loss_weight (float): Factor. Defaults to 1.0.
    """

    def __init__(self, loss_weight: float = 1.0) -> None:
        super().__init__()
        self.loss_weight = loss_weight

    def forward(self, logits: Tensor, places: Tensor, targets: Tensor) -> Tensor:
        """Compute the loss.

        Args:
            logits (Tensor): Any shape.
            places (Tensor): (n,), indices of the targets in the flattened logits.
            targets (Tensor): (n,), from 0 to 1; targets of one index are added.

        Returns:
            Tensor: A scalar.
        """
        positives = logits.flatten()[places] * targets
        return self.loss_weight * (F.softplus(logits).sum() - positives.sum())
