"""Every exported form finds what the PyTorch detector finds."""

import numpy as np
import pytest

from mmyolo_mnv1.config import load_config
from mmyolo_mnv1.deploy import Detector
from mmyolo_mnv1.deploy.export.formats import ExportPlan, export_detector
from mmyolo_mnv1.deploy.export.pytorch_engine import load_pytorch
from tests.helpers.deploy_models import (
    assert_same,
    detect_in_pytorch,
    photos,
    write_weights,
)

pytestmark = pytest.mark.slow

MODELS = [
    "yolo11_n",
    "yolo11_mnv1_n",
    "yolo11_mnv1_m",
]
SHAPES = [(640, 640), (480, 352)]
DYNAMIC = ("onnx", "openvino", "torchscript")


@pytest.fixture(scope="module", params=MODELS)
def model(request, root, tmp_path_factory):
    """A config's path, weights, and what PyTorch finds in each shape."""
    path = root / f"configs/{request.param}.py"
    folder = tmp_path_factory.mktemp(request.param)
    weights = write_weights(load_config(path), folder / "weights.pth", SHAPES)
    expected = {
        shape: detect_in_pytorch(
            load_config(path, dict(img_scale=shape[::-1])), weights, photos()
        )
        for shape in SHAPES
    }
    return path, weights, folder, expected


@pytest.fixture(scope="module")
def exported(model):
    """Files by format: dynamic ones, and ncnn of both shapes."""
    path, weights, folder, _ = model
    cfg = load_config(path)
    files = export_detector(cfg, weights, folder, ExportPlan(DYNAMIC, dynamic=True))
    ncnn = {
        shape: export_detector(
            cfg, weights, folder / str(shape), ExportPlan(["ncnn"], shape=shape)
        )["ncnn"]
        for shape in SHAPES
    }
    return files, ncnn


def check(found, expected):
    counts = [assert_same(f, e) for f, e in zip(found, expected, strict=True)]
    assert sum(counts) > 50


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", [*DYNAMIC, "ncnn"])
def test_finds_the_same(model, exported, name, shape):
    files, ncnn = exported
    expected = model[-1][shape]
    if name == "ncnn":
        detector = Detector(ncnn[shape])
    else:
        detector = Detector(files[name], shape=shape)
        check(detector.detect(photos()), expected)  # a batch of four
    check([detector(photo) for photo in photos()], expected)


def test_checkpoint_finds_the_same(model):
    path, weights, _, expected = model
    detector = Detector(load_pytorch(str(path), weights))
    check(detector.detect(photos()), expected[SHAPES[0]])


def test_nms_in_the_graph_finds_the_same(model):
    path, weights, folder, expected = model
    plan = ExportPlan(["onnx", "openvino"], form="nms", dynamic=True)
    files = export_detector(load_config(path), weights, folder, plan)
    for file in files.values():
        detector = Detector(file)
        assert detector.metadata.form == "nms" and "_nms." in file.name
        check(detector.detect(photos()), expected[SHAPES[0]])
    whole = Detector(files["onnx"])(photos()[1])
    middle = float(np.median(whole.scores))
    raised = Detector(files["onnx"], score_threshold=middle)(photos()[1])
    keep = whole.scores > np.float32(middle)
    assert 0 < keep.sum() < len(keep)
    assert np.array_equal(raised.boxes, whole.boxes[keep])
