"""Conversion of timm's ``mobilenetv1_100`` and ``mobilenetv1_125``.

Reference: timm 1.0 ``models/efficientnet.py`` (``_gen_mobilenet_v1``).
"""

from pathlib import Path

import torch
from torch import Tensor

from ..weights import load_tensors
from ..weights.origins import TIMM
from .mobilenet_v1 import STAGES, classifier_meta, conv_shapes, rename
from .naming import BN_NAMES, strip_prefix


def timm_to_mmyolo(path: Path) -> tuple[dict[str, Tensor], dict]:
    """Load a MobileNetV1 classifier of timm and rename its tensors.

    Args:
        path (Path): A state dict in ``.safetensors`` or ``torch.save`` format; names
            may have the prefix of a wrapper.

    Returns:
        tuple[dict[str, Tensor], dict]: State dict in float32, and its meta; see
        :func:`.mobilenet_v1.classifier_meta`.

    Raises:
        InputError: If the file cannot be read safely, or listing the tensors left over,
            missing or of another shape. ``mobilenetv1_100h``, with its additional
            layer, is refused.
    """
    tensors = strip_prefix(load_tensors(path), "conv_stem.weight")
    state_dict = rename(path, tensors, _names())
    for name, tensor in state_dict.items():
        is_counter = name.endswith("num_batches_tracked")
        dtype = torch.int64 if is_counter else torch.float32
        state_dict[name] = tensor.detach().to(dtype)
    return state_dict, classifier_meta(path, state_dict, TIMM)


def _names() -> dict[str, str]:
    """New name of each tensor of timm."""
    layers = [("conv_stem", "bn1")]
    for stage, (blocks, _) in enumerate(STAGES):
        for block in range(blocks):
            root = f"blocks.{stage}.{block}"
            layers += [(f"{root}.conv_dw", f"{root}.bn1")]
            layers += [(f"{root}.conv_pw", f"{root}.bn2")]
    names = {}
    for (conv, bn), new in zip(layers, conv_shapes(), strict=True):
        names[f"{conv}.weight"] = f"{new}.conv.weight"
        names |= {f"{bn}.{part}": f"{new}.bn.{part}" for part in BN_NAMES}
    return names | {
        "classifier.weight": "head.fc.weight",
        "classifier.bias": "head.fc.bias",
    }
