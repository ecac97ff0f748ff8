"""A MobileNetV1 classifier of a smaller width, made of a wider one's channels.

Where ImageNet weights exist for one width multiplier only, a detector of a smaller one
need not start from nothing. Structured pruning in the manner of Li et al. 2017 (arXiv
1608.08710), with the channels' importance taken from the BN parameters as in Nagel et
al. 2019 (arXiv 1906.04721, section 4.2.1): after BN a channel is taken as normally
distributed with mean beta and deviation gamma, so no images are needed.
"""

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from ..errors import InputError
from ..weights import load_checkpoint
from .mobilenet_v1 import conv_shapes

#: Points of the normal distribution over which an activation is averaged.
QUANTILES = torch.special.ndtri((torch.arange(1024) + 0.5) / 1024)


def load_classifier(path: Path) -> tuple[dict[str, Tensor], dict]:
    """Read a converted classifier with its meta, without running anything in it.

    Args:
        path (Path): What ``tools/model_converters`` wrote.

    Raises:
        InputError: If it is none.
    """
    checkpoint = load_checkpoint(path)
    meta = checkpoint.get("meta") if isinstance(checkpoint, dict) else None
    if not isinstance(meta, dict) or meta.get("backbone", {}).get("alpha") is None:
        raise InputError(
            f"{path} is no converted MobileNetV1: give what tf_slim_to_mmyolo.py or "
            "timm_to_mmyolo.py wrote"
        )
    return checkpoint["state_dict"], meta


def narrow(
    state_dict: dict[str, Tensor], meta: dict, alpha: float
) -> tuple[dict[str, Tensor], dict]:
    """Keep the channels that matter most to the layer after them.

    A channel lives from the convolution that makes it, through the depthwise one, to
    the pointwise one (or the linear head) that reads it, so one choice settles all
    three. It matters by the mean square of its activation times that of its weights
    there, these relative to the spread of their sums. Training, or at least new BN
    statistics, has to follow: sums of fewer channels are smaller.

    Args:
        state_dict (dict[str, Tensor]): Of a converted classifier.
        meta (dict): Its meta; see :func:`.mobilenet_v1.classifier_meta`.
        alpha (float): The new width multiplier: a multiple of 0.25, below the old.

    Returns:
        tuple[dict[str, Tensor], dict]: The narrower classifier and its meta.

    Raises:
        InputError: If ``alpha`` is another.
    """
    wide = meta["backbone"]["alpha"]
    if alpha % 0.25 or not 0 < alpha < wide:
        raise InputError(
            f"--alpha {alpha:g}: give a multiple of 0.25 below the weights' {wide:g}"
        )
    has_six = meta["backbone"]["act_cfg"]["type"] == "ReLU6"
    narrowed = dict(state_dict)
    widths = {conv: shape[0] for conv, shape in conv_shapes(alpha).items()}
    for maker, depthwise, reader in _channel_lives():
        last = depthwise or maker
        activation = _mean_square(state_dict, last, 6.0 if has_six else torch.inf)
        importance = activation * _weight_square(state_dict, reader)
        keep = importance.topk(widths[maker]).indices.sort().values
        for conv in filter(None, (maker, depthwise)):
            for name in _tensors_of(state_dict, conv):
                narrowed[name] = narrowed[name][keep]
        narrowed[reader] = narrowed[reader][:, keep]
    narrowed = {name: tensor.clone() for name, tensor in narrowed.items()}
    backbone = dict(meta["backbone"], alpha=alpha)
    source = f"{meta['source']}, narrowed from alpha {wide:g}"
    return narrowed, dict(meta, backbone=backbone, source=source)


def _channel_lives() -> Iterator[tuple[str, str | None, str]]:
    """Who makes each set of channels, filters them, reads them (its weight)."""
    convs = list(conv_shapes())
    for index in range(0, len(convs) - 2, 2):
        maker, depthwise, pointwise = convs[index : index + 3]
        yield maker, depthwise, f"{pointwise}.conv.weight"
    yield convs[-1], None, "head.fc.weight"


def _tensors_of(state_dict: dict[str, Tensor], conv: str) -> list[str]:
    """A convolution's tensors that have an entry for each output channel."""
    names = [name for name in state_dict if name.startswith(f"{conv}.")]
    return [name for name in names if state_dict[name].dim()]


def _mean_square(state_dict: dict[str, Tensor], conv: str, ceiling: float) -> Tensor:
    """Mean square of each channel's activation."""
    gamma, beta = (state_dict[f"{conv}.bn.{part}"] for part in ("weight", "bias"))
    activation = beta[:, None] + gamma[:, None] * QUANTILES
    return activation.clamp(0, ceiling).square().mean(1)


def _weight_square(state_dict: dict[str, Tensor], reader: str) -> Tensor:
    """Mean square of each input channel's weights, as BN scales them."""
    weight = state_dict[reader].flatten(1)
    if reader.endswith(".conv.weight"):
        conv = reader.removesuffix(".conv.weight")
        spread = state_dict[f"{conv}.bn.running_var"].sqrt()
        scale = state_dict[f"{conv}.bn.weight"] / spread.clamp(min=1e-6)
        weight = weight * scale[:, None]
    return weight.square().mean(0)
