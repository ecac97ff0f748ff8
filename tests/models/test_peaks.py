"""Tests of ``peak_scores`` and of detection without NMS."""

import pytest
import torch
from mmengine.config import ConfigDict
from mmyolo.registry import MODELS

from mmyolo_mnv1.config import load_config
from mmyolo_mnv1.models.dense_heads.peaks import FACTOR, WINDOW, peak_scores

SIDES = (16, 8, 4)  # of the maps of a 128 px image
CLASSES = 3


@pytest.fixture(scope="module")
def logits():
    generator = torch.Generator().manual_seed(1)
    return [3 * torch.randn(2, CLASSES, s, s, generator=generator) for s in SIDES]


def is_in_window(level, row, column, other, row2, column2):
    """Check whether the window of the first prior contains the second prior.

    Each prior is given by its level, row and column. The levels may be adjacent.
    """
    if level == other:
        distance = max(abs(row - row2), abs(column - column2))
        return distance <= WINDOW // 2
    if other == level + 1:  # the coarser prior that contains this one, and its window
        return is_in_window(other, row // 2, column // 2, other, row2, column2)
    if other == level - 1:  # the windows of the four finer priors inside this one
        low, high = -(WINDOW // 2), 1 + WINDOW // 2
        return all(
            low <= fine - 2 * coarse <= high
            for fine, coarse in ((row2, row), (column2, column))
        )
    return False


def test_scores_that_are_no_local_maximum_are_reduced(logits):
    places = [
        (n, r, c) for n, s in enumerate(SIDES) for r in range(s) for c in range(s)
    ]
    near = torch.tensor(
        [[is_in_window(*one, *other) for other in places] for one in places]
    )
    flat = torch.cat([level.flatten(2) for level in logits], 2)
    highest = torch.where(near, flat[:, :, None], -torch.inf).amax(3)
    expected = flat.sigmoid() * torch.where(flat == highest, 1, FACTOR)
    scores = torch.cat([level.flatten(2) for level in peak_scores(logits)], 2)
    torch.testing.assert_close(scores, expected)
    peaks = (scores == flat.sigmoid()).double().mean()
    assert 0.02 < peaks < 0.2


def test_each_class_has_its_peaks():
    logits = [torch.full((1, 2, side, side), -9.0) for side in SIDES]
    logits[0][0, 0, 4, 4] = logits[0][0, 1, 4, 5] = 2.0
    logits[0][0, 0, 4, 5] = 1.9
    scores = peak_scores(logits)[0][0]
    high = torch.tensor(2.0).sigmoid()
    assert scores[0, 4, 4] == scores[1, 4, 5] == high
    assert scores[0, 4, 5] == pytest.approx(FACTOR * torch.tensor(1.9).sigmoid())


def test_half_precision(logits):
    for one, other in zip(
        peak_scores(logits),
        peak_scores([level.half() for level in logits]),
        strict=True,
    ):
        torch.testing.assert_close(one, other.float(), rtol=0.01, atol=1e-3)


def test_detection_without_nms(root, logits):
    """Without NMS, results are the highest peak scores in descending order."""
    cfg = load_config(root / "configs/yolo11_n.py").model
    module = dict(cfg.bbox_head.head_module, scale="n", num_classes=CLASSES)
    head = MODELS.build(
        ConfigDict(
            cfg.bbox_head,
            head_module=module,
            test_cfg=dict(cfg.test_cfg, nms=None, score_thr=0.0),
        )
    )
    distances = [torch.full((2, 4, side, side), 3.0) for side in SIDES]
    meta = dict(ori_shape=(128, 128), scale_factor=(1.0, 1.0))
    found = head.predict_by_feat(logits, distances, batch_img_metas=[meta] * 2)
    for image, each in enumerate(found):
        scores = [level[image].flatten() for level in peak_scores(logits)]
        best = torch.cat(scores).sort(descending=True).values[:300]
        torch.testing.assert_close(each.scores, best)
