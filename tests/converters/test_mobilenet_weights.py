"""Conversion of MobileNetV1's ImageNet weights: names, meta, use in a detector."""

import sys

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.runner import load_checkpoint
from mmyolo.registry import MODELS
from safetensors.torch import save_file

from mmyolo_mnv1.config import load_config
from mmyolo_mnv1.converters.tf_slim import tf_slim_to_mmyolo
from mmyolo_mnv1.converters.timm import timm_to_mmyolo
from mmyolo_mnv1.errors import InputError
from mmyolo_mnv1.weights import load_tensors, save_checkpoint
from tests.helpers.mobilenet_layouts import as_tf_slim, as_timm, random_classifier


def assert_same(converted: dict, original: dict) -> None:
    assert converted.keys() == original.keys()
    for name, tensor in original.items():
        assert torch.equal(converted[name], tensor), name
        assert converted[name].dtype == tensor.dtype, name


@pytest.mark.parametrize("alpha", [1.0, 0.75, 0.5, 0.25])
def test_tf_slim_npz(tmp_path, alpha):
    original = random_classifier(alpha, 11)
    variables = as_tf_slim(original) | {
        "global_step": np.array(7),
        "MobilenetV1/Conv2d_0/weights/ExponentialMovingAverage": np.zeros(3, "f4"),
        "MobilenetV1/Conv2d_0/weights/RMSProp_1": np.zeros(3, "f4"),
    }
    np.savez(tmp_path / "w.npz", **variables)
    state_dict, meta = tf_slim_to_mmyolo(tmp_path / "w.npz")
    assert_same(state_dict, original)
    assert meta["source"] == "TF-slim" and meta["num_classes"] == 11
    backbone = meta["backbone"]
    assert backbone["alpha"] == alpha
    assert backbone["conv_cfg"]["type"] == "Conv2dAdaptivePadding"
    assert backbone["act_cfg"]["type"] == "ReLU6"
    assert backbone["norm_cfg"]["eps"] == 1e-3


def test_tf_checkpoint(tmp_path):
    tensorflow = pytest.importorskip("tensorflow", reason="tensorflow is optional")
    tf = tensorflow.compat.v1
    original = random_classifier(0.25, 11)
    variables = as_tf_slim(original) | {
        "global_step": np.array(7),
        "MobilenetV1/Conv2d_0/weights/RMSProp": np.zeros(3, "f4"),
    }
    prefix = tmp_path / "model.ckpt"
    with tf.Graph().as_default(), tf.Session() as session:
        for name, value in variables.items():
            tf.get_variable(name, initializer=value)
        session.run(tf.global_variables_initializer())
        tf.train.Saver().save(session, str(prefix))
    for path in (prefix, tmp_path / "model.ckpt.index"):
        assert_same(tf_slim_to_mmyolo(path)[0], original)
    data = tmp_path / "model.ckpt.data-00000-of-00001"
    data.write_bytes(data.read_bytes()[:9999])
    with pytest.raises(InputError, match="model.ckpt is truncated or damaged"):
        tf_slim_to_mmyolo(prefix)


def test_tf_checkpoint_without_tensorflow(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    (tmp_path / "model.ckpt.index").write_bytes(b"x")
    with pytest.raises(InputError, match="pip install tensorflow-cpu"):
        tf_slim_to_mmyolo(tmp_path / "model.ckpt")


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("alpha", [1.25, 1.0, 0.25])
def test_timm(tmp_path, alpha, suffix):
    original = random_classifier(alpha, 11)
    source = tmp_path / f"w{suffix}"
    (save_file if suffix == ".safetensors" else torch.save)(as_timm(original), source)
    state_dict, meta = timm_to_mmyolo(source)
    assert_same(state_dict, original)
    assert meta["source"] == "timm" and meta["num_classes"] == 11
    backbone = meta["backbone"]
    assert backbone["alpha"] == alpha and backbone["conv_cfg"] is None
    assert backbone["act_cfg"]["type"] == "ReLU6"
    assert backbone["norm_cfg"]["eps"] == 1e-5


@pytest.mark.parametrize("kind", ["tf_slim", "timm"])
def test_printed_config_gives_a_detector_with_the_weights(root, tool, tmp_path, kind):
    original = random_classifier(0.25, 11)
    if kind == "timm":
        source = tmp_path / "w.safetensors"
        save_file(as_timm(original), source)
    else:
        source = tmp_path / "w.npz"
        np.savez(source, **as_tf_slim(original))
    converted = tmp_path / "new" / "converted.pth"
    done = tool("tools/model_converters/convert_weights.py", source, converted)
    assert done.returncode == 0, done.stderr
    first, _, *lines = done.stdout.splitlines()
    assert "alpha 0.25, 11 classes" in first

    base = root / "configs/yolo11_mnv1_m.py"
    config = tmp_path / "config.py"
    config.write_text("\n".join([f"_base_ = {str(base)!r}", *lines]))
    cfg = Config.fromfile(config)
    detector = MODELS.build(cfg.model)
    load_checkpoint(detector, cfg.load_from)
    loaded = detector.backbone.state_dict()
    expected = {k: v for k, v in original.items() if k.startswith("backbone.")}
    assert_same({f"backbone.{k}": v for k, v in loaded.items()}, expected)
    assert detector.backbone.stem.bn.eps == (1e-3 if kind == "tf_slim" else 1e-5)
    assert isinstance(detector.backbone.stem.activate, torch.nn.ReLU6)


@pytest.mark.parametrize("kind", ["tf_slim", "timm"])
def test_config_agrees_with_the_weights_except_for_padding(root, tmp_path, kind):
    original = random_classifier(1.0, 11)
    path = tmp_path / ("w.npz" if kind == "tf_slim" else "w.safetensors")
    if kind == "tf_slim":
        np.savez(path, **as_tf_slim(original))
        meta = tf_slim_to_mmyolo(path)[1]
    else:
        save_file(as_timm(original), path)
        meta = timm_to_mmyolo(path)[1]
    cfg = load_config(root / "configs/yolo11_mnv1_m.py", dict(pretrained=str(path)))
    del meta["backbone"]["conv_cfg"]
    assert cfg.model.backbone.to_dict() == meta["backbone"]
    pixels = cfg.model.data_preprocessor.to_dict()
    assert pixels.items() >= meta["data_preprocessor"].items()


@pytest.mark.parametrize("training", [True, False])
def test_in1k_detector_gets_rgb_from_minus_one_to_one(root, training):
    cfg = load_config(root / "configs/yolo11_mnv1_n_bccd_in1k.py").model
    preprocessor = MODELS.build(cfg.data_preprocessor)
    bgr = torch.randint(0, 256, (1, 3, 32, 32), dtype=torch.uint8)
    if training:
        data = dict(inputs=bgr, data_samples=dict(bboxes_labels=torch.zeros(0, 6)))
    else:
        data = dict(inputs=[bgr[0]])
    inputs = preprocessor(data, training)["inputs"]
    assert torch.allclose(inputs, bgr[:, [2, 1, 0]] / 127.5 - 1, atol=1e-6)


def test_save_and_load(tmp_path):
    save_checkpoint({"a": torch.ones(3)}, dict(x=[1.5]), tmp_path / "new" / "w.pth")
    loaded = load_tensors(tmp_path / "new" / "w.pth")
    assert list(loaded) == ["a"] and torch.equal(loaded["a"], torch.ones(3))
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["w.pth"]
