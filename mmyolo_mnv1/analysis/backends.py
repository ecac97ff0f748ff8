"""Backends: named ways to run a network, each by an engine of :mod:`..deploy`."""

import importlib.util
import shutil
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from torch import Tensor, nn

from ..deploy.export.formats import MODULES, ExportJob, ExportPlan, export_network
from ..deploy.export.pytorch_engine import CompiledEngine, PyTorchEngine
from ..deploy.runtime.engines import (
    Engine,
    OnnxRuntimeEngine,
    OpenVINOEngine,
    RunOptions,
    TensorRTEngine,
)
from ..deploy.runtime.metadata import NMS, Metadata, Preprocessing
from ..errors import InputError
from .machine import check_device

PRECISIONS = ("fp32", "fp16", "bf16")


#: Metadata of measured networks, whose outputs are not read.
PLACEHOLDER = Metadata(
    names=("object",),
    strides=(8, 16, 32),
    input_shape=(640, 640),
    dynamic=False,
    preprocessing=Preprocessing("rgb", (0.0,) * 3, (255.0,) * 3),
    nms=NMS(score_threshold=0.0, iou_threshold=1.0, max_detections=1),
)


class Backend(NamedTuple):
    """An engine, and the requirements to measure networks with it.

    Args:
        engine (type[Engine]): The engine.
        precisions (dict[str, tuple[str, ...]]): Supported precisions by device.
        form (str, optional): Export format that the engine loads. Defaults to None: the
            engine takes the network itself.
        packages (tuple[str, ...]): Required packages. Defaults to none.
    """

    engine: type[Engine]
    precisions: dict[str, tuple[str, ...]]
    form: str | None = None
    packages: tuple[str, ...] = ()


_PYTORCH = dict(cpu=("fp32", "bf16"), cuda=PRECISIONS)
_CUDA = dict(cuda=("fp32", "fp16"))
_TENSORRT = ("onnx", "onnxruntime-gpu", "tensorrt")
BACKENDS = dict(
    eager=Backend(PyTorchEngine, _PYTORCH),
    compile=Backend(CompiledEngine, _PYTORCH),
    onnxruntime=Backend(
        OnnxRuntimeEngine, dict(cpu=("fp32",)) | _CUDA, "onnx", ("onnx", "onnxruntime")
    ),
    openvino=Backend(
        OpenVINOEngine, dict(cpu=("fp32", "bf16")), "openvino", ("onnx", "openvino")
    ),
    tensorrt=Backend(TensorRTEngine, _CUDA, "onnx", _TENSORRT),
)


def check_backend(name: str, options: RunOptions) -> None:
    """Check that a backend can run on this machine.

    Args:
        name (str): Key of :data:`BACKENDS`.
        options (RunOptions): Device, precision, threads.

    Raises:
        InputError: If the name or device is unknown, the device or a package is
            missing, or the backend does not support the precision.
    """
    if name not in BACKENDS:
        raise InputError(f"backend {name!r}: choose from {', '.join(BACKENDS)}")
    check_device(options.device)
    backend = BACKENDS[name]
    missing = _find_missing(backend.packages)
    missing = missing or _find_missing(MODULES.get(backend.form, ()))
    if missing:
        raise InputError(
            f"backend {name}: not installed: pip install {' '.join(missing)}"
        )
    if options.precision not in backend.precisions.get(options.device, ()):
        supported = [f"{'/'.join(p)} on {d}" for d, p in backend.precisions.items()]
        raise InputError(
            f"backend {name} does not run {options.precision} on {options.device}: it "
            f"runs {', '.join(supported)}"
        )
    if name == "compile" and options.device == "cpu" and not shutil.which("g++"):
        raise InputError("backend compile: no C++ compiler: apt-get install g++")


def export_for(
    network: nn.Module, images: Tensor, name: str, options: RunOptions, folder: Path
) -> Path:
    """Export a network in the format of a backend that loads files.

    Args:
        network (nn.Module): Fused network on the CPU, with two outputs of any shape.
        images (Tensor): Example input, (N, 3, H, W) float32; the file takes its shape.
        name (str): Key of :data:`BACKENDS`, checked by :func:`check_backend`.
        options (RunOptions): Device, precision, threads.
        folder (Path): Output folder.

    Returns:
        Path: File for the engine of the backend.
    """
    backend = BACKENDS[name]
    # TensorRT chooses the type of each layer from a float32 graph.
    half = options.precision == "fp16" and backend.engine is OnnxRuntimeEngine
    plan = ExportPlan([backend.form], half=half)
    job = ExportJob(network, images, PLACEHOLDER, plan)
    return export_network(job, folder, "network")[backend.form]


def build_engine(
    network: nn.Module, images: Tensor, name: str, options: RunOptions
) -> Engine:
    """Load a network into the engine of a backend, by a temporary file if it needs one.

    Args:
        network (nn.Module): See :func:`export_for`; PyTorch's engines copy it, and need
            its attribute ``memory_format``.
        images (Tensor): See :func:`export_for`.
        name (str): See :func:`export_for`.
        options (RunOptions): See :func:`export_for`.

    Raises:
        InputError: If the runtime does not support the options.
    """
    engine = BACKENDS[name].engine
    if BACKENDS[name].form is None:
        return engine(network, PLACEHOLDER, options)
    with TemporaryDirectory() as folder:
        return engine(export_for(network, images, name, options, Path(folder)), options)


def _find_missing(packages: Iterable[str]) -> list[str]:
    modules = {package: package.removesuffix("-gpu") for package in packages}
    return [p for p, module in modules.items() if not importlib.util.find_spec(module)]
