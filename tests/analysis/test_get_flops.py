"""Counts against the reference, by part and by layer; fusion; bad input."""

import csv
import json
from itertools import chain

import pytest
import torch
from mmcv.cnn import ConvModule
from mmengine.analysis import ActivationAnalyzer, FlopAnalyzer, parameter_count
from mmengine.registry import MODELS
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from mmyolo_mnv1.analysis.complexity import (
    count_layers,
    count_params,
    measure_complexity,
)
from mmyolo_mnv1.analysis.get_flops import flops_table, layers_table
from mmyolo_mnv1.config import load_config
from mmyolo_mnv1.deploy.export.network import fuse
from mmyolo_mnv1.errors import InputError
from mmyolo_mnv1.models import MobileNetV1
from mmyolo_mnv1.models.build import build_model

COUNTS = ("params", "params_fused", "conv_macs", "macs", "flops", "activations")


def cost(config, shape=(640, 640), **options):
    cfg = load_config(config, options)
    with torch.device("meta"):
        return measure_complexity(build_model(cfg), shape)


@pytest.mark.parametrize(
    ("scale", "classes"), [*((scale, 80) for scale in "nsmlx"), ("n", 1), ("m", 1)]
)
def test_yolo11_is_the_references(root, figures, scale, classes):
    names = [f"class {i}" for i in range(classes)]
    options = {"model.scale": scale, "classes": names}
    found = cost(root / "configs/yolo11_m.py", **options)
    expected = figures["yolo11"][scale][str(classes)]
    assert found["params"] == expected["params"]
    assert found["params_fused"] == expected["params_fused"]
    macs = figures[f"yolo11_conv_gmacs_nc{classes}"].get(scale)
    assert macs is None or round(found["conv_macs"] / 1e9, 4) == macs


def test_mobilenet_is_the_references(root, figures):
    expected = figures["yolo11_mnv1"]["alpha_1.0_nc1"]["m"]
    found = cost(root / "configs/yolo11_mnv1_m.py", classes=["object"])
    assert found["params"] == expected["params"]
    assert round(found["conv_macs"] / 1e9, 4) == expected["conv_gmacs"]


def test_attention_and_parts(root):
    found = cost(root / "configs/yolo11_m.py")
    heads, positions, key_dim, value_dim = 4, 20 * 20, 32, 64
    attention = heads * positions**2 * (key_dim + value_dim)
    assert found["macs"] - found["conv_macs"] == attention
    assert found["flops"] == 2 * found["macs"]
    parts = found["by_part"]
    assert list(parts) == ["backbone", "neck", "head"]
    for count in COUNTS:
        assert sum(part[count] for part in parts.values()) == found[count]
    neck = parts["neck"]
    assert neck["macs"] - neck["conv_macs"] == attention


def test_mmengine_counts_the_same(root):
    """Its analyzers trace real tensors: slow, but independent."""
    model = build_model(load_config(root / "configs/yolo11_mnv1_n_digits.py"))
    found = measure_complexity(model, (64, 64))
    model.train(False)
    inputs = (torch.zeros(1, 3, 64, 64),)
    flops = FlopAnalyzer(model, inputs).by_operator()
    assert flops["conv"] + flops["matmul"] == found["macs"]
    assert ActivationAnalyzer(model, inputs).total() == found["activations"]
    assert parameter_count(model)[""] == found["params"]


def test_layers_by_hand():
    model = nn.Sequential(
        ConvModule(3, 8, 3, stride=2, padding=1, norm_cfg=dict(type="BN")),
        nn.Conv2d(8, 8, 3, padding=1, groups=8, bias=False),
        nn.Flatten(),
        nn.Linear(8 * 16 * 16, 5),
    )
    conv, bn, depthwise, linear = count_layers(model, 32, 32)
    assert conv.name == "0.conv" and conv.kind == "Conv2d 3x3/2"
    assert conv.output == (8, 16, 16) and conv.activations == 8 * 256
    assert conv.macs == conv.conv_macs == 3 * 9 * 8 * 256
    assert (bn.params, bn.macs) == (16, 0)
    assert depthwise.kind == "Conv2d 3x3, 8 groups" and depthwise.macs == 9 * 8 * 256
    assert (linear.macs, linear.conv_macs) == (2048 * 5, 0)
    assert linear.params == 2048 * 5 + 5 and linear.activations == 5
    assert count_params(model) == sum(
        layer.params for layer in (conv, bn, depthwise, linear)
    )


def test_counting_leaves_the_model(root):
    model = build_model(load_config(root / "configs/yolo11_mnv1_n_digits.py"))
    model.train()
    before = {name: t.clone() for name, t in model.state_dict().items()}
    measure_complexity(model, (64, 64))
    after = model.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert model.training and not any(m._forward_hooks for m in model.modules())
    assert any(isinstance(m, _BatchNorm) for m in model.modules())


@pytest.mark.parametrize("config", ["yolo11_n_bccd", "yolo11_mnv1_n_bccd"])
def test_fused_computes_the_same(root, config):
    """In double precision, so that nothing hides behind rounding."""
    torch.manual_seed(0)
    model = build_model(load_config(root / f"configs/{config}.py")).double()
    for norm in [m for m in model.modules() if isinstance(m, _BatchNorm)]:
        norm.weight.data.uniform_(0.7, 1.3)
        norm.bias.data.normal_(0, 0.2)
        norm.momentum = None
    images = torch.rand(4, 3, 128, 128, dtype=torch.double)
    model.train()
    model(images)
    model.train(False)
    fused = fuse(model)
    assert not any(isinstance(m, _BatchNorm) for m in fused.modules())
    assert any(isinstance(m, _BatchNorm) for m in model.modules())
    with torch.no_grad():
        found, expected = fused(images), model(images)
    for a, b in zip(chain(*found), chain(*expected), strict=True):
        assert b.std() > 0.01
        torch.testing.assert_close(a, b, atol=1e-9, rtol=0)


def test_fuses_a_backbone_alone():
    fused = fuse(MobileNetV1(alpha=0.25))
    assert isinstance(fused, MobileNetV1) and not fused.training
    biases = sum(m.out_channels for m in fused.modules() if isinstance(m, nn.Conv2d))
    assert count_params(MobileNetV1(alpha=0.25)) - count_params(fused) == biases


def test_tables(root):
    configs = [f"{root}/configs/yolo11_mnv1_n{end}.py" for end in ("_digits", "_r057")]
    table = flops_table(configs)
    digits, small = table.document
    assert digits["input_shape"] == (192, 192) and small["input_shape"] == (352, 352)
    assert [row["part"] for row in table.rows[:4]] == [
        "total",
        "backbone",
        "neck",
        "head",
    ]
    assert f"{digits['params'] / 1e6:.2f}" in table.markdown().splitlines()[2]
    assert "Not counted: BN" in table.markdown()
    wide = flops_table(configs[:1], (64, 128)).document
    assert wide["input_shape"] == (64, 128)
    squares = 64 * 128 / 192**2
    assert wide["conv_macs"] == pytest.approx(digits["conv_macs"] * squares, rel=1e-6)
    layers = layers_table(configs[0]).rows
    for count in ("params", "conv_macs", "macs", "activations"):
        assert sum(layer[count] for layer in layers) == digits[count]


def test_tool(root, tool, tmp_path):
    script = root / "tools/get_flops.py"
    assert script.samefile(root / "tools/analysis_tools/get_flops.py")
    config = root / "configs/yolo11_mnv1_n_digits.py"
    files = [tmp_path / f"deep/flops.{form}" for form in ("json", "csv", "md")]
    done = tool(
        *(script, config, "--shape", 64, 96, "--layers"),
        *("--cfg-options", "model.backbone.alpha=0.5", "--out", *files),
    )
    assert done.returncode == 0, done.stderr
    assert "depthwise_conv.conv" in done.stdout and "conv_macs" in done.stdout
    found = json.loads(files[0].read_text())
    keys = ["config", "input_shape", *COUNTS, "by_part"]
    assert list(found) == keys and found["input_shape"] == [64, 96]
    assert found["config"] == str(config)
    with files[1].open() as file:
        total, *parts = csv.DictReader(file)
    assert [int(total[count]) for count in COUNTS] == [found[c] for c in COUNTS]
    assert [part["part"] for part in parts] == list(found["by_part"])
    assert files[2].read_text() in done.stdout
    assert not list(files[0].parent.glob(".*"))


def test_classifier(root, figures):
    config = root / "configs/classification/mobilenet_v1_1.0_8xb32_in1k.py"
    found = flops_table([config], (224, 224)).document
    assert found["params"] == figures["mobilenet_v1"]["params_with_fc1000"]["1.0"]
    millions = figures["mobilenet_v1"]["mult_adds_millions"]["1.0"]["224"]
    assert found["macs"] / 1e6 == pytest.approx(millions, abs=0.01)


@pytest.mark.parametrize(
    ("config", "shape", "options", "words"),
    [
        ("yolo11_n", (641, 640), {}, "641 x 640.*multiples of 32"),
        ("yolo11_n", (0, 640), {}, "0 x 640"),
        ("yolo11_n", (-32, 640), {}, "-32 x 640"),
        ("_base_/datasets/coco", None, {}, "coco.py has no model"),
        ("_base_/models/yolo11", None, {"classes": ["a"]}, "no img_scale"),
        ("nothing", None, {}, "nothing.py not found"),
        ("yolo11_n", None, {"model.type": "Foo"}, "Foo is not in the"),
        ("yolo11_n", None, {"model.foo": 1}, "unexpected keyword argument 'foo'"),
    ],
)
def test_refuses(root, config, shape, options, words):
    with pytest.raises(InputError, match=words) as error:
        flops_table([root / f"configs/{config}.py"], shape, options)
    assert "\n" not in str(error.value)


def test_refuses_before_it_counts(root, tool, tmp_path):
    config = root / "configs/yolo11_n.py"
    done = tool("tools/get_flops.py", config, "--out", tmp_path / "flops.txt")
    assert done.returncode == 1
    assert done.stderr.strip().endswith("name a file ending in .json, .csv, .md")
    assert len(done.stderr.strip().splitlines()) == 1
    assert "params" not in done.stdout and not list(tmp_path.iterdir())


def test_unwritable(root, tmp_path):
    (tmp_path / "file").write_text("")
    table = flops_table([root / "configs/yolo11_mnv1_n_digits.py"])
    with pytest.raises(InputError, match="cannot be written"):
        table.write([tmp_path / "file/flops.json"])
    with pytest.raises(InputError, match=r"ending in \.json, \.csv, \.md$"):
        table.write([tmp_path / "flops.png"])


def test_registries_agree(root):
    """The model is built in its config's scope, whatever scope is the default."""
    cfg = load_config(root / "configs/classification/mobilenet_v1_1.0_8xb32_in1k.py")
    assert type(build_model(cfg)) is MODELS.get("mmpretrain.ImageClassifier")
