"""Weights of every known origin as checkpoints of MMEngine."""

from pathlib import Path
from typing import Any

from mmengine.config import Config
from torch import Tensor, nn

from ..errors import InputError
from ..version import __version__
from ..weights import compare_tensors, load_checkpoint, load_tensors, save_checkpoint
from ..weights.download import is_downloaded, local_file, locked
from ..weights.origins import MMPRETRAIN, TIMM, ULTRALYTICS, expected_part, find_origin
from .mobilenet_v1 import classifier_meta, tensor_shapes
from .tf_slim import tf_slim_to_mmyolo
from .timm import timm_to_mmyolo
from .ultralytics import is_ultralytics, read_ultralytics, ultralytics_to_mmyolo


def load(address: str | Path, map_location: Any = "cpu") -> Any:
    """Load weights by name, web address or path, without running code in the file.

    Weights of timm, TF-slim, Zehaos and Ultralytics are converted. For a download the
    result is kept beside it.

    Args:
        address (str or Path): See :func:`.download.local_file`.
        map_location (Any): See :func:`torch.load`. Defaults to "cpu".

    Returns:
        Any: A checkpoint, usually a dict with ``state_dict`` and ``meta``.

    Raises:
        InputError: If the file is missing, cannot be downloaded, is damaged, would run
            code, or contains weights of another network.
    """
    path = local_file(str(address))
    if not is_downloaded(path):
        return _convert(path, map_location)
    converted = path.with_name(f"{path.name}.mmyolo_mnv1-{__version__}.pth")
    with locked(path):
        if not converted.is_file():
            checkpoint = _convert(path, map_location)
            if not _is_converted(checkpoint):
                return checkpoint
            save_checkpoint(checkpoint["state_dict"], checkpoint["meta"], converted)
    return load_checkpoint(converted, map_location)


def load_converted(address: str) -> dict:
    """Load weights of another project; see :func:`load`.

    Returns:
        dict: Checkpoint with ``state_dict`` and ``meta``.

    Raises:
        InputError: See :func:`load`; also for a checkpoint of this package.
    """
    checkpoint = load(address)
    if not _is_converted(checkpoint):
        raise InputError(
            f"{address} holds no state dict of YOLO11 by Ultralytics, nor of a "
            "MobileNetV1 classifier of timm, TF-slim or Zehaos: give one of these"
        )
    return checkpoint


def describe(checkpoint: dict, address: str) -> str:
    """Summary of converted weights, and the lines of a config that starts from them.

    Args:
        checkpoint (dict): Result of :func:`load_converted`.
        address (str): Its name or file.
    """
    meta, tensors = checkpoint["meta"], checkpoint["state_dict"]
    if "scale" in meta:
        model = dict(scale=meta["scale"])
        if not meta["sppf_act"]:
            model["neck"] = dict(sppf_act=False)
        version = meta["ultralytics_version"] or "of unknown version"
        text = f"YOLO11{meta['scale']}, written by ultralytics {version}"
        text += ", Conv+BN fused" if meta["fused"] else ""
    else:
        model = dict(backbone=dict(alpha=meta["backbone"]["alpha"]))
        text = f"MobileNetV1 of {meta['source']}, alpha {meta['backbone']['alpha']:g}"
    lines = [
        f"{address}: {text}, {meta['num_classes']} classes, {len(tensors)} tensors",
        "In the config:",
        f"pretrained = {address!r}",
        f"model = {_as_call(model)}",
    ]
    if classes := meta.get("dataset_meta", {}).get("classes"):
        lines.append(f"classes = {classes}")
    return "\n".join(lines)


def _as_call(value: Any) -> str:
    if not isinstance(value, dict):
        return repr(value)
    return f"dict({', '.join(f'{k}={_as_call(v)}' for k, v in value.items())})"


def load_weights(model: nn.Module, checkpoint: str | Path, cfg: Config) -> None:
    """Load trained weights into a detector; every tensor has to match.

    Args:
        model (nn.Module): Changed.
        checkpoint (str or Path): See :func:`load`.
        cfg (Config): Config of the detector.

    Raises:
        InputError: If a tensor is missing, unknown or of another shape, or if the
            weights were trained with another activation, BN or preprocessing, or
            another order of classes.
    """
    loaded = load(checkpoint)
    tensors = loaded.get("state_dict", loaded) if isinstance(loaded, dict) else None
    if not _is_state_dict(tensors):
        raise InputError(f"{checkpoint} holds no state dict: give a checkpoint")
    tensors = {name.removeprefix("module."): t for name, t in tensors.items()}
    _, problem = compare_tensors(tensors, model.state_dict())
    problem = problem or difference(loaded, cfg.model) or other_order(loaded, cfg)
    if problem:
        raise InputError(f"checkpoint {checkpoint} is not of {cfg.filename}: {problem}")
    model.load_state_dict(tensors)


def difference(checkpoint: Any, model_cfg: dict) -> str:
    """What the weights of a checkpoint were trained with and a model has not.

    Args:
        checkpoint (Any): Its ``meta`` may have ``backbone`` and ``data_preprocessor``.
        model_cfg (dict): Config of the model.

    Returns:
        str: One line; empty if there is no difference, or nothing is known.
    """
    meta = checkpoint.get("meta") if isinstance(checkpoint, dict) else None
    given, own = (_facts(config or {}) for config in (meta, model_cfg))
    if isinstance(meta, dict) and "sppf_act" in meta:  # of Ultralytics
        given["neck.sppf_act"] = meta["sppf_act"]
        own["neck.sppf_act"] = model_cfg.get("neck", {}).get("sppf_act", True)
    return "; ".join(
        f"{name} was {given[name]} in their training and is {own[name]} here"
        for name in given
        if name in own and own[name] != given[name]
    )


def class_names(checkpoint: Any) -> tuple[str, ...]:
    """Class names that a checkpoint's detector was trained with; empty if unknown."""
    meta = checkpoint.get("meta") if isinstance(checkpoint, dict) else None
    dataset = meta.get("dataset_meta") if isinstance(meta, dict) else None
    return tuple((dataset or {}).get("classes") or ())


def other_order(checkpoint: Any, cfg: Config) -> str:
    """Compare the order of class names of a checkpoint with that of a config.

    Args:
        checkpoint (Any): See :func:`class_names`.
        cfg (Config): Its ``classes``, if it has any.

    Returns:
        str: One line if both have the same names in another order; otherwise empty.
    """
    given, own = class_names(checkpoint), tuple(cfg.get("classes") or ())
    if given == own or sorted(given) != sorted(own):
        return ""
    return (
        f"its classes are {given}, those of the config {own}: set classes = {given}, "
        "and order the categories of the annotation file in the same way"
    )


def _facts(config: dict) -> dict[str, Any]:
    """Activation, BN epsilon, mean and std by their places in ``model``."""
    backbone, pixels = expected_part(config).values()
    facts = {
        "backbone.act_cfg.type": backbone.get("act_cfg", {}).get("type"),
        "backbone.norm_cfg.eps": backbone.get("norm_cfg", {}).get("eps"),
        "data_preprocessor.mean": [float(x) for x in pixels.get("mean", ())],
        "data_preprocessor.std": [float(x) for x in pixels.get("std", ())],
    }
    return {name: value for name, value in facts.items() if value}


def _convert(path: Path, map_location: Any) -> Any:
    """Load a file by its format, and convert weights of other projects."""
    state_dict: dict[str, Tensor]
    if path.suffix in (".npz", ".index") or Path(f"{path}.index").is_file():
        state_dict, meta = tf_slim_to_mmyolo(path)
    elif path.suffix == ".pt" and is_ultralytics(path):
        state_dict, meta = ultralytics_to_mmyolo(read_ultralytics(path))
    elif path.suffix == ".safetensors":
        tensors = load_tensors(path)
        if find_origin(tensors) is not TIMM:
            return dict(state_dict=tensors)
        state_dict, meta = timm_to_mmyolo(path)
    else:
        checkpoint = load_checkpoint(path, map_location)
        tensors = checkpoint if isinstance(checkpoint, dict) else {}
        tensors = tensors.get("state_dict", tensors)
        origin = find_origin(tensors) if isinstance(tensors, dict) else None
        if origin is TIMM:
            state_dict, meta = timm_to_mmyolo(path)
        elif origin is ULTRALYTICS and "meta" not in checkpoint:
            state_dict, meta = ultralytics_to_mmyolo(read_ultralytics(path))
        elif _is_classifier(tensors) and not _is_converted(checkpoint):
            state_dict, meta = tensors, classifier_meta(path, tensors, MMPRETRAIN)
        elif _is_state_dict(checkpoint):
            return dict(state_dict=checkpoint)  # EMAHook reads it by this key
        else:
            return checkpoint
    return dict(meta=meta, state_dict=state_dict)


def _is_state_dict(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    return all(isinstance(tensor, Tensor) for tensor in value.values())


def _is_classifier(tensors: Any) -> bool:
    """Whether a state dict is of a MobileNetV1 classifier, as MMPreTrain saves it."""
    return isinstance(tensors, dict) and tensor_shapes(1, 1).keys() <= tensors.keys()


def _is_converted(checkpoint: Any) -> bool:
    """Whether a checkpoint was written by a converter of this package."""
    meta = checkpoint.get("meta") if isinstance(checkpoint, dict) else None
    return isinstance(meta, dict) and "source" in meta
