"""Every backend computes what the network computes; what it cannot do is refused."""

import importlib.util
from functools import cache, partial

import numpy as np
import pytest
import torch

from mmyolo_mnv1.analysis.backends import BACKENDS, build_engine, check_backend
from mmyolo_mnv1.analysis.subject import Subject
from mmyolo_mnv1.config import load_config
from mmyolo_mnv1.deploy.runtime.engines import RunOptions
from mmyolo_mnv1.errors import InputError
from mmyolo_mnv1.weights import save_checkpoint

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def subject(root):
    config = root / "configs/yolo11_mnv1_n_digits.py"
    return Subject(load_config(config, dict(img_scale=(320, 256))), batch=2)


@pytest.fixture(scope="module")
def exact(subject):
    """The network's outputs in double precision."""
    network = torch.nn.Module.double(subject.network)
    with torch.no_grad():
        outputs = network(subject.images.double())
    network.float()
    return outputs


def errors(outputs, exact):
    return [np.abs(a - b.numpy()).max() for a, b in zip(outputs, exact, strict=True)]


def arrays(outputs):
    """Outputs of any runtime in its own type, as NumPy's arrays."""
    return [o.numpy() if hasattr(o, "numpy") else np.asarray(o) for o in outputs]


@cache
def _build(subject, name, options):
    check_backend(name, options)
    return build_engine(subject.network, subject.images, name, options)


def build(name, subject, **options):
    return _build(subject, name, RunOptions("cpu", threads=2)._replace(**options))


@pytest.mark.parametrize("name", ["eager", "onnxruntime", "openvino"])
def test_agrees(subject, exact, name):
    """As closely as PyTorch's own single precision; untrained weights amplify it."""
    with torch.no_grad():
        bounds = errors(arrays(subject.network(subject.images)), exact)
    assert exact[0].shape == (2, 1680, 4) and exact[1].shape == (2, 1680, 10)
    assert all(
        output.std() > 10 * bound for output, bound in zip(exact, bounds, strict=True)
    )
    before = {k: v.clone() for k, v in subject.network.state_dict().items()}
    engine, images = build(name, subject), subject.images.numpy()
    outputs = engine.run(images)
    for found, bound in zip(errors(outputs, exact), bounds, strict=True):
        assert found <= 10 * bound
    prepared = engine.prepare(images)
    for _ in range(2):
        for timed, output in zip(arrays(prepared()), outputs, strict=True):
            assert np.array_equal(timed, output)
    other = engine.run(subject.images.flip(0).flip(3).numpy())
    assert np.abs(other[0] - outputs[0]).max() > 1
    after = subject.network.state_dict()
    assert all(torch.equal(before[k], after[k]) for k in before)


class Tiny(torch.nn.Module):
    """A network with outputs as a detector's, that is quickly compiled."""

    memory_format = torch.channels_last

    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 14, 3, stride=8, padding=1)

    def forward(self, images):
        maps = torch.nn.functional.silu(self.conv(images)).flatten(2).transpose(1, 2)
        return maps[..., :4].float().cumsum(1), maps[..., 4:].sigmoid()


@pytest.mark.parametrize("backend", ["inductor", "eager"])
def test_compiled_agrees(subject, exact, monkeypatch, backend):
    """A tiny network by the whole compiler; the detector is traced without a break."""
    network, images = subject.network, subject.images
    if backend == "inductor":
        torch.manual_seed(0)
        network = Tiny()
        with torch.no_grad():
            exact = network.double()(images.double())
        network.float()
    with torch.no_grad():
        bounds = errors(arrays(network(images)), exact)
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=backend))
    options = RunOptions("cpu", threads=2)
    outputs = build_engine(network, images, "compile", options).run(images.numpy())
    for found, bound in zip(errors(outputs, exact), bounds, strict=True):
        assert found <= 10 * bound


@pytest.mark.parametrize("name", ["eager", "openvino"])
def test_half_precision_is_half(subject, name):
    images = subject.images.numpy()
    full = build(name, subject).run(images)
    engine = build(name, subject, precision="bf16")
    half = engine.run(images)
    if name == "eager":
        outputs = engine.prepare(images)()
        assert outputs[0].dtype == torch.float32  # places boxes
        assert outputs[1].dtype == torch.bfloat16
    assert all(np.isfinite(output).all() for output in half)
    assert np.abs(half[0] - full[0]).max() > 1e-2


def test_maps_lie_channels_last(subject):
    seen = []

    def look(module, inputs):
        seen.append(inputs[0].is_contiguous(memory_format=torch.channels_last))

    stem = subject.network.detector.backbone.stem.conv
    handle = stem.register_forward_pre_hook(look)
    engine = build_engine(subject.network, subject.images, "eager", RunOptions("cpu"))
    engine.run(subject.images.numpy())
    handle.remove()
    assert seen == [True]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("precision", ["fp32", "fp16", "bf16"])
def test_cuda(root, precision):
    config = root / "configs/yolo11_mnv1_n_digits.py"
    subject = Subject(load_config(config), device="cuda")
    engine = build("eager", subject, device="cuda", precision=precision)
    boxes, scores = engine.prepare(subject.images.cpu().numpy())()
    assert boxes.is_cuda and boxes.isfinite().all() and scores.isfinite().all()


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("eagre", {}, "backend 'eagre': choose from eager, compile, onnxruntime"),
        ("eager", dict(device="tpu"), "--device tpu: choose cpu or cuda"),
        ("eager", dict(precision="fp16"), "does not run fp16 on cpu: .*fp32/bf16"),
        ("eager", dict(precision="int8"), "does not run int8"),
        ("onnxruntime", dict(precision="bf16"), "does not run bf16 on cpu"),
    ],
)
def test_refuses(name, options, words):
    with pytest.raises(InputError, match=words) as error:
        check_backend(name, RunOptions("cpu")._replace(**options))
    assert "\n" not in str(error.value)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
@pytest.mark.parametrize("name", BACKENDS)
def test_refuses_absent_cuda(name):
    with pytest.raises(InputError, match="no CUDA device here: choose cpu"):
        check_backend(name, RunOptions("cuda"))


@pytest.mark.parametrize(
    ("name", "package"),
    [
        ("onnxruntime", "pip install onnx onnxruntime"),
        ("openvino", "pip install onnx openvino"),
        ("tensorrt", "pip install onnx onnxruntime-gpu tensorrt"),
    ],
)
def test_names_the_package(monkeypatch, name, package):
    monkeypatch.setattr(importlib.util, "find_spec", lambda module: None)
    with pytest.raises(InputError, match=f"{name}: not installed: {package}$"):
        check_backend(name, RunOptions("cpu"))


def test_no_compiler(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(
        InputError, match="no C\\+\\+ compiler: apt-get install g\\+\\+"
    ):
        check_backend("compile", RunOptions("cpu"))


def test_subject(subject):
    assert subject.images.shape == (2, 3, 256, 320) and subject.shape == (256, 320)
    assert torch.equal(subject.images[0], subject.images[1])
    assert 0 <= subject.images.min() < 0.1 < 0.9 < subject.images.max() <= 1
    assert [result.bboxes.shape[1] for result in subject.postprocess()] == [4, 4]
    outputs = []
    hooks = [
        module.register_forward_hook(lambda m, i, out: outputs.append(out.std()))
        for module in subject.detector.modules()
        if isinstance(module, torch.nn.BatchNorm2d)
    ]
    with torch.no_grad():
        subject.detector(subject.images)
    for hook in hooks:
        hook.remove()
    assert len(outputs) > 60 and min(outputs) > 0.1 and max(outputs) < 1.1


def test_trained_subject(root, subject, tmp_path):
    path = tmp_path / "weights.pth"
    weights = subject.detector.state_dict()
    key = "bbox_head.head_module.cls_preds.0.2.bias"
    save_checkpoint({**weights, key: weights[key] + 20}, {}, path)
    config = root / "configs/yolo11_mnv1_n_digits.py"
    trained = Subject(load_config(config, dict(img_scale=(320, 256))), path)
    assert len(trained.postprocess()[0]) > 20
    with pytest.raises(InputError, match="weights.pth is not of .*: "):
        Subject(load_config(config, {"model.scale": "s"}), path)
    config = root / "configs/classification/mobilenet_v1_1.0_8xb32_in1k.py"
    with pytest.raises(InputError, match="no img_scale"):
        Subject(load_config(config))
