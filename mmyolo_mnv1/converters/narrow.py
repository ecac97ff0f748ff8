"""Channel pruning of a MobileNetV1 classifier to a smaller width multiplier.

It initialises a detector whose width has no published ImageNet weights. Channels are
pruned as by Li et al. 2017 (arXiv 1608.08710), ranked without images by Nagel et al.
2019 (arXiv 1906.04721, section 4.2.1): the output of BN is assumed to be normally
distributed, with mean beta and standard deviation gamma.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from .mobilenet_v1 import conv_shapes

#: 1024 quantiles of the standard normal distribution, to average an activation.
QUANTILES = torch.special.ndtri((torch.arange(1024) + 0.5) / 1024)


def narrow(
    state_dict: dict[str, Tensor], widths: dict[str, int], activation: str
) -> dict[str, Tensor]:
    """Keep the most important channels of each layer.

    A channel is the output of one convolution, is filtered by a depthwise convolution
    and is the input of a pointwise convolution or the linear head; it is kept or pruned
    in all three. Its importance is the mean square of its activation times the mean
    square of its weights in the last layer, as scaled by that layer's BN. Train the
    result, or at least recompute its BN statistics: sums over fewer channels are
    smaller.

    Args:
        state_dict (dict[str, Tensor]): Tensors of a converted classifier.
        widths (dict[str, int]): Output channels to keep of each convolution, at most
            those that it has; see :func:`.mobilenet_v1.conv_shapes`.
        activation (str): ReLU or ReLU6.

    Returns:
        dict[str, Tensor]: Tensors of the narrower classifier.
    """
    ceiling = 6.0 if activation == "ReLU6" else torch.inf
    narrowed = dict(state_dict)
    for producers, consumer in _channel_groups():
        mean_square = _mean_square_activation(state_dict, producers[-1], ceiling)
        importance = mean_square * _mean_square_weight(state_dict, consumer)
        keep = importance.topk(widths[producers[0]]).indices.sort().values
        for conv in producers:
            for name in _channel_tensors(state_dict, conv):
                narrowed[name] = narrowed[name][keep]
        narrowed[consumer] = narrowed[consumer][:, keep]
    return {name: tensor.clone() for name, tensor in narrowed.items()}


def _channel_groups() -> Iterator[tuple[list[str], str]]:
    """Convolutions whose outputs are the same channels, and the weight that reads them.

    The convolutions are a full or pointwise one and the depthwise one after it.
    """
    convs = list(conv_shapes())
    for index in range(0, len(convs) - 2, 2):
        *producers, pointwise = convs[index : index + 3]
        yield producers, f"{pointwise}.conv.weight"
    yield [convs[-1]], "head.fc.weight"


def _channel_tensors(state_dict: dict[str, Tensor], conv: str) -> list[str]:
    """Names of a convolution's tensors that have an entry for each output channel."""
    names = [name for name in state_dict if name.startswith(f"{conv}.")]
    return [name for name in names if state_dict[name].dim()]


def _mean_square_activation(
    state_dict: dict[str, Tensor], conv: str, ceiling: float
) -> Tensor:
    """Expected square of each channel after BN and ReLU, limited to ``ceiling``."""
    gamma, beta = (state_dict[f"{conv}.bn.{part}"] for part in ("weight", "bias"))
    activation = beta[:, None] + gamma[:, None] * QUANTILES
    return activation.clamp(0, ceiling).square().mean(1)


def _mean_square_weight(state_dict: dict[str, Tensor], name: str) -> Tensor:
    """Mean square of the weights of each input channel, scaled by BN."""
    weight = state_dict[name].flatten(1)
    if name.endswith(".conv.weight"):
        conv = name.removesuffix(".conv.weight")
        deviation = state_dict[f"{conv}.bn.running_var"].sqrt()
        scale = state_dict[f"{conv}.bn.weight"] / deviation.clamp(min=1e-6)
        weight = weight * scale[:, None]
    return weight.square().mean(0)
