"""The neck of YOLO11."""

from collections.abc import Sequence

import torch.nn as nn
from mmcv.cnn import ConvModule
from mmdet.utils import OptMultiConfig
from mmyolo.models.layers import SPPFBottleneck
from mmyolo.models.necks import YOLOv5PAFPN
from mmyolo.registry import MODELS

from ..layers import C2PSA, C3k2
from ..layers.conv import TORCH_CONV_INIT, conv3x3
from ..scales import get_scale


@MODELS.register_module()
class YOLO11PAFPN(YOLOv5PAFPN):
    """SPPF and C2PSA on the last map, then a path aggregation network of C3k2.

    It takes maps of strides 8, 16 and 32 from any backbone and returns maps of the same
    strides with the scale's 256, 512 and 1024 channels. Reference: ultralytics 8.3
    ``yolo11.yaml``, layers 9 to 22.

    Args:
        in_channels (Sequence[int]): Actual (not nominal) channels of the three input
            maps. :class:`YOLO11Detector` sets them.
        scale (str): One of n, s, m, l, x. Defaults to 'm'.
        out_channels (Sequence[int]): Nominal channels of the output maps.
            Defaults to (256, 512, 1024).
        sppf_act (bool): Whether SPPF's first convolution has an activation: True for
            ultralytics 8.3 and the official weights, False for 8.4.0.
            Defaults to True.
        sppf (bool): Whether the last map passes through SPPF; otherwise a 1x1
            convolution gives it the same channels. Defaults to True.
        c2psa (bool): Whether the last map passes through C2PSA. Defaults to True.
        csp (bool): Whether a C3k2 merges two levels; otherwise one 3x3 convolution.
            Defaults to True.
        separable (bool): Whether the 3x3 convolutions are depthwise separable.
            Defaults to False.
        init_cfg (dict or list[dict], optional): Initialisation. Defaults to PyTorch's
            own for Conv2d.
        kwargs: ``norm_cfg`` (by default YOLO's BN), ``act_cfg`` (SiLU) and
            ``freeze_all`` (False), see :class:`mmyolo.models.necks.YOLOv5PAFPN`.

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
        csp: bool = True,
        separable: bool = False,
        init_cfg: OptMultiConfig = TORCH_CONV_INIT,
        **kwargs,
    ) -> None:
        self.scale = get_scale(scale)
        self.sppf_act = sppf_act
        self.sppf = sppf
        self.c2psa = c2psa
        self.csp = csp
        self.separable = separable
        super().__init__(
            list(in_channels),
            [self.scale.channels(c) for c in out_channels],
            deepen_factor=self.scale.depth,
            widen_factor=self.scale.width,
            num_csp_blocks=2,
            init_cfg=init_cfg,
            **kwargs,
        )

    def build_reduce_layer(self, idx: int) -> nn.Module:
        """Build SPPF and C2PSA, if enabled, for the last map; none for the others."""
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
        return self._merge_layer(in_channels, self.out_channels[idx - 1], c3k=False)

    def build_downsample_layer(self, idx: int) -> nn.Module:
        """Build the stride-2 convolution from level ``idx`` to ``idx + 1``."""
        channels = self.out_channels[idx]
        cfg = dict(norm_cfg=self.norm_cfg, act_cfg=self.act_cfg)
        return conv3x3(channels, channels, self.separable, stride=2, **cfg)

    def build_bottom_up_layer(self, idx: int) -> nn.Module:
        """Build the C3k2 that merges level ``idx`` into level ``idx + 1``."""
        is_last = idx + 1 == len(self.in_channels) - 1
        in_channels = self.out_channels[idx] + self.out_channels[idx + 1]
        return self._merge_layer(in_channels, self.out_channels[idx + 1], c3k=is_last)

    def _merge_layer(self, in_channels: int, out_channels: int, c3k: bool) -> nn.Module:
        cfg = dict(norm_cfg=self.norm_cfg, act_cfg=self.act_cfg)
        if not self.csp:
            return conv3x3(in_channels, out_channels, self.separable, **cfg)
        return C3k2(
            in_channels,
            out_channels,
            self.scale.blocks(self.num_csp_blocks),
            c3k=c3k or self.scale.c3k,
            separable=self.separable,
            **cfg,
        )
