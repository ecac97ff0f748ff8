"""Task-aligned assignment (TAL; TOOD, arXiv 2108.07755) as YOLO11 does it."""

from typing import NamedTuple

import torch
import torch.nn as nn
from mmyolo.models.losses import bbox_overlaps
from mmyolo.registry import TASK_UTILS
from torch import Tensor


class Assignment(NamedTuple):
    """Priors that boxes are assigned to; R = G x top-k rows, for each box its choice.

    Args:
        priors (Tensor): (R,), which prior of the row's image.
        truths (Tensor): (R,), which ground truth it shall predict.
        weights (Tensor): (R,), its target score, from 0 to 1; 0 where the row does not
            count. No prior counts in two rows.
    """

    priors: Tensor
    truths: Tensor
    weights: Tensor


@TASK_UTILS.register_module()
class YOLO11TaskAlignedAssigner(nn.Module):
    """Each box takes the ``topk`` priors inside it that predict it best.

    How well is score^alpha x CIoU^beta. A prior that several boxes take goes to the one
    it overlaps most, among all boxes around it. (MMYOLO's ``BatchTaskAlignedAssigner``
    looks among all boxes of the image, the reference, ultralytics 8.3 ``utils/tal.py``,
    does not.) A target score is the prior's alignment over the best of its box, times
    the best overlap of its box.

    Ground truths of all images lie in one list, so that memory and time depend on how
    many there are, not on how they are spread over the images; and every tensor has a
    size that is known beforehand, so that a GPU is never waited for.

    Args:
        num_classes (int): Number of classes; the detector sets it.
        topk (int): Priors for a box. Defaults to 10.
        alpha (float): Exponent of the score. Defaults to 0.5.
        beta (float): Exponent of the overlap. Defaults to 6.0.
        eps (float): Least distance in pixels of a prior inside a box from its sides,
            and of a divisor from 0. Defaults to 1e-9.
    """

    def __init__(
        self,
        num_classes: int,
        topk: int = 10,
        alpha: float = 0.5,
        beta: float = 6.0,
        eps: float = 1e-9,
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.topk = topk
        self.alpha = alpha
        self.beta = beta
        self.eps = eps

    @torch.no_grad()
    def forward(
        self, boxes: Tensor, scores: Tensor, points: Tensor, truths: Tensor
    ) -> Assignment:
        """Assign.

        Args:
            boxes (Tensor): Predictions, (N, P, 4) as x1, y1, x2, y2 in pixels.
            scores (Tensor): (G, P), from 0 to 1: of each ground truth's class, by the
                priors of its image.
            points (Tensor): The priors' centres, (P, 2) as x, y in pixels.
            truths (Tensor): Ground truths, (G, 6) as index of the image, label, x1, y1,
                x2, y2 in pixels.
        """
        images, corners = truths[:, 0].long(), truths[:, 2:]
        inside = self._inside(points, corners)
        overlaps = bbox_overlaps(
            boxes[images], corners[:, None], iou_mode="ciou", bbox_format="xyxy"
        )
        overlaps = overlaps.clamp_(0) * inside
        alignment = scores.pow(self.alpha) * overlaps.pow(self.beta)

        num_priors = len(points)
        topk = min(self.topk, num_priors)
        priors = alignment.topk(topk, 1).indices.flatten()
        chooser = torch.arange(len(truths), device=boxes.device).repeat_interleave(topk)
        chosen = inside[chooser, priors]
        # Priors of all images, numbered through.
        places = images[chooser] * num_priors + priors
        total = len(boxes) * num_priors
        choices = chosen.new_zeros(total, dtype=torch.long)
        choices.scatter_add_(0, places, chosen.long())
        owner = self._most_overlapping(overlaps, images, len(boxes)).flatten()
        owner = torch.where(choices[places] > 1, owner[places], chooser)

        rows = torch.arange(len(places), device=boxes.device)
        first = torch.full_like(choices, len(places)).scatter_reduce_(
            0, places, torch.where(chosen, rows, len(places)), "amin"
        )
        counts = chosen & (first[places] == rows)
        alignment = alignment[owner, priors] * counts
        best_alignment = _best(alignment, owner, len(truths))
        best_overlap = _best(overlaps[owner, priors] * counts, owner, len(truths))
        weights = alignment * best_overlap[owner] / (best_alignment[owner] + self.eps)
        return Assignment(priors, owner, weights)

    def _inside(self, points: Tensor, corners: Tensor) -> Tensor:
        """Which priors are inside which boxes: (G, P)."""
        x, y = points.T
        x1, y1, x2, y2 = corners.T[..., None]
        low, high = torch.minimum(x - x1, y - y1), torch.minimum(x2 - x, y2 - y)
        return torch.minimum(low, high) > self.eps

    def _most_overlapping(self, overlaps: Tensor, images: Tensor, count: int) -> Tensor:
        """Of each prior of each image, the ground truth it overlaps most: (N, P).

        The first one if several do.
        """
        index = images[:, None].expand_as(overlaps)
        best = overlaps.new_zeros(count, overlaps.shape[1])
        best.scatter_reduce_(0, index, overlaps, "amax")
        number = torch.arange(len(images), device=images.device, dtype=best.dtype)
        none = float(len(images))
        number = torch.where(overlaps == best[images], number[:, None], none)
        first = torch.full_like(best, none).scatter_reduce_(0, index, number, "amin")
        return first.long()


def _best(values: Tensor, groups: Tensor, count: int) -> Tensor:
    """Largest value of each group, 0 or more: (count,)."""
    return values.new_zeros(count).scatter_reduce_(0, groups, values, "amax")
