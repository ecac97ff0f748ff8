"""MobileNetV1 (Howard et al. 2017, arXiv 1704.04861)."""

from collections.abc import Sequence
from numbers import Real

import torch.nn as nn
from mmdet.models.utils import make_divisible
from mmdet.utils import ConfigType, OptConfigType, OptMultiConfig
from mmpretrain.registry import MODELS as MMPRETRAIN_MODELS
from mmyolo.models.backbones import BaseBackbone
from mmyolo.registry import MODELS

from ...errors import InputError
from ..layers.conv import NORM_CFG, TORCH_CONV_INIT, conv3x3


@MMPRETRAIN_MODELS.register_module()
@MODELS.register_module()
class MobileNetV1(BaseBackbone):
    """MobileNetV1 without its classifier (paper, table 1).

    It maps ``(N, 3, H, W)`` to a tuple of maps, one for each of ``out_indices``; the
    defaults give strides 8, 16 and 32 with 256, 512 and 1024 channels times ``alpha``.
    The paper's resolution multiplier is ``rho`` of the config, the input size.

    Args:
        alpha (float): Width multiplier (paper, section 3.3), above 0; the paper uses
            1, 0.75, 0.5 and 0.25. Defaults to 1.0.
        divisor (int): Channels are rounded to a multiple of it. CPUs with AVX-512
            compute 16 channels at a time. Defaults to 8.
        out_indices (Sequence[int]): Stages whose maps are returned: 0 is the stem
            (stride 2), 1 to 5 are the stages of ``arch_setting``.
            Defaults to (3, 4, 5).
        frozen_stages (int): Last stage whose weights and running statistics are frozen,
            as are those before it; -1 freezes none. Defaults to -1.
        last_stage (Sequence[tuple[int, int]]): (nominal output channels, stride) of
            each block of the last stage; the first block has stride 2.
            Defaults to the paper's, ((1024, 2), (1024, 1)).
        conv_cfg (dict, optional): Convolution type. Defaults to None, Conv2d.
        norm_cfg (dict): Normalisation. Defaults to YOLO's BN.
        act_cfg (dict): Activation. Defaults to ReLU, the paper's.
        norm_eval (bool): Whether BN always uses its running statistics.
            Defaults to False.
        init_cfg (dict or list[dict], optional): Initialisation. Defaults to PyTorch's
            own for Conv2d.

    Raises:
        InputError: If ``alpha``, ``out_indices``, ``frozen_stages`` or
            ``last_stage`` is out of range.
    """

    #: Nominal output channels of the stem.
    stem_channels = 32
    #: (nominal output channels, stride) of each depthwise separable block, one row for
    #: each stage, of total stride 2, 4, 8 and 16. The last stage, 32, is an argument.
    arch_setting = [
        [(64, 1)],
        [(128, 2), (128, 1)],
        [(256, 2), (256, 1)],
        [(512, 2), (512, 1), (512, 1), (512, 1), (512, 1), (512, 1)],
    ]

    def __init__(
        self,
        alpha: float = 1.0,
        divisor: int = 8,
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
        # On the instance only: the class keeps the table without the last stage.
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
        self.divisor = divisor
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
        """Output channels of stage 0 (the stem) to 5."""
        nominal = self.arch_setting[stage - 1][-1][0] if stage else self.stem_channels
        return self._width(nominal)

    def _width(self, nominal: int) -> int:
        return make_divisible(nominal * self.alpha, self.divisor)

    def build_stem_layer(self) -> nn.Module:
        """Build the ordinary 3x3 convolution of stride 2."""
        return self._conv(self.input_channels, self.stem_channels, stride=2)

    def build_stage_layer(
        self, stage_idx: int, setting: list[tuple[int, int]]
    ) -> list[nn.Module]:
        """Build a stage of depthwise separable blocks (paper, section 3.1)."""
        in_channels = self._stage_channels(stage_idx)
        blocks = []
        for nominal, stride in setting:
            blocks.append(self._conv(in_channels, nominal, stride, separable=True))
            in_channels = self._width(nominal)
        return blocks

    def _conv(
        self, in_channels: int, nominal: int, stride: int, separable: bool = False
    ) -> nn.Module:
        return conv3x3(
            in_channels,
            self._width(nominal),
            separable,
            stride=stride,
            conv_cfg=self.conv_cfg,
            norm_cfg=self.norm_cfg,
            act_cfg=self.act_cfg,
        )
