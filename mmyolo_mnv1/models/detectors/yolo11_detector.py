"""The detector in which scale, class count and widths are each said once."""

import copy
import inspect

import torch
from mmdet.utils import ConfigType
from mmyolo.models.detectors import YOLODetector
from mmyolo.registry import MODELS

from ...errors import InputError


@MODELS.register_module()
class YOLO11Detector(YOLODetector):
    """YOLO detector that passes on to its parts what they share.

    - ``scale`` goes to the neck, the head, and a backbone that has scales;
    - ``num_classes`` goes to the head and the assigner;
    - the neck takes its ``in_channels`` from the maps that the backbone gives, whoever
      wrote the backbone, unless the neck's config names them.

    Args:
        backbone (dict): Backbone config.
        neck (dict): Neck config.
        bbox_head (dict): Head config with a ``head_module``.
        scale (str): One of n, s, m, l, x. Defaults to 'm'.
        num_classes (int): Number of classes. Defaults to 80.
        channels_last (bool): Whether weights, and with them all maps, lie in memory
            channels last: quicker on CPUs, and on GPUs in half precision.
            Defaults to False.
        train_cfg (dict, optional): Training config with an ``assigner``.
            Defaults to None.
        kwargs: See :class:`mmyolo.models.detectors.YOLODetector`.

    Raises:
        InputError: If the scale is unknown, or the backbone's maps do not have strides
            8, 16 and 32.
    """

    def __init__(
        self,
        backbone: ConfigType,
        neck: ConfigType,
        bbox_head: ConfigType,
        scale: str = "m",
        num_classes: int = 80,
        channels_last: bool = False,
        train_cfg: ConfigType | None = None,
        **kwargs,
    ) -> None:
        backbone, neck, bbox_head, train_cfg = copy.deepcopy(
            (backbone, neck, bbox_head, train_cfg)
        )
        if "scale" in inspect.signature(MODELS.get(backbone["type"])).parameters:
            backbone["scale"] = scale
        if "in_channels" not in neck:
            neck["in_channels"] = _out_channels(backbone)
        neck["scale"] = scale
        bbox_head["head_module"].update(scale=scale, num_classes=num_classes)
        if train_cfg:
            train_cfg["assigner"]["num_classes"] = num_classes
        super().__init__(backbone, neck, bbox_head, train_cfg=train_cfg, **kwargs)
        if channels_last:
            self.to(memory_format=torch.channels_last)


@torch.no_grad()
def _out_channels(backbone: ConfigType) -> list[int]:
    """Channels of a backbone's maps, found by running a copy of it once.

    The copy leaves the random generator as it was. It is on the CPU, because many
    backbones cannot be built on the meta device.

    Raises:
        InputError: If the maps do not have strides 8, 16 and 32.
    """
    size = 224  # window attention needs 7 x 7 positions at stride 32
    with torch.random.fork_rng(devices=[]):
        model = MODELS.build(backbone)
        model.train(False)
        maps = model(torch.zeros(1, 3, size, size))
    shapes = [tuple(m.shape[1:]) for m in maps]
    sides = [size // stride for stride in (8, 16, 32)]
    if [shape[1:] for shape in shapes] != [(side, side) for side in sides]:
        raise InputError(
            f"model.backbone {backbone['type']} turns {size} px into {shapes}: "
            "set its out_indices so that it gives maps of strides 8, 16 and 32"
        )
    return [shape[0] for shape in shapes]
