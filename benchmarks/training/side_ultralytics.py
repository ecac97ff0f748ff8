"""Ultralytics' side of the training benchmark: its own trainer and data."""

import importlib
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
import yaml
from mmengine.config import Config
from torch import Tensor

from mmyolo_mnv1.config import input_shape
from mmyolo_mnv1.converters.ultralytics import mmyolo_to_ultralytics
from mmyolo_mnv1.errors import InputError

from ..harness.peers import be_quiet, has_peer
from ..harness.yolo_export import write_yolo_split
from .side import Side, Step
from .side_ours import ENDLESS, seeded_state, training_config


class UltralyticsSide(Side):
    """YOLO11 of the same scale, weights, augmentations and batch."""

    def __init__(self, config: str, options: dict, workers: int) -> None:
        cfg = training_config(config, options, workers)
        if not has_peer(cfg):
            raise InputError(
                f"config {config}: Ultralytics has no model with this backbone: give a "
                "baseline, or leave --peer ultralytics out"
            )
        self.input_shape = input_shape(cfg)
        if self.input_shape[0] != self.input_shape[1]:
            raise InputError(
                f"config {config}: Ultralytics trains on squares: set img_scale to one"
            )
        self._cfg = cfg
        self._folder = tempfile.TemporaryDirectory(prefix="benchmark_train_")
        folder = Path(self._folder.name)
        be_quiet()
        os.environ["YOLO_CONFIG_DIR"] = str(folder / "settings")
        train = importlib.import_module("ultralytics.models.yolo.detect.train")
        overrides = dict(
            trainer_arguments(cfg),
            data=str(write_dataset(cfg, folder / "data")),
            epochs=ENDLESS,
            patience=ENDLESS,
            project=str(folder),
            val=False,
            save=False,
            close_mosaic=0,
            warmup_epochs=0,
            nbs=cfg.train_dataloader.batch_size,
        )
        self.trainer = train.DetectionTrainer(overrides=overrides)
        self.trainer.args.workers = workers  # it sets 0 on CPUs
        self.batch_size = overrides["batch"]
        self.num_classes = len(cfg.classes)
        self.trainer._setup_train()
        self.loader = self.trainer.train_loader
        self.dataset = self.loader.dataset

    @staticmethod
    def images_of(batch: Any) -> Tensor:
        return batch["img"]

    def make_step(self, images: Tensor, truths: Tensor) -> Step:
        trainer = self.trainer
        model = trainer.model.train()
        model.load_state_dict(mmyolo_to_ultralytics(seeded_state(self._cfg)))
        index, label, corners = truths.split((1, 1, 4), 1)
        size = torch.tensor(self.input_shape[::-1] * 2)
        low, high = corners.split(2, 1)
        boxes = torch.cat([(low + high) / 2, high - low], 1) / size

        def step() -> Iterator[str]:
            batch = dict(img=images, batch_idx=index[:, 0], cls=label, bboxes=boxes)
            batch = trainer.preprocess_batch(batch)
            yield "preprocess"
            outputs = model(batch["img"])
            yield "forward"
            loss = model.loss(batch, outputs)[0].sum()
            yield "loss"
            loss.backward()
            yield "backward"
            torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm=10.0)
            trainer.optimizer.step()
            trainer.optimizer.zero_grad()
            yield "optimizer"
            trainer.ema.update(model)
            yield "ema"

        return step

    def make_postprocess(
        self, logits: list[Tensor], distances: list[Tensor]
    ) -> Callable[[], Any]:
        nms = importlib.import_module("ultralytics.utils.nms").non_max_suppression
        tal = importlib.import_module("ultralytics.utils.tal")
        strides = self.trainer.model.stride
        max_det = self.trainer.args.max_det

        def run() -> list[Tensor]:
            anchors, stride = tal.make_anchors(logits, strides, 0.5)
            flat = torch.cat([level.flatten(2) for level in distances], 2)
            boxes = tal.dist2bbox(flat, anchors.T[None], xywh=True, dim=1) * stride.T
            scores = torch.cat([level.flatten(2) for level in logits], 2).sigmoid()
            return nms(
                torch.cat([boxes, scores], 1),
                conf_thres=0.001,
                iou_thres=0.7,
                multi_label=True,
                max_det=max_det,
                max_time_img=60,
            )

        return run

    def train(self, before: Callable[[], None], after: Callable[[], None]) -> None:
        self.trainer._setup_train = lambda: None  # done
        self.trainer.add_callback("on_train_epoch_start", lambda _: before())
        self.trainer.add_callback("on_train_epoch_end", lambda _: after())
        self.trainer.train()


def trainer_arguments(cfg: Config) -> dict:
    """What Ultralytics' trainer needs to do what a config of ours says.

    Args:
        cfg (Config): A YOLO11 config, resolved.
    """
    low, high = cfg.scaling_ratio_range
    return dict(
        model=f"yolo11{cfg.model.scale}.yaml",
        imgsz=input_shape(cfg)[0],
        batch=cfg.train_dataloader.batch_size,
        scale=max(1 - low, high - 1),
        fliplr=cfg.flip_prob,
        optimizer=cfg.optim_wrapper.optimizer.type,
        device="cpu",
        amp=False,
        plots=False,
        verbose=False,
        exist_ok=True,
    )


def write_dataset(cfg: Config, out: Path) -> Path:
    """Write a config's training and validation data in Ultralytics' form.

    Args:
        cfg (Config): Resolved. Without validation data, the training data stand in:
            Ultralytics wants some even where it does not validate.
        out (Path): A new folder.

    Returns:
        Path: Its data.yaml.
    """
    described = dict(names=dict(enumerate(cfg.classes)))
    for split in ("train", "val"):
        if not cfg.get(f"{split}_dataloader"):
            continue
        dataset = cfg[f"{split}_dataloader"].dataset
        root = Path(dataset.data_root)
        labels, photos = root / dataset.ann_file, root / dataset.data_prefix.img
        folder = write_yolo_split(labels, photos, cfg.classes, out, split)
        described[split] = str(folder.resolve())
    described.setdefault("val", described["train"])
    path = out / "data.yaml"
    path.write_text(yaml.safe_dump(described))
    return path
