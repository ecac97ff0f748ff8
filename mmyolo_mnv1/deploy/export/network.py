"""The part of a detector that is deployed: image in, decoded boxes and scores out."""

import copy

import torch
from mmcv.cnn.utils import fuse_conv_bn
from mmyolo.models.detectors import YOLODetector
from torch import Tensor, nn


def fuse(model: nn.Module) -> nn.Module:
    """A copy for inference, in which each BN is part of the convolution before it.

    Args:
        model (nn.Module): A detector or any module of mmcv's ``ConvModule``; it stays
            as it is.

    Returns:
        nn.Module: In evaluation mode; its outputs differ by rounding only.
    """
    model = copy.deepcopy(model)
    model.train(False)  # MMYOLO's backbones return nothing here
    return fuse_conv_bn(model)


class DetectorNetwork(nn.Module):
    """A detector's network with its decoding, of plain tensor operations.

    What is before it (letterbox, normalisation) and after it (score threshold, NMS)
    does not belong to a graph that is exported.

    Args:
        detector (YOLODetector): With a head of YOLOv8's form; usually from
            :func:`fuse`.
    """

    #: How maps should lie in memory: convolutions are faster so, on CPUs and GPUs.
    memory_format = torch.channels_last

    def __init__(self, detector: YOLODetector) -> None:
        super().__init__()
        self.detector = detector
        self.train(False)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Find boxes and class scores at every prior.

        Args:
            images (Tensor): As the data preprocessor gives them, (N, 3, H, W) with H
                and W multiples of 32.

        Returns:
            tuple[Tensor, Tensor]: Boxes (N, priors, 4) as x1, y1, x2, y2 in pixels of
            the input, float32 whatever the network's type, because half precision
            cannot place them; scores (N, priors, classes) from 0 to 1. Priors go by
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
        # As DistancePointBBoxCoder, but without taking the four sides apart.
        first, second = (_flatten(distances).float() * strides).split(2, 2)
        boxes = torch.cat([points - first, points + second], 2)
        return boxes, _flatten(logits).sigmoid()


def _flatten(levels: list[Tensor]) -> Tensor:
    """Maps (N, C, H_i, W_i) of all levels to (N, priors, C)."""
    return torch.cat([level.flatten(2) for level in levels], 2).transpose(1, 2)
