"""Bias correction for INT8 quantisation (arXiv 1906.04721, section 4.2).

Quantisation of the weights changes the mean of each output channel, most where a
channel has few weights, as in depthwise convolutions. The change is the quantisation
error of the weights times the mean of the input. It is subtracted from the bias, so
that latency does not change. The RMS error of the scores of MobileNetV1 detectors falls
to 31 to 61 % (docs/deploy.md).
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy import ndarray

from ..runtime.metadata import INPUT

MAX_INT8 = 127  # symmetric quantisation: weights from -127 to 127


def correct_biases(
    model: Any, in_float: Sequence[str], inputs: Iterable[ndarray]
) -> None:
    """Subtract the mean error of per-channel weight quantisation from biases, in place.

    Args:
        model (onnx.ModelProto): Float graph, batch normalisation fused.
        in_float (Sequence[str]): Names of nodes that stay in float.
        inputs (Iterable[ndarray]): Calibration inputs, (1, 3, H, W) float32.
    """
    from onnx import numpy_helper

    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    nodes = [
        node
        for node in model.graph.node
        if node.op_type == "Conv" and len(node.input) == 3 and node.name not in in_float
    ]
    means = _input_means(model, {node.input[0] for node in nodes}, inputs)
    for node in nodes:
        data, weight, bias = node.input
        groups = next((a.i for a in node.attribute if a.name == "group"), 1)
        error = _weight_error(numpy_helper.to_array(constants[weight])).sum((2, 3))
        error = error.reshape(groups, -1, error.shape[1])  # (G, outputs, inputs)
        shift = np.einsum("goi,gi->go", error, means[data].reshape(groups, -1)).ravel()
        corrected = numpy_helper.to_array(constants[bias]) - shift
        node.input[2] = f"{node.name}/corrected_bias"  # nodes may share the old one
        model.graph.initializer.append(
            numpy_helper.from_array(corrected.astype(np.float32), node.input[2])
        )
    used = {name for node in model.graph.node for name in node.input}
    for tensor in list(model.graph.initializer):
        if tensor.name not in used:
            model.graph.initializer.remove(tensor)


def _weight_error(weight: ndarray) -> ndarray:
    """Compute the quantisation error of weights: dequantised minus float values.

    Args:
        weight (ndarray): (out_channels, in_channels / groups, kH, kW) float32.

    Returns:
        ndarray: The same shape, float64.
    """
    weight = weight.astype(np.float64)
    scale = np.abs(weight).max((1, 2, 3), keepdims=True) / MAX_INT8
    scale[scale == 0] = 1
    return np.round(weight / scale) * scale - weight


def _input_means(
    model: Any, tensors: Iterable[str], inputs: Iterable[ndarray]
) -> dict[str, ndarray]:
    """Compute the channel means of tensors over the calibration set.

    Args:
        model (onnx.ModelProto): Float graph.
        tensors (Iterable[str]): Names of tensors (1, C, H, W).
        inputs (Iterable[ndarray]): Calibration inputs, (1, 3, H, W) float32.

    Returns:
        dict[str, ndarray]: Means, (C,) float64, by name; always with the graph's input.
    """
    import onnx
    import onnxruntime

    probe = onnx.ModelProto()
    probe.CopyFrom(model)
    names = sorted(set(tensors) - {INPUT})
    probe.graph.output.extend(map(onnx.helper.make_empty_tensor_value_info, names))
    session = onnxruntime.InferenceSession(
        probe.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    means = []
    for images in inputs:
        values = [images, *session.run(names, {INPUT: images})]
        means.append([value.mean((0, 2, 3), dtype=np.float64) for value in values])
    averages = [np.mean(column, 0) for column in zip(*means, strict=True)]
    return dict(zip((INPUT, *names), averages, strict=True))
