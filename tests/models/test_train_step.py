"""The training step: options that change how it is computed, and its memory."""

import gc

import numpy as np
import pytest
import torch
from mmengine.structures import InstanceData
from mmyolo.registry import MODELS, RUNNERS
from torch import nn

from benchmarks.training.made_up_data import make_truths
from mmyolo_mnv1.analysis.machine import Memory
from mmyolo_mnv1.config import load_config
from mmyolo_mnv1.models import MobileNetV1
from mmyolo_mnv1.models.build import build_model

pytestmark = pytest.mark.train

SIZE = 64
#: A network with few layers and few shapes: compilers build kernels for each shape.
SHALLOW = [[(64, 1)], [(128, 2)], [(256, 2)], [(512, 2)]]
SMALL = {
    "model.backbone.alpha": 0.01,
    "model.backbone.last_stage": [(1024, 2)],
    "model.neck.out_channels": (64, 64, 512),
    "model.bbox_head.head_module.in_channels": (64, 64, 512),
}


@pytest.fixture(scope="module")
def train(root, digits, tmp_path_factory):
    """Train two iterations; the losses of each, and the runner. Options are cached."""
    folder = tmp_path_factory.mktemp("train_step")
    weights = folder / "weights.pth"
    trained = {}

    def run(**options):
        key = str(options)
        if key not in trained:
            trained[key] = train_two_iterations(options)
        return trained[key]

    def train_two_iterations(options):
        cfg = load_config(
            root / "configs/yolo11_mnv1_n_digits.py",
            {
                "data_root": str(digits),
                "img_scale": (SIZE, SIZE),
                "max_epochs": 1,
                "work_dir": str(folder),
                "train_dataloader.num_workers": 0,
                "train_dataloader.persistent_workers": False,
                "default_hooks.logger.interval": 1,
                **SMALL,
                **options,
            },
        )
        for part in ("val_cfg", "val_dataloader", "val_evaluator"):
            cfg[part] = None
        if not weights.exists():  # channels last draws them in another order
            torch.manual_seed(0)
            model = MODELS.build(dict(cfg.model, channels_last=False))
            model.init_weights()
            torch.save(dict(state_dict=model.state_dict()), weights)
        cfg.load_from = str(weights)
        runner = RUNNERS.build(cfg)
        step, losses = runner.model.train_step, []

        def recorded(*args, **kwargs):
            computed = step(*args, **kwargs)
            losses.append({name: value.item() for name, value in computed.items()})
            return computed

        runner.model.train_step = recorded
        runner.train()
        return losses, runner

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MobileNetV1, "arch_setting", SHALLOW)
        yield run


def check_losses(losses, expected, rel: float) -> None:
    """The first are equal; AdamW's first step turns rounding into steps by sign."""
    assert len(losses) == len(expected) == 2
    assert losses[0] == pytest.approx(expected[0], rel=rel)
    assert losses[1]["loss"] == pytest.approx(expected[1]["loss"], rel=0.2)


def test_bf16_on_a_cpu(train):
    plain, _ = train()
    losses, runner = train(**{"optim_wrapper.type": "BF16OptimWrapper"})
    for iteration, expected in zip(losses, plain, strict=True):
        assert iteration["loss"] == pytest.approx(expected["loss"], rel=0.05)
    assert losses[0] != plain[0]
    weights = runner.model.state_dict().values()
    assert all(w.dtype != torch.bfloat16 and w.isfinite().all() for w in weights)


def test_channels_last(train):
    plain, runner = train(**{"model.channels_last": False})
    losses, fast = train()
    check_losses(losses, plain, rel=1e-3)
    convolutions = [m for m in fast.model.modules() if isinstance(m, nn.Conv2d)]
    assert all(
        c.weight.is_contiguous(memory_format=torch.channels_last) for c in convolutions
    )
    assert runner.model.backbone.state_dict().keys() == (
        fast.model.backbone.state_dict().keys()
    )


@pytest.mark.parametrize(
    "backend", ["aot_eager", pytest.param("inductor", marks=pytest.mark.slow)]
)
def test_compile(train, backend):
    plain, _ = train()
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    losses, runner = train(compile=dict(backend=backend))
    check_losses(losses, plain, rel=1e-3)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] >= 3
    weights = runner.model.state_dict()  # under the names of a plain model
    assert runner.model.load_state_dict(weights)
    assert not any("_orig_mod" in name for name in weights)


@pytest.fixture(scope="module")
def head(root):
    return build_model(load_config(root / "configs/yolo11_n.py")).bbox_head.train()


def outputs_of(images: int) -> list[list[torch.Tensor]]:
    """Class logits, distances and their distributions of three levels at 640 px."""
    generator = torch.Generator().manual_seed(0)
    levels = [], [], []
    for side in (80, 40, 20):
        shape = images, side * side, 4, 16
        logits = torch.randn(images, 80, side, side, generator=generator) - 4
        dists = torch.randn(*shape, generator=generator)
        distances = dists.softmax(3) @ torch.arange(16.0)
        distances = distances.transpose(1, 2).reshape(images, 4, side, side)
        for values, value in zip(levels, (logits, distances, dists), strict=True):
            values.append(value)
    return list(levels)


def test_crowded_image_costs_no_more(head):
    """500 boxes in one of eight images take no more memory than 500 spread over all."""
    images, count = 8, 500
    generator = torch.Generator().manual_seed(1)
    crowd = make_truths(1, count, 80, (640, 640), generator)
    spread = crowd.clone()
    spread[:, 0] = torch.arange(count) % images
    spread = spread[spread[:, 0].argsort(stable=True)]
    outputs, metas = outputs_of(images), [{}] * images
    head.loss_by_feat(*outputs, crowd, metas)  # caches
    peaks = []
    for truths in (spread, crowd):
        gc.collect()
        memory = Memory("cpu")
        peaks.append(
            memory.peak(lambda t=truths: head.loss_by_feat(*outputs, t, metas))
        )
    assert peaks[1] < 1.3 * peaks[0]


def test_no_boxes_at_all(head):
    outputs = outputs_of(2)
    for level in outputs[0]:
        level.requires_grad_()
    losses = head.loss_by_feat(*outputs, torch.zeros(0, 6), [{}] * 2)
    sum(losses.values()).backward()
    assert losses["loss_bbox"] == losses["loss_dfl"] == 0
    assert losses["loss_cls"] > 0 and outputs[0][0].grad.abs().sum() > 0


def test_instances_by_image(head):
    """Other collate functions give a list of instances; the losses are the same."""
    generator = torch.Generator().manual_seed(1)
    truths = make_truths(2, 5, 80, (640, 640), generator)
    instances = [
        InstanceData(bboxes=t[:, 2:], labels=t[:, 1].long())
        for t in truths.split([5, 5])
    ]
    outputs, metas = outputs_of(2), [{}] * 2
    expected = head.loss_by_feat(*outputs, truths, metas)
    losses = head.loss_by_feat(*outputs, instances, metas)
    assert losses == expected
    assert np.isfinite([value.item() for value in losses.values()]).all()


def test_silu_is_in_place_in_evaluation_only(root):
    """A SiLU with ``inplace=False`` in its config stays unchanged."""
    options = {"model.neck.act_cfg": dict(type="SiLU", inplace=False)}
    model = build_model(load_config(root / "configs/yolo11_n.py", options))

    def in_place(part) -> set[bool]:
        return {m.inplace for m in part.modules() if isinstance(m, nn.SiLU)}

    assert in_place(model.train().backbone) == in_place(model.neck) == {False}
    assert in_place(model.eval().backbone) == {True}
    assert in_place(model.neck) == {False}
