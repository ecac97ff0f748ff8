"""Metadata of an exported model, from its config."""

from collections.abc import Sequence

from mmengine.config import Config
from torch import nn

from ...config import input_shape
from ...errors import InputError, check_sides
from ...models.nms import check_nms
from ..runtime.metadata import NMS, Metadata, Preprocessing
from .network import DetectorNetwork


def build_metadata(
    cfg: Config,
    network: DetectorNetwork,
    shape: Sequence[int] | None = None,
    dynamic: bool = False,
    form: str = "raw",
) -> Metadata:
    """Derive the metadata of an exported model from its config.

    Args:
        cfg (Config): Config of the detector.
        network (DetectorNetwork): Its network.
        shape (Sequence[int], optional): Input height and width in pixels. Defaults to
            None, the config's.
        dynamic (bool): Whether batch, height and width may change. Defaults to False.
        form (str): ``raw`` or ``nms``. Defaults to "raw".

    Raises:
        InputError: If the shape is not a multiple of 32, the config has no classes, or
            its test pipeline or post-processing cannot be exported.
    """
    shape = tuple(shape or input_shape(cfg))
    check_sides(f"--shape {' '.join(map(str, shape))}", shape)
    if "classes" not in cfg:
        raise InputError(f"config {cfg.filename} has no classes: set them")
    head = network.detector.bbox_head
    nms = _read_nms(cfg, head)
    if form == "nms" and nms.class_agnostic:
        raise InputError("--nms onnx: the graph's NMS is class-wise: give --nms none")
    return Metadata(
        names=tuple(cfg.classes),
        strides=tuple(head.head_module.featmap_strides),
        input_shape=shape,
        dynamic=dynamic,
        preprocessing=_read_preprocessing(cfg),
        nms=nms,
        form=form,
    )


def _read_preprocessing(cfg: Config) -> Preprocessing:
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


def _read_nms(cfg: Config, head: nn.Module) -> NMS:
    test = head.test_cfg
    is_free = getattr(head, "nms_free", False)
    nms = dict(iou_threshold=1.0) if is_free else test.nms  # no IoU exceeds 1
    check_nms(nms)
    if test.get("min_bbox_size", -1) >= 0:
        raise InputError(
            f"config {cfg.filename}: model.test_cfg.min_bbox_size is not exported: "
            "leave it out"
        )
    return NMS(
        score_threshold=float(test.score_thr),
        iou_threshold=float(nms["iou_threshold"]),
        max_detections=int(test.max_per_img),
        multi_label=bool(test.multi_label and head.num_classes > 1),
        max_candidates=int(test.get("nms_pre", 30000)),
        class_agnostic=bool(nms.get("class_agnostic")),
    )
