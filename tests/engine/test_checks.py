"""Checks of a training config and its data loader."""

import pytest
from mmengine.config import Config
from torch.utils.data import DataLoader

from mmyolo_mnv1.engine.checks import check_batches
from mmyolo_mnv1.errors import InputError


@pytest.mark.parametrize(
    ("images", "batch", "scale", "options", "fits"),
    [
        (1, 1, (32, 32), {}, False),
        (9, 4, (32, 63), {}, False),  # the last batch has one image
        (9, 4, (32, 32), dict(drop_last=True), True),
        (8, 4, (32, 32), {}, True),
        (1, 1, (64, 32), {}, True),
    ],
)
def test_batches_of_one_value_a_channel(images, batch, scale, options, fits):
    loader = DataLoader(range(images), batch_size=batch, **options)
    check_batches(loader, Config())  # a classifier: no input_scale
    cfg = Config(dict(input_scale=scale))
    if fits:
        check_batches(loader, cfg)
    else:
        with pytest.raises(InputError, match="a batch has 1 image of 32 x .* BN gets"):
            check_batches(loader, cfg)
