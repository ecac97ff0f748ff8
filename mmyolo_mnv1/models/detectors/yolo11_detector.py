"""The detector in which scale, class count and widths are each said once."""

import copy
import inspect

import torch
from mmdet.utils import ConfigType
from mmyolo.models.detectors import YOLODetector
from mmyolo.registry import MODELS


@MODELS.register_module()
class YOLO11Detector(YOLODetector):
    """YOLO detector that passes on to its parts what they share.

    - ``scale`` goes to the neck, the head, and a backbone that has scales;
    - ``num_classes`` goes to the head and the assigner;
    - the neck takes its ``in_channels`` from the backbone's ``out_channels``, unless
      the neck's config names them (as it must for a backbone that does not state
      its own, such as mmpretrain's).

    Args:
        backbone (dict): Backbone config.
        neck (dict): Neck config.
        bbox_head (dict): Head config with a ``head_module``.
        scale (str): One of n, s, m, l, x. Defaults to 'm'.
        num_classes (int): Number of classes. Defaults to 80.
        train_cfg (dict, optional): Training config with an ``assigner``.
            Defaults to None.
        kwargs: See :class:`mmyolo.models.detectors.YOLODetector`.

    Raises:
        InputError: If the scale is unknown.
    """

    def __init__(
        self,
        backbone: ConfigType,
        neck: ConfigType,
        bbox_head: ConfigType,
        scale: str = "m",
        num_classes: int = 80,
        train_cfg: ConfigType | None = None,
        **kwargs,
    ) -> None:
        backbone, neck, bbox_head, train_cfg = copy.deepcopy(
            (backbone, neck, bbox_head, train_cfg)
        )
        if "scale" in inspect.signature(MODELS.get(backbone["type"])).parameters:
            backbone["scale"] = scale
        if "in_channels" not in neck:
            with torch.device("meta"):  # shapes only: no memory, no random numbers
                neck["in_channels"] = MODELS.build(backbone).out_channels
        neck["scale"] = scale
        bbox_head["head_module"].update(scale=scale, num_classes=num_classes)
        if train_cfg:
            train_cfg["assigner"]["num_classes"] = num_classes
        super().__init__(backbone, neck, bbox_head, train_cfg=train_cfg, **kwargs)
