"""The CSP backbone of YOLO11, the baseline that MobileNetV1 is compared with."""

from collections.abc import Sequence

import torch.nn as nn
from mmdet.utils import ConfigType, OptMultiConfig
from mmyolo.models.backbones import BaseBackbone
from mmyolo.registry import MODELS

from ..layers import C3k2
from ..layers.csp import ACT_CFG, NORM_CFG
from ..layers.separable import conv3x3
from ..scales import TORCH_CONV_INIT, get_scale


@MODELS.register_module()
class YOLO11CSPDarknet(BaseBackbone):
    """YOLO11's backbone up to its last C3k2 (layers 0 to 8 of ``yolo11.yaml``).

    SPPF and C2PSA, layers 9 and 10, belong to :class:`YOLO11PAFPN`, so that every
    backbone gets them. ``(N, 3, H, W)`` with H and W multiples of 32 becomes a tuple
    of maps of strides 8, 16 and 32. Reference: ultralytics 8.3 ``yolo11.yaml``.

    Args:
        scale (str): One of n, s, m, l, x. Defaults to 'm'.
        out_indices (Sequence[int]): Output from which stages, 0 (the stem, stride 2)
            to 4 (stride 32). Defaults to (2, 3, 4).
        frozen_stages (int): Stages to freeze, -1 for none. Defaults to -1.
        norm_cfg (dict): Normalisation. Defaults to YOLO's BN.
        act_cfg (dict): Activation. Defaults to SiLU.
        norm_eval (bool): Whether BN always uses its running statistics.
            Defaults to False.
        init_cfg (dict or list[dict], optional): Initialisation. Defaults to PyTorch's
            own for Conv2d.

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
        out_indices: Sequence[int] = (2, 3, 4),
        frozen_stages: int = -1,
        norm_cfg: ConfigType = NORM_CFG,
        act_cfg: ConfigType = ACT_CFG,
        norm_eval: bool = False,
        init_cfg: OptMultiConfig = TORCH_CONV_INIT,
    ) -> None:
        self.scale = get_scale(scale)
        super().__init__(
            self.arch_setting,
            deepen_factor=self.scale.depth,
            widen_factor=self.scale.width,
            out_indices=out_indices,
            frozen_stages=frozen_stages,
            norm_cfg=norm_cfg,
            act_cfg=act_cfg,
            norm_eval=norm_eval,
            init_cfg=init_cfg,
        )

    def build_stem_layer(self) -> nn.Module:
        """Build the stride-2 3x3 convolution."""
        return self._down(3, self.scale.channels(self.arch_setting[0][0]))

    def build_stage_layer(self, stage_idx: int, setting: tuple) -> list[nn.Module]:
        """Build a stride-2 convolution and a C3k2."""
        *nominal, blocks, c3k, expand_ratio = setting
        in_channels, mid_channels, out_channels = map(self.scale.channels, nominal)
        return [
            self._down(in_channels, mid_channels),
            C3k2(
                mid_channels,
                out_channels,
                num_blocks=self.scale.blocks(blocks),
                c3k=c3k or self.scale.c3k,
                expand_ratio=expand_ratio,
                norm_cfg=self.norm_cfg,
                act_cfg=self.act_cfg,
            ),
        ]

    def _down(self, in_channels: int, out_channels: int) -> nn.Module:
        return conv3x3(
            in_channels,
            out_channels,
            stride=2,
            norm_cfg=self.norm_cfg,
            act_cfg=self.act_cfg,
        )
