"""The 3x3 convolution of YOLO11, and the defaults that its modules share."""

import math

import torch.nn as nn
from mmcv.cnn import ConvModule, DepthwiseSeparableConvModule

NORM_CFG = dict(type="BN", momentum=0.03, eps=0.001)
ACT_CFG = dict(type="SiLU", inplace=True)
#: PyTorch's initialisation of Conv2d, which YOLO11 keeps; mmcv's ConvModule differs.
TORCH_CONV_INIT = dict(
    type="Kaiming",
    layer="Conv2d",
    a=math.sqrt(5),
    distribution="uniform",
    mode="fan_in",
    nonlinearity="leaky_relu",
)


def conv3x3(
    in_channels: int, out_channels: int, separable: bool = False, **kwargs
) -> nn.Module:
    """Build a 3x3 convolution with normalisation and activation.

    It maps ``(N, in_channels, H, W)`` to ``(N, out_channels, H / stride, W / stride)``,
    rounded up.

    Args:
        in_channels (int): Input channels.
        out_channels (int): Output channels.
        separable (bool): Whether to split it into a depthwise 3x3 and a pointwise 1x1
            convolution, each with normalisation and activation (MobileNetV1, arXiv
            1704.04861, section 3.1). Defaults to False.
        kwargs: ``stride``, ``conv_cfg``, ``norm_cfg`` and ``act_cfg``, see
            :class:`mmcv.cnn.ConvModule`.
    """
    conv = DepthwiseSeparableConvModule if separable else ConvModule
    return conv(in_channels, out_channels, 3, padding=1, **kwargs)
