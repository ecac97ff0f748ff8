"""The tensors of a MobileNetV1 classifier as MMPreTrain holds them.

``backbone.*`` is this package's MobileNetV1, ``head.fc.*`` a linear head.
"""

from collections.abc import Mapping
from pathlib import Path
from pprint import pformat
from typing import Any, TypeVar

from torch import Tensor

from ..errors import InputError
from .naming import check_names, listed

T = TypeVar("T")

#: Depthwise separable blocks of the paper's table 1 by stage: how many, how wide.
STAGES = ((1, 64), (2, 128), (2, 256), (6, 512), (2, 1024))
BN_NAMES = ("weight", "bias", "running_mean", "running_var")


def conv_shapes(alpha: float = 1.0) -> dict[str, tuple[int, int, int, int]]:
    """Name of each convolution with BN, in the network's order, and its weight's shape.

    Args:
        alpha (float): Width multiplier, a multiple of 0.25. Defaults to 1.0.
    """
    width = int(32 * alpha)
    shapes = {"backbone.stem": (width, 3, 3, 3)}
    for stage, (blocks, nominal) in enumerate(STAGES, 1):
        for block in range(blocks):
            name, out_width = f"backbone.stage{stage}.{block}", int(nominal * alpha)
            shapes[f"{name}.depthwise_conv"] = (width, 1, 3, 3)
            shapes[f"{name}.pointwise_conv"] = (out_width, width, 1, 1)
            width = out_width
    return shapes


def tensor_shapes(alpha: float, num_classes: int) -> dict[str, tuple[int, ...]]:
    """Name and shape of each tensor of the classifier."""
    shapes: dict[str, tuple[int, ...]] = {}
    for conv, shape in conv_shapes(alpha).items():
        shapes[f"{conv}.conv.weight"] = shape
        shapes |= {f"{conv}.bn.{name}": shape[:1] for name in BN_NAMES}
        shapes[f"{conv}.bn.num_batches_tracked"] = ()
    width = int(STAGES[-1][1] * alpha)
    return shapes | {
        "head.fc.weight": (num_classes, width),
        "head.fc.bias": (num_classes,),
    }


def rename(path: Path, tensors: Mapping[str, T], names: dict[str, str]) -> dict[str, T]:
    """Give the tensors of a file their names here, all of them.

    Args:
        path (Path): The file, for messages.
        tensors (Mapping[str, T]): By the file's names.
        names (dict[str, str]): The name here of each name in the file.

    Raises:
        InputError: Listing the tensors that are left over or missing.
    """
    check_names(tensors, names, f"{path} is not the MobileNetV1 classifier expected")
    return {ours: tensors[theirs] for theirs, ours in names.items()}


def classifier_meta(path: Path, state_dict: dict[str, Tensor], **expects: Any) -> dict:
    """Find the width multiplier, check every shape, and say what the weights expect.

    Args:
        path (Path): The file, for messages.
        state_dict (dict[str, Tensor]): Every tensor under its name here.
        expects (Any): ``conv_cfg``, ``norm_cfg`` and ``act_cfg`` that the weights were
            trained with.

    Returns:
        dict: ``num_classes``; ``backbone``, its config; and ``data_preprocessor``, the
        detector's config for the images that the weights expect: RGB / 127.5 - 1.

    Raises:
        InputError: Listing the tensors of another shape.
    """
    width = [*state_dict["backbone.stem.conv.weight"].shape, 0][0]
    alpha = width / 32
    if not width or alpha % 0.25:
        raise InputError(
            f"{path} has {width} channels in the first convolution: MobileNetV1 has 32 "
            "times alpha, and only multiples of 0.25 are converted"
        )
    num_classes = state_dict["head.fc.bias"].numel()
    wrong = [
        f"{name} {tuple(state_dict[name].shape)} instead of {shape}"
        for name, shape in tensor_shapes(alpha, num_classes).items()
        if state_dict[name].shape != shape
    ]
    if wrong:
        raise InputError(
            f"{path} is not MobileNetV1 with alpha {alpha:g}: "
            f"{listed('of another shape', wrong)}"
        )
    return dict(
        num_classes=num_classes,
        backbone=dict(type="MobileNetV1", alpha=alpha, **expects),
        data_preprocessor=dict(mean=[127.5] * 3, std=[127.5] * 3, bgr_to_rgb=True),
    )


def describe(meta: dict, path: Path) -> str:
    """What a converted checkpoint is, and a detector's config that starts from it.

    Args:
        meta (dict): Of :func:`classifier_meta`.
        path (Path): Where the checkpoint is.
    """
    pretrained = dict(type="Pretrained", prefix="backbone.", checkpoint=path.as_posix())
    model = dict(
        data_preprocessor=meta["data_preprocessor"],
        backbone=dict(_delete_=True, **meta["backbone"], init_cfg=pretrained),
    )
    return (
        f"{path}: MobileNetV1, alpha {meta['backbone']['alpha']:g}, "
        f"{meta['num_classes']} classes. In the config of a detector:\n"
        f"model = {pformat(model, sort_dicts=False)}"
    )
