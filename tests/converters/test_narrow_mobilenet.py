"""Pruning of MobileNetV1 weights to a smaller width."""

import pytest
import torch

from mmyolo_mnv1.converters.narrow import _channel_groups, narrow
from mmyolo_mnv1.models import MobileNetV1
from tests.helpers.mobilenet_layouts import random_classifier

ACT = dict(type="ReLU6", inplace=True)


@pytest.fixture
def wide():
    """A random classifier with alpha 1."""
    return random_classifier(1.0, 7)


def widths(alpha: float) -> dict:
    """Output channels of a backbone's convolutions."""
    return {
        f"backbone.{name.removesuffix('.conv.weight')}": len(tensor)
        for name, tensor in MobileNetV1(alpha).state_dict().items()
        if name.endswith(".conv.weight")
    }


@torch.no_grad()
def logits(weights: dict, alpha: float) -> torch.Tensor:
    backbone = MobileNetV1(alpha, act_cfg=ACT, out_indices=(5,))
    parts = {
        name.removeprefix("backbone."): tensor
        for name, tensor in weights.items()
        if name.startswith("backbone.")
    }
    backbone.load_state_dict(parts)
    backbone.train(False)
    image = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    (features,) = backbone(image)
    return features.mean((2, 3)) @ weights["head.fc.weight"].T


def test_inactive_channels_are_pruned(wide):
    """Pruning to half the width keeps the logits if half of the channels are 0."""
    weights = wide
    generator = torch.Generator().manual_seed(0)
    for name, tensor in weights.items():
        # Weights of both signs, and activations of similar size in each layer.
        if name.endswith("conv.weight"):
            tensor.sub_(0.5).div_(tensor[0].numel() ** 0.5)
    for producers, _ in _channel_groups():
        bn = f"{producers[-1]}.bn"
        count = len(weights[f"{bn}.weight"])
        dead = torch.randperm(count, generator=generator)[: count // 2]
        weights[f"{bn}.weight"][dead] = 0
        weights[f"{bn}.bias"][dead] = -1
    narrowed = narrow(weights, widths(0.5), "ReLU6")
    before = logits(weights, 1.0)
    assert before.std() > 1e-3
    torch.testing.assert_close(logits(narrowed, 0.5), before, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("alpha", [0.75, 0.6, 0.25])
def test_widths(wide, alpha):
    narrowed = narrow(wide, widths(alpha), "ReLU6")
    assert logits(narrowed, alpha).shape == (1, 7)
