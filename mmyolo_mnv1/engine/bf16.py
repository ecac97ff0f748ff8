"""Mixed precision on CPUs."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from mmengine.optim import OptimWrapper
from mmengine.runner import autocast
from mmyolo.registry import OPTIM_WRAPPERS
from torch import nn


@OPTIM_WRAPPERS.register_module()
class BF16OptimWrapper(OptimWrapper):
    """``OptimWrapper`` whose forward passes are autocast to bfloat16.

    MMEngine's ``AmpOptimWrapper`` scales losses on a GPU. bfloat16 has the range of
    float32 and needs no scale, so this one works on CPUs too.
    """

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """See the parent."""
        with super().optim_context(model), autocast(dtype=torch.bfloat16):
            yield
