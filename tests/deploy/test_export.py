"""tools/deploy/export.py: precisions, what is reported, what is refused."""

import json
import logging
import shutil

import numpy as np
import onnx
import openvino
import pytest
import torch
from onnx import numpy_helper
from torch import nn

from mmyolo_mnv1.analysis.backends import PLACEHOLDER
from mmyolo_mnv1.config import load_config
from mmyolo_mnv1.deploy import Detector
from mmyolo_mnv1.deploy.export import bias_correction, formats
from mmyolo_mnv1.deploy.export.bias_correction import correct_biases
from mmyolo_mnv1.deploy.export.formats import (
    ExportPlan,
    disk_size,
    export_detector,
)
from mmyolo_mnv1.deploy.export.onnx_export import export_onnx
from mmyolo_mnv1.deploy.export.quantization import (
    AccuracyLimit,
    Calibration,
    find_sensitive,
    find_tail,
)
from mmyolo_mnv1.deploy.runtime.metadata import INPUT, Metadata
from mmyolo_mnv1.deploy.runtime.processing import letterbox, normalise
from mmyolo_mnv1.errors import InputError
from tests.helpers.deploy_models import (
    assert_same,
    detect_in_pytorch,
    image_files,
    photos,
    write_weights,
)

pytestmark = pytest.mark.slow

SIDE = 96


@pytest.fixture(scope="module")
def model(root, digits, tmp_path_factory):
    """A child of the digits config on the small data, and weights."""
    folder = tmp_path_factory.mktemp("model")
    base = root / "configs/yolo11_mnv1_n_digits.py"
    path = folder / "child.py"
    path.write_text(
        f"_base_ = {str(base)!r}\nimg_scale = ({SIDE}, {SIDE})\n"
        f"data_root = {str(digits)!r}\n"
    )
    weights = write_weights(load_config(path), folder / "weights.pth", [(SIDE, SIDE)])
    return path, weights


@pytest.fixture(scope="module")
def whole(model, tmp_path_factory):
    """Exported in single precision."""
    config, weights = model
    plan = ExportPlan(["onnx", "openvino", "ncnn"])
    out = tmp_path_factory.mktemp("whole")
    return export_detector(load_config(config), weights, out, plan)


def test_half(model, whole, tmp_path):
    """Half the size; boxes are decoded in single precision, so they stay close."""
    config, weights = model
    formats = ["onnx", "openvino", "ncnn", "torchscript"]
    files = export_detector(
        load_config(config), weights, tmp_path, ExportPlan(formats, half=True)
    )
    photo = photos()[0]
    boxes, scores = raw(whole["onnx"], photo)
    for name, path in files.items():
        assert "_fp16." in path.name
        if name in whole:
            assert 0.45 < disk_size(path) / disk_size(whole[name]) < 0.6
        found = raw(path, photo)
        assert 0 < np.abs(found[0] - boxes).mean() < 1
        assert np.corrcoef(found[1].ravel(), scores.ravel())[0, 1] > 0.95
    inputs = onnx.load(files["onnx"]).graph.input
    assert inputs[0].type.tensor_type.elem_type == onnx.TensorProto.FLOAT


def test_int8(model, whole, tool, tmp_path, monkeypatch):
    """By the command line, with the accuracy; the end of the graph is in float."""
    config, weights = model
    nodes = onnx.load(whole["onnx"]).graph.node
    found = next(node.name for node in nodes if node.op_type == "Conv")
    monkeypatch.setattr(formats, "find_sensitive", lambda *arguments: [found])
    out = tmp_path / "out"
    image_files(tmp_path / "photos")
    done = tool(
        *("tools/deploy/export.py", config, weights, "--int8"),
        *("--calib", tmp_path / "photos", "--eval", "--max-drop", 0.5),
        *("--format", "onnx", "openvino", "--out", out),
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.count("| int8 ") == 2 and "mAP lost" in done.stdout
    names = "child_int8.onnx", "child_int8.xml", "child_int8.bin"
    assert {p.name for p in out.iterdir()} == {*names}
    graph = onnx.load(out / names[0]).graph
    producers = {out: node.op_type for node in graph.node for out in node.output}
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    floats = [
        node.name
        for node in convolutions
        if producers.get(node.input[1]) != "DequantizeLinear"
    ]
    assert len(floats) == 7 and len(convolutions) == 83 and found in floats
    assert sum(name.endswith("/Conv") and "_preds." in name for name in floats) == 6
    biases = {node.input[2] for node in convolutions if node.name not in floats}
    assert len(biases) == 83 - 7 and all("corrected" in name for name in biases)
    check_weights(graph, onnx.load(whole["onnx"]).graph, floats)
    photo = photos()[0]
    boxes, scores = raw(whole["onnx"], photo)
    for path, file in (("onnx", names[0]), ("openvino", names[1])):
        assert disk_size(out / file) < 0.4 * disk_size(whole[path])
        found = raw(out / file, photo)
        for one, other, least in zip(found, (boxes, scores), (0.98, 0.6), strict=True):
            assert least < np.corrcoef(one.ravel(), other.ravel())[0, 1] < 1


def check_weights(graph, float_graph, floats):
    """Compare the weights of the file with those that bias correction assumes."""
    values = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    whole = {t.name: numpy_helper.to_array(t) for t in float_graph.initializer}
    producers = {out: node for node in graph.node for out in node.output}
    weights = {
        n.name: whole[n.input[1]]
        for n in float_graph.node
        if n.name not in floats and n.op_type == "Conv"
    }
    assert len(weights) == 83 - 7
    ties = 0
    for node in graph.node:
        if node.name in weights:
            integers, scale, _ = producers[node.input[1]].input
            found = values[integers] * values[scale].reshape(-1, 1, 1, 1)
            weight = weights[node.name]
            wanted = weight + bias_correction._weight_error(weight)
            steps = np.abs(weight / values[scale].reshape(-1, 1, 1, 1)) % 1
            tie = np.isclose(steps, 0.5, atol=1e-4)  # float32 and float64 may differ
            ties += tie.sum()
            assert np.all(tie | np.isclose(found, wanted, rtol=1e-4, atol=1e-7))
    assert ties < 0.001 * sum(weight.size for weight in weights.values())


def test_sensitive_convolutions_stay_in_float(tmp_path):
    """NNCF returns layers to float until the limit is kept."""
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.ReLU()]
    network = nn.Sequential(*layers, nn.Conv2d(8, 4, 1))
    torch.onnx.export(
        network, torch.zeros(1, 3, 32, 32), tmp_path / "n.onnx", dynamo=False
    )
    model = openvino.convert_model(tmp_path / "n.onnx")
    metadata = PLACEHOLDER._replace(input_shape=(32, 32))
    calibration = Calibration(image_files(tmp_path / "photos"), metadata, 3)
    precisions = iter([0.5, 0.5, 0.3])  # first call, float, INT8; then restored

    def measure(engine):
        for images in calibration:
            engine.run(images)
        return next(precisions, 0.5)

    limit = AccuracyLimit(measure, calibration.paths, 0.01)
    names = find_sensitive(model, [], calibration, limit)
    convolutions = {
        operation.get_friendly_name()
        for operation in model.get_ops()
        if "Convolution" in operation.get_type_name()
    }
    assert len(convolutions) == 3
    found = convolutions & set(names)
    assert 1 <= len(found) < 3
    assert {name.removesuffix("/WithoutBiases") for name in found} <= set(names)


@pytest.mark.parametrize("groups", [1, 2, 8])
def test_bias_correction_keeps_the_mean(tmp_path, groups):
    """With corrected biases, quantised weights keep the float convolution's means."""
    torch.manual_seed(0)
    first = nn.Conv2d(3, 8, 1)
    second = nn.Conv2d(8, 8, 3, groups=groups)
    nn.init.uniform_(second.weight, 0, 0.01)  # errors of one channel do not cancel
    with torch.no_grad():
        second.weight[:, 0, 0, 0] = 1
    network = nn.Sequential(first, nn.ReLU(), second)
    path = tmp_path / "n.onnx"
    example = torch.zeros(1, 3, 32, 32)
    torch.onnx.export(network, example, path, dynamo=False, input_names=[INPUT])
    metadata = PLACEHOLDER._replace(input_shape=(32, 32))
    calibration = Calibration(image_files(tmp_path / "photos"), metadata, 3)
    model = onnx.load(path)
    correct_biases(model, ["/0/Conv"], calibration)
    tensors = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    corrected = [n.input[2] for n in model.graph.node if n.op_type == "Conv"]
    assert corrected[0] == "0.bias"
    weight = second.weight.detach()
    scale = weight.abs().amax((1, 2, 3), keepdim=True) / 127
    inputs = torch.cat([torch.from_numpy(images) for images in calibration])
    with torch.no_grad():
        # One window that has the mean of each input channel at all 3 x 3 positions.
        means = network[:2](inputs).mean((0, 2, 3), keepdim=True).expand(1, -1, 3, 3)
        wanted = second(means)
        second.weight.copy_((weight / scale).round() * scale)
        assert (second(means) - wanted).abs().max() > 1e-3
        second.bias.copy_(torch.from_numpy(tensors[corrected[1]].copy()))
        torch.testing.assert_close(second(means), wanted, atol=1e-5, rtol=0)


def raw(path, photo):
    """Boxes and scores at every prior."""
    detector = Detector(path)
    how = detector.metadata.preprocessing
    boxed = letterbox(photo, detector.shape, how)
    return [
        output[0].copy()
        for output in detector.engine.run(normalise([boxed.image], how))
    ]


def test_tail_begins_with_the_last_convolutions(whole):
    graph = onnx.load(whole["onnx"]).graph
    kinds = {node.name: node.op_type for node in graph.node}
    tail = find_tail(graph)
    assert [kinds[name] for name in tail].count("Conv") == 6
    assert {"Softmax", "MatMul", "Concat", "Sub", "Add"} <= {kinds[n] for n in tail}
    assert "Relu" not in {kinds[n] for n in tail}  # the backbone


def test_nms_keeps_the_best_class_only(model, tmp_path):
    """multi_label=False, and a file's name that says its form."""
    config, weights = model
    cfg = load_config(config, {"model.test_cfg.multi_label": False})
    found = [
        Detector(
            export_detector(cfg, weights, tmp_path, ExportPlan(["onnx"], form))["onnx"]
        )
        for form in ("raw", "nms")
    ]
    raw_form, nms_form = (detector(photos()[0]) for detector in found)
    assert not found[0].metadata.nms.multi_label
    assert assert_same(nms_form, raw_form) > 20
    with pytest.raises(InputError, match="NMS in the graph has .* --nms none"):
        Detector(tmp_path / "child_nms.onnx", iou_threshold=0.5)
    # A graph in which every prior may have every class finds more.
    more = export_detector(load_config(config), weights, tmp_path, ExportPlan(["onnx"]))
    assert len(Detector(more["onnx"], 0.05)(photos()[0]).scores) > len(
        Detector(tmp_path / "child_nms.onnx", 0.05)(photos()[0]).scores
    )


def test_nms_free(model, tool, tmp_path):
    """Models of ``--nms free`` give PyTorch's detections, also in ncnn."""
    config, weights = model
    out = tmp_path / "out"
    done = tool(
        *("tools/deploy/export.py", config, weights, "--nms", "free", "--out", out),
        *("--format", "onnx", "openvino", "ncnn", "torchscript"),
    )
    assert done.returncode == 0, done.stderr[-2000:]
    cfg = load_config(config)
    cfg.model.test_cfg.nms = None
    (expected,) = detect_in_pytorch(cfg, weights, photos()[:1])
    for suffix in ("onnx", "xml", "ncnn.param", "torchscript"):
        detector = Detector(out / f"child_free.{suffix}")
        found = detector(photos()[0])
        assert assert_same(found, expected) >= 10  # peaks
        assert (np.diff(found.scores) <= 0).all()
        # Overlapping boxes stay, unless NMS is asked for.
        fewer = Detector(detector.engine, iou_threshold=0.1)(photos()[0])
        assert fewer.scores.sum() < found.scores.sum()


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (ExportPlan(["onnx", "tflite"]), "--format tflite: choose from onnx, openvino"),
        (ExportPlan(["onnx", "ncnn"], form="nms"), "--nms onnx does not go with ncnn"),
        (ExportPlan(["ncnn"], dynamic=True), "--dynamic does not go with ncnn"),
        (ExportPlan(["onnx"], shape=(100, 96)), "--shape 100 96: .* multiples of 32"),
        (ExportPlan(["onnx"], samples=0), "--calib-images 0"),
    ],
)
def test_refuses_a_plan(model, tmp_path, plan, words):
    config, weights = model
    with pytest.raises(InputError, match=words) as error:
        export_detector(load_config(config), weights, tmp_path / "out", plan)
    assert "\n" not in str(error.value) and not (tmp_path / "out").exists()


def test_refuses_calibration(model, tmp_path):
    config, weights = model
    cfg, out = load_config(config), tmp_path / "out"
    (tmp_path / "empty").mkdir()
    plan = ExportPlan(["onnx"], calibration=tmp_path / "empty")
    with pytest.raises(InputError, match="folder .*empty has no image"):
        export_detector(cfg, weights, out, plan)
    with pytest.raises(InputError, match="--int8 and --half: choose one"):
        export_detector(cfg, weights, out, plan._replace(half=True))
    with pytest.raises(InputError, match="--int8 does not go with torchscript"):
        export_detector(cfg, weights, out, plan._replace(formats=["torchscript"]))
    image_files(tmp_path / "bad")
    (tmp_path / "bad/0.png").write_bytes(b"no image")
    plan, level = plan._replace(calibration=tmp_path / "bad"), logging.root.level
    with pytest.raises(InputError, match="calibration image .*0.png: .* remove it"):
        export_detector(cfg, weights, out, plan)
    assert logging.root.level == level
    assert not list(out.iterdir())  # nothing half-written


def test_exporter_logs_again_after_an_error(tmp_path):
    class Broken(torch.nn.Module):
        def forward(self, images):
            raise ArithmeticError

    level = logging.getLogger("torch.onnx").level
    with pytest.raises(ArithmeticError):
        export_onnx(Broken(), torch.zeros(1), tmp_path / "broken.onnx")
    assert logging.getLogger("torch.onnx").level == level


def test_checkpoint_of_another_config(model, root, tool, tmp_path):
    _, weights = model
    done = tool(
        *("tools/deploy/export.py", root / "configs/yolo11_mnv1_s.py", weights),
        *("--out", tmp_path / "out"),
    )
    assert done.returncode == 1 and not (tmp_path / "out").exists()
    line = done.stderr.strip().splitlines()[-1]
    assert "is not of" in line and "yolo11_mnv1_s.py" in line
    assert "of another shape (" in line and "tensors match" in line
    done = tool("tools/deploy/export.py", model[0], weights, "--int8")
    assert done.returncode == 1 and "--int8 and --calib DIR go together" in done.stderr
    done = tool("tools/deploy/export.py", model[0], weights, "--max-drop", 1)
    assert done.returncode == 1 and "--max-drop needs --int8" in done.stderr


def test_refuses_configs(model, root, tmp_path):
    config, weights = model
    for options, words in (
        ({"model.test_cfg.nms.type": "soft_nms"}, "test_cfg.nms is .*give type='nms'"),
        ({"test_dataloader.dataset.pipeline": []}, "has no Letterbox"),
    ):
        with pytest.raises(InputError, match=words):
            export_detector(
                load_config(config, options), weights, tmp_path, ExportPlan(["onnx"])
            )
    cfg = load_config(root / "configs/classification/mobilenet_v1_1.0_8xb32_in1k.py")
    with pytest.raises(InputError, match="is no detector"):
        export_detector(cfg, weights, tmp_path, ExportPlan(["onnx"]))


def test_preprocessing_of_other_statistics(root, tmp_path):
    """Mean and deviation of ImageNet's weights reach the file."""
    options = {"pretrained": "w.npz", "model.backbone.alpha": 0.25}
    cfg = load_config(root / "configs/yolo11_mnv1_n.py", options)
    weights = write_weights(cfg, tmp_path / "weights.pth", [(96, 96)])
    plan = ExportPlan(["onnx"], shape=(96, 96))
    detector = Detector(export_detector(cfg, weights, tmp_path, plan)["onnx"])
    assert isinstance(detector.metadata, Metadata)
    assert detector.metadata.preprocessing.mean == (127.5,) * 3
    assert json.loads(detector.metadata.dump()["preprocessing"])["std"] == [127.5] * 3
    shutil.rmtree(tmp_path)
