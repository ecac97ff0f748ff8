"""Post-training static quantisation to INT8, by the runtimes' own tools.

The end of the graph stays in float: the last convolution of each branch of the head,
DFL and the decoding. Eight bits are too few for box coordinates, and this part takes
little of the time. Where that is not enough, :func:`find_sensitive` selects further
convolutions that stay in float.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

from ...errors import InputError
from ..runtime.engines import Engine
from ..runtime.images import read_image
from ..runtime.metadata import INPUT, Metadata
from ..runtime.processing import letterbox, normalise
from ..runtime.signal_stack import keep_signal_stack
from .bias_correction import correct_biases
from .quiet import quiet

RANKING_IMAGES = 100  # validation images by which NNCF ranks the layers, at most


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


class AccuracyLimit(NamedTuple):
    """Limit of the accuracy that INT8 may lose.

    Args:
        measure (Callable[[Engine], float]): Returns mAP@[.5:.95], from 0 to 1, of an
            engine on the images.
        paths (Sequence[str]): Image files of validation data, in the order in which
            ``measure`` reads them.
        max_drop (float): Difference of mAP that may be lost, from 0 to 1.
    """

    measure: Callable[[Engine], float]
    paths: Sequence[str]
    max_drop: float


def quantize_onnx(
    path: Path, in_float: Sequence[str], calibration: Calibration
) -> None:
    """Correct biases, then quantise a raw graph by ONNX Runtime's tool; in place.

    Weights are quantised per channel, activations per tensor, in QDQ format: pairs of
    QuantizeLinear and DequantizeLinear.

    Args:
        path (Path): The graph.
        in_float (Sequence[str]): Names of nodes that stay in float.
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
        model = onnx.load(path)
        correct_biases(model, in_float, calibration)
        quantization.quantize_static(
            model,
            quantized,
            Reader(),
            per_channel=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            nodes_to_exclude=list(in_float),
        )
        path.write_bytes(quantized.read_bytes())


def quantize_openvino(
    model: Any, in_float: Sequence[str], calibration: Calibration
) -> Any:
    """Quantise a graph by NNCF.

    Args:
        model (openvino.Model): Converted from ONNX.
        in_float (Sequence[str]): Names of operations that stay in float.
        calibration (Calibration): Calibration set.

    Returns:
        openvino.Model: The quantised model.
    """
    import nncf

    with quiet(logging.getLogger("nncf")), keep_signal_stack():
        return nncf.quantize(
            model,
            advanced_parameters=_min_max_ranges(),
            **_nncf_options(model, in_float, calibration),
        )


def find_sensitive(
    model: Any, tail: Sequence[str], calibration: Calibration, limit: AccuracyLimit
) -> list[str]:
    """Names of the convolutions that must stay in float, found by NNCF.

    NNCF ranks the layers by their share of the loss, and returns one after the other to
    float until the limit is kept.

    Args:
        model (openvino.Model): Converted from ONNX.
        tail (Sequence[str]): Result of :func:`find_tail`.
        calibration (Calibration): Calibration set.
        limit (AccuracyLimit): Accuracy that may be lost.
    """
    import nncf

    validation = Calibration(limit.paths, calibration.metadata, len(limit.paths))

    def validate(compiled: Any, _: Iterable) -> tuple[float, list[list[np.ndarray]]]:
        engine = _RecordingEngine(compiled, calibration.metadata)
        return limit.measure(engine), engine.outputs

    with quiet(logging.getLogger("nncf")), keep_signal_stack():
        quantized = nncf.quantize_with_accuracy_control(
            model,
            validation_dataset=nncf.Dataset(validation),
            validation_fn=validate,
            max_drop=limit.max_drop,
            advanced_accuracy_restorer_parameters=nncf.AdvancedAccuracyRestorerParameters(
                ranking_subset_size=min(RANKING_IMAGES, len(validation)),
                num_ranking_workers=1,
            ),
            advanced_quantization_parameters=_min_max_ranges(),
            **_nncf_options(model, tail, calibration),
        )
    names = [
        operation.get_friendly_name()
        for operation in quantized.get_ops()
        if "Convolution" in operation.get_type_name() and _is_float(operation)
    ]
    # OpenVINO divides a convolution of ONNX in two: without bias, and the addition.
    onnx_names = [name.removesuffix("/WithoutBiases") for name in names]
    return [name for name in {*names, *onnx_names} if name not in tail]


class _RecordingEngine(Engine):
    """OpenVINO's compiled model; keeps its outputs, by which NNCF ranks the layers."""

    def __init__(self, compiled: Any, metadata: Metadata) -> None:
        self.metadata = metadata
        self.outputs: list[list[np.ndarray]] = []
        self._compiled = compiled

    def run(self, images: np.ndarray) -> list[np.ndarray]:
        """See the parent."""
        self.outputs.append(list(self._compiled(images).values()))
        return self.outputs[-1]


def _is_float(convolution: Any) -> bool:
    """Whether the weights of OpenVINO's operation are float constants."""
    node = convolution.input_value(1).get_node()
    while node.get_input_size():
        node = node.input_value(0).get_node()
    return node.get_element_type().is_real()


def _nncf_options(
    model: Any, in_float: Sequence[str], calibration: Calibration
) -> dict:
    """Build the arguments that quantisation and sensitivity ranking share."""
    import nncf

    names = {operation.get_friendly_name() for operation in model.get_ops()}
    return dict(
        calibration_dataset=nncf.Dataset(calibration),
        # MIXED: symmetric weights, asymmetric activations, as SiLU's are.
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=len(calibration),
        ignored_scope=nncf.IgnoredScope(names=[n for n in in_float if n in names]),
    )


def _min_max_ranges() -> Any:
    """Build the NNCF option for activation ranges by minimum and maximum.

    The range of an activation extends from its minimum to its maximum over all
    calibration images, as in ONNX Runtime's tool. NNCF's default averages the minima
    and maxima of the images: five light detectors lost 0.3 points of mAP more with it
    in the mean (BCCD and cards, validation and test set).
    """
    import nncf
    from nncf.quantization.range_estimator import RangeEstimatorParametersSet

    return nncf.AdvancedQuantizationParameters(
        activations_range_estimator_params=RangeEstimatorParametersSet.MINMAX
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
