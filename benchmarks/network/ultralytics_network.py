"""Ultralytics' networks, with the weights of a detector of ours or untrained."""

import torch
from mmengine.config import Config
from torch import Tensor, nn

from benchmarks.harness.ultralytics_api import DetectionModel
from benchmarks.network.ultralytics_job import NetworkPeer
from mmyolo_mnv1.analysis.subject import SEED, Subject, set_bn_statistics
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


def build_ultralytics(subject: Subject, peer: NetworkPeer) -> UltralyticsNetwork:
    """Build Ultralytics' network of the same scale, fused by Ultralytics' own code.

    Args:
        subject (Subject): A YOLO11 detector with its own backbone.
        peer (NetworkPeer): Family and memory format; YOLO11 has the subject's weights.
    """
    model = build_untrained(subject.cfg, peer.family or "yolo11")
    model = model.to(subject.images.device)
    if peer.family:
        set_bn_statistics(model, subject.images)
    else:
        weights = mmyolo_to_ultralytics(subject.detector.state_dict())
        model.load_state_dict(weights, strict=True)
    return UltralyticsNetwork(model.fuse(verbose=False), peer.memory_format)


def build_untrained(cfg: Config, family: str) -> nn.Module:
    """Build Ultralytics' model with reproducible untrained weights.

    Args:
        cfg (Config): Config with the scale and the classes.
        family (str): Such as ``yolo26``.
    """
    torch.manual_seed(SEED)
    name = f"{family}{cfg.model.scale}.yaml"
    return DetectionModel(name, nc=len(cfg.classes), verbose=False).eval()
