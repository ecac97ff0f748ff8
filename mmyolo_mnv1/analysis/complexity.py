"""Parameters, multiply-accumulates (MACs) and activations.

MACs and activations are counted by PyTorch's FlopCounterMode on the meta device.
MMEngine's FlopAnalyzer and ActivationAnalyzer give the same numbers (a test compares
them), but trace the network on real tensors: YOLO11m at 640 px takes 3 s, not 0.4 s.
"""

import copy
import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from mmengine.analysis import parameter_count
from mmengine.config import Config
from mmyolo.models.dense_heads import YOLOv8HeadModule
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from ..compat import flop_counter, flop_registry
from ..deploy.export.network import fuse
from ..models.build import build_model

#: Definitions of the counts, printed below every table.
COUNTED = (
    "One image. params: all, frozen ones included; params_fused: after Conv+BN fusion.",
    "conv_macs: MACs of the convolutions, and of DFL's weighted sum, which the "
    "reference computes as a 1x1 convolution.",
    "macs: conv_macs and the matrix products (attention, linear layers).",
    "flops: 2 x macs. activations: output elements of all these.",
    "Not counted: BN, activation functions, additions, pooling, resizing, NMS.",
)
#: Names of a detector's parts, by attribute.
PARTS = dict(backbone="backbone", neck="neck", bbox_head="head")


class LayerCost(NamedTuple):
    """Cost of one module, without its submodules.

    Args:
        name (str): Dotted name in the model.
        kind (str): Class; of a convolution also kernel, stride and groups.
        output (tuple[int, ...]): Shape of the output without the batch; empty if it is
            not a single tensor.
        params (int): Parameters.
        conv_macs (int): MACs of convolutions, and of DFL.
        macs (int): MACs of convolutions and matrix products.
        activations (int): Output elements of convolutions and matrix products.
    """

    name: str
    kind: str
    output: tuple[int, ...]
    params: int
    conv_macs: int
    macs: int
    activations: int


def build_meta_model(cfg: Config) -> nn.Module:
    """Build the model of a config on the meta device, without values.

    Raises:
        InputError: See :func:`.build_model`.
    """
    with torch.device("meta"):
        return build_model(cfg)


def count_params(model: nn.Module) -> int:
    """Count the parameters, including frozen ones, before Conv+BN fusion."""
    return parameter_count(model)[""]


def count_conv_macs(model: nn.Module, height: int, width: int) -> int:
    """Count the MACs of convolutions, and of DFL's weighted sum, for one image.

    Args:
        model (nn.Module): A detector (its ``_forward`` is called) or another module.
        height (int): Input height in pixels.
        width (int): Input width in pixels.
    """
    return sum(layer.conv_macs for layer in count_layers(model, height, width))


@torch.no_grad()
def count_layers(model: nn.Module, height: int, width: int) -> list[LayerCost]:
    """Count each module that has parameters, convolutions or matrix products.

    Args:
        model (nn.Module): A detector (its ``_forward`` is called) or another module; it
            is copied to the meta device.
        height (int): Input height in pixels.
        width (int): Input width in pixels.

    Returns:
        list[LayerCost]: In the model's order; they add up to the whole model.
    """
    model = copy.deepcopy(model).to("meta")
    model.train(False)
    modules = dict(model.named_modules())
    outputs = {}
    for name, module in modules.items():
        module.register_forward_hook(_keep_shape(outputs, name))
    numel = {operator: _count_elements for operator in flop_registry}
    products, elements = flop_counter(model), flop_counter(model, numel)
    with elements, products:
        model(torch.zeros(1, 3, height, width, device="meta"))
    flops = _without_children(products)
    conv_flops = _without_children(products, torch.ops.aten.convolution)
    activations = _without_children(elements)
    layers = []
    for name, module in modules.items():
        macs = flops.get(name, 0) // 2
        is_dfl = isinstance(module, YOLOv8HeadModule)
        layer = LayerCost(
            name,
            _describe(module),
            outputs.get(name, ()),
            params=sum(p.numel() for p in module.parameters(recurse=False)),
            conv_macs=macs if is_dfl else conv_flops.get(name, 0) // 2,
            macs=macs,
            activations=activations.get(name, 0),
        )
        if layer.params or layer.macs:
            layers.append(layer)
    return layers


def measure_complexity(model: nn.Module, shape: tuple[int, int]) -> dict:
    """Count the whole model, and backbone, neck and head.

    Args:
        model (nn.Module): A detector, or another model, whose parts are its children.
        shape (tuple[int, int]): Height and width of the input in pixels.

    Returns:
        dict: ``params``, ``params_fused``, ``conv_macs``, ``macs``, ``flops``,
        ``activations``, defined in :data:`COUNTED`; and ``by_part``, the same counts
        for each part.
    """
    layers = count_layers(model, *shape)
    params_fused = parameter_count(fuse(model))
    by_part = {}
    for name in dict.fromkeys(layer.name.partition(".")[0] for layer in layers):
        part = [layer for layer in layers if layer.name.partition(".")[0] == name]
        by_part[PARTS.get(name, name)] = _add_up(part, params_fused[name])
    return dict(_add_up(layers, params_fused[""]), by_part=by_part)


def _add_up(layers: Sequence[LayerCost], params_fused: int) -> dict[str, int]:
    macs = sum(layer.macs for layer in layers)
    return dict(
        params=sum(layer.params for layer in layers),
        params_fused=params_fused,
        conv_macs=sum(layer.conv_macs for layer in layers),
        macs=macs,
        flops=2 * macs,
        activations=sum(layer.activations for layer in layers),
    )


def _without_children(
    counter: FlopCounterMode, operator: object = None
) -> Mapping[str, int]:
    """Counts of each module by itself, of all operators or of one.

    FlopCounterMode counts a module with its submodules, under the name of the model's
    class and the module's name, or ``Global``.
    """
    totals = {
        name.partition(".")[2]: sum(counts.values())
        if operator is None
        else counts.get(operator, 0)
        for name, counts in counter.get_flop_counts().items()
        if name != "Global"
    }
    own = dict(totals)
    for name, value in totals.items():
        parent = name
        while parent:  # up to the next module that was called: containers are not
            parent = parent.rpartition(".")[0]
            if parent in totals:
                own[parent] -= value
                break
    return own


def _keep_shape(outputs: dict[str, tuple], name: str):
    def hook(module: nn.Module, inputs: tuple, output: object) -> None:
        if isinstance(output, torch.Tensor):
            outputs[name] = tuple(output.shape[1:])

    return hook


def _count_elements(*shapes: object, out_shape: Sequence[int], **_: object) -> int:
    return math.prod(out_shape)


def _describe(module: nn.Module) -> str:
    kind = type(module).__name__
    if not isinstance(module, nn.Conv2d):
        return kind
    height, width = module.kernel_size
    stride = f"/{module.stride[0]}" if module.stride[0] > 1 else ""
    groups = f", {module.groups} groups" if module.groups > 1 else ""
    return f"{kind} {height}x{width}{stride}{groups}"
