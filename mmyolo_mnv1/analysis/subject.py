"""A detector to be measured: built from its config, with a photo to look at."""

import logging
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.logging import MMLogger
from mmengine.registry import DefaultScope
from mmengine.structures import InstanceData
from PIL import Image
from skimage import data as photos
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from ..config import input_shape
from ..deploy.export.network import DetectorNetwork, fuse
from ..errors import InputError
from ..models.build import build_model
from ..weights import load_weights

SEED = 0  # of untrained weights


class Subject:
    """A detector and a batch of one photo, through the stages of detection.

    An untrained detector gets its BN statistics from the photo. Otherwise numbers
    would fade or explode from layer to layer, and both make arithmetic slower than it
    is with trained weights.

    Args:
        cfg (Config): A detector's, resolved.
        checkpoint (Path, optional): Its weights. Defaults to None, untrained.
        batch (int): How often the photo is in the batch. Defaults to 1.
        device (str): Defaults to "cpu".

    Raises:
        InputError: If the config has no detector, or the checkpoint is of another one.
    """

    def __init__(
        self,
        cfg: Config,
        checkpoint: Path | None = None,
        batch: int = 1,
        device: str = "cpu",
    ) -> None:
        self.cfg = cfg
        self.name = Path(cfg.filename).stem
        self.shape = input_shape(cfg)
        self.trained = checkpoint is not None
        self.batch = batch
        self.detector = _build_detector(cfg)
        self.detector.to(device)
        self._build_pipeline()
        self.images, self._samples = self.preprocess()
        if checkpoint:
            load_weights(self.detector, checkpoint, cfg.filename)
        else:
            _set_statistics(self.detector, self.images)
        self.network = DetectorNetwork(fuse(self.detector))
        with torch.inference_mode():
            self._outputs = self.detector(self.images)

    def preprocess(self) -> tuple[torch.Tensor, list]:
        """Photo file to the network's input, by the config's test pipeline.

        Returns:
            tuple[Tensor, list]: (N, 3, H, W) on the device, and data samples.
        """
        fed = [
            self._pipeline(dict(img_path=self._photo, img_id=0, instances=[]))
            for _ in range(self.batch)
        ]
        data = self.detector.data_preprocessor(pseudo_collate(fed), False)
        return data["inputs"], data["data_samples"]

    def postprocess(self) -> list[InstanceData]:
        """The network's output to boxes in the photo: decoding, score filter, NMS.

        Returns:
            list[InstanceData]: One an image.
        """
        metas = [sample.metainfo for sample in self._samples]
        with torch.inference_mode():
            return self.detector.bbox_head.predict_by_feat(
                *self._outputs, batch_img_metas=metas, rescale=True
            )

    def _build_pipeline(self) -> None:
        self._folder = TemporaryDirectory()
        self._photo = f"{self._folder.name}/rocket.jpg"
        Image.fromarray(photos.rocket()).save(self._photo, quality=95)
        scope = self.cfg.get("default_scope", "mmyolo")
        with DefaultScope.overwrite_default_scope(scope):
            self._pipeline = Compose(self.cfg.test_dataloader.dataset.pipeline)


def _build_detector(cfg: Config) -> nn.Module:
    """A detector with untrained weights, always the same.

    Raises:
        InputError: If the config has none.
    """
    torch.manual_seed(SEED)
    detector = build_model(cfg)
    if not hasattr(detector, "bbox_head"):
        raise InputError(
            f"config {cfg.filename}: {cfg.model.type} is no detector: give one's config"
        )
    logger = MMLogger.get_current_instance()
    level = logger.level
    logger.setLevel(logging.WARNING)  # a line for every tensor otherwise
    detector.bbox_head.init_weights()  # few objects: biases of the class branch
    logger.setLevel(level)
    detector.train(False)
    return detector


@torch.inference_mode()
def _set_statistics(detector: nn.Module, images: torch.Tensor) -> None:
    """Give each BN the statistics of what it is given, as the images come by."""

    def take(norm: _BatchNorm, inputs: tuple[torch.Tensor]) -> None:
        norm.running_mean.copy_(inputs[0].mean((0, 2, 3)))
        norm.running_var.copy_(inputs[0].var((0, 2, 3), correction=0))

    hooks = [
        module.register_forward_pre_hook(take)
        for module in detector.modules()
        if isinstance(module, _BatchNorm)
    ]
    detector(images)
    for hook in hooks:
        hook.remove()
