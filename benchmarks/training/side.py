"""What the training benchmark asks of each side."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any

from torch import Tensor
from torch.utils.data import DataLoader, Dataset

#: Runs one training step; yields the name of each part when it is done.
Step = Callable[[], Iterator[str]]


class Side(ABC):
    """A training stack: its data and its steps, for a config of ours.

    Args:
        config (str): File.
        options (dict): By which it is changed.
        workers (int): Of the data loader.

    Raises:
        InputError: If the side has nothing like the config.
    """

    dataset: Dataset
    loader: DataLoader
    batch_size: int
    num_classes: int
    input_shape: tuple[int, int]  # height, width in pixels

    @abstractmethod
    def __init__(self, config: str, options: dict, workers: int) -> None: ...

    @staticmethod
    @abstractmethod
    def images_of(batch: Any) -> Tensor:
        """The images (N, 3, H, W) of a batch of the loader."""

    @abstractmethod
    def make_step(self, images: Tensor, truths: Tensor) -> Step:
        """A training step on given data.

        Args:
            images (Tensor): (N, 3, H, W), uint8.
            truths (Tensor): (G, 6): index of the image, label, x1, y1, x2, y2 in
                pixels.
        """

    @abstractmethod
    def make_postprocess(
        self, logits: list[Tensor], distances: list[Tensor]
    ) -> Callable[[], Any]:
        """What turns outputs of the head into detections, as validation does it.

        Args:
            logits (list[Tensor]): Of classes, (N, C, H_i, W_i) by level.
            distances (list[Tensor]): (N, 4, H_i, W_i) in strides.
        """

    @abstractmethod
    def train(self, before: Callable[[], None], after: Callable[[], None]) -> None:
        """Train with the side's own trainer, without end.

        Args:
            before (Callable): Called before each epoch.
            after (Callable): Called after each.
        """
