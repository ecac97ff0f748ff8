"""Tests of the task-aligned assigner, with the code for CPUs and for GPUs."""

import pytest
import torch
from mmdet.models.task_modules.prior_generators import MlvlPointGenerator

from benchmarks.training.made_up_data import make_truths
from mmyolo_mnv1.models import YOLO11TaskAlignedAssigner
from mmyolo_mnv1.models.task_modules import task_aligned_assigner

IMAGES, CLASSES, SIZE = 3, 4, 160


@pytest.fixture
def inputs():
    """Arguments of the assigner; predicted boxes are close to ground truths."""
    generator = torch.Generator().manual_seed(0)
    sides = [SIZE // stride for stride in (8, 16, 32)]
    priors = MlvlPointGenerator((8, 16, 32), 0.5)
    points = torch.cat(priors.grid_priors([(s, s) for s in sides], device="cpu"))
    truths = make_truths(IMAGES, 12, CLASSES, (SIZE, SIZE), generator)
    owners = torch.randint(0, 12, (IMAGES, len(points)), generator=generator)
    boxes = truths[:, 2:].view(IMAGES, 12, 4)[torch.arange(IMAGES)[:, None], owners]
    boxes = boxes + 4 * torch.randn(boxes.shape, generator=generator)
    logits = torch.randn(IMAGES, CLASSES, len(points), generator=generator)
    return boxes, logits, points, truths


def test_pairs_inside_are_enough(inputs, monkeypatch):
    assigner = YOLO11TaskAlignedAssigner(CLASSES)
    found = assigner(*inputs)
    assert 0 < (found.weights > 0).sum() < found.weights.numel()
    monkeypatch.setattr(
        task_aligned_assigner, "_pairs", task_aligned_assigner._all_pairs
    )
    expected = assigner(*inputs)
    assigned = expected.weights > 0
    assert torch.equal(found.weights > 0, assigned)
    torch.testing.assert_close(found.weights, expected.weights)
    assert torch.equal(found.priors[assigned], expected.priors[assigned])
    assert torch.equal(found.truths[assigned], expected.truths[assigned])


def test_box_without_a_prior_inside(inputs):
    """A ground-truth box that contains no prior is not assigned to any prior."""
    boxes, logits, points, _ = inputs
    truths = torch.tensor([[0, 1, 5.0, 5.0, 6.5, 6.5], [1, 2, 20.0, 20.0, 90.0, 90.0]])
    rows = YOLO11TaskAlignedAssigner(CLASSES)(boxes, logits, points, truths)
    assert set(rows.truths[rows.weights > 0].tolist()) == {1}


@pytest.mark.parametrize("pairs", ["_pairs", "_all_pairs"])
def test_prediction_that_is_not_a_number(inputs, monkeypatch, pairs):
    """NaN predictions cause no invalid index: training reaches the NaN guard."""
    chosen = getattr(task_aligned_assigner, pairs)
    monkeypatch.setattr(task_aligned_assigner, "_pairs", chosen)
    boxes, logits, points, truths = inputs
    boxes[0], logits[0] = float("nan"), float("nan")
    rows = YOLO11TaskAlignedAssigner(CLASSES)(boxes, logits, points, truths)
    assert rows.truths.max() < len(truths)
    assert (truths[rows.truths[rows.weights > 0], 0] > 0).all()
