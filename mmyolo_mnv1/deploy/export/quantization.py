"""Post-training static quantisation to INT8, by the runtimes' own tools.

The end of the graph stays in float: the last convolution of each branch of the head,
DFL and the decoding. Eight bits cannot place boxes there, and little time is spent.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from tqdm import tqdm

from ...errors import InputError
from ..runtime.metadata import INPUT, Metadata
from ..runtime.processing import letterbox, normalise
from ..runtime.sources import read_image


class Calibration:
    """Inputs by which the ranges of the activations are found.

    Args:
        paths (Sequence[str]): Images; at even distances ``samples`` are taken.
        metadata (Metadata): How they are made ready.
        samples (int): How many at most. Defaults to 300.
    """

    def __init__(
        self, paths: Sequence[str], metadata: Metadata, samples: int = 300
    ) -> None:
        chosen = np.linspace(0, len(paths) - 1, min(samples, len(paths)))
        self.paths = [paths[i] for i in chosen.astype(int)]
        self.metadata = metadata

    def __len__(self) -> int:
        return len(self.paths)

    def __iter__(self) -> Iterator[np.ndarray]:
        """Inputs (1, 3, H, W), made as they are asked for.

        Raises:
            InputError: If an image cannot be read.
        """
        how = self.metadata.preprocessing
        for path in tqdm(self.paths, "calibrating", disable=None):
            try:
                photo = read_image(path)
            except ValueError as e:
                raise InputError(f"calibration image {path}: {e}: remove it") from None
            boxed = letterbox(photo, self.metadata.input_shape, how)
            yield normalise([boxed.image], how)


def quantize_onnx(path: Path, calibration: Calibration) -> None:
    """Quantise a raw graph by ONNX Runtime's tool, in place.

    Weights get a scale for each channel, activations one each; the graph says so by
    pairs of QuantizeLinear and DequantizeLinear.

    Args:
        path (Path): The graph.
        calibration (Calibration): Inputs.
    """
    import onnx
    from onnxruntime import quantization

    class Reader(quantization.CalibrationDataReader):
        def __init__(self) -> None:
            self.inputs = iter(calibration)

        def get_next(self) -> dict[str, np.ndarray] | None:
            images = next(self.inputs, None)
            return None if images is None else {INPUT: images}

    with TemporaryDirectory() as folder, _quiet(""):
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
        tail (Sequence[str]): Names of what stays in float, of :func:`find_tail`.
        calibration (Calibration): Inputs.

    Returns:
        openvino.Model: The new graph.
    """
    import nncf

    with _quiet("nncf"):
        here = {operation.get_friendly_name() for operation in model.get_ops()}
        return nncf.quantize(
            model,
            nncf.Dataset(calibration),
            # Activations that SiLU gives are not symmetric.
            preset=nncf.QuantizationPreset.MIXED,
            subset_size=len(calibration),
            ignored_scope=nncf.IgnoredScope(names=[n for n in tail if n in here]),
        )


def find_tail(graph: Any) -> list[str]:
    """Names of the operations after which no convolution comes.

    Args:
        graph (onnx.GraphProto): Its nodes in order, as ONNX demands.
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


@contextmanager
def _quiet(name: str) -> Iterator[None]:
    """Let a logger tell errors only."""
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.ERROR)
    yield
    logger.setLevel(level)
