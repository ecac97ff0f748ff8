"""Post-training static quantisation to INT8, by the runtimes' own tools.

The end of the graph stays in float: the last convolution of each branch of the head,
DFL and the decoding. Eight bits are too few for box coordinates, and this part takes
little of the time.
"""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from tqdm import tqdm

from ...errors import InputError
from ..runtime.images import read_image
from ..runtime.metadata import INPUT, Metadata
from ..runtime.processing import letterbox, normalise
from .quiet import quiet


class Calibration:
    """Calibration set: inputs that determine the ranges of the activations.

    Args:
        paths (Sequence[str]): Image files, of which ``samples`` are taken at even
            distances.
        metadata (Metadata): Input shape and preprocessing.
        samples (int): Maximum number of images. Defaults to 300.
    """

    def __init__(
        self, paths: Sequence[str], metadata: Metadata, samples: int = 300
    ) -> None:
        chosen = np.linspace(0, len(paths) - 1, min(samples, len(paths)))
        self.paths = [paths[i] for i in chosen.astype(int)]
        self.metadata = metadata

    def __len__(self) -> int:
        """Number of images."""
        return len(self.paths)

    def __iter__(self) -> Iterator[np.ndarray]:
        """Yield inputs (1, 3, H, W), read lazily.

        Raises:
            InputError: If an image cannot be read.
        """
        preprocessing = self.metadata.preprocessing
        for path in tqdm(self.paths, "calibrating", disable=None):
            try:
                photo = read_image(path)
            except ValueError as e:
                raise InputError(f"calibration image {path}: {e}: remove it") from None
            letterboxed = letterbox(photo, self.metadata.input_shape, preprocessing)
            yield normalise([letterboxed.image], preprocessing)


def quantize_onnx(path: Path, calibration: Calibration) -> None:
    """Quantise a raw graph by ONNX Runtime's tool, in place.

    Weights are quantised per channel, activations per tensor, in QDQ format: pairs of
    QuantizeLinear and DequantizeLinear.

    Args:
        path (Path): The graph.
        calibration (Calibration): Calibration set.
    """
    import onnx
    from onnxruntime import quantization

    class Reader(quantization.CalibrationDataReader):
        def __init__(self) -> None:
            self.inputs = iter(calibration)

        def get_next(self) -> dict[str, np.ndarray] | None:
            images = next(self.inputs, None)
            return None if images is None else {INPUT: images}

    with TemporaryDirectory() as folder, quiet(logging.getLogger()):
        quantized = Path(folder, "network.onnx")
        quantization.quantize_static(
            path,
            quantized,
            Reader(),
            per_channel=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            nodes_to_exclude=find_tail(onnx.load(path).graph),
        )
        path.write_bytes(quantized.read_bytes())


def quantize_openvino(model: Any, tail: Sequence[str], calibration: Calibration) -> Any:
    """Quantise a graph by NNCF.

    Args:
        model (openvino.Model): Converted from ONNX.
        tail (Sequence[str]): Names of operations that stay in float, from
            :func:`find_tail`.
        calibration (Calibration): Calibration set.

    Returns:
        openvino.Model: The quantised model.
    """
    import nncf

    with quiet(logging.getLogger("nncf")):
        names = {operation.get_friendly_name() for operation in model.get_ops()}
        return nncf.quantize(
            model,
            nncf.Dataset(calibration),
            # MIXED: symmetric weights, asymmetric activations, as SiLU's are.
            preset=nncf.QuantizationPreset.MIXED,
            subset_size=len(calibration),
            ignored_scope=nncf.IgnoredScope(names=[n for n in tail if n in names]),
        )


def find_tail(graph: Any) -> list[str]:
    """Names of the operations whose outputs reach no convolution.

    Args:
        graph (onnx.GraphProto): Nodes in topological order, as ONNX requires.
    """
    before_convolution: set[str] = set()  # names of tensors
    tail = []
    for node in reversed(graph.node):
        if before_convolution.isdisjoint(node.output):
            tail.append(node.name)
        else:
            before_convolution.update(node.input)
        if node.op_type == "Conv":
            before_convolution.update(node.input)
    return tail
