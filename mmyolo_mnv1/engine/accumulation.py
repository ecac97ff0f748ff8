"""Gradients of several iterations in one update, as Ultralytics adds them up."""

from mmengine.optim import AmpOptimWrapper, OptimWrapper
from mmyolo.registry import OPTIM_WRAPPERS
from torch import Tensor

from .bf16 import BF16OptimWrapper


class _SumOfLosses:
    """Adds where MMEngine averages: the losses of YOLO are sums over images."""

    def scale_loss(self, loss: Tensor) -> Tensor:
        return loss


@OPTIM_WRAPPERS.register_module()
class SumOptimWrapper(_SumOfLosses, OptimWrapper):
    """``OptimWrapper`` that adds gradients up over ``accumulative_counts``."""


@OPTIM_WRAPPERS.register_module()
class SumAmpOptimWrapper(_SumOfLosses, AmpOptimWrapper):
    """``AmpOptimWrapper`` that adds gradients up over ``accumulative_counts``."""


@OPTIM_WRAPPERS.register_module()
class SumBF16OptimWrapper(_SumOfLosses, BF16OptimWrapper):
    """``BF16OptimWrapper`` that adds gradients up over ``accumulative_counts``."""


#: By the type that a config and ``--amp`` know.
SUMMING = dict(
    OptimWrapper="SumOptimWrapper",
    AmpOptimWrapper="SumAmpOptimWrapper",
    BF16OptimWrapper="SumBF16OptimWrapper",
)


def accumulate(optim_wrapper: dict, nominal: int, batch: int) -> tuple[dict, int]:
    """Collect small batches up to a nominal one.

    Args:
        optim_wrapper (dict): Config.
        nominal (int): Images an update should see at least, roughly.
        batch (int): Images of one iteration, of all processes.

    Returns:
        tuple[dict, int]: The config, and iterations for each update.
    """
    count = max(round(nominal / batch), 1)
    kind = SUMMING.get(optim_wrapper.get("type", "OptimWrapper"))
    if kind is None or count == 1:
        return optim_wrapper, 1
    return {**optim_wrapper, "type": kind, "accumulative_counts": count}, count
