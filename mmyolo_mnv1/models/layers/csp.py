"""C3k and C3k2, the cross-stage-partial (CSP) layers of YOLO11.

Reference: ultralytics 8.3 ``nn/modules/block.py`` (C3k, C3k2).
"""

import torch.nn as nn
from mmdet.models.layers import CSPLayer
from mmdet.utils import ConfigType
from mmyolo.models.layers import CSPLayerWithTwoConv
from mmyolo.models.layers.yolo_bricks import DarknetBottleneck
from mmyolo.registry import MODELS

from .conv import ACT_CFG, NORM_CFG, conv3x3


@MODELS.register_module()
class C3k(CSPLayer):
    """CSP layer with three 1x1 convolutions over bottlenecks of two 3x3 convolutions.

    It maps ``(N, in_channels, H, W)`` to ``(N, out_channels, H, W)``.

    Args:
        in_channels (int): Input channels.
        out_channels (int): Output channels.
        num_blocks (int): Number of bottlenecks. Defaults to 2.
        separable (bool): Whether the 3x3 convolutions are depthwise separable.
            Defaults to False.
        norm_cfg (dict): Normalisation of every convolution. Defaults to YOLO's BN.
        act_cfg (dict): Activation of every convolution. Defaults to SiLU.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        num_blocks: int = 2,
        separable: bool = False,
        norm_cfg: ConfigType = NORM_CFG,
        act_cfg: ConfigType = ACT_CFG,
    ) -> None:
        cfg = dict(norm_cfg=norm_cfg, act_cfg=act_cfg)
        super().__init__(in_channels, out_channels, num_blocks=0, **cfg)
        mid_channels = out_channels // 2
        self.blocks = nn.Sequential(
            *(_bottleneck(mid_channels, 1.0, separable, cfg) for _ in range(num_blocks))
        )


@MODELS.register_module()
class C3k2(CSPLayerWithTwoConv):
    """CSP layer with two 1x1 convolutions over C3k blocks or plain bottlenecks.

    It maps ``(N, in_channels, H, W)`` to ``(N, out_channels, H, W)``. A plain
    bottleneck halves the hidden channels and always has a shortcut, in the neck too.

    Args:
        in_channels (int): Input channels.
        out_channels (int): Output channels.
        num_blocks (int): Number of blocks. Defaults to 1.
        c3k (bool): C3k blocks if True, plain bottlenecks if False. Defaults to False.
        expand_ratio (float): Hidden channels / output channels. Defaults to 0.5.
        separable (bool): Whether the 3x3 convolutions are depthwise separable.
            Defaults to False.
        norm_cfg (dict): Normalisation of every convolution. Defaults to YOLO's BN.
        act_cfg (dict): Activation of every convolution. Defaults to SiLU.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        num_blocks: int = 1,
        c3k: bool = False,
        expand_ratio: float = 0.5,
        separable: bool = False,
        norm_cfg: ConfigType = NORM_CFG,
        act_cfg: ConfigType = ACT_CFG,
    ) -> None:
        cfg = dict(norm_cfg=norm_cfg, act_cfg=act_cfg)
        # The parent sizes its 1x1 convolutions by num_blocks; its blocks are replaced.
        super().__init__(in_channels, out_channels, expand_ratio, num_blocks, **cfg)
        mid = self.mid_channels
        self.blocks = nn.ModuleList(
            C3k(mid, mid, separable=separable, **cfg)
            if c3k
            else _bottleneck(mid, 0.5, separable, cfg)
            for _ in range(num_blocks)
        )


def _bottleneck(
    channels: int, expansion: float, separable: bool, cfg: ConfigType
) -> DarknetBottleneck:
    """Two 3x3 convolutions with a shortcut, ``channels`` in and out."""
    block = DarknetBottleneck(
        channels, channels, expansion, kernel_size=(3, 3), padding=(1, 1), **cfg
    )
    if separable:  # DarknetBottleneck can make only its second convolution separable
        mid_channels = int(channels * expansion)
        block.conv1 = conv3x3(channels, mid_channels, separable=True, **cfg)
        block.conv2 = conv3x3(mid_channels, channels, separable=True, **cfg)
    return block
