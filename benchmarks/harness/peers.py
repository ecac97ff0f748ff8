"""Other projects' models of the same weights, where they are installed."""

import importlib
import importlib.util
import os

import torch
from mmengine.config import Config
from torch import Tensor, nn

from mmyolo_mnv1.analysis.subject import Subject
from mmyolo_mnv1.converters.ultralytics import mmyolo_to_ultralytics
from mmyolo_mnv1.errors import InputError

#: Peers, and how their maps lie in memory: as Ultralytics runs them, and as we do.
PEERS = {
    "ultralytics": torch.contiguous_format,
    "ultralytics-channels-last": torch.channels_last,
}


class UltralyticsNetwork(nn.Module):
    """Ultralytics' detector, as :class:`.deploy.network.DetectorNetwork` is ours.

    Args:
        model (nn.Module): Their ``DetectionModel``, fused.
        memory_format (torch.memory_format): How its maps lie in memory.
    """

    def __init__(self, model: nn.Module, memory_format: torch.memory_format) -> None:
        super().__init__()
        self.model = model
        self.memory_format = memory_format
        self.train(False)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Find boxes and class scores at every prior.

        Args:
            images (Tensor): (N, 3, H, W).

        Returns:
            tuple[Tensor, Tensor]: Boxes (N, 4, priors) as centre and size in pixels of
            the input; scores (N, classes, priors).
        """
        decoded, _ = self.model(images)
        return decoded.split((4, decoded.shape[1] - 4), 1)


def check_peer(name: str) -> None:
    """Refuse a peer that is unknown or not installed.

    Raises:
        InputError: If it is.
    """
    if name not in PEERS:
        raise InputError(f"--peer {name}: choose from {', '.join(PEERS)}")
    if not importlib.util.find_spec("ultralytics"):
        raise InputError(f"--peer {name}: not installed: pip install ultralytics")


def be_quiet() -> None:
    """Keep Ultralytics off the network, the environment and the screen."""
    quiet = dict(OFFLINE="true", AUTOINSTALL="false", VERBOSE="false")
    os.environ.update({f"YOLO_{key}": value for key, value in quiet.items()})


def has_peer(cfg: Config) -> bool:
    """Whether Ultralytics has a config's model: YOLO11 with its own backbone."""
    return cfg.model.backbone.type == "YOLO11CSPDarknet"


def build_peer(name: str, subject: Subject) -> UltralyticsNetwork:
    """Ultralytics' model of the same scale and weights, Conv+BN fused by its own code.

    Args:
        name (str): One of :data:`PEERS`.
        subject (Subject): A YOLO11 with its own backbone.
    """
    be_quiet()
    tasks = importlib.import_module("ultralytics.nn.tasks")
    model = tasks.DetectionModel(
        f"yolo11{subject.cfg.model.scale}.yaml",
        nc=subject.detector.bbox_head.num_classes,
        verbose=False,
    )
    weights = mmyolo_to_ultralytics(subject.detector.state_dict())
    model.load_state_dict(weights, strict=True)
    model = model.to(subject.images.device).eval()
    return UltralyticsNetwork(model.fuse(verbose=False), PEERS[name])
