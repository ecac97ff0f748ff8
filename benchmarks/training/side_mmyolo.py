"""MMYOLO's data pipeline as a side of the training benchmark."""

from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner

from benchmarks.training.side import Side

LOADERS = ("LoadAnnotations", "LoadResized")
#: MMYOLO's and MMDetection's transforms by the name of ours.
EQUIVALENTS = {
    "HorizontalFlip": "mmdet.RandomFlip",
    "SeededAlbu": "mmdet.Albu",
    "HSVRandomAug": "YOLOv5HSVRandomAug",
    "PackTrainInputs": "mmdet.PackDetInputs",
}


class MMYOLOSide(Side):
    """Pipeline of MMYOLO's YOLOv8 configs with the augmentations of our config.

    Data only: MMYOLO has no YOLO11 to train.
    """

    images_key = "inputs"

    def setup(self, cfg: Config, workers: int) -> None:
        """See the parent."""
        dataset = cfg.train_dataloader.dataset
        dataset.update(
            type="YOLOv5CocoDataset", pipeline=mmyolo_pipeline(cfg.train_pipeline)
        )
        cfg.train_dataloader.collate_fn = dict(type="yolov5_collate")
        for ours in ("on_bad_image", "ignore_classes"):
            dataset.pop(ours, None)
        init_default_scope(cfg.default_scope)
        self.loader = Runner.build_dataloader(cfg.train_dataloader, seed=0)


def mmyolo_pipeline(pipeline: list[Config]) -> list[dict]:
    """Translate a training pipeline of ours to MMYOLO's transforms.

    Args:
        pipeline (list[Config]): Pipeline with ``LoadResized`` and ``MosaicAffine``.
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
        *({**t, "type": EQUIVALENTS.get(t["type"], t["type"])} for t in rest),
    ]
