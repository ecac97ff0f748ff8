"""Converted ImageNet weights against the original networks."""

import functools

import numpy as np
import pytest
import torch
from mmengine.registry import DefaultScope
from mmengine.runner import load_checkpoint
from mmpretrain.datasets.categories import IMAGENET_CATEGORIES
from mmpretrain.registry import MODELS
from mmpretrain.structures import DataSample
from safetensors.torch import save_file
from torch import nn

from mmyolo_mnv1.converters.tf_slim import tf_slim_to_mmyolo
from mmyolo_mnv1.converters.timm import timm_to_mmyolo
from mmyolo_mnv1.weights import save_checkpoint

#: Classes that TF-slim's weights predict.
PHOTOS = {"coffee": "espresso", "chelsea": "Egyptian cat", "rocket": "missile"}


def classifier(meta, checkpoint):
    """MMPreTrain's classifier by the meta, with all weights loaded."""
    pixels = dict(meta["data_preprocessor"])
    pixels["to_rgb"] = pixels.pop("bgr_to_rgb")
    width = int(1024 * meta["backbone"]["alpha"])
    with DefaultScope.overwrite_default_scope("mmpretrain"):
        model = MODELS.build(
            dict(
                type="ImageClassifier",
                data_preprocessor=pixels,
                backbone=meta["backbone"],
                neck=dict(type="GlobalAveragePooling"),
                head=dict(
                    type="LinearClsHead",
                    num_classes=meta["num_classes"],
                    in_channels=width,
                ),
            )
        )
    load_checkpoint(model, str(checkpoint), strict=True)
    return model.eval()


@torch.no_grad()
def test_tf_slim_logits(shared_weights, tmp_path, report):
    state_dict, meta = tf_slim_to_mmyolo(
        shared_weights / "mobilenet_v1_1.0_224_tf_slim.npz"
    )
    save_checkpoint(state_dict, meta, tmp_path / "converted.pth")
    model = classifier(meta, tmp_path / "converted.pth")
    expected = np.load(shared_weights / "mobilenet_v1_1.0_224_expected.npz")
    names = ("background", *IMAGENET_CATEGORIES)
    for photo, name in PHOTOS.items():
        bgr = torch.from_numpy(expected[f"{photo}_image"][..., ::-1].copy())
        batch = dict(inputs=[bgr.permute(2, 0, 1)], data_samples=[DataSample()])
        batch = model.data_preprocessor(batch)
        logits = model(batch["inputs"])[0]
        difference = np.abs(logits.numpy() - expected[f"{photo}_logits"]).max()
        report(f"TF-slim MobileNetV1, logits, {photo}", difference)
        assert difference <= 1e-3
        assert names[logits.argmax()] == name
        assert names[model(**batch, mode="predict")[0].pred_label] == name


@torch.no_grad()
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize(
    ("name", "alpha"), [("mobilenetv1_100", 1.0), ("mobilenetv1_125", 1.25)]
)
def test_timm_features(timm_model, tmp_path, report, name, alpha, suffix):
    peer = timm_model(name)
    source = tmp_path / f"source{suffix}"
    (save_file if suffix == ".safetensors" else torch.save)(peer.state_dict(), source)
    state_dict, meta = timm_to_mmyolo(source)
    save_checkpoint(state_dict, meta, tmp_path / "converted.pth")
    assert meta["backbone"]["alpha"] == alpha
    pixels = peer.default_cfg
    assert meta["data_preprocessor"] == dict(
        mean=[255 * x for x in pixels["mean"]],
        std=[255 * x for x in pixels["std"]],
        bgr_to_rgb=True,
    )
    model = classifier(meta, tmp_path / "converted.pth")

    images = torch.rand(2, 3, 96, 128) * 2 - 1
    expected = peer.forward_intermediates(images, indices=(2, 3, 4))[1]
    maps = model.backbone(images)
    for stride, a, b in zip((8, 16, 32), maps, expected, strict=True):
        assert a.shape == b.shape and a.shape[-1] == 128 // stride
        assert b.std() > 0.1  # not a map of zeros
        difference = (a - b).abs().max()
        report(f"timm {name}, map of stride {stride}", difference)
        assert difference <= 1e-5
    difference = (model(images) - peer(images)).abs().max()
    report(f"timm {name}, logits", difference)
    assert difference <= 1e-5


@pytest.fixture
def shared_weights(root):
    path = root.parent / "shared" / "weights"
    if not path.is_dir():
        pytest.skip("TF-slim's weights are missing")
    return path


@pytest.fixture(scope="module")
def timm_model():
    """Get a model of timm with random weights and random statistics of BN."""
    timm = pytest.importorskip("timm", reason="timm is not installed")

    @functools.cache
    @torch.no_grad()
    def build(name: str) -> nn.Module:
        torch.manual_seed(0)
        model = timm.create_model(name)
        norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
        for norm in norms:
            norm.weight.uniform_(0.7, 1.3)
            norm.bias.normal_(0, 0.2)
            norm.momentum = 1.0
        model.train()(torch.rand(4, 3, 128, 128) * 2 - 1)  # measured statistics
        for norm in norms:
            norm.running_mean += 0.1 * torch.randn_like(norm.running_mean)
            norm.running_var *= torch.empty_like(norm.running_var).uniform_(0.8, 1.25)
        return model.eval()

    return build
