"""Closing of mosaic in the last epochs."""

from collections.abc import Iterator

from mmcv.transforms import Compose
from mmdet.engine.hooks import PipelineSwitchHook
from mmyolo.registry import HOOKS
from torch.utils.data import Dataset


@HOOKS.register_module()
class InnerPipelineSwitchHook(PipelineSwitchHook):
    """``PipelineSwitchHook`` that reaches the datasets inside dataset wrappers.

    RepeatDataset, ConcatDataset, ClassBalancedDataset and others that keep their
    datasets under ``dataset`` or ``datasets``, to any depth.
    """

    def before_train_epoch(self, runner) -> None:
        """Switch the pipeline of every dataset at ``switch_epoch``."""
        switched = self._has_switched
        super().before_train_epoch(runner)
        if self._has_switched and not switched:
            for dataset in inner_datasets(runner.train_dataloader.dataset):
                dataset.pipeline = Compose(self.switch_pipeline)


def inner_datasets(dataset: Dataset) -> Iterator[Dataset]:
    """Datasets that load samples: ``dataset`` itself, or those inside a wrapper."""
    attributes = vars(dataset)  # MMYOLO's vis_scheduler.py has a mock for a dataset
    inner = attributes.get("datasets") or attributes.get("dataset")
    if inner is None:
        yield dataset
        return
    for each in inner if isinstance(inner, (list, tuple)) else [inner]:
        yield from inner_datasets(each)
