"""Weights of other projects, wherever a checkpoint is taken."""

import logging
import shutil

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.runner import CheckpointLoader
from mmyolo.registry import MODELS
from safetensors.torch import save_file

from mmyolo_mnv1.config import load_config
from mmyolo_mnv1.converters.fit import fit_to_detector
from mmyolo_mnv1.converters.loading import difference, load, load_weights
from mmyolo_mnv1.converters.mmengine_loader import checkpoint_loaders
from mmyolo_mnv1.converters.timm import timm_to_mmyolo
from mmyolo_mnv1.errors import InputError
from mmyolo_mnv1.weights import download, save_checkpoint
from tests.helpers.mobilenet_layouts import as_tf_slim, as_timm, random_classifier

NAME = "timm://mobilenetv1_100.ra4_e3600_r224_in1k"


@pytest.fixture
def hub(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "hub"))
    monkeypatch.delenv(download.FOLDER, raising=False)
    folder = tmp_path / "hub/hub/checkpoints"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture(scope="module")
def classifier() -> dict:
    return random_classifier(1.0, 3)


def detector(root, alpha=0.5, base="yolo11_mnv1_n.py", **options):
    """A detector and its config."""
    if "mnv1" in base:
        options["model.backbone.alpha"] = alpha
    cfg = load_config(root / "configs" / base, options)
    return MODELS.build(cfg.model), cfg


def test_name_is_loaded_by_mmengine(hub, classifier):
    """From a download; the converted weights are kept beside it."""
    source = hub / download.NAMED[NAME].file
    save_file(as_timm(classifier), source)
    first = CheckpointLoader.load_checkpoint(NAME)
    (kept,) = set(hub.glob("*.pth"))
    source.write_bytes(b"")  # not read again
    second = CheckpointLoader.load_checkpoint(NAME)
    assert kept.suffix == ".pth" and first["meta"] == second["meta"]
    for name, tensor in classifier.items():
        assert torch.equal(second["state_dict"][name], tensor), name
    kept.unlink()
    with pytest.raises(InputError, match="is no safetensors file"):
        load(NAME)
    assert not list(hub.glob("*.pth"))


@pytest.mark.parametrize("suffix", [".npz", ".safetensors", ".pth", "mmpretrain.pth"])
def test_every_format_is_loaded(tmp_path, classifier, suffix):
    path = tmp_path / f"w{suffix}"
    if suffix == ".npz":
        np.savez(path, **as_tf_slim(classifier))
    elif suffix == ".safetensors":
        save_file(as_timm(classifier), path)
    else:
        theirs = as_timm(classifier) if suffix == ".pth" else classifier
        torch.save(dict(state_dict=theirs, meta={}), path)
    with checkpoint_loaders():
        loaded = CheckpointLoader.load_checkpoint(str(path))
    assert loaded["meta"]["backbone"]["alpha"] == 1
    weight = "backbone.stage3.1.pointwise_conv.conv.weight"
    assert torch.equal(loaded["state_dict"][weight], classifier[weight])
    assert list(tmp_path.iterdir()) == [path]


def test_own_files_are_not_changed(tmp_path):
    own = dict(state_dict={"a": torch.ones(1)}, meta=dict(epoch=3))
    torch.save(own, tmp_path / "x.pth")
    assert load(tmp_path / "x.pth") == own


@pytest.fixture
def timm_weights(tmp_path, classifier) -> dict:
    save_file(as_timm(classifier), tmp_path / "w.safetensors")
    state_dict, meta = timm_to_mmyolo(tmp_path / "w.safetensors")
    return dict(meta=meta, state_dict=state_dict)


@pytest.mark.parametrize("alpha", [0.3, 0.5])
def test_narrowed_to_any_alpha(root, timm_weights, caplog, alpha):
    MMLogger.get_instance("fit").addHandler(caplog.handler)
    model, cfg = detector(root, alpha)
    before = {k: t.clone() for k, t in timm_weights["state_dict"].items()}
    with caplog.at_level(logging.INFO):
        fitted = fit_to_detector(timm_weights, model, cfg.model, "w")
    words = f"w: MobileNetV1 of timm, narrowed from alpha 1 to {alpha}; neck and head"
    assert words in caplog.text
    tensors, own = fitted["state_dict"], model.state_dict()
    assert tensors.keys() == own.keys()
    for name, tensor in own.items():
        assert tensors[name].shape == tensor.shape
        assert name.startswith("backbone.") or torch.equal(tensors[name], tensor)
    # Each kept filter of the first convolution is one of the original's.
    kept = tensors["backbone.stem.conv.weight"].flatten(1)
    wide = before["backbone.stem.conv.weight"].flatten(1)
    assert (kept[:, None] == wide).all(2).any(1).all()
    assert all(torch.equal(timm_weights["state_dict"][k], t) for k, t in before.items())


def test_refuses_other_networks(root, timm_weights):
    model, cfg = detector(root, 1.5)
    with pytest.raises(InputError, match="w has weights of alpha 1 and .* is wider"):
        fit_to_detector(timm_weights, model, cfg.model, "w")
    model, cfg = detector(root, base="yolo11_n.py")
    with pytest.raises(InputError, match="MobileNetV1 and .* is YOLO11CSPDarknet"):
        fit_to_detector(timm_weights, model, cfg.model, "w")
    meta = dict(source="x", scale="m", backbone=dict(type="YOLO11CSPDarknet"))
    with pytest.raises(InputError, match="of scale m and model.scale is n"):
        fit_to_detector(dict(meta=meta), model, cfg.model, "w")


def test_differences_are_named(root, timm_weights):
    model = load_config(root / "configs/yolo11_mnv1_n.py").model
    words = difference(timm_weights, model)
    assert "backbone.act_cfg.type was ReLU6 in their training and is ReLU here" in words
    assert "backbone.norm_cfg.eps was 1e-05" in words
    assert "data_preprocessor.mean was [127.5, 127.5, 127.5]" in words
    cfg = Config.fromfile(root / "configs/yolo11_mnv1_n.py")
    cfg.merge_from_dict(dict(pretrained=NAME))
    assert difference(timm_weights, cfg.model) == ""


def test_trained_weights_go_with_their_activation(root, tmp_path):
    model, cfg = detector(root, 0.25)
    meta = dict(backbone=dict(act_cfg=dict(type="SiLU", inplace=True)))
    save_checkpoint(model.state_dict(), meta, tmp_path / "x.pth")
    with pytest.raises(InputError, match="x.pth is not of .*was SiLU in their"):
        load_weights(model, tmp_path / "x.pth", cfg)
    cfg.model.backbone.act_cfg.type = "SiLU"
    load_weights(model, tmp_path / "x.pth", cfg)


def test_ultralytics_file_as_it_is(root, tmp_path):
    """A checkpoint of Ultralytics, where a trained one is taken."""
    tasks = pytest.importorskip("ultralytics.nn.tasks", reason="a peer")
    torch.manual_seed(0)
    peer = tasks.DetectionModel("yolo11n.yaml", nc=80, verbose=False)
    torch.save(dict(model=peer, version="8.3.253"), tmp_path / "yolo11n.pt")
    model, cfg = detector(root, base="yolo11_n.py")
    load_weights(model, tmp_path / "yolo11n.pt", cfg)
    stem = peer.state_dict()["model.0.conv.weight"]
    assert torch.equal(model.backbone.stem.conv.weight, stem)
    shutil.copy(tmp_path / "yolo11n.pt", tmp_path / "yolo11n.pth")
    with pytest.raises(InputError, match="yolo11n.pth is refused, nothing was run"):
        load_weights(model, tmp_path / "yolo11n.pth", cfg)
