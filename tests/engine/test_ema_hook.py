"""ForeachMomentumEMA computes the same averages as ExpMomentumEMA."""

import copy

import pytest
import torch
from mmdet.models.layers import ExpMomentumEMA

from mmyolo_mnv1.config import load_config
from mmyolo_mnv1.engine import ForeachMomentumEMA
from mmyolo_mnv1.models.build import build_model


@pytest.mark.parametrize("options", [{}, dict(update_buffers=True), dict(interval=2)])
def test_averages_are_those_of_the_parent(root, options):
    torch.manual_seed(0)
    model = build_model(load_config(root / "configs/yolo11_mnv1_n_a025.py"))
    options = dict(momentum=1e-4, gamma=20, **options)
    averages = [cls(model, **options) for cls in (ExpMomentumEMA, ForeachMomentumEMA)]
    start = copy.deepcopy(averages[1].state_dict())
    for _ in range(4):
        with torch.no_grad():
            for tensor in (*model.parameters(), *model.buffers()):
                tensor.add_(torch.rand_like(tensor, dtype=torch.float32).to(tensor))
        for average in averages:
            average.update_parameters(model)
    expected, found = (average.state_dict() for average in averages)
    assert expected.keys() == found.keys()
    assert all(torch.equal(expected[name], found[name]) for name in expected)
    name = "module.backbone.stem.conv.weight"
    assert not torch.equal(start[name], found[name])
