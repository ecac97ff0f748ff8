"""A detector to measure, with a photo as its input."""

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
from ..converters.loading import load_weights
from ..deploy.export.network import DetectorNetwork, build_detector, fuse
from ..deploy.export.quiet import quiet

SEED = 0  # of untrained weights


class Subject:
    """A detector and a batch of one repeated photo, for every stage of detection.

    BN statistics of an untrained detector are those of the photo: otherwise activations
    vanish or explode from layer to layer, and both slow down arithmetic.

    Args:
        cfg (Config): Config of a detector.
        checkpoint (str or Path, optional): Its weights. Defaults to None, untrained.
        batch (int): Images per batch. Defaults to 1.
        device (str): Defaults to "cpu".

    Raises:
        InputError: If the model is not a detector, or the checkpoint belongs to another
            config.
    """

    def __init__(
        self,
        cfg: Config,
        checkpoint: str | Path | None = None,
        batch: int = 1,
        device: str = "cpu",
    ) -> None:
        self.cfg = cfg
        self.shape = input_shape(cfg)
        self.batch = batch
        self.detector = _build_untrained(cfg).to(device)
        self._build_pipeline()
        self.images, self._samples = self.preprocess()
        if checkpoint:
            load_weights(self.detector, checkpoint, cfg)
        else:
            set_bn_statistics(self.detector, self.images)
        self.network = DetectorNetwork(fuse(self.detector))
        with torch.inference_mode():
            self._outputs = self.detector(self.images)

    def preprocess(self) -> tuple[torch.Tensor, list]:
        """Read and preprocess the photo by the config's test pipeline.

        Returns:
            tuple[Tensor, list]: Input (N, 3, H, W) on the device, and data samples.
        """
        packed = [
            self._pipeline(dict(img_path=self._photo, img_id=0, instances=[]))
            for _ in range(self.batch)
        ]
        data = self.detector.data_preprocessor(pseudo_collate(packed), False)
        return data["inputs"], data["data_samples"]

    def postprocess(self) -> list[InstanceData]:
        """Decode the network's outputs, filter by score, apply NMS, rescale.

        Returns:
            list[InstanceData]: Detections of each image, in pixels of the photo.
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


def _build_untrained(cfg: Config) -> nn.Module:
    """Build a detector with reproducible untrained weights.

    Raises:
        InputError: If the config's model is not a detector.
    """
    torch.manual_seed(SEED)
    detector = build_detector(cfg)
    # MMEngine logs a line for each tensor.
    with quiet(MMLogger.get_current_instance(), logging.WARNING):
        detector.bbox_head.init_weights()  # low scores, by the biases of the classes
    detector.train(False)
    return detector


@torch.no_grad()  # not inference mode: Ultralytics' head keeps tensors
def set_bn_statistics(detector: nn.Module, images: torch.Tensor) -> None:
    """Set the statistics of each BN to those of its input for these images."""

    def set_statistics(norm: _BatchNorm, inputs: tuple[torch.Tensor]) -> None:
        norm.running_mean.copy_(inputs[0].mean((0, 2, 3)))
        norm.running_var.copy_(inputs[0].var((0, 2, 3), correction=0))

    hooks = [
        module.register_forward_pre_hook(set_statistics)
        for module in detector.modules()
        if isinstance(module, _BatchNorm)
    ]
    detector(images)
    for hook in hooks:
        hook.remove()
