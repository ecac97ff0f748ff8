"""Parameters and multiply-accumulates."""

import torch
from torch import nn

from ..models import YOLO11HeadModule


def count_params(model: nn.Module) -> int:
    """Number of parameters, frozen ones included, before Conv+BN fusion."""
    return sum(p.numel() for p in model.parameters())


@torch.no_grad()
def count_conv_macs(model: nn.Module, height: int, width: int) -> int:
    """Multiply-accumulates (MACs) of the convolutions for one image.

    Counted: every Conv2d, and DFL's weighted sum, which the reference computes as a
    1x1 convolution. Not counted: BN, activations, the matrix products of C2PSA.
    FLOPs are twice the MACs.

    Args:
        model (nn.Module): A detector (its ``_forward`` is run) or any module.
        height (int): Input height in pixels.
        width (int): Input width in pixels.
    """
    total = 0

    def add_conv(module: nn.Conv2d, _, out: torch.Tensor) -> None:
        nonlocal total
        total += out.numel() * module.weight[0].numel()

    def add_dfl(module: YOLO11HeadModule, _, out: tuple) -> None:
        nonlocal total
        distances = out[1]
        total += sum(d.numel() for d in distances) * module.reg_max

    hooks = [
        m.register_forward_hook(add_conv if isinstance(m, nn.Conv2d) else add_dfl)
        for m in model.modules()
        if isinstance(m, (nn.Conv2d, YOLO11HeadModule))
    ]
    training = model.training
    model.train(False)
    try:
        device = next(model.parameters()).device
        model(torch.zeros(1, 3, height, width, device=device))
    finally:
        model.train(training)
        for hook in hooks:
            hook.remove()
    return total
