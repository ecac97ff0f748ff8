"""This package as a side of the training benchmark."""

import logging
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

from mmengine.config import Config
from mmengine.hooks import EMAHook
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope
from mmyolo.registry import RUNNERS
from torch import Tensor

from benchmarks.harness.training_config import EpochHook
from benchmarks.training.side import Side, Step


class OurSide(Side):
    """This package, trained by its runner."""

    images_key = "inputs"

    def setup(self, cfg: Config, workers: int) -> None:
        """See the parent."""
        self._folder = tempfile.TemporaryDirectory(prefix="benchmark_train_")
        cfg.work_dir = self._folder.name
        MMLogger.get_instance("mmengine").setLevel(logging.WARNING)
        init_default_scope(cfg.default_scope)
        self.runner = RUNNERS.build(cfg)
        self.loader = self.runner.build_dataloader(cfg.train_dataloader)

    def make_step(self, images: Tensor, truths: Tensor) -> Step:
        """See the parent."""
        runner = self.runner
        optim = runner.build_optim_wrapper(runner.optim_wrapper)
        runner.optim_wrapper = optim  # read by hooks
        model = runner.model.train()
        model.load_state_dict(self.initial_weights())
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
        """See the parent."""
        head = self.runner.model.bbox_head
        head.num_classes = logits[0].shape[1]
        meta = dict(ori_shape=self.input_shape, scale_factor=(1.0, 1.0))
        metas = [meta] * len(logits[0])
        return lambda: head.predict_by_feat(
            logits, distances, batch_img_metas=metas, rescale=True
        )

    def train(self, before: Callable[[], None], after: Callable[[], None]) -> None:
        """See the parent."""
        self.runner.register_hook(EpochHook(before, after), priority="VERY_HIGH")
        self.runner.train()
