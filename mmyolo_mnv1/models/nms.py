"""Non-maximum suppression (NMS) by torchvision.

mmcv's NMS fails on CUDA tensors if mmcv was compiled without CUDA.
"""

from typing import Any

from torch import Tensor
from torchvision.ops import batched_nms
from torchvision.ops import nms as class_agnostic_nms

from ..errors import InputError

#: Fields of MMDetection's ``test_cfg.nms`` that have an effect here.
FIELDS = {"type", "iou_threshold", "class_agnostic"}


def suppress(boxes: Tensor, scores: Tensor, labels: Tensor, nms: dict) -> Tensor:
    """Select boxes by NMS, within each class or over all classes.

    Args:
        boxes (Tensor): (n, 4) as x1, y1, x2, y2.
        scores (Tensor): (n,).
        labels (Tensor): (n,), class indices.
        nms (dict): ``iou_threshold``, from 0 to 1, and optionally ``class_agnostic``,
            as in MMDetection's ``test_cfg.nms``.

    Returns:
        Tensor: Indices of the kept boxes in descending score order.

    Raises:
        InputError: If ``nms`` has another type or field.
    """
    check_nms(nms)
    if nms.get("class_agnostic"):
        return class_agnostic_nms(boxes, scores, nms["iou_threshold"])
    return batched_nms(boxes, scores, labels, nms["iou_threshold"])


def check_nms(nms: dict[str, Any]) -> None:
    """Check that an NMS config has supported fields only.

    Raises:
        InputError: If it has another type or field, or no ``iou_threshold``.
    """
    unknown = sorted(set(nms) - FIELDS)
    if nms.get("type", "nms") != "nms" or unknown or "iou_threshold" not in nms:
        raise InputError(
            f"test_cfg.nms is {dict(nms)}: give type='nms', iou_threshold and, if "
            "classes suppress each other, class_agnostic=True"
        )
