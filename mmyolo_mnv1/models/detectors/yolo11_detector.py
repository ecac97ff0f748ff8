"""YOLO11 detector: passes shared settings on to backbone, neck and head."""

import copy
import inspect
from typing import Any

import torch
from mmdet.utils import ConfigType
from mmyolo.models.detectors import YOLODetector
from mmyolo.registry import MODELS
from torch import nn

from ...errors import InputError


@MODELS.register_module()
class YOLO11Detector(YOLODetector):
    """YOLO detector whose parts share a scale and a number of classes.

    - ``scale`` goes to the neck, the head module, and a backbone that has scales;
    - ``num_classes`` goes to the head module and the assigner;
    - ``in_channels`` of the neck are those of the backbone's output maps, unless the
      neck's config has them;
    - ``out_channels`` of the neck, if its config has them, are ``in_channels`` of the
      head module.

    Each may be set on the detector or on a part, as in other OpenMMLab configs.

    Args:
        backbone (dict): Backbone config.
        neck (dict): Neck config.
        bbox_head (dict): Head config with a ``head_module``.
        scale (str, optional): One of n, s, m, l, x. Defaults to None: that of a part,
            else 'm'.
        num_classes (int, optional): Number of classes. Defaults to None: that of a
            part, else ``default_num_classes``.
        default_num_classes (int): Number of classes of the dataset. Defaults to 80.
        channels_last (bool): Whether weights and feature maps are stored in
            channels-last memory format: faster on CPUs, and on GPUs in half
            precision. Defaults to False.
        train_cfg (dict, optional): Training config with an ``assigner``.
            Defaults to None.
        kwargs: See :class:`mmyolo.models.detectors.YOLODetector`.

    Raises:
        InputError: If the scale or the backbone is unknown, two places set different
            values, or the backbone's maps do not have strides 8, 16 and 32.
    """

    def __init__(
        self,
        backbone: ConfigType,
        neck: ConfigType,
        bbox_head: ConfigType,
        scale: str | None = None,
        num_classes: int | None = None,
        default_num_classes: int = 80,
        channels_last: bool = False,
        train_cfg: ConfigType | None = None,
        **kwargs,
    ) -> None:
        backbone, neck, bbox_head, train_cfg = copy.deepcopy(
            (backbone, neck, bbox_head, train_cfg)
        )
        head_module = bbox_head["head_module"]
        module = {"bbox_head.head_module": head_module}
        scaled = {"neck": neck, **module}
        backbone_class = MODELS.get(backbone["type"])
        if backbone_class is None:
            raise InputError(
                f"model.backbone.type is {backbone['type']!r}, which is not "
                "registered: correct the name, or add its module to custom_imports"
            )
        if "scale" in inspect.signature(backbone_class).parameters:
            scaled["backbone"] = backbone
        _share("scale", scale, "m", scaled)
        if train_cfg:
            module["train_cfg.assigner"] = train_cfg["assigner"]
        _share("num_classes", num_classes, default_num_classes, module)
        if "in_channels" not in neck:
            neck["in_channels"] = _out_channels(backbone)
        if "out_channels" in neck:
            head_module.setdefault("in_channels", neck["out_channels"])
        super().__init__(backbone, neck, bbox_head, train_cfg=train_cfg, **kwargs)
        if channels_last:
            self.to(memory_format=torch.channels_last)
        self._in_place = [
            module
            for module in self.modules()
            if isinstance(module, nn.SiLU) and module.inplace
        ]

    def train(self, mode: bool = True) -> "YOLO11Detector":
        """Set training or evaluation mode.

        SiLU works in place in evaluation mode only. In training its gradient needs the
        input, and PyTorch would copy the input of an in-place SiLU.

        Args:
            mode (bool): True for training. Defaults to True.
        """
        for module in self._in_place:
            module.inplace = not mode
        return super().train(mode)


def _share(name: str, value: Any, default: Any, parts: dict[str, ConfigType]) -> None:
    """Set one value in the config of every part.

    Args:
        name (str): Name of the argument.
        value (Any): Value on the detector; None if it is not set there.
        default (Any): Value if no place sets it.
        parts (dict[str, dict]): Configs by their place in the model; changed.

    Raises:
        InputError: If two places set different values.
    """
    values = {f"model.{name}": value}
    values |= {f"model.{place}.{name}": part.get(name) for place, part in parts.items()}
    (first, value), *others = [
        item for item in values.items() if item[1] is not None
    ] or [("", default)]
    for place, other in others:
        if other != value:
            raise InputError(
                f"{first} is {value!r} and {place} is {other!r}: set one of them"
            )
    for part in parts.values():
        part[name] = value


@torch.no_grad()
def _out_channels(backbone: ConfigType) -> list[int]:
    """Channels of a backbone's maps, measured by running a copy of it once.

    The copy is built on the CPU, because many backbones cannot be built on the meta
    device. The state of the random generator is restored.

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
