"""Fitting of pretrained weights to a detector: width, scale and family."""

from typing import Any

from mmengine.logging import print_log
from torch import nn

from ..errors import InputError
from .narrow import narrow

WEIGHT = ".conv.weight"


def fit_to_detector(
    checkpoint: Any, model: nn.Module, model_cfg: dict, address: str
) -> Any:
    """Fit converted weights to a detector; other checkpoints are returned unchanged.

    The channels of a wider MobileNetV1 are pruned to those of the detector; see
    :func:`.narrow.narrow`. Neck and head keep the weights that they have.

    Args:
        checkpoint (Any): Result of :func:`.loading.load`.
        model (nn.Module): The detector.
        model_cfg (dict): Its config.
        address (str): Name or file of the weights, for messages.

    Returns:
        Any: The checkpoint.

    Raises:
        InputError: If the weights are of another family or scale, or narrower.
    """
    meta = checkpoint.get("meta") if isinstance(checkpoint, dict) else None
    if not isinstance(meta, dict) or "source" not in meta:
        return checkpoint
    family, own = meta["backbone"]["type"], model_cfg["backbone"]["type"]
    if family != own.rpartition(".")[2]:
        raise InputError(
            f"{address} has weights of {family} and model.backbone is {own}: set "
            "pretrained to weights of that family, or to None"
        )
    if "scale" not in meta:
        return _fit_width(checkpoint, model, address)
    scale = model_cfg.get("scale") or "m"
    if meta["scale"] != scale:
        raise InputError(
            f"{address} has weights of scale {meta['scale']} and model.scale is "
            f"{scale}: set one of them, or pretrained = None"
        )
    return checkpoint


def _fit_width(checkpoint: dict, model: nn.Module, address: str) -> dict:
    """Prune a MobileNetV1 classifier to the widths of a detector's backbone.

    The state dict that is returned has the detector's own neck and head.
    """
    tensors, meta = checkpoint["state_dict"], checkpoint["meta"]
    alpha, text = meta["backbone"]["alpha"], f"MobileNetV1 of {meta['source']}"
    widths = {
        f"backbone.{name.removesuffix(WEIGHT)}": len(tensor)
        for name, tensor in model.backbone.state_dict().items()
        if name.endswith(WEIGHT)
    }
    given = {name: len(tensors.get(f"{name}{WEIGHT}", ())) for name in widths}
    if any(given[name] < width for name, width in widths.items()):
        raise InputError(
            f"{address} has weights of alpha {alpha:g} and model.backbone is wider, or "
            "has more layers: choose weights of a larger alpha, or set pretrained = "
            "None"
        )
    if given != widths:
        tensors = narrow(tensors, widths, meta["backbone"]["act_cfg"]["type"])
        text += f", narrowed from alpha {alpha:g} to {model.backbone.alpha:g}"
    print_log(
        f"{address}: {text}; neck and head start from random weights", logger="current"
    )
    backbone = {k: t for k, t in tensors.items() if k.startswith("backbone.")}
    return dict(checkpoint, state_dict={**model.state_dict(), **backbone})
