"""Engines: exported models, each run by its own runtime.

A runtime is imported when the first model of its format is loaded.
"""

import importlib
import json
import os
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from ...errors import InputError, one_line
from .metadata import EXTRA_FILE, INPUT, RT_INFO, Metadata, parse_metadata
from .signal_stack import keep_signal_stack


class RunOptions(NamedTuple):
    """Where and how an engine runs.

    Args:
        device (str): ``cpu``, ``cuda``, or ``auto``: CUDA if the runtime supports it.
            Defaults to "auto". OpenVINO, TorchScript and ncnn run on the CPU.
        precision (str): Arithmetic of PyTorch (``fp32``, ``fp16``, ``bf16``), OpenVINO
            (``fp32``, ``bf16``) and TensorRT (``fp32``, ``fp16``). The other runtimes
            use the types of the graph. Defaults to "fp32".
        threads (int, optional): CPU threads. Defaults to None: ``OMP_NUM_THREADS`` of
            the environment, or else the runtime's choice.
    """

    device: str = "auto"
    precision: str = "fp32"
    threads: int | None = None


class Engine:
    """A model, loaded and ready to run, by several threads at the same time.

    Args:
        path (Path): Model file.
        options (RunOptions): Device, precision, threads.

    Raises:
        InputError: If the runtime is not installed or does not support the options, or
            the file is damaged or was not written by this package.
    """

    #: Module to import, and the package that contains it.
    module: str
    package: str
    #: Whether a batch may hold several images.
    batched = True
    metadata: Metadata

    def __init__(self, path: Path, options: RunOptions) -> None:
        try:
            runtime = importlib.import_module(self.module)
        except ImportError:
            raise InputError(
                f"{path}: {self.package} is not installed: pip install {self.package}"
            ) from None
        try:
            document = self.load(runtime, path, options)
        except InputError:
            raise
        except Exception as e:  # every runtime has its own exceptions
            raise InputError(
                f"{path} is damaged or no model ({one_line(e)}): export it anew"
            ) from None
        self.metadata = parse_metadata(path, document)

    def load(self, runtime: ModuleType, path: Path, options: RunOptions) -> dict:
        """Load the model.

        Returns:
            dict[str, str]: Metadata as stored in the file.
        """
        raise NotImplementedError

    def run(self, images: np.ndarray) -> list[np.ndarray]:
        """Run the model once.

        Args:
            images (np.ndarray): (N, 3, H, W) float32; N is 1 unless :attr:`batched`.

        Returns:
            list[np.ndarray]: Outputs in the order of ``metadata.outputs``.
        """
        raise NotImplementedError

    def prepare(self, images: np.ndarray) -> Callable[[], Any]:
        """Place an input on the device, so that only the network remains to be timed.

        Args:
            images (np.ndarray): See :meth:`run`.

        Returns:
            Callable[[], Any]: Runs the model on this input. The outputs stay on the
            device, in the runtime's own type.
        """
        return partial(self.run, images)


class OnnxRuntimeEngine(Engine):
    """ONNX by ONNX Runtime, on CUDA or the CPU."""

    module = package = "onnxruntime"
    #: Execution provider of CUDA devices.
    provider = "CUDAExecutionProvider"

    def load(self, runtime: ModuleType, path: Path, options: RunOptions) -> dict:
        """See the parent."""
        available = self.provider in runtime.get_available_providers()
        if options.device == "cuda" and not available:
            raise InputError(
                f"--device cuda: this ONNX Runtime has no {self.provider}: "
                "pip install onnxruntime-gpu in place of onnxruntime"
            )
        config = runtime.SessionOptions()
        config.intra_op_num_threads = options.threads or 0
        config.log_severity_level = 3
        on_gpu = available and options.device != "cpu"
        gpu = [(self.provider, self.provider_options(options))] * on_gpu
        providers = [*gpu, ("CPUExecutionProvider", {})]
        self._values = runtime.OrtValue
        self._session = runtime.InferenceSession(path, config, providers=providers)
        loaded = self.provider in self._session.get_providers()
        self._device = "cuda" if loaded else "cpu"
        if options.device == "cuda" and not loaded:
            raise InputError(
                f"--device cuda: {self.provider} cannot be loaded: its libraries do "
                "not match the CUDA that is installed"
            )
        return self._session.get_modelmeta().custom_metadata_map

    def provider_options(self, options: RunOptions) -> dict[str, Any]:
        """Options of :attr:`provider`."""
        return {}

    def run(self, images: np.ndarray) -> list[np.ndarray]:
        """See the parent."""
        return self._session.run(self.metadata.outputs, {INPUT: images})

    def prepare(self, images: np.ndarray) -> Callable[[], Any]:
        """See the parent; by I/O binding."""
        binding = self._session.io_binding()
        value = self._values.ortvalue_from_numpy(images, self._device)
        binding.bind_ortvalue_input(INPUT, value)
        for name in self.metadata.outputs:
            binding.bind_output(name, self._device)

        def run() -> list:
            self._session.run_with_iobinding(binding)
            binding.synchronize_outputs()
            return binding.get_outputs()

        return run


class TensorRTEngine(OnnxRuntimeEngine):
    """ONNX by TensorRT, as an execution provider of ONNX Runtime."""

    provider = "TensorrtExecutionProvider"

    def provider_options(self, options: RunOptions) -> dict[str, Any]:
        """See the parent; TensorRT chooses the type of each layer."""
        return dict(trt_fp16_enable=options.precision == "fp16")


class OpenVINOEngine(Engine):
    """OpenVINO IR, on the CPU."""

    module = package = "openvino"

    @keep_signal_stack()
    def load(self, runtime: ModuleType, path: Path, options: RunOptions) -> dict:
        """See the parent."""
        core = runtime.Core()
        capabilities = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        if options.precision == "bf16" and "BF16" not in capabilities:
            raise InputError("backend openvino: this CPU has no bf16: choose fp32")
        model = core.read_model(path)
        config = dict(
            # Explicitly: some CPUs report AMX and crash when OpenVINO chooses it.
            INFERENCE_PRECISION_HINT=dict(fp32="f32", bf16="bf16")[options.precision],
            PERFORMANCE_HINT="LATENCY",
        )
        if options.threads:
            config["INFERENCE_NUM_THREADS"] = options.threads
        self._model = core.compile_model(model, "CPU", config)
        self._requests = threading.local()  # a request serves one thread at a time
        if not model.has_rt_info([RT_INFO]):
            return {}
        return json.loads(model.get_rt_info([RT_INFO, "metadata"]).astype(str))

    def run(self, images: np.ndarray) -> list[np.ndarray]:
        """See the parent."""
        if not hasattr(self._requests, "own"):
            self._requests.own = self._model.create_infer_request()
        outputs = self._requests.own.infer([images], share_inputs=True)
        return [outputs[name] for name in self.metadata.outputs]


class TorchScriptEngine(Engine):
    """TorchScript, on the CPU; the only engine that imports torch."""

    module = package = "torch"

    def load(self, runtime: ModuleType, path: Path, options: RunOptions) -> dict:
        """See the parent."""
        if options.threads:
            runtime.set_num_threads(options.threads)
        files = {EXTRA_FILE: ""}
        self._torch = runtime
        self._network = runtime.jit.load(path, "cpu", _extra_files=files)
        return json.loads(files[EXTRA_FILE] or "{}")

    def run(self, images: np.ndarray) -> list[np.ndarray]:
        """See the parent."""
        with self._torch.inference_mode():
            outputs = self._network(self._torch.from_numpy(images))
        return [output.numpy() for output in outputs]


class NcnnEngine(Engine):
    """ncnn: ``NAME.ncnn.param`` with ``NAME.ncnn.bin`` and ``NAME.ncnn.json``."""

    module = package = "ncnn"
    batched = False

    def load(self, runtime: ModuleType, path: Path, options: RunOptions) -> dict:
        """See the parent."""
        document = json.loads(path.with_suffix(".json").read_text("utf-8"))
        self._mat, self._net = runtime.Mat, runtime.Net()
        if options.threads:
            self._net.opt.num_threads = options.threads
        weights = path.with_suffix(".bin")
        if self._net.load_param(str(path)) or self._net.load_model(str(weights)):
            raise ValueError(f"ncnn cannot read it or {weights.name}")
        return document

    def run(self, images: np.ndarray) -> list[np.ndarray]:
        """See the parent."""
        extractor = self._net.create_extractor()
        extractor.input("in0", self._mat(images[0]))
        count = len(self.metadata.outputs)
        results = [extractor.extract(f"out{number}") for number in range(count)]
        return [np.array(output)[None] for _status, output in results]


#: Engines by the end of the file name.
ENGINES: dict[str, type[Engine]] = {
    ".onnx": OnnxRuntimeEngine,
    ".xml": OpenVINOEngine,
    ".torchscript": TorchScriptEngine,
    ".ncnn.param": NcnnEngine,
}


def load_engine(path: str | Path, options: RunOptions | None = None) -> Engine:
    """Load an exported model with the engine of its format.

    Args:
        path (str or Path): ``.onnx``, ``.xml`` (OpenVINO), ``.ncnn.param`` or
            ``.torchscript``.
        options (RunOptions, optional): Device, precision, threads. Defaults to None,
            the defaults of :class:`RunOptions`.

    Raises:
        InputError: If the file is missing, has an unknown suffix, is damaged or was not
            written by this package, or its runtime is not installed.
    """
    path, options = Path(path), options or RunOptions()
    if not path.is_file():
        raise InputError(f"model {path} not found")
    if options.threads is not None and options.threads < 1:
        raise InputError(f"--threads {options.threads}: give 1 or more")
    if options.threads is None:
        given = os.environ.get("OMP_NUM_THREADS", "")
        threads = int(given) if given.isdigit() else 0
        options = options._replace(threads=threads or None)
    for suffix, engine in ENGINES.items():
        if path.name.endswith(suffix):
            return engine(path, options)
    raise InputError(
        f"model {path}: give a file that ends in {', '.join(ENGINES)}, or a config and "
        "a checkpoint"
    )
