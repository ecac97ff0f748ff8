"""Training samples and batches in channels-last memory, without copies in between."""

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
    """MMDetection's ``PackDetInputs`` for boxes as arrays, without copying the image.

    ``inputs`` has shape (3, H, W) as usual, but is a view of the (H, W, 3) image, which
    :func:`channels_last_collate` copies straight into the batch.

    Args:
        args, kwargs: See :class:`mmdet.datasets.transforms.PackDetInputs`.
    """

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        share_batches()

    def transform(self, results: dict) -> dict:
        """Pack image, boxes and labels."""
        results = dict(results)
        image = results.pop("img", None)
        if isinstance(results["gt_bboxes"], np.ndarray):
            boxes = results["gt_bboxes"].astype(np.float32, copy=False)
            results["gt_bboxes"] = HorizontalBoxes(torch.from_numpy(boxes))
        packed = super().transform(results)
        if image is None:
            return packed
        if "img" in self.meta_keys:  # MMYOLO's browse_dataset.py draws it
            packed["data_samples"].set_metainfo(dict(img=image))
        image = torch.from_numpy(np.ascontiguousarray(image))
        return dict(packed, inputs=image.permute(2, 0, 1))


@COLLATE_FUNCTIONS.register_module()
def channels_last_collate(data_batch: Sequence[dict]) -> dict:
    """MMYOLO's ``yolov5_collate`` with images in channels-last memory.

    Args:
        data_batch (Sequence[dict]): Samples of :class:`PackTrainInputs`.

    Returns:
        dict: ``inputs`` (N, 3, H, W), uint8, whose memory is reused when no tensor
        refers to it; ``data_samples`` with ``bboxes_labels`` (G, 6).
    """
    images = [each["inputs"].permute(1, 2, 0).numpy() for each in data_batch]
    placeholder = torch.empty(0)
    collated = yolov5_collate([dict(each, inputs=placeholder) for each in data_batch])
    return dict(collated, inputs=stack_images(images))
