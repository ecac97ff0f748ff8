"""Gradient accumulation up to a nominal batch size."""

from mmengine.optim import AmpOptimWrapper, OptimWrapper
from mmyolo.registry import OPTIM_WRAPPERS
from torch import Tensor

from .bf16 import BF16OptimWrapper


class _SumOfLosses:
    """Sum of the gradients where MMEngine averages: YOLO's losses are sums over images.

    Reference: ultralytics 8.3 ``engine/trainer.py``.
    """

    def scale_loss(self, loss: Tensor) -> Tensor:
        return loss


@OPTIM_WRAPPERS.register_module()
class SumOptimWrapper(_SumOfLosses, OptimWrapper):
    """``OptimWrapper`` that sums gradients over ``accumulative_counts`` iterations."""


@OPTIM_WRAPPERS.register_module()
class SumAmpOptimWrapper(_SumOfLosses, AmpOptimWrapper):
    """``AmpOptimWrapper`` that sums gradients over ``accumulative_counts``."""


@OPTIM_WRAPPERS.register_module()
class SumBF16OptimWrapper(_SumOfLosses, BF16OptimWrapper):
    """``BF16OptimWrapper`` that sums gradients over ``accumulative_counts``."""


#: Accumulating wrapper for each wrapper type of a config.
ACCUMULATING = dict(
    OptimWrapper="SumOptimWrapper",
    AmpOptimWrapper="SumAmpOptimWrapper",
    BF16OptimWrapper="SumBF16OptimWrapper",
)


def accumulate(optim_wrapper: dict, nominal: int, batch: int) -> tuple[dict, int]:
    """Accumulate gradients up to a nominal batch size.

    Args:
        optim_wrapper (dict): Its config.
        nominal (int): Nominal batch size: images of one update.
        batch (int): Images of one iteration, of all processes together.

    Returns:
        tuple[dict, int]: The new config, and the iterations of one update.
    """
    count = max(round(nominal / batch), 1)
    kind = ACCUMULATING.get(optim_wrapper.get("type", "OptimWrapper"))
    if kind is None or count == 1:
        return optim_wrapper, 1
    return {**optim_wrapper, "type": kind, "accumulative_counts": count}, count
