"""A config and a checkpoint: the detector that is exported, and what it says."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from torch import nn

from ...config import STRIDE, input_shape, load_config
from ...errors import InputError
from ...models.build import build_model
from ...weights import load_weights
from ..runtime.engines import Engine
from ..runtime.metadata import NMS, Metadata, Preprocessing
from .network import DetectorNetwork, fuse


def load_network(cfg: Config, checkpoint: Path) -> DetectorNetwork:
    """Build a config's detector, load its weights, fuse Conv+BN.

    Args:
        cfg (Config): A detector's, resolved.
        checkpoint (Path): Its weights, all of them; nothing in the file is run.

    Raises:
        InputError: If the config has no detector, or the checkpoint is of another one:
            what does not match.
    """
    detector = build_model(cfg)
    if not hasattr(detector, "bbox_head"):
        raise InputError(
            f"config {cfg.filename}: {cfg.model.type} is no detector: give one's config"
        )
    load_weights(detector, checkpoint, cfg.filename)
    return DetectorNetwork(fuse(detector))


def load_pytorch(
    config: str, checkpoint: Path, threads: int | None = None
) -> "PyTorchEngine":
    """The network of a config and a checkpoint, as it is.

    Args:
        config (str): The config's file.
        checkpoint (Path): Its weights.
        threads (int, optional): Of the CPU. Defaults to None, PyTorch's choice.

    Raises:
        InputError: See :func:`load_network` and :func:`describe`.
    """
    if threads:
        torch.set_num_threads(threads)
    cfg = load_config(config)
    network = load_network(cfg, checkpoint)
    return PyTorchEngine(network, describe(cfg, network, dynamic=True))


def describe(
    cfg: Config,
    network: DetectorNetwork,
    shape: Sequence[int] | None = None,
    dynamic: bool = False,
    form: str = "raw",
) -> Metadata:
    """What an exported model of a config says of itself.

    Args:
        cfg (Config): Resolved.
        network (DetectorNetwork): Its network.
        shape (Sequence[int], optional): Height and width of the input. Defaults to
            None, the config's.
        dynamic (bool): Whether sizes may change. Defaults to False.
        form (str): ``raw`` or ``nms``. Defaults to "raw".

    Raises:
        InputError: If the shape is no multiple of 32, or the config does not say its
            classes, or has another test pipeline or post-processing than this package.
    """
    shape = tuple(shape or input_shape(cfg))
    if len(shape) != 2 or any(s <= 0 or s % STRIDE for s in shape):
        raise InputError(
            f"--shape {' '.join(map(str, shape))}: give height and width in multiples "
            f"of {STRIDE}"
        )
    if "classes" not in cfg:
        raise InputError(f"config {cfg.filename} has no classes: set them")
    head = network.detector.bbox_head
    return Metadata(
        names=tuple(cfg.classes),
        strides=tuple(head.head_module.featmap_strides),
        input_shape=shape,
        dynamic=dynamic,
        preprocessing=_preprocessing(cfg),
        nms=_nms(cfg, head),
        form=form,
    )


class PyTorchEngine(Engine):
    """A network that is not exported.

    Args:
        network (DetectorNetwork): It goes to CUDA where that is here.
        metadata (Metadata): See :func:`describe`.
    """

    def __init__(self, network: DetectorNetwork, metadata: Metadata) -> None:
        self.metadata = metadata
        device = "cuda" if torch.cuda.is_available() else "cpu"
        self.form = dict(device=device, memory_format=network.memory_format)
        self.network = network.to(**self.form)

    def run(self, images: np.ndarray) -> list[np.ndarray]:
        """See the parent."""
        with torch.inference_mode():
            outputs = self.network(torch.from_numpy(images).to(**self.form))
        return [output.cpu().numpy() for output in outputs]


def _preprocessing(cfg: Config) -> Preprocessing:
    pipeline = cfg.test_dataloader.dataset.pipeline
    steps = {step["type"].rpartition(".")[2]: step for step in pipeline}
    if "Letterbox" not in steps:
        raise InputError(
            f"config {cfg.filename}: test_pipeline has no Letterbox, the only resizing "
            "that is exported: see _base_/datasets/detection.py"
        )
    step, data = steps["Letterbox"], cfg.model.data_preprocessor
    return Preprocessing(
        color="rgb" if data.get("bgr_to_rgb") else "bgr",
        mean=tuple(map(float, data.get("mean") or (0, 0, 0))),
        std=tuple(map(float, data.get("std") or (1, 1, 1))),
        pad_value=int(step.get("pad_val", 114)),
        scale_up=bool(step.get("allow_scale_up", True)),
    )


def _nms(cfg: Config, head: nn.Module) -> NMS:
    test = head.test_cfg
    if test.nms.get("type", "nms") != "nms" or test.get("min_bbox_size", -1) >= 0:
        raise InputError(
            f"config {cfg.filename}: model.test_cfg: only nms=dict(type='nms') is "
            "exported, without min_bbox_size"
        )
    return NMS(
        score_threshold=float(test.score_thr),
        iou_threshold=float(test.nms.iou_threshold),
        max_detections=int(test.max_per_img),
        multi_label=bool(test.multi_label and head.num_classes > 1),
        max_candidates=int(test.get("nms_pre", 30000)),
    )
