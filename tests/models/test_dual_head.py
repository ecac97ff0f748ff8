"""One-to-one branches: training beside the usual head, detection without NMS."""

import pytest
import torch
from mmengine.config import ConfigDict
from mmyolo.registry import MODELS, TASK_UTILS

from benchmarks.training.made_up_data import make_truths
from mmyolo_mnv1.config import load_config
from mmyolo_mnv1.errors import InputError

SIDES = (16, 8, 4)  # of the maps of a 128 px image
CLASSES = 3


@pytest.fixture(scope="module")
def build(root):
    """Build a head on maps of 64, 128 and 256 channels, of given type and NMS."""
    cfg = load_config(root / "configs/yolo11_n.py").model

    def build_head(kind: str, **test_cfg):
        head = dict(cfg.bbox_head, type=kind, test_cfg=dict(cfg.test_cfg, **test_cfg))
        head["head_module"] = dict(head["head_module"], scale="n", num_classes=CLASSES)
        assigner = dict(cfg.train_cfg.assigner, num_classes=CLASSES)
        torch.manual_seed(0)
        built = MODELS.build(ConfigDict(head, train_cfg=dict(assigner=assigner)))
        built.init_weights()
        return built

    return build_head


@pytest.fixture(scope="module")
def maps():
    generator = torch.Generator().manual_seed(1)
    return [
        torch.randn(2, 64 * 2**i, side, side, generator=generator)
        for i, side in enumerate(SIDES)
    ]


def test_usual_losses_and_gradients_stay(build, maps):
    truths = make_truths(2, 6, CLASSES, (128, 128), torch.Generator().manual_seed(2))
    batch = dict(bboxes_labels=truths, img_metas=[{}] * 2)
    plain, dual = build("YOLO11Head").train(), build("YOLO11DualHead").train()
    losses, gradients = [], []
    for head in (plain, dual):
        inputs = [level.clone().requires_grad_() for level in maps]
        losses.append(head.loss(inputs, batch))
        sum(losses[-1].values()).backward()
        gradients.append([*inputs, *head.head_module.parameters()])
    extra = losses[1].pop("loss_one_to_one")
    assert extra > 0 and losses[0] == losses[1]
    for one, other in zip(*gradients, strict=True):
        assert one.grad is other.grad is None or torch.equal(one.grad, other.grad)
    assert all(p.grad.abs().sum() > 0 for p in dual.one_to_one_preds.parameters())


def test_one_prior_for_each_box():
    generator = torch.Generator().manual_seed(3)
    truths = make_truths(2, 12, CLASSES, (128, 128), generator)
    points = torch.cartesian_prod(*[torch.arange(4.0, 128, 8)] * 2).flip(1)
    noise = torch.randn(2, len(points), 4, generator=generator)
    half = torch.tensor([-20.0, -20, 20, 20])
    boxes = points.repeat(1, 2) + half + 3 * noise
    scores = torch.rand(len(truths), len(points), generator=generator)
    rows = {}
    for topk, one_to_one in ((10, False), (10, True), (1, True)):
        assigner = TASK_UTILS.build(
            dict(
                type="YOLO11TaskAlignedAssigner",
                num_classes=CLASSES,
                topk=topk,
                one_to_one=one_to_one,
            )
        )
        found = assigner(boxes, scores, points, truths)
        used = found.weights > 0
        rows[topk, one_to_one] = [
            (int(t), int(p), float(w))
            for p, t, w in zip(*(v[used] for v in found), strict=True)
        ]
    many, one, first = rows.values()
    owners = [truth for truth, _, _ in one]
    assert len(owners) == len({*owners}) and len(many) > 2 * len(one)
    best = {truth: max(w for t, _, w in many if t == truth) for truth in owners}
    places = {row[:2]: row[2] for row in many}
    for truth, prior, weight in one:  # the best of those of the usual assignment
        assert places[truth, prior] == best[truth]
        assert 0 < weight <= best[truth]
    # A second choice serves boxes whose first choice another box takes.
    assert {truth for truth, _, _ in first} <= {*owners}


def test_detects_by_the_branches_that_are_asked(build, maps):
    usual, free = build("YOLO11DualHead"), build("YOLO11DualHead", nms=None)
    plain = build("YOLO11Head")
    for head in (usual, free, plain):
        head.train(False)
    with torch.no_grad():
        for branch in free.one_to_one_preds:
            branch[-1].bias += 3.0
        outputs = [head(maps) for head in (plain, usual, free)]
        meta = dict(ori_shape=(128, 128), scale_factor=(1.0, 1.0))
        found = [
            head.predict_by_feat(*output, batch_img_metas=[meta] * 2)[0]
            for head, output in zip((plain, usual, free), outputs, strict=True)
        ]
    for levels in zip(outputs[0], outputs[1], strict=True):
        assert all(torch.equal(*same) for same in zip(*levels, strict=True))
    for one, other in zip(outputs[0][0], outputs[2][0], strict=True):
        torch.testing.assert_close(one + 3, other)
    assert len(found[0]) == len(found[1]) < 300 == len(found[2])  # nothing is dropped
    scores = torch.cat([level[0].flatten() for level in outputs[2][0]]).sigmoid()
    best = scores.sort(descending=True).values[:300]
    torch.testing.assert_close(found[2].scores, best)


def test_refuses_a_head_without_them(build):
    with pytest.raises(InputError, match=r"test_cfg.nms is None .*YOLO11DualHead"):
        build("YOLO11Head", nms=None)
