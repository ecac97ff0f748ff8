"""MobileNetV1 in MMPreTrain, and backbones of MMPreTrain in the detector."""

import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.registry import DefaultScope
from mmpretrain.registry import MODELS as MMPRETRAIN_MODELS
from mmyolo.registry import MODELS
from skimage import data
from skimage.io import imsave

from mmyolo_mnv1.analysis.complexity import count_params
from mmyolo_mnv1.errors import InputError
from mmyolo_mnv1.models import MobileNetV1
from mmyolo_mnv1.weights import load_tensors

MIM = Path(sys.executable).with_name("mim")
#: Distribution of mmpretrain, OneDL's or upstream's.
MMPRETRAIN = packages_distributions()["mmpretrain"][0]
ALPHAS = (1.0, 0.75, 0.5, 0.25)


@pytest.mark.parametrize("scope", ["mmpretrain", "mmyolo"])
@pytest.mark.parametrize("prefix", ["", "mmpretrain.", "mmyolo."])
def test_registered_in_both_scopes(scope, prefix):
    with DefaultScope.overwrite_default_scope(scope):
        for registry in (MMPRETRAIN_MODELS, MODELS):
            model = registry.build(dict(type=f"{prefix}MobileNetV1", alpha=0.25))
            assert type(model) is MobileNetV1


@pytest.fixture
def classifier(root):
    """Build the ImageNet classifier of a config, and check what else it names."""

    def build(alpha: float):
        name = f"mobilenet_v1_{alpha}_8xb32_in1k.py"
        cfg = Config.fromfile(root / "configs/classification" / name)
        assert cfg.custom_imports["imports"] == ["mmyolo_mnv1.registration"]
        with DefaultScope.overwrite_default_scope(cfg.default_scope):
            for loader in (cfg.train_dataloader, cfg.val_dataloader):
                Compose(loader.dataset.pipeline)
            return MMPRETRAIN_MODELS.build(cfg.model)

    return build


@pytest.mark.parametrize("alpha", ALPHAS)
def test_classifier_config(classifier, alpha):
    model = classifier(alpha)
    assert model.backbone.alpha == alpha
    assert model(torch.rand(2, 3, 64, 64)).shape == (2, 1000)


@pytest.mark.parametrize("alpha", ALPHAS)
def test_classifier_counts(classifier, figures, alpha):
    expected = figures["mobilenet_v1"]["params_with_fc1000"][str(alpha)]
    assert count_params(classifier(alpha)) == expected


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> Path:
    """Eight training and two validation crops of two photos, a folder a class."""
    folder = tmp_path_factory.mktemp("photos")
    for name, photo in (("cat", data.chelsea()), ("coffee", data.coffee())):
        for i in range(5):
            path = folder / ("train" if i < 4 else "val") / name / f"{i}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            imsave(path, photo[20 * i : 20 * i + 200, 30 * i : 30 * i + 200])
    return folder


@pytest.fixture(scope="module")
def trained(root, photos, python, tmp_path_factory) -> Path:
    """A classifier that ``mim train`` trained for two iterations."""
    folder = tmp_path_factory.mktemp("classifier")
    base = root / "configs/classification/mobilenet_v1_0.25_8xb32_in1k.py"
    (folder / "config.py").write_text(
        f"""
_base_ = {str(base)!r}
model = dict(head=dict(num_classes=2, topk=(1,)))
data = dict(_delete_=True, type="CustomDataset", data_root={str(photos)!r})
loader = dict(batch_size=4, num_workers=0, persistent_workers=False)
train_dataloader = dict(
    loader, dataset=dict(data, data_prefix="train", pipeline=_base_.train_pipeline)
)
val_dataloader = dict(
    loader, dataset=dict(data, data_prefix="val", pipeline=_base_.test_pipeline)
)
test_dataloader = val_dataloader
val_evaluator = dict(topk=(1,))
test_evaluator = val_evaluator
train_cfg = dict(max_epochs=1)
default_hooks = dict(checkpoint=dict(interval=1))
"""
    )
    done = python(
        *(MIM, "train", MMPRETRAIN, folder / "config.py"),
        *("--work-dir", folder / "work"),
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "accuracy/top1" in done.stdout
    return folder / "work" / "epoch_1.pth"


@pytest.mark.train
def test_train_a_classifier_for_two_iterations(root, trained):
    checkpoint = torch.load(trained, weights_only=False)
    assert checkpoint["meta"]["iter"] == 2
    assert checkpoint["meta"]["dataset_meta"]["classes"] == ("cat", "coffee")
    weights = checkpoint["state_dict"]
    assert all(t.isfinite().all() for t in weights.values())
    batches = weights["backbone.stage5.1.pointwise_conv.bn.num_batches_tracked"]
    assert batches == 2  # its BN saw two batches
    optimized = checkpoint["optimizer"]["state"]
    assert len(optimized) == sum(1 for _ in MobileNetV1(0.25).parameters()) + 2
    assert load_tensors(trained).keys() == weights.keys()


@pytest.mark.train
def test_classifier_starts_a_detector(root, trained):
    cfg = Config.fromfile(root / "configs/yolo11_mnv1_n_bccd.py").model
    pretrained = dict(type="Pretrained", prefix="backbone.", checkpoint=str(trained))
    cfg.backbone.update(alpha=0.25, init_cfg=pretrained)
    detector = MODELS.build(cfg)
    detector.init_weights()
    classifier = load_tensors(trained)
    loaded = detector.backbone.state_dict()
    assert {f"backbone.{k}" for k in loaded} == {
        k for k in classifier if k.startswith("backbone.")
    }
    for name, tensor in loaded.items():
        assert torch.equal(tensor, classifier[f"backbone.{name}"]), name


@pytest.fixture
def detector(root):
    """Build the example with a backbone of MMPreTrain, or with another backbone."""

    def build(**backbone):
        cfg = Config.fromfile(root / "configs/yolo11_mobilenetv2_m.py").model
        cfg.update(scale="n", num_classes=3)
        cfg.backbone = backbone or cfg.backbone
        return MODELS.build(cfg)

    return build


def test_mobilenet_v2_trains_two_iterations(detector):
    torch.manual_seed(0)
    model = detector()
    assert type(model.backbone).__module__.startswith("mmpretrain.")
    model.init_weights()
    model.train()
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(parameters, lr=1e-3)
    boxes = torch.tensor([[0, 1, 8.0, 8, 60, 50], [1, 2, 20, 30, 90, 90]])
    batch = dict(
        inputs=torch.randint(0, 256, (2, 3, 96, 96), dtype=torch.uint8),
        data_samples=dict(bboxes_labels=boxes),
    )
    for _ in range(2):
        before = [p.detach().clone() for p in parameters]
        losses = model(**model.data_preprocessor(batch, True), mode="loss")
        loss = sum(losses.values())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        assert loss.isfinite()
        assert all(p.grad is not None for p in parameters)  # else DDP would stop
        moved = [
            not torch.equal(*pair) for pair in zip(parameters, before, strict=True)
        ]
        assert sum(moved) > 0.9 * len(moved)
        assert moved[0]  # the first convolution


@pytest.mark.parametrize(
    ("backbone", "channels"),
    [
        (dict(type="mmpretrain.MobileNetV2", out_indices=(2, 4, 7)), [32, 96, 1280]),
        (
            dict(type="mmpretrain.ResNet", depth=18, out_indices=(1, 2, 3)),
            [128, 256, 512],
        ),
        (
            dict(
                type="mmpretrain.ConvNeXt",
                arch="atto",
                out_indices=(1, 2, 3),
                gap_before_final_norm=False,
            ),
            [80, 160, 320],
        ),
        (dict(type="mmdet.SwinTransformer", out_indices=(1, 2, 3)), [192, 384, 768]),
    ],
    ids=lambda x: x["type"] if isinstance(x, dict) else "",
)
def test_neck_fits_any_backbone(detector, backbone, channels):
    state = torch.get_rng_state()
    model = detector(**backbone)
    assert not torch.equal(state, torch.get_rng_state())
    assert model.neck.in_channels == channels
    model.eval()
    logits, _ = model(torch.rand(1, 3, 96, 64))
    for stride, level in zip((8, 16, 32), logits, strict=True):
        assert level.shape == (1, 3, 96 // stride, 64 // stride)


def test_the_trial_run_draws_no_random_numbers(root):
    cfg = Config.fromfile(root / "configs/yolo11_mnv1_n_bccd.py").model
    weights = []
    for channels in (None, [128, 256, 512]):
        torch.manual_seed(0)
        if channels:
            cfg.neck.in_channels = channels  # no trial run
        weights.append(MODELS.build(cfg).state_dict())
    assert all(torch.equal(weights[0][k], weights[1][k]) for k in weights[1])


@pytest.mark.parametrize(
    "backbone",
    [
        dict(type="mmpretrain.MobileNetV2"),
        dict(type="mmpretrain.ConvNeXt", arch="atto"),
        dict(type="MobileNetV1", out_indices=(2, 3, 4)),
    ],
    ids=lambda x: x["type"],
)
def test_maps_of_other_strides(detector, backbone):
    with pytest.raises(InputError, match="set its out_indices.*8, 16 and 32") as error:
        detector(**backbone)
    assert backbone["type"] in str(error.value) and "\n" not in str(error.value)
