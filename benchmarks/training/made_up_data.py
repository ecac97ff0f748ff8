"""Made-up ground truth and head outputs, equal for all sides."""

import torch
from torch import Tensor
from torch.nn import functional as F


def make_truths(
    images: int,
    boxes: int,
    num_classes: int,
    size: tuple[int, int],
    generator: torch.Generator,
) -> Tensor:
    """Make boxes of random position, shape and class.

    Args:
        images (int): Number of images.
        boxes (int): Boxes per image.
        num_classes (int): Number of classes.
        size (tuple[int, int]): Width and height of the images in pixels; boxes measure
            3 to 43 % of them.
        generator (torch.Generator): Source of random numbers.

    Returns:
        Tensor: (images x boxes, 6): image index, label, x1, y1, x2, y2.
    """
    count, limits = images * boxes, torch.tensor(size)
    extent = (0.03 + 0.4 * torch.rand(count, 2, generator=generator)) * limits
    corner = torch.rand(count, 2, generator=generator) * (limits - extent)
    index = torch.arange(images).repeat_interleave(boxes)[:, None].float()
    label = torch.randint(0, num_classes, (count, 1), generator=generator).float()
    return torch.cat([index, label, corner, corner + extent], 1)


def make_outputs(
    images: int,
    shape: tuple[int, int],
    generator: torch.Generator,
    num_classes: int = 80,
) -> tuple[list[Tensor], list[Tensor]]:
    """Make head outputs like a trained network's: few objects, neighbours agree.

    Args:
        images (int): Number of images.
        shape (tuple[int, int]): Height and width of the input in pixels.
        generator (torch.Generator): Source of random numbers.
        num_classes (int): Number of classes. Defaults to 80.

    Returns:
        tuple[list[Tensor], list[Tensor]]: By level, class logits (N, C, H_i, W_i) and
        distances (N, 4, H_i, W_i) in strides.
    """
    logits, distances = [], []
    for stride in (8, 16, 32):
        cells = shape[0] // stride, shape[1] // stride
        noise = torch.randn(images, num_classes, *cells, generator=generator)
        seeds = torch.randn(images, num_classes, *cells, generator=generator) > 3.3
        objects = F.max_pool2d(seeds.float(), 3, 1, 1)
        logits.append(noise - 9 + 9 * objects)
        distances.append(3 + 2 * torch.rand(images, 4, *cells, generator=generator))
    return logits, distances
