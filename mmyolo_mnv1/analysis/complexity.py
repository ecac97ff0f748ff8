"""Parameters, multiply-accumulates (MACs) and activations."""

import copy
import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from mmyolo.models.dense_heads import YOLOv8HeadModule
from torch import nn
from torch.utils.flop_counter import FlopCounterMode, flop_registry

from ..config import STRIDE
from ..deploy.export.network import fuse
from ..errors import InputError

#: What the figures mean; shown with them.
COUNTED = (
    "One image. params: all, frozen ones included; params_fused: after Conv+BN fusion.",
    "conv_macs: MACs of the convolutions, and of DFL's weighted sum, which the "
    "reference computes as a 1x1 convolution.",
    "macs: conv_macs and the matrix products (attention, linear layers).",
    "flops: 2 x macs. activations: output elements of all these.",
    "Not counted: BN, activation functions, additions, pooling, resizing, NMS.",
)
#: Attributes of a detector, and what its parts are called.
PARTS = dict(backbone="backbone", neck="neck", bbox_head="head")


class Layer(NamedTuple):
    """What one module costs by itself, without the modules in it.

    Args:
        name (str): Dotted name in the model.
        kind (str): Class, and for a convolution its kernel, stride and groups.
        output (tuple[int, ...]): Shape of its output; empty unless it is one tensor.
        params (int): Its own parameters.
        conv_macs (int): MACs of its convolution, or of DFL.
        macs (int): MACs of all its products.
        activations (int): Output elements of its products.
    """

    name: str
    kind: str
    output: tuple[int, ...]
    params: int
    conv_macs: int
    macs: int
    activations: int


def count_params(model: nn.Module) -> int:
    """Number of parameters, frozen ones included, before Conv+BN fusion."""
    return sum(p.numel() for p in model.parameters())


def count_conv_macs(model: nn.Module, height: int, width: int) -> int:
    """MACs of the convolutions for one image, DFL's weighted sum included.

    Args:
        model (nn.Module): A detector (its ``_forward`` is run) or any module.
        height (int): Input height in pixels.
        width (int): Input width in pixels.
    """
    return sum(layer.conv_macs for layer in count_layers(model, height, width))


@torch.no_grad()
def count_layers(model: nn.Module, height: int, width: int) -> list[Layer]:
    """Cost of each module that has parameters or computes products.

    A copy of the model is run on the meta device, where nothing is computed.

    Args:
        model (nn.Module): A detector (its ``_forward`` is run) or any module.
        height (int): Input height in pixels.
        width (int): Input width in pixels.

    Returns:
        list[Layer]: In the model's order. Every parameter and product is in one.
    """
    model = copy.deepcopy(model).to("meta")
    model.train(False)
    modules = dict(model.named_modules())
    outputs = {}
    for name, module in modules.items():
        module.register_forward_hook(_keep_shape(outputs, name))
    numel = {op: _numel for op in flop_registry}
    sizes = FlopCounterMode(display=False, custom_mapping=numel)
    products = FlopCounterMode(display=False)
    with sizes, products:
        model(torch.zeros(1, 3, height, width, device="meta"))
    products, sizes = products.get_flop_counts(), sizes.get_flop_counts()
    flops = _own({name: sum(ops.values()) for name, ops in products.items()})
    conv = _own(
        {name: ops.get(torch.ops.aten.convolution, 0) for name, ops in products.items()}
    )
    activations = _own({name: sum(ops.values()) for name, ops in sizes.items()})
    layers = []
    for name, module in modules.items():
        macs = flops.get(name, 0) // 2
        is_dfl = isinstance(module, YOLOv8HeadModule)
        layer = Layer(
            name,
            _kind(module),
            outputs.get(name, ()),
            params=sum(p.numel() for p in module.parameters(recurse=False)),
            conv_macs=macs if is_dfl else conv.get(name, 0) // 2,
            macs=macs,
            activations=activations.get(name, 0),
        )
        if layer.params or layer.macs:
            layers.append(layer)
    return layers


def measure_complexity(model: nn.Module, shape: tuple[int, int]) -> dict:
    """Total cost, and the cost of backbone, neck and head.

    Args:
        model (nn.Module): A detector, or another model; its parts are then its
            children.
        shape (tuple[int, int]): Height and width of the input in pixels.

    Returns:
        dict: ``params``, ``params_fused``, ``conv_macs``, ``macs``, ``flops``,
        ``activations``; and ``by_part``, the same for each part. :data:`COUNTED`
        says what they mean.
    """
    layers = count_layers(model, *shape)
    fused = fuse(model)
    by_part = {}
    for name in dict.fromkeys(layer.name.partition(".")[0] for layer in layers):
        by_part[PARTS.get(name, name)] = _total(
            [layer for layer in layers if layer.name.partition(".")[0] == name],
            count_params(fused.get_submodule(name)),
        )
    return dict(_total(layers, count_params(fused)), by_part=by_part)


def check_shape(shape: Sequence[int]) -> tuple[int, int]:
    """Height and width of an input.

    Raises:
        InputError: If they are not multiples of 32 px.
    """
    if any(side <= 0 or side % STRIDE for side in shape):
        raise InputError(
            f"shape {' x '.join(map(str, shape))}: give height and width in multiples "
            f"of {STRIDE} px, such as 640 640"
        )
    height, width = shape
    return height, width


def _total(layers: Sequence[Layer], params_fused: int) -> dict[str, int]:
    macs = sum(layer.macs for layer in layers)
    return dict(
        params=sum(layer.params for layer in layers),
        params_fused=params_fused,
        conv_macs=sum(layer.conv_macs for layer in layers),
        macs=macs,
        flops=2 * macs,
        activations=sum(layer.activations for layer in layers),
    )


def _own(totals: Mapping[str, int]) -> dict[str, int]:
    """What modules count by themselves, given what they count with those in them.

    Args:
        totals (Mapping[str, int]): By name, as FlopCounterMode has it: below the name
            of the model's class, and ``Global``.
    """
    totals = {
        name.partition(".")[2]: value
        for name, value in totals.items()
        if name != "Global"
    }
    own = dict(totals)
    for name, value in totals.items():
        outer = name
        while outer:  # to the nearest module that was called
            outer = outer.rpartition(".")[0]
            if outer in totals:
                own[outer] -= value
                break
    return own


def _keep_shape(outputs: dict[str, tuple], name: str):
    def hook(module: nn.Module, inputs: tuple, output: object) -> None:
        if isinstance(output, torch.Tensor):
            outputs[name] = tuple(output.shape[1:])

    return hook


def _numel(*shapes: object, out_shape: Sequence[int], **kwargs: object) -> int:
    return math.prod(out_shape)


def _kind(module: nn.Module) -> str:
    kind = type(module).__name__
    if not isinstance(module, nn.Conv2d):
        return kind
    height, width = module.kernel_size
    stride = f"/{module.stride[0]}" if module.stride[0] > 1 else ""
    groups = f", {module.groups} groups" if module.groups > 1 else ""
    return f"{kind} {height}x{width}{stride}{groups}"
