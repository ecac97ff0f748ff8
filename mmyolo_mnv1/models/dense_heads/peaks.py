"""Local maxima (peaks) of the class scores, for detection without NMS."""

from collections.abc import Sequence

from torch import Tensor
from torch.nn import functional as F

WINDOW = 5  # width and height of the max pooling, in priors
FACTOR = 0.1  # multiplies scores that are not local maxima


def peak_scores(logits: Sequence[Tensor]) -> list[Tensor]:
    """Compute class scores; multiply scores that are not local maxima by 0.1.

    A score is a peak (local maximum) if no score of the same class is higher in a
    window on its own level and on the adjacent levels, as in CenterNet (arXiv
    1904.07850, section 4) and 3D max filtering (arXiv 2012.03544). The others are
    multiplied by :data:`FACTOR` instead of removed, similar to Soft-NMS, so that a
    second object close by is still detected at a low score threshold.

    Only max pooling, resizing and arithmetic are used, because ncnn has no operation
    that compares tensors.

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
        is_lower = (1e4 * (peak - level)).clamp(max=1)  # 0 for a peak, else 1
        scores.append(level.sigmoid() * (1 - (1 - FACTOR) * is_lower))
    return scores
