"""Ultralytics' network with the weights of a detector of ours."""

import torch
from torch import Tensor, nn

from benchmarks.harness.ultralytics_api import DetectionModel
from mmyolo_mnv1.analysis.subject import Subject
from mmyolo_mnv1.converters.ultralytics import mmyolo_to_ultralytics


class UltralyticsNetwork(nn.Module):
    """Ultralytics' detector with the interface of :class:`.DetectorNetwork`.

    Args:
        model (nn.Module): ``DetectionModel``, fused.
        memory_format (torch.memory_format): Memory format of its feature maps.
    """

    def __init__(self, model: nn.Module, memory_format: torch.memory_format) -> None:
        super().__init__()
        self.model = model
        self.memory_format = memory_format
        self.train(False)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Predict at every prior from images (N, 3, H, W).

        Returns:
            tuple[Tensor, Tensor]: Boxes (N, 4, priors) as centre and size in pixels of
            the input; scores (N, classes, priors).
        """
        decoded, _ = self.model(images)
        return decoded.split((4, decoded.shape[1] - 4), 1)


def build_ultralytics(
    subject: Subject, memory_format: torch.memory_format
) -> UltralyticsNetwork:
    """Build Ultralytics' model of the same scale and weights, fused by its own code.

    Args:
        subject (Subject): A YOLO11 detector with its own backbone.
        memory_format (torch.memory_format): Memory format of its feature maps.
    """
    model = DetectionModel(
        f"yolo11{subject.cfg.model.scale}.yaml",
        nc=subject.detector.bbox_head.num_classes,
        verbose=False,
    )
    weights = mmyolo_to_ultralytics(subject.detector.state_dict())
    model.load_state_dict(weights, strict=True)
    model = model.to(subject.images.device).eval()
    return UltralyticsNetwork(model.fuse(verbose=False), memory_format)
