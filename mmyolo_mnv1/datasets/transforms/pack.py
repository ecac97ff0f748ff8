"""From training samples to a batch, without turning images inside out."""

from collections.abc import Sequence

import numpy as np
import torch
from mmdet.datasets.transforms import PackDetInputs
from mmdet.structures.bbox import HorizontalBoxes
from mmengine.dataset import COLLATE_FUNCTIONS
from mmyolo.datasets import yolov5_collate
from mmyolo.registry import TRANSFORMS

from ..memory.shared_batches import share_batches, stack_images


@TRANSFORMS.register_module()
class PackTrainInputs(PackDetInputs):
    """MMDetection's ``PackDetInputs`` for boxes as arrays, with the image as it lies.

    ``inputs`` is (3, H, W) as ever, but a view of an image that lies (H, W, 3):
    nothing is copied, and :func:`channels_last_collate` need not copy it back.

    Args:
        args, kwargs: ``meta_keys``: what else to keep; see the parent.
    """

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        share_batches()

    def transform(self, results: dict) -> dict:
        """Pack."""
        image = results.pop("img")
        if isinstance(results["gt_bboxes"], np.ndarray):
            boxes = results["gt_bboxes"].astype(np.float32, copy=False)
            results["gt_bboxes"] = HorizontalBoxes(torch.from_numpy(boxes))
        packed = super().transform(results)
        image = torch.from_numpy(np.ascontiguousarray(image))
        return dict(packed, inputs=image.permute(2, 0, 1))


@COLLATE_FUNCTIONS.register_module()
def channels_last_collate(data_batch: Sequence[dict]) -> dict:
    """MMYOLO's ``yolov5_collate`` with a batch that lies channels last.

    Args:
        data_batch (Sequence[dict]): Samples of :class:`PackTrainInputs`.

    Returns:
        dict: ``inputs`` (N, 3, H, W), uint8, in memory that is used again once it is
        not referred to; and ``data_samples`` with
        ``bboxes_labels`` (G, 6).
    """
    images = [each["inputs"].permute(1, 2, 0).numpy() for each in data_batch]
    nothing = torch.empty(0)
    collated = yolov5_collate([dict(sample, inputs=nothing) for sample in data_batch])
    return dict(collated, inputs=stack_images(images))
