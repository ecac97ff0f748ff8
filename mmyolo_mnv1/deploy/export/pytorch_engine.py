"""Engines of networks in PyTorch, without an exported file."""

import copy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ...config import load_config
from ..runtime.engines import Engine, RunOptions
from ..runtime.metadata import Metadata
from .config_metadata import build_metadata
from .network import load_network

DTYPES = dict(fp32=torch.float32, fp16=torch.float16, bf16=torch.bfloat16)


class PyTorchEngine(Engine):
    """PyTorch, eager mode.

    Args:
        network (nn.Module): Fused network with an attribute ``memory_format``, the
            memory layout of its maps; it is copied.
        metadata (Metadata): Its metadata.
        options (RunOptions, optional): Device, precision, threads. Defaults to None,
            the defaults of :class:`.RunOptions`.
    """

    def __init__(
        self, network: nn.Module, metadata: Metadata, options: RunOptions | None = None
    ) -> None:
        options = options or RunOptions()
        if options.threads:
            torch.set_num_threads(options.threads)
        device = options.device
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        self.metadata = metadata
        self._format = dict(
            device=device,
            dtype=DTYPES[options.precision],
            memory_format=network.memory_format,
        )
        self._network = self._compile(copy.deepcopy(network).to(**self._format))

    def run(self, images: np.ndarray) -> list[np.ndarray]:
        """See the parent."""
        return [output.float().cpu().numpy() for output in self.prepare(images)()]

    def prepare(self, images: np.ndarray) -> Callable[[], tuple[Tensor, Tensor]]:
        """See the parent."""
        inputs = torch.from_numpy(images).to(**self._format)

        @torch.inference_mode()
        def run() -> tuple[Tensor, Tensor]:
            return self._network(inputs)

        return run

    def _compile(self, network: nn.Module) -> Callable:
        return network


class CompiledEngine(PyTorchEngine):
    """PyTorch's compiler, inductor."""

    def _compile(self, network: nn.Module) -> Callable:
        return torch.compile(network, dynamic=False, fullgraph=True)


def load_pytorch(
    config: str,
    checkpoint: str | Path,
    threads: int | None = None,
    options: dict | None = None,
) -> PyTorchEngine:
    """Load a config and a checkpoint without exporting them.

    Args:
        config (str): Config file of a detector.
        checkpoint (str or Path): Its weights.
        threads (int, optional): CPU threads. Defaults to None, PyTorch's choice.
        options (dict, optional): Changes of the config, as in ``--cfg-options``.
            Defaults to None.

    Raises:
        InputError: See :func:`.load_network` and :func:`.build_metadata`.
    """
    cfg = load_config(config, options)
    network = load_network(cfg, checkpoint)
    metadata = build_metadata(cfg, network, dynamic=True)
    return PyTorchEngine(network, metadata, RunOptions(threads=threads))
