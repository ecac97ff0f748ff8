"""Every config file builds, and says what its name says."""

import re
from pathlib import Path

import pytest
from mmengine.dataset import Compose
from mmyolo.registry import MODELS

from mmyolo_mnv1.config import load_config
from mmyolo_mnv1.models import MobileNetV1

CONFIGS = sorted((Path(__file__).parents[2] / "configs").glob("*.py"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda p: p.stem)
def test_builds_from_the_registries(path):
    cfg = load_config(path)
    assert cfg.custom_imports["imports"] == ["mmyolo_mnv1.registration"]
    model = MODELS.build(cfg.model)
    model.init_weights()
    assert isinstance(model.backbone, MobileNetV1) == ("mnv1" in path.stem)
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        Compose(loader.dataset.pipeline)
    Compose(cfg.tta_pipeline)
    switch = next(h for h in cfg.custom_hooks if "Switch" in h.type)
    Compose(switch.switch_pipeline)
    assert 0 < switch.switch_epoch < cfg.train_cfg.max_epochs
    assert len(cfg.classes) == model.bbox_head.num_classes
    assert model.bbox_head.assigner.num_classes == len(cfg.classes)


def test_names_say_what_is_in_them():
    """The naming rule of configs/README.md."""
    for path in CONFIGS:
        cfg = load_config(path)
        family, scale, rest = re.fullmatch(
            r"(yolo11|yolo11_mnv1|yolo11_mobilenetv2)_([nsmlx]|t\d+)(?:_(\w+))?",
            path.stem,
        ).groups()
        assert cfg.get("size", cfg.model.scale) == scale
        expected = dict(
            yolo11="YOLO11CSPDarknet",
            yolo11_mnv1="MobileNetV1",
            yolo11_mobilenetv2="mmpretrain.MobileNetV2",
        )
        assert cfg.model.backbone.type == expected[family]
        variants = (rest or "").split("_")
        if family == "yolo11_mnv1":
            activation = "ReLU6" if cfg.pretrained else "ReLU"
            assert cfg.model.backbone.act_cfg.type == activation
        for variant in variants:
            if number := re.fullmatch(r"a(\d{3})", variant):
                assert cfg.model.backbone.alpha == int(number[1]) / 100
            if number := re.fullmatch(r"r(\d{3})", variant):
                assert cfg.rho == pytest.approx(int(number[1]) / 100, abs=0.005)
    assert len(CONFIGS) >= 28


@pytest.mark.slow
def test_custom_imports_alone_register_everything(python):
    code = (
        "from mmengine.utils import import_modules_from_strings as load\n"
        "load(['mmyolo_mnv1.registration'], allow_failed_imports=False)\n"
        "from mmyolo.registry import DATASETS, MODELS\n"
        "names = ['MobileNetV1', 'YOLO11CSPDarknet', 'YOLO11PAFPN', 'YOLO11Head',"
        " 'YOLO11HeadModule', 'YOLO11Detector', 'C3k', 'C3k2', 'C2PSA']\n"
        "assert all(MODELS.get(n) for n in names)\n"
        "assert DATASETS.get('CheckedCocoDataset')\n"
    )
    done = python("-c", code)
    assert done.returncode == 0, done.stderr


def test_importing_the_package_alone_is_light(python):
    code = "import sys, mmyolo_mnv1.environment.doctor; print('torch' in sys.modules)"
    assert python("-c", code).stdout.strip() == "False"
