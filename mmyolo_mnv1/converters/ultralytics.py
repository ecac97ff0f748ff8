"""YOLO11 detection checkpoints of Ultralytics 8.3 and 8.4: to ours and back."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..errors import InputError
from ..models.scales import SCALES
from ..weights import Inert, load_inert
from .naming import check_names
from .yolo11_names import BN_NAMES, DETECT, HEAD, LAYERS, tensor_names

#: Classes whose names may stand in a checkpoint of Ultralytics; none is imported.
ALLOWED = (
    "ultralytics.",
    "torch.nn.",
    "pathlib.PosixPath",
    "pathlib.PurePosixPath",
    "pathlib.WindowsPath",
    "pathlib.PureWindowsPath",
    "numpy.dtype",
    "numpy.dtypes.Float64DType",
    "numpy.core.multiarray.scalar",
    "numpy._core.multiarray.scalar",
    # Where convolutions are fused, each has forward = self.forward_fuse; inert as well.
    "builtins.getattr",
)
TASKS = {
    "SegmentationModel": "segmentation",
    "ClassificationModel": "classification",
    "PoseModel": "pose",
    "OBBModel": "oriented boxes",
    "RTDETRDetectionModel": "RT-DETR",
    "WorldModel": "YOLO-World",
    "YOLOEModel": "YOLOE",
}
#: Layers that tell another YOLO.
OTHERS = {
    "A2C2f": "YOLO12",
    "SCDown": "YOLOv10",
    "RepNCSPELAN4": "YOLOv9",
    "C2f": "YOLOv8",
    "C3": "YOLOv5",
}
NOT_YOLO11 = "the tensors are not those of YOLO11"
#: Epsilon of YOLO's BN.
BN_EPS = 1e-3


class Source(NamedTuple):
    """What a checkpoint of Ultralytics holds.

    Args:
        tensors (dict[str, Tensor]): Its state dict, as stored.
        classes (tuple[str, ...]): Class names; empty where the file has none.
        sppf_act (bool): Whether SPPF's first convolution has an activation, as 8.3
            builds it and early 8.4 does not. A bare state dict does not say: True.
        version (str, optional): The version that wrote it.
    """

    tensors: dict[str, Tensor]
    classes: tuple[str, ...] = ()
    sppf_act: bool = True
    version: str | None = None


def read_ultralytics(path: Path) -> Source:
    """Read a YOLO11 detection checkpoint without Ultralytics and without running it.

    The EMA is taken where the file has one. A bare state dict is read too.

    Args:
        path (Path): A ``.pt`` file.

    Raises:
        InputError: If the file is not a checkpoint, is truncated, would run code, or
            holds another task or another model: which one.
    """
    model, version = load_inert(path, ALLOWED), None
    if isinstance(model, dict) and ("model" in model or "ema" in model):
        version = model.get("version")
        model = model.get("ema") or model.get("model")
    if isinstance(model, dict) and f"model.{DETECT}.dfl.conv.weight" in model:
        tensors = {k: t for k, t in model.items() if isinstance(t, Tensor)}
        return Source(tensors, version=version)
    if not isinstance(model, Inert):
        raise InputError(f"{path} holds no YOLO11: give a .pt file of Ultralytics")
    task = type(model).__name__
    if task != "DetectionModel":
        raise InputError(
            f"{path} holds a model for {TASKS.get(task, task)}: "
            "only detection is converted"
        )
    layers = _children(_children(model)["model"])
    _check_layers(path, layers)
    activation = _children(_children(layers["9"])["cv1"]).get("act")
    names = model.state.get("names", {})
    names = names.values() if isinstance(names, dict) else names
    return Source(
        dict(_tensors(model)),
        classes=tuple(map(str, names)),
        sppf_act=type(activation).__name__ != "Identity",
        version=version,
    )


def ultralytics_to_mmyolo(source: Source) -> tuple[dict[str, Tensor], dict]:
    """Rename every tensor of a YOLO11 checkpoint and make it float32.

    A convolution that was fused with its BN gets an identity BN.

    Args:
        source (Source): Of :func:`read_ultralytics`.

    Returns:
        tuple[dict[str, Tensor], dict]: Our state dict, and its meta: ``scale``,
        ``num_classes``, ``dataset_meta`` (with ``classes``, where known),
        ``sppf_act``, ``fused`` and ``ultralytics_version``.

    Raises:
        InputError: If the tensors are not those of YOLO11 at one of its scales:
            which ones are left over, missing or of another shape.
    """
    tensors = {name: t.detach().float() for name, t in source.tensors.items()}
    letter = _find_scale(
        tensors, "model.0.conv.weight", "model.10.m.1.ffn.0.conv.weight"
    )
    fused = _add_identity_bn(tensors)
    names = dict(tensor_names(letter))
    check_names(tensors, names, NOT_YOLO11)
    _check_widths(tensors, letter)
    state_dict = {ours: tensors[theirs] for theirs, ours in names.items()}
    for ours, tensor in state_dict.items():
        if ours.endswith("num_batches_tracked"):
            state_dict[ours] = tensor.long()
    state_dict[f"{HEAD}.proj"] = state_dict[f"{HEAD}.proj"].flatten()
    num_classes = tensors[f"model.{DETECT}.cv3.0.2.bias"].numel()
    if source.classes and len(source.classes) != num_classes:
        raise InputError(
            f"the checkpoint names {len(source.classes)} classes and its head has "
            f"{num_classes}: it is damaged"
        )
    return state_dict, dict(
        scale=letter,
        num_classes=num_classes,
        dataset_meta=dict(classes=source.classes) if source.classes else {},
        sppf_act=source.sppf_act,
        fused=fused,
        ultralytics_version=source.version,
    )


def mmyolo_to_ultralytics(state_dict: dict[str, Tensor]) -> dict[str, Tensor]:
    """Rename our state dict for ``DetectionModel('yolo11X.yaml')``, strictly.

    Args:
        state_dict (dict[str, Tensor]): Of a YOLO11 detector with its own backbone.

    Returns:
        dict[str, Tensor]: In Ultralytics' names and order.

    Raises:
        InputError: If the tensors are not those of YOLO11: which ones are left over
            or missing.
    """
    letter = _find_scale(
        state_dict,
        "backbone.stem.conv.weight",
        "neck.reduce_layers.2.1.blocks.1.ffn.0.conv.weight",
    )
    names = {ours: theirs for theirs, ours in tensor_names(letter)}
    check_names(state_dict, names, NOT_YOLO11)
    result = {theirs: state_dict[ours].detach() for ours, theirs in names.items()}
    dfl = f"model.{DETECT}.dfl.conv.weight"
    result[dfl] = result[dfl].view(1, -1, 1, 1)
    return result


def _children(module: Inert) -> dict[str, Any]:
    return module.state.get("_modules", {})


def _tensors(module: Inert, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
    """State dict of an inert module."""
    transient = module.state.get("_non_persistent_buffers_set", ())
    for kind in ("_parameters", "_buffers"):
        for name, tensor in module.state.get(kind, {}).items():
            if tensor is not None and name not in transient:
                yield prefix + name, tensor
    for name, child in _children(module).items():
        if isinstance(child, Inert):
            yield from _tensors(child, f"{prefix}{name}.")


def _check_layers(path: Path, layers: dict[str, Inert]) -> None:
    """Tell YOLO11 from other detectors by the classes of its layers.

    Raises:
        InputError: If it is another one.
    """
    kinds = [type(layer).__name__ for layer in layers.values()]
    expected = [layer.kind for layer in LAYERS] + ["Detect"]
    found = [kind for kind in kinds if kind not in ("Upsample", "Concat")]
    other = next((OTHERS[kind] for kind in OTHERS if kind in kinds), None)
    if found == expected and layers["9"].state.get("add"):  # SPPF's shortcut
        other = "YOLO26"
    if other or found != expected:
        raise InputError(
            f"{path} holds {other or 'another model'}, not YOLO11: its layers are "
            f"{', '.join(dict.fromkeys(kinds))}"
        )


def _find_scale(tensors: dict[str, Tensor], stem: str, second_block: str) -> str:
    """Scale by the width of the stem and by whether a second block is there.

    Raises:
        InputError: If no scale has that width and depth.
    """
    width = tensors[stem].shape[0] if stem in tensors else None
    blocks = 2 if second_block in tensors else 1
    for letter, scale in SCALES.items():
        if scale.channels(64) == width and scale.blocks(2) == blocks:
            return letter
    raise InputError(
        f"no scale of YOLO11 has {width} channels in {stem} and {blocks} block(s) a "
        f"stage: only {', '.join(SCALES)} with its own backbone are converted"
    )


def _add_identity_bn(tensors: dict[str, Tensor]) -> bool:
    """Give each convolution that was fused with its BN an identity BN, in place.

    Returns:
        bool: Whether there was any.
    """
    biases = [name for name in tensors if name.endswith(".conv.bias")]
    for name in biases:
        bias = tensors.pop(name)
        values = (
            torch.ones_like(bias),
            bias,
            torch.zeros_like(bias),
            torch.full_like(bias, 1 - BN_EPS),
            torch.tensor(0),
        )
        root = name.removesuffix("conv.bias")
        for part, value in zip(BN_NAMES, values, strict=True):
            tensors[f"{root}bn.{part}"] = value
    return bool(biases)


def _check_widths(tensors: dict[str, Tensor], letter: str) -> None:
    """Each layer must be as wide as the scale has it.

    Raises:
        InputError: Listing the layers that are not.
    """
    last = {"Conv": "conv", "C3k2": "cv2.conv", "SPPF": "cv2.conv", "C2PSA": "cv2.conv"}
    wrong = []
    for layer in LAYERS:
        name = f"model.{layer.index}.{last[layer.kind]}.weight"
        width, expected = len(tensors[name]), SCALES[letter].channels(layer.channels)
        if width != expected:
            wrong.append(f"{name} has {width} channels instead of {expected}")
    if wrong:
        raise InputError(
            f"the widths are not those of YOLO11{letter}: {'; '.join(wrong[:5])}"
        )
