"""Peaks of the class scores, for detection without NMS."""

from collections.abc import Sequence

from torch import Tensor
from torch.nn import functional as F

WINDOW = 5  # priors a side
FACTOR = 0.1  # of the scores beside a peak


def peak_scores(logits: Sequence[Tensor]) -> list[Tensor]:
    """Class scores; those beside a higher score of the same class are lowered.

    A score is a peak if none is higher in a window of its own level and of the two
    levels beside it, as in CenterNet (arXiv 1904.07850, section 4) and 3D max filtering
    (arXiv 2012.03544). The others are multiplied by :data:`FACTOR`, as Soft-NMS lowers
    scores: a threshold then drops duplicates, and a second object stays in the results
    of a low threshold.

    Max pooling, resizing and arithmetic only, which all runtimes compute; ncnn has no
    comparison of tensors.

    Args:
        logits (Sequence[Tensor]): Class logits (N, C, H_i, W_i) of each level, finest
            first; each level is half as large as the one before.

    Returns:
        list[Tensor]: Scores of the same shapes, from 0 to 1.
    """
    highest = [F.max_pool2d(level, WINDOW, 1, WINDOW // 2) for level in logits]
    scores = []
    for number, level in enumerate(logits):
        peak = highest[number]
        if number > 0:
            peak = peak.maximum(F.max_pool2d(highest[number - 1], 2))
        if number < len(logits) - 1:
            peak = peak.maximum(F.interpolate(highest[number + 1], scale_factor=2.0))
        beside = (1e4 * (peak - level)).clamp(max=1)  # 0 for a peak, else 1
        scores.append(level.sigmoid() * (1 - (1 - FACTOR) * beside))
    return scores
