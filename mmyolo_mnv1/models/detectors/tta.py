"""Test-time augmentation."""

import torch
from mmdet.models import DetTTAModel
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData
from mmyolo.registry import MODELS

from ..nms import suppress


@MODELS.register_module()
class YOLO11TTAModel(DetTTAModel):
    """MMDetection's test-time augmentation with :func:`.suppress` as NMS.

    Args:
        tta_cfg (dict): ``nms``, see :func:`.suppress`, and ``max_per_img``.
        kwargs: See :class:`mmdet.models.DetTTAModel`.
    """

    def _merge_single_sample(self, data_samples: list[DetDataSample]) -> DetDataSample:
        """Merge the predictions of all views of one image.

        Args:
            data_samples (list[DetDataSample]): One for each view, boxes in pixels of
                the original image, flipped if the view is.
        """
        views = [sample.pred_instances for sample in data_samples]
        boxes, scores = self.merge_aug_bboxes(
            [view.bboxes for view in views],
            [view.scores for view in views],
            [sample.metainfo for sample in data_samples],
        )
        labels = torch.cat([view.labels for view in views])
        keep = suppress(boxes, scores, labels, self.tta_cfg["nms"])
        keep = keep[: self.tta_cfg["max_per_img"]]
        merged = data_samples[0]
        merged.pred_instances = InstanceData(
            bboxes=boxes[keep], scores=scores[keep], labels=labels[keep]
        )
        return merged
