"""Backends: named ways to run a network, each by an engine of :mod:`..deploy`."""

import importlib.util
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

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


def build_engine(
    network: nn.Module, images: Tensor, name: str, options: RunOptions
) -> Engine:
    """Load a network into the engine of a backend, exported if the engine needs a file.

    Args:
        network (nn.Module): Fused network with two outputs of any shape, and an
            attribute ``memory_format``. Its weights are not changed.
        images (Tensor): Example input, (N, 3, H, W) float32; the engine takes its
            shape.
        name (str): Key of :data:`BACKENDS`, checked by :func:`check_backend`.
        options (RunOptions): Device, precision, threads.

    Raises:
        InputError: If the runtime does not support the options.
    """
    backend = BACKENDS[name]
    metadata = _placeholder_metadata(tuple(images.shape[2:]))
    if backend.form is None:
        return backend.engine(network, metadata, options)
    # TensorRT chooses the type of each layer from a float32 graph.
    half = options.precision == "fp16" and backend.engine is OnnxRuntimeEngine
    plan = ExportPlan([backend.form], half=half)
    job = ExportJob(network.cpu(), images.cpu(), metadata, plan)
    with TemporaryDirectory() as folder:
        files = export_network(job, Path(folder), "network")
        return backend.engine(files[backend.form], options)


def prepare_network(
    network: nn.Module, images: Tensor, name: str, options: RunOptions
) -> Callable[[], Any]:
    """Load a network as :func:`build_engine` does, with its input on the device.

    Returns:
        Callable[[], Any]: Runs the network on ``images``; see :meth:`.Engine.prepare`.
    """
    engine = build_engine(network, images, name, options)
    return engine.prepare(images.cpu().numpy())


def _placeholder_metadata(shape: tuple[int, int]) -> Metadata:
    """Metadata of a network whose outputs are not read: only the shape is true."""
    preprocessing = Preprocessing("rgb", (0.0,) * 3, (255.0,) * 3)
    nms = NMS(score_threshold=0.0, iou_threshold=1.0, max_detections=1)
    return Metadata(("object",), (8, 16, 32), shape, False, preprocessing, nms)


def _find_missing(packages: Iterable[str]) -> list[str]:
    modules = {package: package.removesuffix("-gpu") for package in packages}
    return [p for p, module in modules.items() if not importlib.util.find_spec(module)]
