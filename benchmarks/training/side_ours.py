"""Our side of the training benchmark."""

import logging
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import torch
from mmengine.config import Config
from mmengine.hooks import EMAHook, Hook
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmyolo.registry import RUNNERS
from torch import Tensor

from mmyolo_mnv1.config import input_shape, load_config
from mmyolo_mnv1.errors import InputError
from mmyolo_mnv1.models.build import build_model

from .side import Side, Step

ENDLESS = 1_000_000


class OurSide(Side):
    """This package, by MMEngine's runner."""

    def __init__(self, config: str, options: dict, workers: int) -> None:
        cfg = training_config(config, options, workers)
        self._folder = tempfile.TemporaryDirectory(prefix="benchmark_train_")
        cfg.work_dir = self._folder.name
        MMLogger.get_instance("mmengine").setLevel(logging.WARNING)
        init_default_scope(cfg.default_scope)
        self.runner = RUNNERS.build(cfg)
        self.loader = self.runner.build_dataloader(cfg.train_dataloader)
        self.dataset = self.loader.dataset
        self.batch_size = cfg.train_dataloader.batch_size
        self.num_classes = len(cfg.classes)
        self.input_shape = input_shape(cfg)

    @staticmethod
    def images_of(batch: Any) -> Tensor:
        return batch["inputs"]

    def make_step(self, images: Tensor, truths: Tensor) -> Step:
        runner = self.runner
        optim = runner.build_optim_wrapper(runner.optim_wrapper)
        runner.optim_wrapper = optim  # hooks look for it there
        model = runner.model.train()
        model.load_state_dict(seeded_state(runner.cfg))
        head = model.bbox_head
        ema = next(hook for hook in runner.hooks if isinstance(hook, EMAHook))
        ema.before_run(runner)

        def step() -> Iterator[str]:
            samples = dict(bboxes_labels=truths)
            data = dict(inputs=images, data_samples=samples)
            data = model.data_preprocessor(data, training=True)
            yield "preprocess"
            outputs = head.head_module(model.extract_feat(data["inputs"]))
            yield "forward"
            samples = data["data_samples"]
            losses = head.loss_by_feat(
                *outputs, samples["bboxes_labels"], samples["img_metas"]
            )
            loss, _ = model.parse_losses(losses)
            yield "loss"
            optim.backward(loss)
            yield "backward"
            optim.step()
            optim.zero_grad()
            yield "optimizer"
            ema.after_train_iter(runner, 0)
            yield "ema"

        return step

    def make_postprocess(
        self, logits: list[Tensor], distances: list[Tensor]
    ) -> Callable[[], Any]:
        head = self.runner.model.bbox_head
        head.num_classes = logits[0].shape[1]
        meta = dict(ori_shape=self.input_shape, scale_factor=(1.0, 1.0))
        metas = [meta] * len(logits[0])
        return lambda: head.predict_by_feat(
            logits, distances, batch_img_metas=metas, rescale=True
        )

    def train(self, before: Callable[[], None], after: Callable[[], None]) -> None:
        self.runner.register_hook(EpochHook(before, after), priority="VERY_HIGH")
        self.runner.train()


class EpochHook(Hook):
    """Calls functions before and after each epoch."""

    def __init__(self, before: Callable[[], None], after: Callable[[], None]) -> None:
        self._before, self._after = before, after

    def before_train_epoch(self, runner: Runner) -> None:
        self._before()

    def after_train_epoch(self, runner: Runner) -> None:
        self._after()


def training_config(config: str, options: dict, workers: int) -> Config:
    """A config that trains for ever, without validation and checkpoints.

    Raises:
        InputError: If it has no training data.
    """
    cfg = load_config(config, {**options, "max_epochs": ENDLESS})
    if "train_dataloader" not in cfg:
        raise InputError(f"config {config} has no train_dataloader: give a detector's")
    train_only(cfg, workers)
    cfg.train_dataloader.pin_memory = False
    return cfg


def train_only(cfg: Config, workers: int) -> None:
    """Leave validation, testing and checkpoints out of a config.

    Args:
        cfg (Config): Resolved; changed.
        workers (int): Of the data loader.
    """
    cfg.train_dataloader.update(num_workers=workers, persistent_workers=workers > 0)
    for part in ("val", "test"):
        for name in (f"{part}_cfg", f"{part}_dataloader", f"{part}_evaluator"):
            cfg[name] = None
    cfg.default_hooks.checkpoint = None


def seeded_state(cfg: Config) -> dict[str, Tensor]:
    """Initial weights of a config's model, the same in every call."""
    torch.manual_seed(0)
    model = build_model(cfg)
    model.init_weights()
    return model.state_dict()
