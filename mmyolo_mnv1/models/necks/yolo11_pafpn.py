"""The neck of YOLO11."""

from collections.abc import Sequence

import torch.nn as nn
from mmcv.cnn import ConvModule
from mmdet.utils import ConfigType, OptMultiConfig
from mmyolo.models.layers import SPPFBottleneck
from mmyolo.models.necks import YOLOv5PAFPN
from mmyolo.registry import MODELS

from ..layers import C2PSA, C3k2
from ..layers.csp import ACT_CFG, NORM_CFG
from ..layers.separable import conv3x3
from ..scales import TORCH_CONV_INIT, get_scale


@MODELS.register_module()
class YOLO11PAFPN(YOLOv5PAFPN):
    """SPPF and C2PSA on the last map, then a path aggregation network of C3k2.

    It takes maps of strides 8, 16 and 32 from any backbone and gives maps of the
    same strides with the scale's 256, 512 and 1024 channels. Reference: ultralytics
    8.3 ``yolo11.yaml``, layers 9 to 22.

    Args:
        in_channels (Sequence[int]): Channels of the three input maps, as they are
            (not nominal ones). :class:`YOLO11Detector` fills them in.
        scale (str): One of n, s, m, l, x. Defaults to 'm'.
        out_channels (Sequence[int]): Nominal channels of the output maps.
            Defaults to (256, 512, 1024).
        sppf_act (bool): Whether SPPF's first convolution has an activation: True as
            ultralytics 8.3 builds it (and as the official weights were trained),
            False as 8.4.0 does. Defaults to True.
        sppf (bool): Whether the last map goes through SPPF; else a 1x1 convolution
            gives it the same channels. Defaults to True.
        c2psa (bool): Whether the last map goes through C2PSA. Defaults to True.
        separable (bool): Whether the 3x3 convolutions are depthwise separable (the
            lite variants). Defaults to False.
        norm_cfg (dict): Normalisation. Defaults to YOLO's BN.
        act_cfg (dict): Activation. Defaults to SiLU.
        freeze_all (bool): Whether to freeze the neck. Defaults to False.
        init_cfg (dict or list[dict], optional): Initialisation. Defaults to PyTorch's
            own for Conv2d.

    Raises:
        InputError: If the scale is unknown.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        scale: str = "m",
        out_channels: Sequence[int] = (256, 512, 1024),
        sppf_act: bool = True,
        sppf: bool = True,
        c2psa: bool = True,
        separable: bool = False,
        norm_cfg: ConfigType = NORM_CFG,
        act_cfg: ConfigType = ACT_CFG,
        freeze_all: bool = False,
        init_cfg: OptMultiConfig = TORCH_CONV_INIT,
    ) -> None:
        self.scale = get_scale(scale)
        self.sppf_act = sppf_act
        self.sppf = sppf
        self.c2psa = c2psa
        self.separable = separable
        super().__init__(
            in_channels=list(in_channels),
            out_channels=[self.scale.channels(c) for c in out_channels],
            deepen_factor=self.scale.depth,
            widen_factor=self.scale.width,
            num_csp_blocks=2,
            freeze_all=freeze_all,
            norm_cfg=norm_cfg,
            act_cfg=act_cfg,
            init_cfg=init_cfg,
        )

    def build_reduce_layer(self, idx: int) -> nn.Module:
        """Build SPPF and C2PSA for the last map, as asked for; pass the others on."""
        if idx != len(self.in_channels) - 1:
            return nn.Identity()
        cfg = dict(norm_cfg=self.norm_cfg, act_cfg=self.act_cfg)
        in_channels, channels = self.in_channels[idx], self.out_channels[idx]
        if self.sppf:
            first = SPPFBottleneck(in_channels, channels, 5, **cfg)
            first.conv1.with_activation = self.sppf_act
        else:
            first = ConvModule(in_channels, channels, 1, **cfg)
        if not self.c2psa:
            return nn.Sequential(first)
        blocks = self.scale.blocks(self.num_csp_blocks)
        return nn.Sequential(first, C2PSA(channels, blocks, **cfg))

    def build_top_down_layer(self, idx: int) -> nn.Module:
        """Build the C3k2 that merges level ``idx`` into level ``idx - 1``."""
        in_channels = self.out_channels[idx] + self.in_channels[idx - 1]
        return self._c3k2(in_channels, self.out_channels[idx - 1], c3k=False)

    def build_downsample_layer(self, idx: int) -> nn.Module:
        """Build the stride-2 convolution from level ``idx`` to ``idx + 1``."""
        return conv3x3(
            self.out_channels[idx],
            self.out_channels[idx],
            stride=2,
            separable=self.separable,
            norm_cfg=self.norm_cfg,
            act_cfg=self.act_cfg,
        )

    def build_bottom_up_layer(self, idx: int) -> nn.Module:
        """Build the C3k2 that merges level ``idx`` into level ``idx + 1``."""
        last = idx + 1 == len(self.in_channels) - 1
        in_channels = self.out_channels[idx] + self.out_channels[idx + 1]
        return self._c3k2(in_channels, self.out_channels[idx + 1], c3k=last)

    def _c3k2(self, in_channels: int, out_channels: int, c3k: bool) -> C3k2:
        return C3k2(
            in_channels,
            out_channels,
            num_blocks=self.scale.blocks(self.num_csp_blocks),
            c3k=c3k or self.scale.c3k,
            separable=self.separable,
            norm_cfg=self.norm_cfg,
            act_cfg=self.act_cfg,
        )
