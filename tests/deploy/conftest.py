"""A detector that is exported once."""

from pathlib import Path
from typing import NamedTuple

import pytest

from mmyolo_mnv1.config import load_config
from mmyolo_mnv1.deploy.export.formats import ExportPlan, export_detector
from tests.helpers.deploy_models import write_weights

SHAPE = (96, 128)


class Narrow(NamedTuple):
    """A detector of half width at 96 x 128 px: config, weights, files by format."""

    config: Path
    weights: Path
    files: dict[str, Path]


@pytest.fixture(scope="session")
def narrow(root, tmp_path_factory) -> Narrow:
    folder = tmp_path_factory.mktemp("narrow")
    base, config = str(root / "configs/yolo11_mnv1_n_a050.py"), folder / "narrow.py"
    config.write_text(f"_base_ = {base!r}\nimg_scale = {SHAPE[::-1]}\n")
    cfg = load_config(config)
    weights = write_weights(cfg, folder / "weights.pth", [SHAPE])
    plan = ExportPlan(["onnx", "openvino", "torchscript", "ncnn"])
    return Narrow(config, weights, export_detector(cfg, weights, folder / "out", plan))
