"""Conversion of MobileNetV1 from TensorFlow: slim's own, and Zehaos/MobileNet.

References: tensorflow/models ``research/slim/nets/mobilenet_v1.py``; Zehaos/MobileNet
``nets/mobilenet.py``, whose convolutions have biases and whose BN has no gamma.
"""

import zipfile
import zlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..errors import InputError
from ..weights.origins import TF_SLIM, ZEHAOS, find_origin
from .mobilenet_v1 import classifier_meta, conv_shapes, rename

#: Suffixes of variables that belong to the optimizer.
TRAINING_STATE = (
    "global_step",
    "/ExponentialMovingAverage",
    "/RMSProp",
    "/RMSProp_1",
    "/Momentum",
    "/Adam",
    "/Adam_1",
    "beta1_power",
    "beta2_power",
)
#: Tensor of BatchNorm2d by the name of the variable.
BN_VARIABLES = {
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}


def tf_slim_to_mmyolo(path: Path) -> tuple[dict[str, Tensor], dict]:
    """Load a MobileNetV1 classifier of TF-slim or Zehaos and rename its variables.

    Args:
        path (Path): ``.npz`` file of the variables by name, or prefix of a TensorFlow
            checkpoint, such as ``model.ckpt``.

    Returns:
        tuple[dict[str, Tensor], dict]: State dict in float32, and its meta; see
        :func:`.mobilenet_v1.classifier_meta`.

    Raises:
        InputError: If the file cannot be read safely, or listing the variables left
            over, missing or of another shape.
    """
    variables = {
        name: value
        for name, value in _read_variables(path).items()
        if not name.endswith(TRAINING_STATE)
    }
    is_zehaos = find_origin(variables) is ZEHAOS
    names = _zehaos_names() if is_zehaos else _names()
    renamed = rename(path, variables, names)
    state_dict = {name: _to_tensor(path, name, v) for name, v in renamed.items()}
    for conv in conv_shapes():
        if is_zehaos:
            # BN subtracts the mean of a convolution with bias.
            state_dict[f"{conv}.bn.running_mean"] -= state_dict.pop(f"{conv}.conv.bias")
            state_dict[f"{conv}.bn.weight"] = torch.ones_like(
                state_dict[f"{conv}.bn.bias"]
            )
        state_dict[f"{conv}.bn.num_batches_tracked"] = torch.tensor(0)
    origin = ZEHAOS if is_zehaos else TF_SLIM
    return state_dict, classifier_meta(path, state_dict, origin)


def _names() -> dict[str, str]:
    """New name of each variable."""
    names = {}
    layers = [("Conv2d_0", "weights")]
    for block in range(1, 14):
        layers += [(f"Conv2d_{block}_depthwise", "depthwise_weights")]
        layers += [(f"Conv2d_{block}_pointwise", "weights")]
    for (layer, weights), new in zip(layers, conv_shapes(), strict=True):
        names[f"MobilenetV1/{layer}/{weights}"] = f"{new}.conv.weight"
        for variable, part in BN_VARIABLES.items():
            names[f"MobilenetV1/{layer}/BatchNorm/{variable}"] = f"{new}.bn.{part}"
    logits = "MobilenetV1/Logits/Conv2d_1c_1x1"
    return names | {
        f"{logits}/weights": "head.fc.weight",
        f"{logits}/biases": "head.fc.bias",
    }


def _zehaos_names() -> dict[str, str]:
    """New name of each variable of Zehaos/MobileNet."""
    layers = [("conv_1", "weights", "conv_1/batch_norm")]
    for block in range(2, 15):
        root = f"conv_ds_{block}"
        layers += [
            (f"{root}/depthwise_conv", "depthwise_weights", f"{root}/dw_batch_norm"),
            (f"{root}/pointwise_conv", "weights", f"{root}/pw_batch_norm"),
        ]
    names = {
        "MobileNet/fc_16/weights": "head.fc.weight",
        "MobileNet/fc_16/biases": "head.fc.bias",
    }
    for (conv, weights, norm), new in zip(layers, conv_shapes(), strict=True):
        names[f"MobileNet/{conv}/{weights}"] = f"{new}.conv.weight"
        names[f"MobileNet/{conv}/biases"] = f"{new}.conv.bias"
        for variable, part in BN_VARIABLES.items():
            if variable != "gamma":
                names[f"MobileNet/{norm}/{variable}"] = f"{new}.bn.{part}"
    return names


def _to_tensor(path: Path, name: str, value: np.ndarray) -> Tensor:
    """Convert a variable to PyTorch's order of axes."""
    if not np.issubdtype(value.dtype, np.floating):
        raise InputError(
            f"{path}: what becomes {name} is of type {value.dtype}, not float32"
        )
    tensor = torch.from_numpy(value.astype(np.float32))
    if tensor.ndim == 4:
        # (H, W, in, out); a depthwise kernel is (H, W, channels, 1).
        is_depthwise = "depthwise" in name
        tensor = tensor.permute((2, 3, 0, 1) if is_depthwise else (3, 2, 0, 1))
        if name == "head.fc.weight":
            tensor = tensor.flatten(1)  # a 1 x 1 convolution of the pooled features
    elif tensor.ndim == 2:
        tensor = tensor.T
    return tensor.contiguous()


def _read_variables(path: Path) -> dict[str, np.ndarray]:
    prefix = path.with_suffix("") if path.suffix == ".index" else path
    if prefix.with_name(f"{prefix.name}.index").is_file():
        return _read_checkpoint(prefix)
    if not path.is_file():
        raise InputError(f"{path} not found: give .npz or a TensorFlow checkpoint")
    return _read_npz(path)


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    if not zipfile.is_zipfile(path):
        with path.open("rb") as file:
            truncated = file.read(4) == b"PK\x03\x04"
        what = "is truncated" if truncated else "is no .npz file"
        raise InputError(f"{path} {what}: download or copy it again")
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: np.asarray(file[name]) for name in file.files}
    except ValueError as e:
        if "allow_pickle" not in str(e):
            raise InputError(f"{path} is damaged ({e!r}): copy it again") from None
        raise InputError(
            f"{path} is refused: it holds pickled objects, which could run code; "
            "get it from a source you trust"
        ) from None
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError) as e:
        raise InputError(f"{path} is damaged ({e!r}): copy it again") from None


def _read_checkpoint(prefix: Path) -> dict[str, np.ndarray]:
    try:
        import tensorflow
    except ImportError:
        raise InputError(
            f"{prefix} is a TensorFlow checkpoint, and tensorflow is not installed: "
            "`pip install tensorflow-cpu`, or give its variables as .npz"
        ) from None
    try:
        reader = tensorflow.train.load_checkpoint(str(prefix))
        names = reader.get_variable_to_shape_map()
        return {name: np.asarray(reader.get_tensor(name)) for name in names}
    except (tensorflow.errors.OpError, LookupError, RuntimeError, ValueError) as e:
        raise InputError(
            f"{prefix} is truncated or damaged ({type(e).__name__}): copy it again"
        ) from None
