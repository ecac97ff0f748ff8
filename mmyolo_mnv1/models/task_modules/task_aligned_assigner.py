"""Task-aligned label assignment (TAL; TOOD, arXiv 2108.07755) of YOLO11."""

from typing import NamedTuple

import torch
import torch.nn as nn
from mmyolo.models.losses import bbox_overlaps
from mmyolo.registry import TASK_UTILS
from torch import Tensor


class Assignment(NamedTuple):
    """R = G x top-k candidate rows: the top-k priors of each ground-truth box.

    Args:
        priors (Tensor): (R,), index of the prior within its image.
        truths (Tensor): (R,), index of the ground truth that the prior is assigned to.
        weights (Tensor): (R,), target score from 0 to 1; 0 for rows without an
            assignment. A prior has a weight above 0 in at most one row.
    """

    priors: Tensor
    truths: Tensor
    weights: Tensor


@TASK_UTILS.register_module()
class YOLO11TaskAlignedAssigner(nn.Module):
    """Assign to each ground-truth box the ``topk`` priors inside it of best alignment.

    The alignment of a prior with a box is score^alpha x CIoU^beta. A prior that several
    boxes select is assigned to the box that it overlaps most, among all boxes around
    it (reference: ultralytics 8.3 ``utils/tal.py``; MMYOLO's
    ``BatchTaskAlignedAssigner`` compares all boxes of the image). The target score is
    the prior's alignment, divided by the best alignment and multiplied by the best
    overlap of its box.

    The ground truths of all images are one list, so that memory and time depend on
    their total number, not on the most crowded image. On a GPU all tensor shapes are
    known in advance, so that the CPU does not wait for the GPU. On a CPU only pairs of
    a box and a prior inside it are computed, about a tenth of all pairs.

    Args:
        num_classes (int): Number of classes; set by the detector.
        topk (int): Priors for each box. Defaults to 10.
        alpha (float): Exponent of the score. Defaults to 0.5.
        beta (float): Exponent of the overlap. Defaults to 6.0.
        eps (float): Minimum distance in pixels of a prior inside a box from its sides,
            and number added to divisors. Defaults to 1e-9.
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
        self, boxes: Tensor, logits: Tensor, points: Tensor, truths: Tensor
    ) -> Assignment:
        """Assign ground truths to priors.

        Args:
            boxes (Tensor): Predictions, (N, P, 4) as x1, y1, x2, y2 in pixels.
            logits (Tensor): Class logits, (N, C, P).
            points (Tensor): Centres of the priors, (P, 2) as x, y in pixels.
            truths (Tensor): Ground truths, (G, 6) as image index, label, x1, y1, x2, y2
                in pixels.
        """
        images, labels = truths[:, :2].long().T
        corners = truths[:, 2:]
        inside = self._inside(points, corners)
        pair = truth, prior = _pairs(inside)
        image = images[truth]
        overlap = bbox_overlaps(
            boxes[image, prior], corners[truth], iou_mode="ciou", bbox_format="xyxy"
        )
        # NaN overlaps become 0, so that all indices below are valid. The loss is NaN
        # in spite of this, and NanGuardHook reports it.
        overlap = overlap.clamp_(0).nan_to_num_(0) * inside[pair]
        score = logits[image, labels[truth], prior].sigmoid()
        overlaps = overlap.new_zeros(inside.shape)
        overlaps[pair] = overlap
        alignment = torch.zeros_like(overlaps)
        alignment[pair] = score.pow(self.alpha) * overlap.pow(self.beta)

        num_priors = len(points)
        topk = min(self.topk, num_priors)
        priors = alignment.topk(topk, 1).indices.flatten()
        selector = torch.arange(len(truths), device=boxes.device)
        selector = selector.repeat_interleave(topk)  # the box of each row
        selected = inside[selector, priors]
        # Index of each row's prior among the priors of all images.
        places = images[selector] * num_priors + priors
        total = len(boxes) * num_priors
        counts = selected.new_zeros(total, dtype=torch.long)
        counts.scatter_add_(0, places, selected.long())
        owner = _most_overlapping(
            overlap, image * num_priors + prior, truth, (total, len(truths))
        )
        owner = torch.where(counts[places] > 1, owner[places], selector)

        # Of the rows of one prior, only the first has a weight.
        rows = torch.arange(len(places), device=boxes.device)
        first = torch.full_like(counts, len(places)).scatter_reduce_(
            0, places, torch.where(selected, rows, len(places)), "amin"
        )
        is_assigned = selected & (first[places] == rows)
        alignment = alignment[owner, priors] * is_assigned
        best_alignment = _group_max(alignment, owner, len(truths))
        overlap = overlaps[owner, priors] * is_assigned
        best_overlap = _group_max(overlap, owner, len(truths))
        weights = alignment * best_overlap[owner] / (best_alignment[owner] + self.eps)
        return Assignment(priors, owner, weights)

    def _inside(self, points: Tensor, corners: Tensor) -> Tensor:
        """Mask (G, P) of the priors inside each box."""
        x, y = points.T
        low, high = corners[..., None].split(2, 1)
        (x1, y1), (x2, y2) = (low + self.eps).unbind(1), (high - self.eps).unbind(1)
        return (x > x1) & (y > y1) & (x < x2) & (y < y2)


def _pairs(inside: Tensor) -> tuple[Tensor, Tensor]:
    """Get the pairs of a ground truth and a prior whose overlap is computed.

    Args:
        inside (Tensor): Mask (G, P) of the priors inside each box.

    Returns:
        tuple[Tensor, Tensor]: Indices of ground truths and of priors. On the CPU (K,)
        each, the pairs inside; else those of :func:`_all_pairs`.
    """
    if inside.device.type == "cpu":
        return inside.nonzero(as_tuple=True)
    return _all_pairs(inside)


def _all_pairs(inside: Tensor) -> tuple[Tensor, Tensor]:
    """Get all pairs as indices (G, 1) and (1, P), which broadcast to (G, P)."""
    truths, priors = (torch.arange(n, device=inside.device) for n in inside.shape)
    return truths[:, None], priors[None]


def _most_overlapping(
    overlap: Tensor, places: Tensor, truths: Tensor, counts: tuple[int, int]
) -> Tensor:
    """Find the ground truth with the highest overlap for each prior.

    If several have the same overlap, it is the first of them.

    Args:
        overlap (Tensor): Overlap of each pair of a ground truth and a prior.
        places (Tensor): Index of the pair's prior among the priors of all images; the
            same shape.
        truths (Tensor): Index of the pair's ground truth; a shape that broadcasts to
            that of ``overlap``.
        counts (tuple[int, int]): Priors of all images, and ground truths.

    Returns:
        Tensor: One index per prior; the number of ground truths if no pair has it.
    """
    index = places.flatten()
    best = overlap.new_zeros(counts[0])
    best.scatter_reduce_(0, index, overlap.flatten(), "amax")
    truths = torch.where(overlap == best[places], truths, counts[1])
    first = truths.new_full(counts[:1], counts[1])
    return first.scatter_reduce_(0, index, truths.flatten(), "amin")


def _group_max(values: Tensor, groups: Tensor, count: int) -> Tensor:
    """Maximum of each group, at least 0: (count,)."""
    return values.new_zeros(count).scatter_reduce_(0, groups, values, "amax")
