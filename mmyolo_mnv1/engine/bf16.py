"""Automatic mixed precision on CPUs."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from mmengine.optim import OptimWrapper
from mmengine.runner import autocast
from mmyolo.registry import OPTIM_WRAPPERS
from torch import nn


@OPTIM_WRAPPERS.register_module()
class BF16OptimWrapper(OptimWrapper):
    """``OptimWrapper`` with forward passes in bfloat16.

    bfloat16 has the range of float32, so no loss scale is needed. MMEngine's
    ``AmpOptimWrapper`` scales the loss, which needs a GPU.
    """

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """See the parent."""
        with super().optim_context(model), autocast(dtype=torch.bfloat16):
            yield
