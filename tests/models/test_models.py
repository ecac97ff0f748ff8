"""Counts, shapes, freezing and bad arguments of the models."""

import pytest
import torch
from mmengine.config import Config
from mmyolo.registry import MODELS
from torch.nn.modules.batchnorm import _BatchNorm

from mmyolo_mnv1.analysis.complexity import count_conv_macs, count_params
from mmyolo_mnv1.config import load_config
from mmyolo_mnv1.errors import InputError
from mmyolo_mnv1.models import YOLO11PAFPN, MobileNetV1
from mmyolo_mnv1.models.layers import C2PSA, C3k, C3k2

SCALES = "nsmlx"
ALPHAS = (1.0, 0.75, 0.5, 0.25)


def build_detector(root, scale="n", num_classes=80, backbone=None):
    cfg = Config.fromfile(root / "configs/yolo11_m.py").model
    cfg.update(scale=scale, num_classes=num_classes)
    cfg.backbone = backbone or cfg.backbone
    return MODELS.build(cfg)


@pytest.fixture
def meta():
    """Parameters without values, for tests that count them."""
    with torch.device("meta"):
        yield


@pytest.mark.parametrize("num_classes", [80, 1])
@pytest.mark.parametrize("scale", SCALES)
def test_yolo11_counts(root, figures, meta, scale, num_classes):
    model = build_detector(root, scale, num_classes)
    expected = figures["yolo11"][scale][str(num_classes)]["params"]
    assert count_params(model) == expected
    if num_classes == 80:
        macs = count_conv_macs(model, 640, 640) / 1e9
        assert round(macs, 4) == figures["yolo11_conv_gmacs_nc80"][scale]


@pytest.mark.parametrize("alpha", ALPHAS)
@pytest.mark.parametrize("scale", SCALES)
def test_mnv1_counts(root, figures, meta, scale, alpha):
    model = build_detector(root, scale, 80, dict(type="MobileNetV1", alpha=alpha))
    expected = figures["yolo11_mnv1"][f"alpha_{alpha}_nc80"][scale]
    assert count_params(model) == expected["params"]
    macs = count_conv_macs(model, 640, 640) / 1e9
    assert round(macs, 4) == expected["conv_gmacs"]


@pytest.mark.parametrize("alpha", ALPHAS)
def test_backbone_counts(figures, meta, alpha):
    model = MobileNetV1(alpha=alpha)
    reference = figures["mobilenet_v1"]
    assert count_params(model) == reference["params_backbone"][str(alpha)]
    for size, millions in reference["mult_adds_millions"][str(alpha)].items():
        # The paper's counts include the classifier, 1000 outputs.
        macs = count_conv_macs(model, int(size), int(size))
        macs += model.out_channels[-1] * 1000
        assert macs / 1e6 == pytest.approx(millions, abs=0.01)


@pytest.mark.parametrize("alpha", [*ALPHAS, 0.3, 1.25])
def test_neck_follows_alpha(root, alpha):
    model = build_detector(root, "n", 3, dict(type="MobileNetV1", alpha=alpha))
    model.eval()
    logits, distances = model(torch.rand(2, 3, 96, 128))
    for stride, level in zip((8, 16, 32), logits, strict=True):
        assert level.shape == (2, 3, 96 // stride, 128 // stride)
    assert [d.shape[1] for d in distances] == [4, 4, 4]


def test_out_indices_and_channels():
    model = MobileNetV1(alpha=0.5, out_indices=(0, 1, 2, 5))
    maps = model(torch.rand(1, 3, 64, 64))
    assert [m.shape[1] for m in maps] == model.out_channels == [16, 32, 64, 512]
    assert [64 // m.shape[2] for m in maps] == [2, 2, 4, 32]


def test_frozen_stages_and_norm_eval():
    model = MobileNetV1(alpha=0.25, frozen_stages=2, norm_eval=True)
    model.train()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    sum(m.mean() for m in model(torch.rand(2, 3, 64, 64))).backward()
    frozen = ("stem", "stage1", "stage2")
    for name, parameter in model.named_parameters():
        assert (parameter.grad is None) == name.startswith(frozen), name
    assert not any(m.training for m in model.modules() if isinstance(m, _BatchNorm))
    after = model.state_dict()
    assert all(torch.equal(before[k], after[k]) for k in before)


def test_without_norm_eval_statistics_move():
    model = MobileNetV1(alpha=0.25, frozen_stages=1)
    model.train()
    before = {k: v.clone() for k, v in model.state_dict().items() if "mean" in k}
    model(torch.rand(2, 3, 64, 64))
    for name, value in model.state_dict().items():
        if "mean" in name:
            same = torch.equal(before[name], value)
            assert same == name.startswith(("stem", "stage1")), name


def test_conv_cfg_reaches_every_convolution():
    cfg = dict(type="Conv2dAdaptivePadding")
    model = MobileNetV1(alpha=0.25, conv_cfg=cfg)
    convolutions = [m for m in model.modules() if isinstance(m, torch.nn.Conv2d)]
    assert len(convolutions) == 27
    assert all(type(m).__name__ == cfg["type"] for m in convolutions)


@pytest.mark.parametrize(
    ("kwargs", "named"),
    [
        (dict(last_stage=[(1024, 1)]), "last_stage"),
        (dict(last_stage=[]), "last_stage"),
        (dict(alpha=0), "alpha"),
        (dict(alpha=-0.5), "alpha"),
        (dict(alpha=float("nan")), "alpha"),
        (dict(alpha="half"), "alpha"),
        (dict(alpha=True), "alpha"),
        (dict(out_indices=(3, 6)), "out_indices"),
        (dict(out_indices=()), "out_indices"),
        (dict(frozen_stages=6), "frozen_stages"),
    ],
)
def test_bad_backbone_arguments(kwargs, named):
    with pytest.raises(InputError, match=named) as error:
        MobileNetV1(**kwargs)
    assert "\n" not in str(error.value)


def test_unknown_scale(root):
    with pytest.raises(InputError, match="scale is 'q'.*n, s, m, l, x"):
        build_detector(root, "q")


def test_blocks_keep_shape():
    x = torch.rand(1, 128, 8, 6)
    for block in (C3k(128, 128), C3k2(128, 128, 2, c3k=True), C2PSA(128, 2)):
        assert block(x).shape == x.shape


def test_c3k2_plain_bottleneck_halves_and_adds():
    block = C3k2(64, 64, 1).blocks[0]
    assert block.conv1.out_channels == 16 and block.add_identity


def test_neck_c3k_flags(meta):
    def flags(scale):
        neck = YOLO11PAFPN([64, 128, 256], scale)
        layers = [*neck.top_down_layers, *neck.bottom_up_layers]
        return [isinstance(layer.blocks[0], C3k) for layer in layers]

    assert flags("n") == flags("s") == [False, False, False, True]
    assert flags("m") == flags("l") == flags("x") == [True] * 4


@pytest.mark.parametrize(
    ("sppf", "c2psa"), [(True, True), (False, True), (True, False), (False, False)]
)
def test_neck_without_sppf_or_c2psa(sppf, c2psa):
    neck = YOLO11PAFPN([64, 128, 256], "n", sppf=sppf, c2psa=c2psa)
    kinds = {type(module).__name__ for module in neck.modules()}
    assert ("SPPFBottleneck" in kinds, "C2PSA" in kinds) == (sppf, c2psa)
    maps = [
        torch.rand(1, c, 32 // 2**i, 32 // 2**i) for i, c in enumerate((64, 128, 256))
    ]
    shapes = [tuple(m.shape[1:]) for m in neck(maps)]
    assert shapes == [(64, 32, 32), (128, 16, 16), (256, 8, 8)]


@pytest.mark.parametrize(
    ("last_stage", "channels", "blocks"),
    [([(1024, 2)], 512, 1), ([(512, 2), (512, 1)], 256, 2)],
)
def test_last_stage(last_stage, channels, blocks):
    backbone = MobileNetV1(0.5, last_stage=last_stage)
    assert backbone.out_channels == [128, 256, channels]
    assert len(backbone.stage5) == blocks
    maps = backbone(torch.rand(2, 3, 64, 64))
    assert [tuple(m.shape[1:]) for m in maps] == [
        *((128, 8, 8), (256, 4, 4), (channels, 2, 2)),
    ]
    assert len(MobileNetV1(0.5).stage5) == 2  # the class's table is unchanged


@pytest.mark.parametrize("size", ["t30", "t45", "t65", "t100"])
def test_light_detectors(root, size):
    """Depthwise and pointwise convolutions only, of channels that AVX-512 likes."""
    cfg = load_config(root / "configs/yolo11_mnv1_t100.py", {"size": size})
    model = MODELS.build(cfg.model).eval()
    for part in (model.backbone, model.neck, model.bbox_head):
        for name, conv in part.named_modules():
            if isinstance(conv, torch.nn.Conv2d) and name != "stem.conv":
                depthwise = conv.groups == conv.in_channels == conv.out_channels
                assert depthwise or conv.kernel_size == (1, 1), name
                assert conv.in_channels % 16 == conv.out_channels % 16 == 0, name
    logits, _ = model(torch.rand(1, 3, 64, 96))
    assert [tuple(m.shape[2:]) for m in logits] == [(8, 12), (4, 6), (2, 3)]


def test_unknown_size_ends_with_one_line(root):
    with pytest.raises(InputError, match="size is 't3': choose one of t30, t45, t65"):
        load_config(root / "configs/yolo11_mnv1_t30.py", {"size": "t3"})


def test_unknown_backbone_ends_with_one_line(root):
    words = "model.backbone.type is 'mmyolo.Mobile', which is not registered"
    options = {"model.backbone.type": "mmyolo.Mobile"}
    cfg = load_config(root / "configs/yolo11_mnv1_n.py", options)
    with pytest.raises(InputError, match=words):
        MODELS.build(cfg.model)


def test_divisor():
    """Channels of alpha are rounded to multiples of 8, or of another divisor."""
    assert MobileNetV1(0.25).stem.conv.out_channels == 8
    backbone = MobileNetV1(0.375, divisor=16)
    assert backbone.stem.conv.out_channels == 16
    assert backbone.out_channels == [96, 192, 384]


def test_separable_counts_of_a_layer(meta):
    """A 3x3 convolution of c to c channels has 9c + c^2 weights, and one more BN."""
    ordinary, separable = (C3k(64, 64, separable=flag) for flag in (False, True))
    mid = 32  # channels of the four 3x3 convolutions
    saved = 4 * (9 * mid * mid - (9 * mid + mid * mid) - 2 * mid)
    assert count_params(ordinary) - count_params(separable) == saved


def test_nms_is_torchvisions(root, monkeypatch):
    """Post-processing works without mmcv's NMS."""
    import mmdet.models.dense_heads.base_dense_head as base
    from mmengine.config import ConfigDict
    from mmengine.structures import InstanceData

    monkeypatch.setattr(base, "batched_nms", None)
    head = build_detector(root).bbox_head
    results = InstanceData(
        bboxes=torch.tensor(
            [[0.0, 0, 10, 10], [1, 1, 10, 10], [1, 1, 10, 10], [50, 50, 60, 60]]
        ),
        scores=torch.tensor([0.8, 0.9, 0.7, 0.3]),
        labels=torch.tensor([0, 0, 1, 0]),
    )
    cfg = ConfigDict(nms=dict(type="nms", iou_threshold=0.5), max_per_img=2)
    kept = head._bbox_post_process(results, cfg)
    assert kept.scores.tolist() == pytest.approx([0.9, 0.7])
    assert kept.labels.tolist() == [0, 1]
    cfg.nms.class_agnostic = True
    assert head._bbox_post_process(results, cfg).scores.tolist() == pytest.approx(
        [0.9, 0.3]
    )
    for change in (dict(type="soft_nms"), dict(min_score=0.1)):
        other = ConfigDict(cfg, nms=dict(cfg.nms, **change))
        with pytest.raises(InputError, match="test_cfg.nms is .*class_agnostic=True"):
            head._bbox_post_process(results, other)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_predict_on_cuda(root):
    model = build_detector(root).cuda().eval()
    image = torch.randint(0, 256, (3, 64, 64), dtype=torch.uint8)
    from mmdet.structures import DetDataSample

    sample = DetDataSample(
        metainfo=dict(ori_shape=(64, 64), img_shape=(64, 64), scale_factor=(1, 1))
    )
    with torch.no_grad():
        out = model.test_step(dict(inputs=[image], data_samples=[sample]))
    assert out[0].pred_instances.bboxes.is_cuda


def test_readme_counts_are_the_models(root, meta):
    readme = (root / "README.md").read_text()
    mnv1 = dict(type="MobileNetV1")
    for name, backbone in (("YOLO11m", None), ("MobileNetV1-YOLO11m", mnv1)):
        model = build_detector(root, "m", 1, backbone)
        macs = count_conv_macs(model, 640, 640) / 1e9
        params = count_params(model) / 1e6
        row = f"| {name} | {params:.2f} M | {2 * macs:.1f} G |"
        assert row in readme
