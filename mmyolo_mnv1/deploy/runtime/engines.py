"""Exported models, each with the runtime that runs it; nothing is imported unasked."""

import importlib
import json
from pathlib import Path
from types import ModuleType

import numpy as np

from ...errors import InputError
from .metadata import EXTRA_FILE, INPUT, RT_INFO, Metadata, parse_metadata


class Engine:
    """A model that is ready to run.

    Args:
        path (Path): Its file.
        threads (int, optional): Of the CPU. Defaults to None, the runtime's choice.

    Raises:
        InputError: If the runtime is not installed, or the file is damaged or not of
            this package.
    """

    #: The module that is imported, and the package that has it.
    module: str
    package: str
    #: Whether several images go in at once.
    batched = True
    metadata: Metadata

    def __init__(self, path: Path, threads: int | None = None) -> None:
        try:
            runtime = importlib.import_module(self.module)
        except ImportError:
            raise InputError(
                f"{path}: {self.package} is not installed: pip install {self.package}"
            ) from None
        try:
            document = self.load(runtime, path, threads)
        except InputError:
            raise
        except Exception as e:  # each runtime has its own
            line = " ".join(str(e).split())[:160]
            raise InputError(
                f"{path} is damaged or no model ({type(e).__name__}: {line}): "
                "export it anew"
            ) from None
        self.metadata = parse_metadata(path, document)

    def load(
        self, runtime: ModuleType, path: Path, threads: int | None
    ) -> dict[str, str]:
        """Load the model.

        Returns:
            dict[str, str]: Its metadata as they are stored.
        """
        raise NotImplementedError

    def run(self, images: np.ndarray) -> list[np.ndarray]:
        """Run the model.

        Args:
            images (np.ndarray): (N, 3, H, W) float32; N is 1 unless ``batched``.

        Returns:
            list[np.ndarray]: Its outputs, in the order of ``metadata.outputs``.
        """
        raise NotImplementedError


class OnnxRuntimeEngine(Engine):
    """ONNX by ONNX Runtime, on CUDA where that is built in, else on the CPU."""

    module = package = "onnxruntime"

    def load(
        self, runtime: ModuleType, path: Path, threads: int | None
    ) -> dict[str, str]:
        """See the parent."""
        options = runtime.SessionOptions()
        options.intra_op_num_threads = threads or 0
        options.log_severity_level = 3
        wanted = "CUDAExecutionProvider", "CPUExecutionProvider"
        here = runtime.get_available_providers()
        self.session = runtime.InferenceSession(
            path, options, providers=[p for p in wanted if p in here]
        )
        return self.session.get_modelmeta().custom_metadata_map

    def run(self, images: np.ndarray) -> list[np.ndarray]:
        """See the parent."""
        return self.session.run(self.metadata.outputs, {INPUT: images})


class OpenVINOEngine(Engine):
    """OpenVINO's IR, on the CPU."""

    module = package = "openvino"

    def load(
        self, runtime: ModuleType, path: Path, threads: int | None
    ) -> dict[str, str]:
        """See the parent."""
        core = runtime.Core()
        model = core.read_model(path)
        config = dict(
            INFERENCE_PRECISION_HINT="f32",  # some CPUs claim AMX and fault
            PERFORMANCE_HINT="LATENCY",
        )
        if threads:
            config["INFERENCE_NUM_THREADS"] = threads
        self.request = core.compile_model(model, "CPU", config).create_infer_request()
        if not model.has_rt_info([RT_INFO]):
            return {}
        return json.loads(model.get_rt_info([RT_INFO, "metadata"]).astype(str))

    def run(self, images: np.ndarray) -> list[np.ndarray]:
        """See the parent."""
        outputs = self.request.infer([images], share_inputs=True)
        return [outputs[name] for name in self.metadata.outputs]


class TorchScriptEngine(Engine):
    """TorchScript, on the CPU; the only one that imports torch."""

    module = package = "torch"

    def load(
        self, runtime: ModuleType, path: Path, threads: int | None
    ) -> dict[str, str]:
        """See the parent."""
        if threads:
            runtime.set_num_threads(threads)
        files = {EXTRA_FILE: ""}
        self.torch = runtime
        self.network = runtime.jit.load(path, "cpu", _extra_files=files)
        return json.loads(files[EXTRA_FILE] or "{}")

    def run(self, images: np.ndarray) -> list[np.ndarray]:
        """See the parent."""
        with self.torch.inference_mode():
            outputs = self.network(self.torch.from_numpy(images))
        return [output.numpy() for output in outputs]


class NcnnEngine(Engine):
    """ncnn: ``NAME.ncnn.param``, beside it ``NAME.ncnn.bin`` and ``NAME.ncnn.json``."""

    module = package = "ncnn"
    batched = False

    def load(
        self, runtime: ModuleType, path: Path, threads: int | None
    ) -> dict[str, str]:
        """See the parent."""
        document = json.loads(path.with_suffix(".json").read_text("utf-8"))
        self.mat, self.net = runtime.Mat, runtime.Net()
        if threads:
            self.net.opt.num_threads = threads
        weights = path.with_suffix(".bin")
        if self.net.load_param(str(path)) or self.net.load_model(str(weights)):
            raise ValueError(f"ncnn cannot read it or {weights.name}")
        return document

    def run(self, images: np.ndarray) -> list[np.ndarray]:
        """See the parent."""
        extractor = self.net.create_extractor()
        extractor.input("in0", self.mat(images[0]))
        count = len(self.metadata.outputs)
        found = [extractor.extract(f"out{number}") for number in range(count)]
        return [np.array(output)[None] for _, output in found]


#: Engines by the end of the file's name.
ENGINES: dict[str, type[Engine]] = {
    ".onnx": OnnxRuntimeEngine,
    ".xml": OpenVINOEngine,
    ".torchscript": TorchScriptEngine,
    ".ncnn.param": NcnnEngine,
}


def load_engine(path: str | Path, threads: int | None = None) -> Engine:
    """Load an exported model.

    Args:
        path (str or Path): ``.onnx``, ``.xml`` (OpenVINO), ``.ncnn.param`` or
            ``.torchscript``.
        threads (int, optional): Of the CPU. Defaults to None, the runtime's choice.

    Raises:
        InputError: If the file is missing, unknown, damaged or not of this package, or
            its runtime is not installed.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"model {path} not found")
    for ending, kind in ENGINES.items():
        if path.name.endswith(ending):
            return kind(path, threads)
    raise InputError(
        f"model {path}: give a file that ends in {', '.join(ENGINES)}, or a config and "
        "a checkpoint"
    )
