"""Pruning of MobileNetV1 weights to a smaller width."""

import pytest
import torch

from mmyolo_mnv1.converters.mobilenet_v1 import classifier_meta
from mmyolo_mnv1.converters.narrow import _channel_groups, load_classifier, narrow
from mmyolo_mnv1.errors import InputError
from mmyolo_mnv1.models import MobileNetV1
from mmyolo_mnv1.weights import save_checkpoint
from tests.helpers.mobilenet_layouts import random_classifier

ACT = dict(type="ReLU6", inplace=True)
TOOL = "tools/model_converters/narrow_mobilenet.py"


@pytest.fixture
def wide(tmp_path):
    """A random classifier with alpha 1 and its meta."""
    weights = random_classifier(1.0, 7)
    meta = classifier_meta(
        tmp_path,
        weights,
        conv_cfg=None,
        norm_cfg=dict(type="BN", momentum=0.03, eps=1e-3),
        act_cfg=ACT,
    )
    return weights, dict(meta, source="test")


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
    weights, meta = wide
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
    narrowed, narrowed_meta = narrow(weights, meta, 0.5)
    before = logits(weights, 1.0)
    assert before.std() > 1e-3
    torch.testing.assert_close(logits(narrowed, 0.5), before, rtol=1e-4, atol=1e-5)
    assert narrowed_meta["backbone"]["alpha"] == 0.5
    assert meta["backbone"]["alpha"] == 1
    assert narrowed_meta["source"] == "test, narrowed from alpha 1"


@pytest.mark.parametrize("alpha", [0.75, 0.25])
def test_widths(wide, alpha):
    narrowed, _ = narrow(*wide, alpha)
    assert logits(narrowed, alpha).shape == (1, 7)


def test_command_line(tool, wide, tmp_path):
    save_checkpoint(*wide, tmp_path / "wide.pth")
    done = tool(TOOL, tmp_path / "wide.pth", tmp_path / "new.pth", "--alpha", "0.5")
    assert done.returncode == 0, done.stderr
    assert "alpha 0.5, 7 classes" in done.stdout and "init_cfg" in done.stdout
    weights, meta = load_classifier(tmp_path / "new.pth")
    expected, _ = narrow(*wide, 0.5)
    assert meta["backbone"]["alpha"] == 0.5
    assert all(torch.equal(weights[name], expected[name]) for name in expected)


@pytest.mark.parametrize("alpha", [1.0, 1.25, 0.3, 0])
def test_refuses_width(wide, alpha):
    with pytest.raises(InputError, match=f"--alpha {alpha:g}: give a multiple of 0.25"):
        narrow(*wide, alpha)


@pytest.mark.parametrize("content", [dict(state_dict={}), [1], dict(meta=dict())])
def test_refuses_other_files(content, tmp_path):
    torch.save(content, tmp_path / "x.pth")
    with pytest.raises(InputError, match=r"x\.pth is no converted MobileNetV1"):
        load_classifier(tmp_path / "x.pth")
