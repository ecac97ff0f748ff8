"""The deployed part of a detector: network and decoding, from its config."""

import copy
from pathlib import Path

import torch
from mmcv.cnn.utils import fuse_conv_bn
from mmengine.config import Config
from mmyolo.models.detectors import YOLODetector
from torch import Tensor, nn

from ...converters.loading import load_weights
from ...errors import InputError
from ...models.build import build_model
from ...models.dense_heads.peaks import peak_scores


def build_detector(cfg: Config) -> YOLODetector:
    """Build the detector of a config, untrained.

    Raises:
        InputError: If the config's model is not a detector.
    """
    detector = build_model(cfg)
    if not hasattr(detector, "bbox_head"):
        raise InputError(
            f"config {cfg.filename}: {cfg.model.type} is no detector: give one's config"
        )
    return detector


def load_network(cfg: Config, checkpoint: str | Path) -> "DetectorNetwork":
    """Build a config's detector, load its weights, fuse Conv+BN.

    Args:
        cfg (Config): Config of a detector.
        checkpoint (str or Path): Weights of every tensor; no code in the file is run.

    Raises:
        InputError: If the model is not a detector, or the checkpoint belongs to another
            config; the message lists the differences.
    """
    detector = build_detector(cfg)
    load_weights(detector, checkpoint, cfg)
    return DetectorNetwork(fuse(detector))


def fuse(model: nn.Module) -> nn.Module:
    """Copy a model for inference, with each BN folded into the convolution before it.

    Args:
        model (nn.Module): A detector or another module made of mmcv's ``ConvModule``;
            it is not changed.

    Returns:
        nn.Module: In evaluation mode; its outputs differ by rounding only.
    """
    model = copy.deepcopy(model)
    model.train(False)  # not chained: train() of MMYOLO's backbones returns None
    return fuse_conv_bn(model)


class DetectorNetwork(nn.Module):
    """A detector's network and decoding, as plain tensor operations.

    Preprocessing (letterbox, normalisation) and post-processing (score threshold, NMS)
    are not part of it. :func:`.peak_scores` is, if ``test_cfg.nms`` is None.

    Args:
        detector (YOLODetector): Detector with a head like YOLOv8's, usually a result of
            :func:`fuse`.
    """

    #: Fastest memory layout of convolutions, on CPUs and GPUs.
    memory_format = torch.channels_last

    def __init__(self, detector: YOLODetector) -> None:
        super().__init__()
        self.detector = detector
        self.train(False)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Decode boxes and class scores of every prior.

        Args:
            images (Tensor): Output of the data preprocessor, (N, 3, H, W); H and W are
                multiples of 32.

        Returns:
            tuple[Tensor, Tensor]: Boxes (N, priors, 4), x1, y1, x2, y2 in pixels of the
            input, always float32, because half precision cannot represent their
            coordinates; scores (N, priors, classes), from 0 to 1. Priors are ordered by
            level, stride 8 first, then by row.
        """
        head = self.detector.bbox_head
        logits, distances = self.detector(images)
        priors = head.prior_generator.grid_priors(
            [level.shape[-2:] for level in logits],
            device=images.device,
            with_stride=True,
        )
        points, strides = torch.cat(priors)[None, :, :3].split((2, 1), 2)
        # DistancePointBBoxCoder, without splitting the four sides
        first, second = (_flatten(distances).float() * strides).split(2, 2)
        boxes = torch.cat([points - first, points + second], 2)
        if getattr(head, "nms_free", False):
            return boxes, _flatten(peak_scores(logits))
        return boxes, _flatten(logits).sigmoid()


def _flatten(levels: list[Tensor]) -> Tensor:
    """Concatenate maps (N, C, H_i, W_i) of all levels to (N, priors, C)."""
    return torch.cat([level.flatten(2) for level in levels], 2).transpose(1, 2)
