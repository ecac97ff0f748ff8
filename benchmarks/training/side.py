"""Interface of the sides that the training benchmark compares."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from mmengine.config import Config
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from benchmarks.harness.training_config import train_only
from mmyolo_mnv1.config import input_shape, load_config
from mmyolo_mnv1.errors import InputError
from mmyolo_mnv1.models.build import build_model

ENDLESS = 1_000_000  # epochs

#: Runs one training step and yields the name of each part when it has ended.
Step = Callable[[], Iterator[str]]


class Side:
    """Data, training step and trainer of one project, for a config of ours.

    Args:
        config (str): Config file.
        options (dict): Changes of the config, as in ``--cfg-options``.
        workers (int): Worker processes of the data loader.

    Raises:
        InputError: If the config has no training data, or the project has no
            equivalent of it.
    """

    loader: DataLoader
    #: Key of the images in a batch of the loader.
    images_key: str

    def __init__(self, config: str, options: dict, workers: int) -> None:
        self.cfg = load_config(config, {**options, "max_epochs": ENDLESS})
        if "train_dataloader" not in self.cfg:
            raise InputError(
                f"config {config} has no train_dataloader: give a detector's"
            )
        train_only(self.cfg, workers)
        self.cfg.train_dataloader.pin_memory = False
        self.batch_size: int = self.cfg.train_dataloader.batch_size
        self.num_classes = len(self.cfg.classes)
        #: Height and width in pixels.
        self.input_shape = input_shape(self.cfg)
        self.setup(self.cfg, workers)

    @property
    def dataset(self) -> Dataset:
        """Training dataset."""
        return self.loader.dataset

    def setup(self, cfg: Config, workers: int) -> None:
        """Build :attr:`loader` and the trainer."""
        raise NotImplementedError

    def initial_weights(self) -> dict[str, Tensor]:
        """State dict of our untrained model, equal in every call."""
        torch.manual_seed(0)
        model = build_model(self.cfg)
        model.init_weights()
        return model.state_dict()

    def make_step(self, images: Tensor, truths: Tensor) -> Step:
        """Prepare a training step on given data.

        Args:
            images (Tensor): (N, 3, H, W), uint8.
            truths (Tensor): Ground truth (G, 6): image index, label, x1, y1, x2, y2 in
                pixels.
        """
        raise NotImplementedError

    def make_postprocess(
        self, logits: list[Tensor], distances: list[Tensor]
    ) -> Callable[[], Any]:
        """Prepare post-processing of head outputs with the settings of validation.

        Args:
            logits (list[Tensor]): Class logits by level, (N, C, H_i, W_i).
            distances (list[Tensor]): Box distances by level, (N, 4, H_i, W_i), in
                strides.
        """
        raise NotImplementedError

    def train(self, before: Callable[[], None], after: Callable[[], None]) -> None:
        """Train without end by the project's own trainer.

        Args:
            before (Callable): Function to call before each epoch.
            after (Callable): Function to call after each epoch.
        """
        raise NotImplementedError
