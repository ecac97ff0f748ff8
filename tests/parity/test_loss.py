"""The three losses against Ultralytics', gradients included."""

import pytest
import torch

HEIGHT, WIDTH, CLASSES = 256, 320, 4
STRIDES = (8, 16, 32)


def boxes_of(kind: str, generator) -> tuple[torch.Tensor, torch.Tensor]:
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


@pytest.fixture
def losses(reference, detector):
    """Both sides' losses, boxes, classes and DFL, from raw outputs of the levels."""
    from ultralytics.cfg import get_cfg
    from ultralytics.utils.loss import v8DetectionLoss

    peer = reference("n", CLASSES)
    peer.args = get_cfg()
    criterion = v8DetectionLoss(peer)
    head = detector(scale="n", num_classes=CLASSES).bbox_head.train()

    def theirs(levels, ground_truth):
        size = torch.tensor([WIDTH, HEIGHT] * 2)
        image, label, corners = ground_truth.split((1, 1, 4), 1)
        centre = (corners[:, :2] + corners[:, 2:]) / 2
        xywh = torch.cat([centre, corners[:, 2:] - corners[:, :2]], 1) / size
        batch = dict(batch_idx=image[:, 0], cls=label, bboxes=xywh)
        return criterion(levels, batch)[0]

    def ours(levels, ground_truth):
        module = head.head_module
        outputs = []
        for level in levels:
            # The head's own forward, behind layers that pass the raw outputs on.
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

    return theirs, ours


@pytest.mark.parametrize("seed", range(20))
def test_losses_and_gradients(losses, report, seed):
    generator = torch.Generator().manual_seed(seed)
    kinds = ["none"] * 3 if seed == 19 else ["none", "many", "tiny", "border", "plain"]
    rows = []
    for image, kind in enumerate(kinds):
        corners, labels = boxes_of(kind, generator)
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
    theirs, ours = values
    assert theirs[1] > 0 and (seed == 19 or (theirs > 0).all())
    for name, a, b in zip(("box", "class", "DFL"), ours, theirs, strict=True):
        relative = ((a - b).abs() / b.clamp(min=1e-9)).item()
        report(f"loss, {name}, relative", relative)
        assert relative <= 1e-4
    for theirs, ours in zip(*gradients, strict=True):
        relative = ((ours - theirs).norm() / theirs.norm()).item()
        report("gradient of the losses, relative", relative)
        assert relative <= 1e-4
