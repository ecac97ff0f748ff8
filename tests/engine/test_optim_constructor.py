"""Tests of GroupedOptimWrapperConstructor."""

import pytest
from mmengine.optim import DefaultOptimWrapperConstructor
from mmyolo.registry import OPTIM_WRAPPER_CONSTRUCTORS
from torch import nn

from mmyolo_mnv1.engine import GroupedOptimWrapperConstructor
from mmyolo_mnv1.errors import InputError

OPTIONS = {
    "weights": dict(norm_decay_mult=0.0, bias_decay_mult=0.0),
    "a part": dict(
        norm_decay_mult=0.0, custom_keys={"0.": dict(lr_mult=0.1, betas=[0.8, 0.99])}
    ),
}


def options_of(wrapper) -> dict[int, dict]:
    """Map the id of each parameter to the options of its parameter group."""
    return {
        id(parameter): {k: v for k, v in group.items() if k != "params"}
        for group in wrapper.param_groups
        for parameter in group["params"]
        if parameter.requires_grad and parameter.numel()
    }


@pytest.mark.parametrize("paramwise", OPTIONS.values(), ids=OPTIONS)
def test_options_are_those_of_the_parent(paramwise):
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Conv2d(4, 5, 1))
    cfg = dict(optimizer=dict(type="AdamW", lr=0.002, weight_decay=0.0005))
    expected, found = (
        constructor(cfg, paramwise)(model)
        for constructor in (
            DefaultOptimWrapperConstructor,
            GroupedOptimWrapperConstructor,
        )
    )
    expected_options, found_options = map(options_of, (expected, found))
    assert {id(p) for p in model.parameters()} <= found_options.keys()
    for parameter in model.parameters():
        assert found_options[id(parameter)] == expected_options[id(parameter)]
    assert len(found.param_groups) < len(expected.param_groups)
    distinct = {repr(sorted(options.items())) for options in found_options.values()}
    # MMEngine adds an empty group with the base options.
    assert len(found.param_groups) <= len(distinct) + 1


@pytest.mark.parametrize("paramwise", OPTIONS.values(), ids=OPTIONS)
def test_optimizer_without_weight_decay(paramwise):
    cfg = dict(optimizer=dict(type="SGD", lr=0.002))
    with pytest.raises(InputError, match="set optim_wrapper.optimizer.weight_decay"):
        GroupedOptimWrapperConstructor(cfg, paramwise)


def test_is_registered():
    name = GroupedOptimWrapperConstructor.__name__
    assert OPTIM_WRAPPER_CONSTRUCTORS.get(f"mmyolo.{name}") is (
        GroupedOptimWrapperConstructor
    )
