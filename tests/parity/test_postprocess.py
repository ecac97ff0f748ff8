"""Post-processing against Ultralytics: the same detections from raw outputs."""

import pytest
import torch
from mmengine.config import ConfigDict

HEIGHT, WIDTH, CLASSES = 640, 480, 80
STRIDES = (8, 16, 32)


def raw_outputs(seed: int):
    """Class logits and distances (in strides) by level, of some tens of objects."""
    generator = torch.Generator().manual_seed(seed)
    logits, distances = [], []
    for stride in STRIDES:
        h, w = HEIGHT // stride, WIDTH // stride
        noise = torch.randn(2, CLASSES, h, w, generator=generator)
        # Neighbouring priors agree, as in a network's outputs, so that NMS has work.
        objects = torch.randn(2, CLASSES, h, w, generator=generator) > 3.3
        bumps = torch.nn.functional.max_pool2d(objects.float(), 3, 1, 1)
        logits.append(noise - 6 + 6 * bumps)
        distances.append(torch.rand(2, 4, h, w, generator=generator) * 2 + 3)
    return logits, distances


def by_score(boxes, scores, labels):
    """Rows of box, score and label, in descending order of scores."""
    rows = torch.cat([boxes, scores[:, None], labels[:, None].float()], 1).double()
    return rows[sorted(range(len(rows)), key=lambda i: (-rows[i, 4:]).tolist())]


@pytest.fixture(scope="module")
def head(detector):
    return detector().bbox_head


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("score_thr", "iou_threshold", "multi_label"),
    [(0.001, 0.7, True), (0.25, 0.45, True), (0.25, 0.45, False)],
)
def test_same_detections(
    peer, head, report, score_thr, iou_threshold, multi_label, seed
):
    from ultralytics.utils.nms import non_max_suppression
    from ultralytics.utils.tal import dist2bbox, make_anchors

    logits, distances = raw_outputs(seed)
    anchors, strides = make_anchors(logits, torch.tensor(STRIDES), 0.5)
    flat = torch.cat([d.flatten(2) for d in distances], 2)
    boxes = dist2bbox(flat, anchors.T[None], xywh=True, dim=1) * strides.T
    scores = torch.cat([x.flatten(2) for x in logits], 2).sigmoid()
    peer_detections = non_max_suppression(
        torch.cat([boxes, scores], 1),
        score_thr,
        iou_threshold,
        multi_label=multi_label,
        max_det=300,
        max_time_img=60,
    )
    cfg = ConfigDict(
        multi_label=multi_label,
        nms_pre=30000,
        score_thr=score_thr,
        nms=dict(type="nms", iou_threshold=iou_threshold),
        max_per_img=300,
    )
    meta = dict(ori_shape=(HEIGHT, WIDTH), scale_factor=(1.0, 1.0))
    detections = head.predict_by_feat(
        logits, distances, None, batch_img_metas=[meta] * 2, cfg=cfg, rescale=True
    )
    for result, peer_rows in zip(detections, peer_detections, strict=True):
        assert len(result) == len(peer_rows) > 20
        limits = torch.tensor([WIDTH, HEIGHT] * 2)
        peer_boxes, peer_scores, peer_labels = peer_rows.split((4, 1, 1), 1)
        expected = by_score(
            torch.minimum(peer_boxes.clamp(min=0), limits),
            peer_scores[:, 0],
            peer_labels[:, 0],
        )
        rows = by_score(result.bboxes, result.scores, result.labels)
        assert torch.equal(rows[:, 5], expected[:, 5])
        report("detections, score", (rows[:, 4] - expected[:, 4]).abs().max())
        report("detections, box, px", (rows[:, :4] - expected[:, :4]).abs().max())
        assert torch.allclose(rows[:, :5], expected[:, :5], rtol=0, atol=1e-3)
