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
    :func:`.narrow.narrow`.

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
        return _fit_width(checkpoint, model.backbone, address)
    scale = model_cfg.get("scale") or "m"
    if meta["scale"] != scale:
        raise InputError(
            f"{address} has weights of scale {meta['scale']} and model.scale is "
            f"{scale}: set one of them, or pretrained = None"
        )
    return checkpoint


def _fit_width(checkpoint: dict, backbone: nn.Module, address: str) -> dict:
    """Prune a MobileNetV1 classifier to the widths of a backbone."""
    tensors, meta = checkpoint["state_dict"], checkpoint["meta"]["backbone"]
    widths = {
        f"backbone.{name.removesuffix(WEIGHT)}": len(tensor)
        for name, tensor in backbone.state_dict().items()
        if name.endswith(WEIGHT)
    }
    given = {name: len(tensors.get(f"{name}{WEIGHT}", ())) for name in widths}
    if given == widths:
        return checkpoint
    if any(given[name] < width for name, width in widths.items()):
        raise InputError(
            f"{address} has weights of alpha {meta['alpha']:g} and model.backbone is "
            "wider, or has more layers: choose weights of a larger alpha, or set "
            "pretrained = None"
        )
    print_log(
        f"{address}: narrowed from alpha {meta['alpha']:g} to {backbone.alpha:g}, by "
        "the importance of the channels",
        logger="current",
    )
    tensors = narrow(tensors, widths, meta["act_cfg"]["type"])
    return dict(checkpoint, state_dict=tensors)
