"""The 3x3 convolution, ordinary or depthwise separable."""

import torch.nn as nn
from mmcv.cnn import ConvModule, DepthwiseSeparableConvModule
from mmdet.utils import ConfigType


def conv3x3(
    in_channels: int,
    out_channels: int,
    norm_cfg: ConfigType,
    act_cfg: ConfigType,
    stride: int = 1,
    separable: bool = False,
) -> nn.Module:
    """Build a 3x3 convolution with BN and activation.

    It maps ``(N, in_channels, H, W)`` to ``(N, out_channels, H / stride, W / stride)``,
    rounded up.

    Args:
        in_channels (int): Input channels.
        out_channels (int): Output channels.
        norm_cfg (dict): Normalisation.
        act_cfg (dict): Activation.
        stride (int): Stride. Defaults to 1.
        separable (bool): Whether to split it into a depthwise 3x3 and a pointwise 1x1
            convolution, each with BN and activation, as MobileNetV1 does (arXiv
            1704.04861, section 3.1). Defaults to False.
    """
    conv = DepthwiseSeparableConvModule if separable else ConvModule
    return conv(
        in_channels,
        out_channels,
        3,
        stride=stride,
        padding=1,
        norm_cfg=norm_cfg,
        act_cfg=act_cfg,
    )
