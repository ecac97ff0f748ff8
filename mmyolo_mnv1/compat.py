"""Functions of newer PyTorch releases on PyTorch 2.1 and later.

:mod:`mmyolo_mnv1.weights.archives` does the same for the loading of checkpoints.
"""

import inspect
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

__all__ = ["TORCHSCRIPT_EXPORTER", "flop_counter", "flop_registry", "get_total_norm"]

#: Arguments of ``torch.onnx.export`` that choose the TorchScript exporter, the only one
#: in PyTorch < 2.5.
TORCHSCRIPT_EXPORTER = (
    dict(dynamo=False)
    if "dynamo" in inspect.signature(torch.onnx.export).parameters
    else {}
)


def _total_norm(tensors: Sequence[Tensor]) -> Tensor:
    """L2 norm of all elements of some tensors."""
    return torch.linalg.vector_norm(torch.stack(torch._foreach_norm(tensors)))


try:
    from torch.nn.utils import get_total_norm
except ImportError:  # before PyTorch 2.6
    get_total_norm = _total_norm


try:
    from torch.utils.flop_counter import flop_registry
except ImportError:  # PyTorch < 2.2
    from torch.utils.flop_counter import flop_mapping as flop_registry


def flop_counter(model: nn.Module, mapping: Mapping | None = None) -> FlopCounterMode:
    """``FlopCounterMode`` that counts each module of a model.

    Args:
        model (nn.Module): The model; PyTorch < 2.4 needs hooks in it.
        mapping (Mapping, optional): ``custom_mapping`` of FlopCounterMode.
    """
    counter = FlopCounterMode(display=False, custom_mapping=mapping)
    if hasattr(counter, "mod_tracker"):
        return counter
    kind = type(model).__name__

    def enter(name: str):
        return lambda *_: counter.parents.append(f"{kind}.{name}" if name else kind)

    for name, module in model.named_modules():
        module.register_forward_pre_hook(enter(name))
        module.register_forward_hook(lambda *_: counter.parents.__delitem__(-1))
    return counter
