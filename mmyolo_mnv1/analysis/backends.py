"""Ways to run a network, each with one call: ``prepare``."""

import copy
import importlib.util
import shutil
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from ..deploy.export.onnx_export import INPUT, OUTPUTS, export_onnx
from ..errors import InputError
from .machine import check_device

DTYPES = dict(fp32=torch.float32, fp16=torch.float16, bf16=torch.bfloat16)

#: Runs a network on a batch; boxes and scores come in the backend's own form.
Run = Callable[[Tensor], Any]


class Setting(NamedTuple):
    """How networks are run.

    Args:
        device (str): ``cpu`` or ``cuda``. Defaults to "cpu".
        precision (str): ``fp32``, ``fp16`` or ``bf16``. Defaults to "fp32".
        threads (int): On the CPU. Defaults to 1.
    """

    device: str = "cpu"
    precision: str = "fp32"
    threads: int = 1


class Backend:
    """A way to run a network.

    Args:
        setting (Setting): How.

    Raises:
        InputError: If the device is not here, a package is not installed, or the
            backend has no such precision there.
    """

    name: str
    #: Modules it imports, and the packages that have them.
    packages: dict[str, str] = {}
    #: Precisions by device.
    precisions: dict[str, tuple[str, ...]]

    def __init__(self, setting: Setting) -> None:
        check_device(setting.device)
        self.setting = setting
        self.device = torch.device(setting.device)
        missing = [p for m, p in self.packages.items() if not _is_installed(m)]
        if missing:
            raise InputError(
                f"backend {self.name}: not installed: pip install {' '.join(missing)}"
            )
        precisions = self.precisions.get(setting.device, ())
        if setting.precision not in precisions:
            raise InputError(
                f"backend {self.name} does not run {setting.precision} on "
                f"{setting.device}: it runs {self._abilities()}"
            )

    def prepare(self, network: nn.Module, images: Tensor) -> Run:
        """Make a network ready.

        Args:
            network (nn.Module): Fused; it stays as it is.
            images (Tensor): An input, float32; the network will be run on its shape.

        Returns:
            Run: Runs the network on such an input.
        """
        raise NotImplementedError

    def _abilities(self) -> str:
        return ", ".join(f"{'/'.join(p)} on {d}" for d, p in self.precisions.items())


class Eager(Backend):
    """PyTorch, operation by operation, maps in the network's ``memory_format``."""

    name = "eager"
    precisions = dict(cpu=("fp32", "bf16"), cuda=("fp32", "fp16", "bf16"))

    def prepare(self, network: nn.Module, images: Tensor) -> Run:
        """See the parent."""
        form = dict(
            device=self.device,
            dtype=DTYPES[self.setting.precision],
            memory_format=network.memory_format,
        )
        network = self.wrap(copy.deepcopy(network).to(**form))

        @torch.inference_mode()
        def run(images: Tensor) -> tuple[Tensor, Tensor]:
            return network(images.to(**form))

        return run

    def wrap(self, network: nn.Module) -> Callable:
        """What is called in place of the network."""
        return network


class Compile(Eager):
    """PyTorch's compiler, inductor."""

    name = "compile"

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        if setting.device == "cpu" and not shutil.which("g++"):
            raise InputError("backend compile: no C++ compiler: apt-get install g++")

    def wrap(self, network: nn.Module) -> Callable:
        """See the parent."""
        return torch.compile(network, dynamic=False, fullgraph=True)


class OnnxRuntime(Backend):
    """ONNX Runtime."""

    name = "onnxruntime"
    packages = dict(onnx="onnx", onnxruntime="onnxruntime")
    precisions = dict(cpu=("fp32",), cuda=("fp32", "fp16"))

    def prepare(self, network: nn.Module, images: Tensor) -> Run:
        """See the parent.

        Raises:
            InputError: If ONNX Runtime was built without the device.
        """
        import onnxruntime

        dtype = self.graph_dtype()
        network = copy.deepcopy(network).to(self.device, dtype)
        images = images.to(self.device, dtype)
        provider, options = self.provider()
        if provider not in onnxruntime.get_available_providers():
            raise InputError(
                f"backend {self.name}: this ONNX Runtime has no {provider}: "
                "pip install onnxruntime-gpu in place of onnxruntime"
            )
        config = onnxruntime.SessionOptions()
        config.intra_op_num_threads = self.setting.threads
        config.log_severity_level = 3
        with TemporaryDirectory() as folder:
            path = Path(folder) / "network.onnx"
            export_onnx(network, images, path)
            session = onnxruntime.InferenceSession(
                path, config, providers=[(provider, options)]
            )
        if provider not in session.get_providers():
            raise InputError(
                f"backend {self.name}: {provider} cannot be loaded: its libraries do "
                "not match the CUDA that is installed"
            )
        return self._run(session, dtype)

    def provider(self) -> tuple[str, dict]:
        """Execution provider and its options."""
        names = dict(cpu="CPUExecutionProvider", cuda="CUDAExecutionProvider")
        return names[self.setting.device], {}

    def graph_dtype(self) -> torch.dtype:
        """Type of the graph's weights and input."""
        return DTYPES[self.setting.precision]

    def _run(self, session: Any, dtype: torch.dtype) -> Run:
        binding = session.io_binding()
        numpy_dtype = torch.empty(0, dtype=dtype).numpy().dtype
        where = (self.setting.device, 0)

        def run(images: Tensor) -> list:
            images = images.to(self.device, dtype).contiguous()
            shape = tuple(images.shape)
            binding.bind_input(INPUT, *where, numpy_dtype, shape, images.data_ptr())
            for name in OUTPUTS:
                binding.bind_output(name, *where)
            session.run_with_iobinding(binding)
            binding.synchronize_outputs()
            return binding.get_outputs()

        return run


class TensorRT(OnnxRuntime):
    """TensorRT, by ONNX Runtime's execution provider."""

    name = "tensorrt"
    packages = dict(onnx="onnx", onnxruntime="onnxruntime-gpu", tensorrt="tensorrt")
    precisions = dict(cuda=("fp32", "fp16"))

    def provider(self) -> tuple[str, dict]:
        """See the parent."""
        fp16 = self.setting.precision == "fp16"
        return "TensorrtExecutionProvider", dict(trt_fp16_enable=fp16)

    def graph_dtype(self) -> torch.dtype:
        """TensorRT chooses the types within the graph itself."""
        return torch.float32


class OpenVINO(Backend):
    """OpenVINO."""

    name = "openvino"
    packages = dict(onnx="onnx", openvino="openvino")
    precisions = dict(cpu=("fp32", "bf16"))

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        import openvino

        self.core = openvino.Core()
        able = self.core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        if setting.precision == "bf16" and "BF16" not in able:
            raise InputError("backend openvino: this CPU has no bf16: choose fp32")

    def prepare(self, network: nn.Module, images: Tensor) -> Run:
        """See the parent."""
        hint = dict(fp32="f32", bf16="bf16")[self.setting.precision]
        config = dict(
            INFERENCE_PRECISION_HINT=hint,  # some CPUs claim AMX and fault
            INFERENCE_NUM_THREADS=self.setting.threads,
            NUM_STREAMS=1,
        )
        with TemporaryDirectory() as folder:
            path = Path(folder) / "network.onnx"
            export_onnx(network, images, path)
            compiled = self.core.compile_model(path, "CPU", config)
        request = compiled.create_infer_request()

        def run(images: Tensor) -> list[np.ndarray]:
            outputs = request.infer([images.numpy()], share_inputs=True)
            return [outputs[name] for name in OUTPUTS]

        return run


BACKENDS = {b.name: b for b in (Eager, Compile, OnnxRuntime, OpenVINO, TensorRT)}


def get_backend(name: str, setting: Setting) -> Backend:
    """A backend by its name.

    Raises:
        InputError: If there is none of this name, or it cannot be used here.
    """
    if name not in BACKENDS:
        raise InputError(f"backend {name!r}: choose from {', '.join(BACKENDS)}")
    return BACKENDS[name](setting)


def _is_installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None
