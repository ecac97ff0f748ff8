"""Box, class and DFL loss and their gradients against Ultralytics."""

import pytest
import torch

HEIGHT, WIDTH, CLASSES = 256, 320, 4
STRIDES = (8, 16, 32)


def random_boxes(kind: str, generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Boxes (n, 4) as x1, y1, x2, y2 in pixels, and labels (n,)."""
    size = torch.tensor([WIDTH, HEIGHT], dtype=torch.float)
    count = dict(none=0, many=80).get(kind, 6)
    wh = torch.rand(count, 2, generator=generator) * size * 0.6 + 4
    if kind == "tiny":
        wh = torch.rand(count, 2, generator=generator) * 3 + 0.5
    centre = torch.rand(count, 2, generator=generator) * size
    if kind == "border":
        centre = size * torch.randint(0, 2, (count, 2), generator=generator)
    corners = torch.cat(
        [(centre - wh / 2).clamp(min=0), torch.minimum(centre + wh / 2, size)], 1
    )
    return corners, torch.randint(0, CLASSES, (count,), generator=generator)


@pytest.fixture(scope="module")
def losses(reference, detector):
    """Losses of Ultralytics and MMYOLO (box, class, DFL) of raw outputs by level."""
    from ultralytics.cfg import get_cfg
    from ultralytics.utils.loss import v8DetectionLoss

    peer = reference("n", CLASSES)
    peer.args = get_cfg()
    criterion = v8DetectionLoss(peer)
    head = detector(scale="n", num_classes=CLASSES).bbox_head.train()

    def peer_losses(levels, ground_truth):
        size = torch.tensor([WIDTH, HEIGHT] * 2)
        image, label, corners = ground_truth.split((1, 1, 4), 1)
        centre = (corners[:, :2] + corners[:, 2:]) / 2
        xywh = torch.cat([centre, corners[:, 2:] - corners[:, :2]], 1) / size
        batch = dict(batch_idx=image[:, 0], cls=label, bboxes=xywh)
        return criterion(levels, batch)[0]

    def mmyolo_losses(levels, ground_truth):
        module = head.head_module
        outputs = []
        for level in levels:
            # The head's forward with layers that return the raw outputs.
            distances, classes = level.split((64, CLASSES), 1)
            outputs.append(
                module.forward_single(
                    level, lambda _, c=classes: c, lambda _, d=distances: d
                )
            )
        result = head.loss_by_feat(
            *zip(*outputs, strict=True), ground_truth, [{}] * len(levels[0])
        )
        return torch.stack(
            [result["loss_bbox"], result["loss_cls"], result["loss_dfl"]]
        )

    return peer_losses, mmyolo_losses


@pytest.mark.parametrize("seed", range(20))
def test_losses_and_gradients(losses, report, seed):
    generator = torch.Generator().manual_seed(seed)
    kinds = ["none"] * 3 if seed == 19 else ["none", "many", "tiny", "border", "plain"]
    rows = []
    for image, kind in enumerate(kinds):
        corners, labels = random_boxes(kind, generator)
        index = torch.full((len(labels), 1), float(image))
        rows.append(torch.cat([index, labels[:, None].float(), corners], 1))
    shape = (len(kinds), 64 + CLASSES)
    levels = [
        3 * torch.randn(*shape, HEIGHT // s, WIDTH // s, generator=generator)
        for s in STRIDES
    ]
    for level in levels:
        level[:, 64:] -= 3
        level.requires_grad_()
    values, gradients = [], []
    for loss in losses:
        value = loss(levels, torch.cat(rows))
        gradients.append(torch.autograd.grad(value.sum(), levels))
        values.append(value.detach())
    expected, actual = values
    assert expected[1] > 0 and (seed == 19 or (expected > 0).all())
    for name, a, b in zip(("box", "class", "DFL"), actual, expected, strict=True):
        relative = ((a - b).abs() / b.clamp(min=1e-9)).item()
        report(f"loss, {name}, relative", relative)
        assert relative <= 1e-4
    for expected, actual in zip(*gradients, strict=True):
        relative = ((actual - expected).norm() / expected.norm()).item()
        report("gradient of the losses, relative", relative)
        assert relative <= 1e-4
