"""Conversion of YOLO11 detectors from and to Ultralytics 8.3 and 8.4."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..errors import InputError
from ..models.scales import SCALES
from ..weights import Inert, load_inert, load_tensors
from ..weights.origins import ULTRALYTICS, find_origin
from .naming import BN_NAMES, check_names, strip_prefix
from .yolo11_names import DETECT, HEAD, LAYERS, tensor_names

#: Names that a checkpoint of Ultralytics may contain; none is imported.
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
    # Fused convolutions pickle forward = self.forward_fuse; inert too.
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
#: Other YOLO versions by a layer that YOLO11 lacks.
OTHER_VERSIONS = {
    "A2C2f": "YOLO12",
    "SCDown": "YOLOv10",
    "RepNCSPELAN4": "YOLOv9",
    "C2f": "YOLOv8",
    "C3": "YOLOv5",
}
#: Keys of a checkpoint that may hold the model or its state dict.
NESTED = ("ema", "model", "state_dict", "model_state_dict")
#: A tensor of YOLO11's head, by its name in the list of layers.
DFL = f"{DETECT.removeprefix('model.')}.dfl.conv.weight"
NOT_YOLO11 = "the tensors are not those of YOLO11"
BN_EPS = 1e-3


class UltralyticsCheckpoint(NamedTuple):
    """Contents of an Ultralytics checkpoint.

    Args:
        tensors (dict[str, Tensor]): State dict, as stored.
        classes (tuple[str, ...]): Class names; empty if the file has none.
        sppf_act (bool): Whether the first convolution of SPPF has an activation: in 8.3
            it has, in early 8.4 releases it has not. True for a bare state dict.
        version (str, optional): Ultralytics version that wrote it.
    """

    tensors: dict[str, Tensor]
    classes: tuple[str, ...] = ()
    sppf_act: bool = True
    version: str | None = None


def is_ultralytics(path: Path) -> bool:
    """Whether a checkpoint has a pickled model, or a state dict in Ultralytics' names.

    A file that cannot be read counts as one: :func:`read_ultralytics` says why.
    """
    try:
        return find_origin(load_tensors(path)) is ULTRALYTICS
    except InputError:
        return True


def read_ultralytics(path: Path) -> UltralyticsCheckpoint:
    """Read a YOLO11 detection checkpoint without Ultralytics and without running code.

    Args:
        path (Path): A ``.pt`` file: a checkpoint, whose EMA is preferred, a pickled
            model, or a state dict. The state dict may be inside a dict, and its names
            may have a prefix such as ``module.`` or ``model.``.

    Raises:
        InputError: If the file is not a checkpoint, is truncated, would run code, or
            holds another task or model.
    """
    model, version = load_inert(path, ALLOWED), None
    while isinstance(model, dict):
        version = model.get("version", version)
        if any(isinstance(name, str) and name.endswith(DFL) for name in model):
            tensors = {k: t for k, t in model.items() if isinstance(t, Tensor)}
            layers = strip_prefix(tensors, DFL)
            tensors = {f"model.{name}": t for name, t in layers.items()}
            return UltralyticsCheckpoint(tensors, version=version)
        nested = [model.get(key) for key in NESTED]
        model = next((v for v in nested if isinstance(v, (dict, Inert)) and v), None)
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
    return UltralyticsCheckpoint(
        dict(_tensors(model)),
        classes=tuple(map(str, names)),
        sppf_act=type(activation).__name__ != "Identity",
        version=version,
    )


def ultralytics_to_mmyolo(
    checkpoint: UltralyticsCheckpoint,
) -> tuple[dict[str, Tensor], dict]:
    """Rename the tensors of a YOLO11 checkpoint and convert them to float32.

    A convolution that was fused with its BN gets an identity BN.

    Args:
        checkpoint (UltralyticsCheckpoint): Result of :func:`read_ultralytics`.

    Returns:
        tuple[dict[str, Tensor], dict]: State dict for MMYOLO, and its meta: ``scale``,
        ``num_classes``, ``dataset_meta`` (with ``classes``, if known), ``sppf_act``,
        ``fused``, ``ultralytics_version``, and ``source``, ``backbone`` and
        ``data_preprocessor`` as :func:`.mobilenet_v1.classifier_meta` has them.

    Raises:
        InputError: Listing the tensors left over, missing or of another shape.
    """
    tensors = {name: t.detach().float() for name, t in checkpoint.tensors.items()}
    letter = _find_scale(
        tensors, "model.0.conv.weight", "model.10.m.1.ffn.0.conv.weight"
    )
    fused = _add_identity_bn(tensors)
    names = dict(tensor_names(letter))
    check_names(tensors, names, NOT_YOLO11)
    _check_widths(tensors, letter)
    state_dict = {new: tensors[old] for old, new in names.items()}
    for name, tensor in state_dict.items():
        if name.endswith("num_batches_tracked"):
            state_dict[name] = tensor.long()
    state_dict[f"{HEAD}.proj"] = state_dict[f"{HEAD}.proj"].flatten()
    num_classes = tensors[f"{DETECT}.cv3.0.2.bias"].numel()
    if checkpoint.classes and len(checkpoint.classes) != num_classes:
        raise InputError(
            f"the checkpoint names {len(checkpoint.classes)} classes and its head has "
            f"{num_classes}: it is damaged"
        )
    return state_dict, dict(
        source=ULTRALYTICS.title,
        scale=letter,
        num_classes=num_classes,
        backbone=dict(type="YOLO11CSPDarknet"),
        data_preprocessor=ULTRALYTICS.expects["data_preprocessor"],
        dataset_meta=dict(classes=checkpoint.classes) if checkpoint.classes else {},
        sppf_act=checkpoint.sppf_act,
        fused=fused,
        ultralytics_version=checkpoint.version,
    )


def mmyolo_to_ultralytics(state_dict: dict[str, Tensor]) -> dict[str, Tensor]:
    """Rename a YOLO11 state dict for ``DetectionModel('yolo11X.yaml')``.

    Args:
        state_dict (dict[str, Tensor]): State dict of a detector with YOLO11's backbone.

    Returns:
        dict[str, Tensor]: In Ultralytics' names and order.

    Raises:
        InputError: Listing the tensors left over and missing.
    """
    letter = _find_scale(
        state_dict,
        "backbone.stem.conv.weight",
        "neck.reduce_layers.2.1.blocks.1.ffn.0.conv.weight",
    )
    names = {old: new for new, old in tensor_names(letter)}
    check_names(state_dict, names, NOT_YOLO11)
    renamed = {new: state_dict[old].detach() for old, new in names.items()}
    dfl = f"{DETECT}.dfl.conv.weight"
    renamed[dfl] = renamed[dfl].view(1, -1, 1, 1)
    return renamed


def _children(module: Inert) -> dict[str, Any]:
    return module.state.get("_modules", {})


def _tensors(module: Inert, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
    """Named parameters and persistent buffers of an inert module."""
    transient = module.state.get("_non_persistent_buffers_set", ())
    for kind in ("_parameters", "_buffers"):
        for name, tensor in module.state.get(kind, {}).items():
            if tensor is not None and name not in transient:
                yield prefix + name, tensor
    for name, child in _children(module).items():
        if isinstance(child, Inert):
            yield from _tensors(child, f"{prefix}{name}.")


def _check_layers(path: Path, layers: dict[str, Inert]) -> None:
    """Refuse detectors other than YOLO11, by the classes of their layers."""
    kinds = [type(layer).__name__ for layer in layers.values()]
    expected = [layer.kind for layer in LAYERS] + ["Detect"]
    weighted = [kind for kind in kinds if kind not in ("Upsample", "Concat")]
    other = next((OTHER_VERSIONS[k] for k in OTHER_VERSIONS if k in kinds), None)
    if weighted == expected and layers["9"].state.get("add"):  # shortcut of SPPF
        other = "YOLO26"
    if other or weighted != expected:
        raise InputError(
            f"{path} holds {other or 'another model'}, not YOLO11: its layers are "
            f"{', '.join(dict.fromkeys(kinds))}"
        )


def _find_scale(tensors: dict[str, Tensor], stem: str, second_block: str) -> str:
    """Scale by the width of the stem and by whether C2PSA has a second block.

    Raises:
        InputError: If no scale fits, or the network does not take 3 channels.
    """
    width, channels, *_ = tensors[stem].shape if stem in tensors else (None, 3)
    if channels != 3:
        raise InputError(
            f"{stem} has {channels} input channel(s): only networks for RGB photos, "
            "with 3, are converted: train one with channels: 3"
        )
    blocks = 2 if second_block in tensors else 1
    for letter, scale in SCALES.items():
        if scale.channels(64) == width and scale.blocks(2) == blocks:
            return letter
    raise InputError(
        f"no scale of YOLO11 has {width} channels in {stem} and {blocks} block(s) a "
        f"stage: only {', '.join(SCALES)} with its own backbone are converted"
    )


def _add_identity_bn(tensors: dict[str, Tensor]) -> bool:
    """Add an identity BN to each fused convolution, in place; return whether any is."""
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
        prefix = name.removesuffix("conv.bias")
        for part, value in zip(BN_NAMES, values, strict=True):
            tensors[f"{prefix}bn.{part}"] = value
    return bool(biases)


def _check_widths(tensors: dict[str, Tensor], letter: str) -> None:
    """Check the output channels of each layer against its scale."""
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
