"""The CSP backbone of YOLO11, the baseline that MobileNetV1 is compared with."""

import torch.nn as nn
from mmdet.utils import ConfigType, OptMultiConfig
from mmyolo.models.backbones import BaseBackbone
from mmyolo.registry import MODELS

from ..layers import C3k2
from ..layers.conv import ACT_CFG, NORM_CFG, TORCH_CONV_INIT, conv3x3
from ..scales import get_scale


@MODELS.register_module()
class YOLO11CSPDarknet(BaseBackbone):
    """YOLO11's backbone up to its last C3k2 (layers 0 to 8 of ``yolo11.yaml``).

    SPPF and C2PSA, layers 9 and 10, are in :class:`YOLO11PAFPN`, so that every backbone
    gets them. It maps ``(N, 3, H, W)``, H and W multiples of 32, to a tuple of maps of
    strides 8, 16 and 32. Reference: ultralytics 8.3 ``yolo11.yaml``.

    Args:
        scale (str): One of n, s, m, l, x. Defaults to 'm'.
        norm_cfg (dict): Normalisation. Defaults to YOLO's BN.
        act_cfg (dict): Activation. Defaults to SiLU.
        init_cfg (dict or list[dict], optional): Initialisation. Defaults to PyTorch's
            own for Conv2d.
        kwargs: ``out_indices`` (0, the stem of stride 2, to 4, stride 32; by default
            (2, 3, 4)), ``frozen_stages`` and ``norm_eval``, see
            :class:`mmyolo.models.backbones.BaseBackbone`.

    Raises:
        InputError: If the scale is unknown.
    """

    # input, stride-2 convolution, output (nominal), blocks, C3k, expand_ratio
    arch_setting = [
        (64, 128, 256, 2, False, 0.25),
        (256, 256, 512, 2, False, 0.25),
        (512, 512, 512, 2, True, 0.5),
        (512, 1024, 1024, 2, True, 0.5),
    ]

    def __init__(
        self,
        scale: str = "m",
        norm_cfg: ConfigType = NORM_CFG,
        act_cfg: ConfigType = ACT_CFG,
        init_cfg: OptMultiConfig = TORCH_CONV_INIT,
        **kwargs,
    ) -> None:
        self.scale = get_scale(scale)
        super().__init__(
            self.arch_setting,
            deepen_factor=self.scale.depth,
            widen_factor=self.scale.width,
            norm_cfg=norm_cfg,
            act_cfg=act_cfg,
            init_cfg=init_cfg,
            **kwargs,
        )

    def build_stem_layer(self) -> nn.Module:
        """Build the stride-2 3x3 convolution."""
        channels = self.scale.channels(self.arch_setting[0][0])
        cfg = dict(norm_cfg=self.norm_cfg, act_cfg=self.act_cfg)
        return conv3x3(self.input_channels, channels, stride=2, **cfg)

    def build_stage_layer(self, stage_idx: int, setting: tuple) -> list[nn.Module]:
        """Build a stride-2 convolution and a C3k2."""
        *nominal, blocks, c3k, expand_ratio = setting
        in_channels, mid_channels, out_channels = map(self.scale.channels, nominal)
        cfg = dict(norm_cfg=self.norm_cfg, act_cfg=self.act_cfg)
        return [
            conv3x3(in_channels, mid_channels, stride=2, **cfg),
            C3k2(
                mid_channels,
                out_channels,
                self.scale.blocks(blocks),
                c3k=c3k or self.scale.c3k,
                expand_ratio=expand_ratio,
                **cfg,
            ),
        ]
