"""MMYOLO's own data pipeline, in the training benchmark."""

from collections.abc import Callable
from typing import Any

from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from torch import Tensor

from mmyolo_mnv1.config import input_shape
from mmyolo_mnv1.errors import InputError

from .side import Side, Step
from .side_ours import training_config

LOADERS = ("LoadAnnotations", "LoadResized")
THEIRS = {
    "HorizontalFlip": "mmdet.RandomFlip",
    "SeededAlbu": "mmdet.Albu",
    "HSVRandomAug": "YOLOv5HSVRandomAug",
    "PackTrainInputs": "mmdet.PackDetInputs",
}
ONLY_DATA = "--peer mmyolo has data only: MMYOLO has no YOLO11 to train"


class MMYOLOSide(Side):
    """The pipeline of MMYOLO's YOLOv8 configs with our config's augmentations."""

    def __init__(self, config: str, options: dict, workers: int) -> None:
        cfg = training_config(config, options, workers)
        dataset = cfg.train_dataloader.dataset
        dataset.update(
            type="YOLOv5CocoDataset", pipeline=mmyolo_pipeline(cfg.train_pipeline)
        )
        cfg.train_dataloader.collate_fn = dict(type="yolov5_collate")
        for ours in ("on_bad_image", "ignore_classes"):
            dataset.pop(ours, None)
        init_default_scope(cfg.default_scope)
        self.loader = Runner.build_dataloader(cfg.train_dataloader, seed=0)
        self.dataset = self.loader.dataset
        self.batch_size = cfg.train_dataloader.batch_size
        self.num_classes = len(cfg.classes)
        self.input_shape = input_shape(cfg)

    @staticmethod
    def images_of(batch: Any) -> Tensor:
        return batch["inputs"]

    def make_step(self, images: Tensor, truths: Tensor) -> Step:
        raise InputError(ONLY_DATA)

    def make_postprocess(
        self, logits: list[Tensor], distances: list[Tensor]
    ) -> Callable[[], Any]:
        raise InputError(ONLY_DATA)

    def train(self, before: Callable[[], None], after: Callable[[], None]) -> None:
        raise InputError(ONLY_DATA)


def mmyolo_pipeline(pipeline: list[Config]) -> list[dict]:
    """A training pipeline of ours, of MMYOLO's transforms.

    Args:
        pipeline (list[Config]): With ``LoadResized`` and ``MosaicAffine``.
    """
    load = [
        dict(type="LoadImageFromFile"),
        dict(type="LoadAnnotations", with_bbox=True),
    ]
    mosaic, *rest = [t for t in pipeline if t["type"] not in LOADERS]
    mosaic = dict(mosaic)
    size = mosaic.pop("img_scale")
    for ours in ("type", "pre_transform", "recent"):
        mosaic.pop(ours)
    return [
        *load,
        dict(type="Mosaic", img_scale=size, pad_val=114.0, pre_transform=load),
        dict(
            type="YOLOv5RandomAffine",
            border=(-size[0] // 2, -size[1] // 2),
            border_val=(114, 114, 114),
            **mosaic,
        ),
        *({**t, "type": THEIRS.get(t["type"], t["type"])} for t in rest),
    ]
