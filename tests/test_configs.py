"""Every config file builds, and says what its name says."""

from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.dataset import Compose
from mmyolo.registry import MODELS

from mmyolo_mnv1.models import MobileNetV1

CONFIGS = sorted((Path(__file__).parents[1] / "configs").glob("*.py"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda p: p.stem)
def test_builds_from_the_registries(path):
    cfg = Config.fromfile(path)
    assert cfg.custom_imports["imports"][0] == "mmyolo_mnv1"
    model = MODELS.build(cfg.model)
    model.init_weights()
    assert isinstance(model.backbone, MobileNetV1) == ("mnv1" in path.stem)
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        Compose(loader.dataset.pipeline)
        classes = loader.dataset.get("metainfo", {}).get("classes")
        assert classes is None or len(classes) == cfg.model.num_classes
    switch = next(h for h in cfg.custom_hooks if "Switch" in h.type)
    Compose(switch.switch_pipeline)
    assert 0 < switch.switch_epoch < cfg.train_cfg.max_epochs
    assert cfg.model.num_classes == model.bbox_head.num_classes
    assert model.bbox_head.assigner.num_classes == cfg.model.num_classes


def test_custom_imports_alone_register_everything(python):
    code = (
        "from mmengine.utils import import_modules_from_strings as load\n"
        "load(['mmyolo_mnv1'], allow_failed_imports=False)\n"
        "from mmyolo.registry import DATASETS, MODELS\n"
        "names = ['MobileNetV1', 'YOLO11CSPDarknet', 'YOLO11PAFPN', 'YOLO11Head',"
        " 'YOLO11HeadModule', 'YOLO11Detector', 'C3k', 'C3k2', 'C2PSA']\n"
        "assert all(MODELS.get(n) for n in names)\n"
        "assert DATASETS.get('CheckedCocoDataset')\n"
    )
    done = python("-c", code)
    assert done.returncode == 0, done.stderr


def test_importing_the_package_alone_is_light(python):
    code = "import sys, mmyolo_mnv1.doctor; print('torch' in sys.modules)"
    assert python("-c", code).stdout.strip() == "False"
