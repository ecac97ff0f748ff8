"""Fixtures of the parity tests: Ultralytics, random models, table of differences."""

import copy
import functools
import os
from collections.abc import Callable

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmyolo.registry import MODELS
from torch import nn
from torch.nn import functional as F

# Before Ultralytics is imported: no network, no changes to the environment.
os.environ.update(YOLO_OFFLINE="true", YOLO_AUTOINSTALL="false", YOLO_VERBOSE="false")

DIFFERENCES: dict[str, float] = {}


@pytest.fixture
def report() -> Callable[[str, float], None]:
    """Record a difference; the largest by name are printed at the end of the run."""

    def record(name: str, difference: float) -> None:
        DIFFERENCES[name] = max(float(difference), DIFFERENCES.get(name, 0.0))

    return record


def pytest_terminal_summary(terminalreporter) -> None:
    """Print the table of differences."""
    if DIFFERENCES:
        terminalreporter.section("largest differences")
        for name, difference in DIFFERENCES.items():
            terminalreporter.write_line(f"{name:<58} {difference:.2e}")


@pytest.fixture(scope="session")
def peer(tmp_path_factory):
    """Ultralytics with its settings in a temporary folder."""
    os.environ["YOLO_CONFIG_DIR"] = str(tmp_path_factory.mktemp("ultralytics"))
    return pytest.importorskip("ultralytics", reason="Ultralytics is not installed")


@pytest.fixture(scope="session")
def picture() -> Callable[..., torch.Tensor]:
    """Make random images: ``picture(batch, height, width, seed)``."""
    return random_picture


@pytest.fixture(scope="session")
def reference(peer):
    """Copy of Ultralytics' YOLO11 of a scale, with random weights and statistics."""
    from ultralytics.nn.tasks import DetectionModel

    @functools.lru_cache(maxsize=4)
    def build(scale: str, num_classes: int) -> nn.Module:
        torch.manual_seed(0)
        model = DetectionModel(f"yolo11{scale}.yaml", nc=num_classes, verbose=False)
        model.names = {i: f"class {i}" for i in range(num_classes)}
        return randomise(model)

    def get_copy(scale: str, num_classes: int = 80) -> nn.Module:
        return copy.deepcopy(build(scale, num_classes))

    return get_copy


@pytest.fixture(scope="session")
def detector(root):
    """Build MMYOLO's YOLO11 from a state dict and fields of its config."""
    base = Config.fromfile(root / "configs/yolo11_m.py").model

    def build(state_dict: dict | None = None, **model) -> nn.Module:
        cfg = copy.deepcopy(base)
        # The reference's memory format, so that sums have the same order.
        cfg.update(channels_last=False, **model)
        with DefaultScope.overwrite_default_scope("mmyolo"):
            built = MODELS.build(cfg)
        if state_dict is not None:
            built.load_state_dict(state_dict, strict=True)
        return built.eval()

    return build


def random_picture(batch: int, height: int, width: int, seed: int) -> torch.Tensor:
    """Random images with structure at several scales, (N, 3, H, W) from 0 to 1."""
    generator = torch.Generator().manual_seed(seed)
    image = torch.zeros(batch, 3, height, width)
    for size in (2, 4, 8, 16, 32):
        noise = torch.randn(batch, 3, size, size, generator=generator)
        image += F.interpolate(noise, (height, width), mode="bilinear") / 5**0.5
    return image.mul_(0.25).add_(0.5).clamp_(0, 1)


@torch.no_grad()
def randomise(model: nn.Module) -> nn.Module:
    """Give BN random scales and shifts, and running statistics near its input's.

    The statistics are measured on random images, so that activations keep their size
    through the network, and then perturbed.
    """
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    for norm in norms:
        norm.weight.uniform_(0.7, 1.3)
        norm.bias.normal_(0, 0.2)
        norm.reset_running_stats()
        norm.momentum = None  # cumulative average
    model.train()
    model(random_picture(8, 192, 192, seed=3))
    for norm in norms:
        norm.momentum = 0.03
        shift = torch.randn_like(norm.bias)
        norm.running_mean += 0.03 * norm.running_var.sqrt() * shift
        norm.running_var *= torch.empty_like(norm.bias).uniform_(0.9, 1.1)
    return model.eval()
