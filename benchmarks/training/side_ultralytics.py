"""Ultralytics as a side of the training benchmark: its trainer and data."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from torch import Tensor

from benchmarks.harness.peers import has_ultralytics_model
from benchmarks.harness.ultralytics_api import (
    DetectionTrainer,
    dist2bbox,
    make_anchors,
    non_max_suppression,
)
from benchmarks.harness.ultralytics_data import trainer_arguments, write_dataset
from benchmarks.training.side import ENDLESS, Side, Step
from mmyolo_mnv1.converters.ultralytics import mmyolo_to_ultralytics
from mmyolo_mnv1.errors import InputError


class UltralyticsSide(Side):
    """YOLO11 of the same scale, initial weights, augmentations and batch size."""

    images_key = "img"

    def setup(self, cfg: Config, workers: int) -> None:
        """See the parent."""
        if not has_ultralytics_model(cfg):
            raise InputError(
                f"config {cfg.filename}: Ultralytics has no model with this backbone: "
                "give a baseline, or leave --peer ultralytics out"
            )
        if self.input_shape[0] != self.input_shape[1]:
            raise InputError(
                f"config {cfg.filename}: Ultralytics trains on squares: set img_scale "
                "to one"
            )
        self._folder = tempfile.TemporaryDirectory(prefix="benchmark_train_")
        folder = Path(self._folder.name)
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
            nbs=self.batch_size,
        )
        self.trainer = DetectionTrainer(overrides=overrides)
        self.trainer.args.workers = workers  # 0 on the CPU otherwise
        self.trainer._setup_train()
        self.loader = self.trainer.train_loader

    def make_step(self, images: Tensor, truths: Tensor) -> Step:
        """See the parent."""
        trainer = self.trainer
        model = trainer.model.train()
        model.load_state_dict(mmyolo_to_ultralytics(self.initial_weights()))
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
        """See the parent."""
        strides = self.trainer.model.stride
        max_det = self.trainer.args.max_det

        def run() -> list[Tensor]:
            anchors, stride = make_anchors(logits, strides, 0.5)
            flat = torch.cat([level.flatten(2) for level in distances], 2)
            boxes = dist2bbox(flat, anchors.T[None], xywh=True, dim=1) * stride.T
            scores = torch.cat([level.flatten(2) for level in logits], 2).sigmoid()
            return non_max_suppression(
                torch.cat([boxes, scores], 1),
                conf_thres=0.001,
                iou_thres=0.7,
                multi_label=True,
                max_det=max_det,
                max_time_img=60,
            )

        return run

    def train(self, before: Callable[[], None], after: Callable[[], None]) -> None:
        """See the parent."""
        self.trainer._setup_train = lambda: None  # done by the constructor
        self.trainer.add_callback("on_train_epoch_start", lambda _: before())
        self.trainer.add_callback("on_train_epoch_end", lambda _: after())
        self.trainer.train()
