"""Origins of weights, and what a network with such weights has to have.

Tensors do not contain the activation, the epsilon of BN and the preprocessing that they
were trained with. They follow from the origin of the weights, which
:func:`expected_by` finds by an address or a file.
"""

import zipfile
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from safetensors import SafetensorError, safe_open

from .unpickling import load_checkpoint


class Origin(NamedTuple):
    """Network that weights were trained in.

    Args:
        title (str): Name for messages.
        activation (str): Activation of the backbone. Defaults to "ReLU", the paper's.
        eps (float): Epsilon of BN. Defaults to 1e-3, that of YOLO and TensorFlow.
        mean (float): Subtracted from each RGB pixel. Defaults to 127.5.
        std (float): Divisor of each RGB pixel. Defaults to 127.5.
        same (bool): Whether convolutions pad as TensorFlow's SAME. A detector that is
            trained further does not need it (docs/results.md). Defaults to False.
    """

    title: str
    activation: str = "ReLU"
    eps: float = 1e-3
    mean: float = 127.5
    std: float = 127.5
    same: bool = False

    @property
    def expects(self) -> dict:
        """Part of a detector's config that goes with the weights."""
        return dict(
            backbone=dict(
                act_cfg=dict(type=self.activation, inplace=True),
                norm_cfg=dict(type="BN", momentum=0.03, eps=self.eps),
            ),
            data_preprocessor=dict(mean=[self.mean] * 3, std=[self.std] * 3),
        )


SCRATCH = Origin("none", mean=0.0, std=255.0)
TIMM = Origin("timm", activation="ReLU6", eps=1e-5)
TF_SLIM = Origin("TF-slim", activation="ReLU6", same=True)
ZEHAOS = Origin("Zehaos/MobileNet", same=True)
MMPRETRAIN = Origin("configs/classification")
ULTRALYTICS = Origin("Ultralytics", activation="SiLU", mean=0.0, std=255.0)

#: Origin by a tensor that only its files have.
BY_TENSOR = {
    "conv_stem.weight": TIMM,
    "MobilenetV1/Conv2d_0/weights": TF_SLIM,
    "MobileNet/conv_1/weights": ZEHAOS,
    "head.fc.weight": MMPRETRAIN,
    "dfl.conv.weight": ULTRALYTICS,
}
#: Origin by the suffix of a file that is not here, or cannot list its tensors.
BY_SUFFIX = {".safetensors": TIMM, ".npz": TF_SLIM, ".ckpt": TF_SLIM, ".index": TF_SLIM}


def expected_by(address: str | None) -> dict:
    """What a MobileNetV1 detector has to have to start from given weights.

    Args:
        address (str, optional): Name, web address or file of the weights. None, and
            weights of an unknown origin, give the defaults of training from scratch.

    Returns:
        dict: Part of the detector's config: ``act_cfg`` and ``norm_cfg`` of
        ``backbone``, ``mean`` and ``std`` of ``data_preprocessor``.

    Raises:
        InputError: If a local checkpoint cannot be loaded.
    """
    if not address:
        origin = SCRATCH
    elif "://" in address:
        by_scheme = TIMM if address.startswith("timm://") else SCRATCH
        origin = BY_SUFFIX.get(Path(address).suffix, by_scheme)
    else:
        path = Path(address).expanduser()
        if path.is_file() and path.suffix in (".pth", ".bin"):
            return _expected_by_checkpoint(path, path.stat().st_mtime_ns)
        origin = _origin_of_file(path)
    return origin.expects


def find_origin(names: Iterable[str]) -> Origin | None:
    """Origin of weights by the names of their tensors; None if it is not known."""
    dotted = [f".{name}" for name in names]  # wrappers add prefixes such as "module."
    return next(
        (
            origin
            for tensor, origin in BY_TENSOR.items()
            if any(name.endswith(f".{tensor}") for name in dotted)
        ),
        None,
    )


def expected_part(model: dict) -> dict:
    """Part of a detector's config that its weights expect, as :func:`expected_by`.

    Args:
        model (dict): Config of a detector, or ``meta`` of one of its checkpoints.

    Returns:
        dict: Plain values, as far as the config has them.
    """
    parts = dict(backbone=("act_cfg", "norm_cfg"), data_preprocessor=("mean", "std"))
    return {
        part: {
            name: dict(value) if isinstance(value, dict) else list(value)
            for name in names
            if (value := (model.get(part) or {}).get(name))
        }
        for part, names in parts.items()
    }


@lru_cache(maxsize=8)
def _expected_by_checkpoint(path: Path, mtime: int) -> dict:
    """What the weights of a checkpoint expect, by its meta or its tensors."""
    checkpoint: Any = load_checkpoint(path)
    checkpoint = checkpoint if isinstance(checkpoint, dict) else {}
    tensors = checkpoint.get("state_dict", checkpoint)
    origin = find_origin(tensors) or SCRATCH
    known = expected_part(checkpoint.get("meta") or {})
    return {part: {**values, **known[part]} for part, values in origin.expects.items()}


def _origin_of_file(path: Path) -> Origin:
    """Origin by the names in a file, without reading its tensors, else by its suffix.

    A damaged file is reported when it is loaded.
    """
    names: Iterable[str] = ()
    if path.suffix == ".npz" and zipfile.is_zipfile(path):
        names = (name.removesuffix(".npy") for name in zipfile.ZipFile(path).namelist())
    elif path.suffix == ".safetensors" and path.is_file():
        try:
            with safe_open(path, "pt") as file:
                names = file.keys()
        except (SafetensorError, OSError):
            pass
    else:
        index = path if path.suffix == ".index" else Path(f"{path}.index")
        if index.is_file() and b"MobileNet/conv_1/" in index.read_bytes():
            return ZEHAOS
        if index.is_file():
            return TF_SLIM
    return find_origin(names) or BY_SUFFIX.get(path.suffix, SCRATCH)
