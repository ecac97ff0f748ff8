"""MobileNetV1 classifiers in MMPreTrain's names.

``backbone.*`` are the tensors of this package's MobileNetV1, ``head.fc.*`` those of a
linear head.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from torch import Tensor

from ..errors import InputError
from ..weights.origins import Origin
from .naming import BN_NAMES, check_names, count_and_list

T = TypeVar("T")

#: Number and nominal width of the depthwise separable blocks of each stage, by table 1
#: of the paper (arXiv 1704.04861).
STAGES = ((1, 64), (2, 128), (2, 256), (6, 512), (2, 1024))


def conv_shapes(alpha: float = 1.0) -> dict[str, tuple[int, int, int, int]]:
    """Names and weight shapes of the convolutions with BN, in the network's order.

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
    """Names and shapes of all tensors of the classifier."""
    shapes: dict[str, tuple[int, ...]] = {}
    for conv, shape in conv_shapes(alpha).items():
        shapes[f"{conv}.conv.weight"] = shape
        for name in BN_NAMES:
            is_counter = name == "num_batches_tracked"
            shapes[f"{conv}.bn.{name}"] = () if is_counter else shape[:1]
    width = int(STAGES[-1][1] * alpha)
    return shapes | {
        "head.fc.weight": (num_classes, width),
        "head.fc.bias": (num_classes,),
    }


def rename(path: Path, tensors: Mapping[str, T], names: dict[str, str]) -> dict[str, T]:
    """Rename all tensors of a classifier.

    Args:
        path (Path): File of the tensors, for messages.
        tensors (Mapping[str, T]): Tensors by their names in the file.
        names (dict[str, str]): New name of each name in the file.

    Raises:
        InputError: Listing the tensors left over and missing.
    """
    check_names(tensors, names, f"{path} is not the MobileNetV1 classifier expected")
    return {new: tensors[old] for old, new in names.items()}


def classifier_meta(path: Path, state_dict: dict[str, Tensor], origin: Origin) -> dict:
    """Check the shapes of a classifier and describe it.

    Args:
        path (Path): File of the weights, for messages.
        state_dict (dict[str, Tensor]): All tensors by their new names.
        origin (Origin): Network that they were trained in.

    Returns:
        dict: ``source``; ``num_classes``; ``backbone``, its config; and
        ``data_preprocessor``, the detector's config for inputs as in the classifier's
        training.

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
            f"{count_and_list('of another shape', wrong)}"
        )
    padding = dict(type="Conv2dAdaptivePadding") if origin.same else None
    expected = origin.expects
    return dict(
        source=origin.title,
        num_classes=num_classes,
        backbone=dict(
            type="MobileNetV1", alpha=alpha, conv_cfg=padding, **expected["backbone"]
        ),
        data_preprocessor=dict(**expected["data_preprocessor"], bgr_to_rgb=True),
    )
