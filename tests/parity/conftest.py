"""What the parity tests share: the peer, random models, and a table of differences."""

import os
from collections.abc import Callable

import pytest
import torch
from mmengine.config import Config
from mmyolo.registry import MODELS
from torch import nn
from torch.nn import functional as F

# Before Ultralytics is imported: no network, no changes to the environment.
os.environ.update(YOLO_OFFLINE="true", YOLO_AUTOINSTALL="false", YOLO_VERBOSE="false")

DIFFERENCES: dict[str, float] = {}


@pytest.fixture
def report() -> Callable[[str, float], None]:
    """Keep the largest difference of a name for the table at the end of the run."""

    def keep(name: str, difference: float) -> None:
        DIFFERENCES[name] = max(float(difference), DIFFERENCES.get(name, 0.0))

    return keep


def pytest_terminal_summary(terminalreporter) -> None:
    """Print the largest differences."""
    if DIFFERENCES:
        terminalreporter.section("largest differences")
        for name, difference in DIFFERENCES.items():
            terminalreporter.write_line(f"{name:<58} {difference:.2e}")


@pytest.fixture(scope="session")
def peer(tmp_path_factory):
    """Ultralytics, with its settings in a temporary folder."""
    os.environ["YOLO_CONFIG_DIR"] = str(tmp_path_factory.mktemp("ultralytics"))
    return pytest.importorskip("ultralytics", reason="Ultralytics is not installed")


@pytest.fixture(scope="session")
def picture() -> Callable[..., torch.Tensor]:
    """Make random images: ``picture(batch, height, width, seed)``."""
    return random_picture


@pytest.fixture
def reference(peer):
    """Build Ultralytics' YOLO11 of a scale with random weights and statistics."""

    def build(scale: str, num_classes: int = 80, seed: int = 0) -> nn.Module:
        from ultralytics.nn.tasks import DetectionModel

        torch.manual_seed(seed)
        model = DetectionModel(f"yolo11{scale}.yaml", nc=num_classes, verbose=False)
        model.names = {i: f"class {i}" for i in range(num_classes)}
        return randomise(model)

    return build


@pytest.fixture
def detector(root):
    """Build our YOLO11 from a state dict and its meta."""

    def build(state_dict: dict | None = None, **model) -> nn.Module:
        cfg = Config.fromfile(root / "configs/yolo11_m.py").model
        # Maps lie in memory as the reference's do: sums go in the same order.
        cfg.update(channels_last=False, **model)
        built = MODELS.build(cfg)
        if state_dict is not None:
            built.load_state_dict(state_dict, strict=True)
        return built.eval()

    return build


def random_picture(batch: int, height: int, width: int, seed: int) -> torch.Tensor:
    """Random images with structure at every scale, (N, 3, H, W) from 0 to 1."""
    generator = torch.Generator().manual_seed(seed)
    image = torch.zeros(batch, 3, height, width)
    for size in (2, 4, 8, 16, 32):
        noise = torch.randn(batch, 3, size, size, generator=generator)
        image += F.interpolate(noise, (height, width), mode="bilinear") / 5**0.5
    return image.mul_(0.25).add_(0.5).clamp_(0, 1)


@torch.no_grad()
def randomise(model: nn.Module) -> nn.Module:
    """Give BN random scales and shifts, and random statistics near its input's.

    The running statistics are measured on random images, so that outputs keep their
    size through the depth of the network, and then moved.
    """
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    for norm in norms:
        norm.weight.uniform_(0.7, 1.3)
        norm.bias.normal_(0, 0.2)
        norm.reset_running_stats()
        norm.momentum = None  # plain average
    model.train()
    model(random_picture(8, 192, 192, seed=3))
    for norm in norms:
        norm.momentum = 0.03
        shift = torch.randn_like(norm.bias)
        norm.running_mean += 0.03 * norm.running_var.sqrt() * shift
        norm.running_var *= torch.empty_like(norm.bias).uniform_(0.9, 1.1)
    return model.eval()
