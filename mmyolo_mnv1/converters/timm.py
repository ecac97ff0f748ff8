"""timm's ``mobilenetv1_100`` and ``mobilenetv1_125`` to this package's names.

Reference: timm 1.0 ``models/efficientnet.py`` (``_gen_mobilenet_v1``).
"""

from pathlib import Path

import torch
from torch import Tensor

from ..weights import load_tensors
from .mobilenet_v1 import BN_NAMES, STAGES, classifier_meta, conv_shapes, rename


def timm_to_mmyolo(path: Path) -> tuple[dict[str, Tensor], dict]:
    """Read a MobileNetV1 classifier of timm under this package's names.

    Args:
        path (Path): ``.safetensors``, or a state dict that ``torch.save`` wrote.

    Returns:
        tuple[dict[str, Tensor], dict]: The state dict in float32, and its meta; see
        :func:`.mobilenet_v1.classifier_meta`.

    Raises:
        InputError: If the file cannot be read safely, or listing the tensors that are
            left over (as those of ``mobilenetv1_100h``, which has one layer more),
            missing or of another shape.
    """
    state_dict = rename(path, load_tensors(path), _names())
    for name, tensor in state_dict.items():
        counter = name.endswith("num_batches_tracked")
        state_dict[name] = tensor.detach().to(torch.int64 if counter else torch.float32)
    meta = classifier_meta(
        path,
        state_dict,
        conv_cfg=None,
        norm_cfg=dict(type="BN", momentum=0.03, eps=1e-5),
        act_cfg=dict(type="ReLU6", inplace=True),
    )
    return state_dict, dict(source="timm", **meta)


def _names() -> dict[str, str]:
    """This package's name of each tensor of timm's."""
    layers = [("conv_stem", "bn1")]
    for stage, (blocks, _) in enumerate(STAGES):
        for block in range(blocks):
            root = f"blocks.{stage}.{block}"
            layers += [(f"{root}.conv_dw", f"{root}.bn1")]
            layers += [(f"{root}.conv_pw", f"{root}.bn2")]
    names = {}
    for (conv, bn), ours in zip(layers, conv_shapes(), strict=True):
        names[f"{conv}.weight"] = f"{ours}.conv.weight"
        for part in (*BN_NAMES, "num_batches_tracked"):
            names[f"{bn}.{part}"] = f"{ours}.bn.{part}"
    return names | {
        "classifier.weight": "head.fc.weight",
        "classifier.bias": "head.fc.bias",
    }
