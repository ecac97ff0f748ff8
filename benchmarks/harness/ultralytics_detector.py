"""Ultralytics' detector as a model of MMEngine, for the same data and evaluator."""

from collections.abc import Sequence

from mmdet.structures import DetDataSample
from mmengine.model import BaseModel
from mmengine.structures import InstanceData
from mmyolo.registry import MODELS
from torch import Tensor

from benchmarks.harness.ultralytics_api import DetectionModel, non_max_suppression


@MODELS.register_module()
class UltralyticsDetector(BaseModel):
    """Ultralytics' network with its own NMS; it only predicts.

    Its parameters are in ``network``, under Ultralytics' names.

    Args:
        network (str): Model file of Ultralytics, such as ``yolo26n.yaml``.
        num_classes (int): Number of classes.
        test_cfg (dict): Score threshold, NMS and number of boxes, as of our detectors.
        data_preprocessor (dict): See :class:`BaseModel`.
    """

    def __init__(
        self, network: str, num_classes: int, test_cfg: dict, data_preprocessor: dict
    ) -> None:
        super().__init__(data_preprocessor)
        self.network = DetectionModel(network, nc=num_classes, verbose=False)
        self._nms = dict(
            conf_thres=test_cfg["score_thr"],
            iou_thres=test_cfg["nms"]["iou_threshold"],
            multi_label=test_cfg["multi_label"],
            max_det=test_cfg["max_per_img"],
            max_nms=test_cfg["nms_pre"],
            max_time_img=60.0,  # boxes of late images are lost otherwise
        )

    def forward(
        self, inputs: Tensor, data_samples: Sequence[DetDataSample], mode: str
    ) -> Sequence[DetDataSample]:
        """Predict boxes in pixels of the original images.

        Args:
            inputs (Tensor): Images (N, 3, H, W), RGB, 0 to 1.
            data_samples (Sequence[DetDataSample]): Their sizes and letterboxes.
            mode (str): ``"predict"``.
        """
        detections = non_max_suppression(self.network(inputs), **self._nms)
        for sample, found in zip(data_samples, detections, strict=True):
            top, _, left, _ = sample.metainfo.get("pad_param", (0, 0, 0, 0))
            height, width = sample.ori_shape
            boxes = found[:, :4] - found.new_tensor([left, top, left, top])
            boxes /= found.new_tensor(sample.scale_factor).repeat(2)
            boxes[:, 0::2].clamp_(0, width)
            boxes[:, 1::2].clamp_(0, height)
            sample.pred_instances = InstanceData(
                bboxes=boxes, scores=found[:, 4], labels=found[:, 5].long()
            )
        return data_samples
