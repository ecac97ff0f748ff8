"""C2PSA, the position-sensitive attention of YOLO11.

Reference: ultralytics 8.3 ``nn/modules/block.py`` (Attention, PSABlock, C2PSA).
"""

import torch
import torch.nn as nn
from mmcv.cnn import ConvModule
from mmdet.utils import ConfigType
from mmengine.model import BaseModule
from mmyolo.registry import MODELS
from torch import Tensor

from .conv import ACT_CFG, NORM_CFG


class Attention(BaseModule):
    """Multi-head self-attention over all positions, plus a depthwise position term.

    It maps ``(N, C, H, W)`` to ``(N, C, H, W)``. Keys and queries have half the
    dimension of the values.

    Args:
        channels (int): Input and output channels C, a multiple of ``num_heads``.
        num_heads (int): Number of heads.
        norm_cfg (dict): Normalisation.
    """

    def __init__(self, channels: int, num_heads: int, norm_cfg: ConfigType) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.head_dim = channels // num_heads
        self.key_dim = self.head_dim // 2
        self.scale = self.key_dim**-0.5
        cfg = dict(norm_cfg=norm_cfg, act_cfg=None)
        qkv_channels = channels + 2 * self.key_dim * num_heads
        self.qkv = ConvModule(channels, qkv_channels, 1, **cfg)
        self.proj = ConvModule(channels, channels, 1, **cfg)
        self.pe = ConvModule(channels, channels, 3, padding=1, groups=channels, **cfg)

    def forward(self, x: Tensor) -> Tensor:
        """Attend over the H x W positions of ``x``."""
        n, c, h, w = x.shape
        q, k, v = (
            self.qkv(x)
            .view(n, self.num_heads, 2 * self.key_dim + self.head_dim, h * w)
            .split([self.key_dim, self.key_dim, self.head_dim], dim=2)
        )
        attn = ((q.transpose(-2, -1) @ k) * self.scale).softmax(dim=-1)
        out = (v @ attn.transpose(-2, -1)).view(n, c, h, w)
        return self.proj(out + self.pe(v.reshape(n, c, h, w)))


class PSABlock(BaseModule):
    """Attention, then a feed-forward of two 1x1 convolutions, each with a shortcut.

    It maps ``(N, C, H, W)`` to ``(N, C, H, W)``.

    Args:
        channels (int): Input and output channels C.
        num_heads (int): Number of attention heads.
        norm_cfg (dict): Normalisation.
        act_cfg (dict): Activation of the feed-forward.
    """

    def __init__(
        self, channels: int, num_heads: int, norm_cfg: ConfigType, act_cfg: ConfigType
    ) -> None:
        super().__init__()
        self.attn = Attention(channels, num_heads, norm_cfg)
        self.ffn = nn.Sequential(
            ConvModule(channels, 2 * channels, 1, norm_cfg=norm_cfg, act_cfg=act_cfg),
            ConvModule(2 * channels, channels, 1, norm_cfg=norm_cfg, act_cfg=None),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Apply attention, then the feed-forward."""
        x = x + self.attn(x)
        return x + self.ffn(x)


@MODELS.register_module()
class C2PSA(BaseModule):
    """CSP layer that passes half of its channels through PSA blocks.

    It maps ``(N, C, H, W)`` to ``(N, C, H, W)``; each attention head has 64 channels.

    Args:
        channels (int): Input and output channels C, a multiple of 128.
        num_blocks (int): Number of PSA blocks. Defaults to 1.
        norm_cfg (dict): Normalisation. Defaults to YOLO's BN.
        act_cfg (dict): Activation. Defaults to SiLU.
    """

    def __init__(
        self,
        channels: int,
        num_blocks: int = 1,
        norm_cfg: ConfigType = NORM_CFG,
        act_cfg: ConfigType = ACT_CFG,
    ) -> None:
        super().__init__()
        cfg = dict(norm_cfg=norm_cfg, act_cfg=act_cfg)
        mid = channels // 2
        self.main_conv = ConvModule(channels, 2 * mid, 1, **cfg)
        self.final_conv = ConvModule(2 * mid, channels, 1, **cfg)
        blocks = (PSABlock(mid, mid // 64, **cfg) for _ in range(num_blocks))
        self.blocks = nn.Sequential(*blocks)

    def forward(self, x: Tensor) -> Tensor:
        """Split the channels, attend over the second half, merge."""
        shortcut, main = self.main_conv(x).chunk(2, dim=1)
        return self.final_conv(torch.cat([shortcut, self.blocks(main)], dim=1))
