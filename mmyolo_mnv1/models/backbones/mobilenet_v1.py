"""MobileNetV1 (Howard et al. 2017, arXiv 1704.04861)."""

from collections.abc import Sequence
from numbers import Real

import torch.nn as nn
from mmcv.cnn import ConvModule, DepthwiseSeparableConvModule
from mmdet.models.utils import make_divisible
from mmdet.utils import ConfigType, OptConfigType, OptMultiConfig
from mmpretrain.registry import MODELS as MMPRETRAIN_MODELS
from mmyolo.models.backbones import BaseBackbone
from mmyolo.registry import MODELS

from ...errors import InputError
from ..layers.csp import NORM_CFG
from ..scales import TORCH_CONV_INIT


@MMPRETRAIN_MODELS.register_module()
@MODELS.register_module()
class MobileNetV1(BaseBackbone):
    """MobileNetV1 without its classifier (paper, table 1).

    ``(N, 3, H, W)`` becomes a tuple of maps, one for each of ``out_indices``; the
    default gives strides 8, 16 and 32 with 256a, 512a and 1024a channels. The
    resolution multiplier of the paper is the input size, a matter of the config.

    Args:
        alpha (float): Width multiplier (paper, section 3.3), above 0; the paper uses
            1, 0.75, 0.5 and 0.25. Channels are rounded to a multiple of 8.
            Defaults to 1.0.
        out_indices (Sequence[int]): Output from which stages: 0 is the first
            convolution (stride 2), 1 to 5 the stages of ``arch_setting``.
            Defaults to (3, 4, 5).
        frozen_stages (int): Stages 0 to this one keep their weights and running
            statistics; -1 freezes none. Defaults to -1.
        last_stage (Sequence[tuple[int, int]]): The (nominal output channels, stride)
            of the last stage's blocks, of which the first has stride 2.
            Defaults to the paper's, ((1024, 2), (1024, 1)).
        conv_cfg (dict, optional): Convolution type. Defaults to None, Conv2d.
        norm_cfg (dict): Normalisation. Defaults to YOLO's BN.
        act_cfg (dict): Activation. Defaults to ReLU, the paper's; the configs of
            detectors say SiLU.
        norm_eval (bool): Whether BN always uses its running statistics.
            Defaults to False.
        init_cfg (dict or list[dict], optional): Initialisation. Defaults to PyTorch's
            own for Conv2d.

    Raises:
        InputError: If ``alpha``, ``out_indices``, ``frozen_stages`` or
            ``last_stage`` is out of range.
    """

    #: Nominal output channels of the first, full convolution.
    stem_channels = 32
    #: One row a stage: the (nominal output channels, stride) of its depthwise
    #: separable blocks. Total strides: 2, 4, 8, 16; the last stage follows, 32.
    arch_setting = [
        [(64, 1)],
        [(128, 2), (128, 1)],
        [(256, 2), (256, 1)],
        [(512, 2), (512, 1), (512, 1), (512, 1), (512, 1), (512, 1)],
    ]

    def __init__(
        self,
        alpha: float = 1.0,
        out_indices: Sequence[int] = (3, 4, 5),
        frozen_stages: int = -1,
        last_stage: Sequence[tuple[int, int]] = ((1024, 2), (1024, 1)),
        conv_cfg: OptConfigType = None,
        norm_cfg: ConfigType = NORM_CFG,
        act_cfg: ConfigType = dict(type="ReLU", inplace=True),  # noqa: B006
        norm_eval: bool = False,
        init_cfg: OptMultiConfig = TORCH_CONV_INIT,
    ) -> None:
        if isinstance(alpha, bool) or not isinstance(alpha, Real) or not alpha > 0:
            raise InputError(
                f"MobileNetV1 alpha is {alpha!r}: give a number above 0, such as 0.5"
            )
        if [stride for _, stride in last_stage] != [2] + [1] * (len(last_stage) - 1):
            raise InputError(
                f"MobileNetV1 last_stage is {last_stage!r}: give (channels, stride) of "
                "its blocks, strides 2, 1, 1, …, such as [(1024, 2), (1024, 1)]"
            )
        # The instance's table: the parent builds from it, _stage_channels reads it.
        self.arch_setting = [*self.arch_setting, list(last_stage)]
        last = len(self.arch_setting)
        if not out_indices or not set(out_indices) <= set(range(last + 1)):
            raise InputError(
                f"MobileNetV1 out_indices is {out_indices!r}: "
                f"name stages from 0 to {last}, such as (3, 4, 5)"
            )
        if frozen_stages not in range(-1, last + 1):
            raise InputError(
                f"MobileNetV1 frozen_stages is {frozen_stages!r}: "
                f"give -1 (none) to {last}"
            )
        self.conv_cfg = conv_cfg
        self.alpha = alpha
        super().__init__(
            self.arch_setting,
            widen_factor=alpha,
            out_indices=out_indices,
            frozen_stages=frozen_stages,
            norm_cfg=norm_cfg,
            act_cfg=act_cfg,
            norm_eval=norm_eval,
            init_cfg=init_cfg,
        )

    @property
    def out_channels(self) -> list[int]:
        """Channels of each output map."""
        return [self._stage_channels(i) for i in self.out_indices]

    def _stage_channels(self, stage: int) -> int:
        """Output channels of stage 0 (the first convolution) to 5."""
        nominal = self.arch_setting[stage - 1][-1][0] if stage else self.stem_channels
        return self._width(nominal)

    def _width(self, nominal: int) -> int:
        return make_divisible(nominal * self.alpha, divisor=8)

    def build_stem_layer(self) -> nn.Module:
        """Build the full 3x3 convolution of stride 2."""
        return ConvModule(
            self.input_channels,
            self._width(self.stem_channels),
            3,
            stride=2,
            padding=1,
            conv_cfg=self.conv_cfg,
            norm_cfg=self.norm_cfg,
            act_cfg=self.act_cfg,
        )

    def build_stage_layer(
        self, stage_idx: int, setting: list[tuple[int, int]]
    ) -> list[nn.Module]:
        """Build a stage of depthwise separable blocks (paper, section 3.1)."""
        in_channels = self._stage_channels(stage_idx)
        blocks = []
        for nominal, stride in setting:
            out_channels = self._width(nominal)
            blocks.append(
                DepthwiseSeparableConvModule(
                    in_channels,
                    out_channels,
                    3,
                    stride=stride,
                    padding=1,
                    norm_cfg=self.norm_cfg,
                    act_cfg=self.act_cfg,
                    conv_cfg=self.conv_cfg,
                )
            )
            in_channels = out_channels
        return blocks
