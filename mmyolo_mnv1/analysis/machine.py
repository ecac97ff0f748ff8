"""Conditions of a measurement: device, threads, memory, machine description."""

import ctypes
import datetime
import gc
import importlib.metadata
import os
import platform
import re
import shlex
import sys
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

import cv2
import torch
from mmengine.utils.dl_utils import collect_env

from ..errors import InputError
from ..version import __version__

#: Distributions whose versions belong to a result, if installed.
PACKAGES = (
    "torch",
    "torchvision",
    "onedl-mmengine",
    "onedl-mmcv",
    "onedl-mmdetection",
    "mmyolo",
    "onnx",
    "onnxruntime",
    "onnxruntime-gpu",
    "openvino",
    "tensorrt",
)


def check_device(device: str) -> None:
    """Check that a device exists.

    Raises:
        InputError: If it is neither ``cpu`` nor ``cuda``, or there is no CUDA device.
    """
    if device not in ("cpu", "cuda"):
        raise InputError(f"--device {device}: choose cpu or cuda")
    if device == "cuda" and not torch.cuda.is_available():
        raise InputError("--device cuda: there is no CUDA device here: choose cpu")


def available_threads() -> int:
    """Number of CPU cores available to this process."""
    return len(os.sched_getaffinity(0))


def set_threads(threads: int) -> None:
    """Set the number of CPU threads of PyTorch and OpenCV."""
    torch.set_num_threads(threads)
    cv2.setNumThreads(threads)


class Memory:
    """Peak memory of code, beyond what the process used before.

    Args:
        device (str): ``cpu``: anonymous resident memory of the process; ``cuda``:
            memory allocated by PyTorch on the device.
    """

    def __init__(self, device: str) -> None:
        self.cuda = device == "cuda"
        _return_freed_memory()
        self.before = 0 if self.cuda else _read_status("RssAnon")

    def peak(self, run: Callable[[], object]) -> int:
        """Peak in bytes during ``run``, including all that was allocated before it."""
        _return_freed_memory()
        if self.cuda:
            torch.cuda.reset_peak_memory_stats()
            run()
            torch.cuda.synchronize()
            return torch.cuda.max_memory_allocated()
        Path("/proc/self/clear_refs").write_text("5")  # resets the peak, VmHWM
        run()
        return _read_status("VmHWM") - _read_status("RssFile") - self.before


def describe_machine(device: str, threads: int, packages: Iterable[str] = ()) -> dict:
    """Describe command, date, machine and software of a measurement.

    Args:
        device (str): ``cpu`` or ``cuda``.
        threads (int): CPU threads of every backend.
        packages (Iterable[str]): Distributions to list besides :data:`PACKAGES`.
    """
    environment = _collect_env()
    machine = dict(
        command=_command(),
        date=datetime.datetime.now().astimezone().isoformat(timespec="minutes"),
        cpu=_cpu_model(),
        cores=available_threads(),
        threads=threads,
        load_before=round(os.getloadavg()[0], 2),
        system=platform.platform(),
        python=environment["Python"].split()[0],
        compiler=environment["GCC"],
        versions={"mmyolo-mnv1": __version__, **_versions((*PACKAGES, *packages))},
    )
    if device == "cuda":
        gpus = [v for name, v in environment.items() if name.startswith("GPU 0")]
        machine.update(gpu=gpus[0], cuda=torch.version.cuda)
    return machine


def machine_notes(machine: dict) -> list[str]:
    """Format the description as lines of Markdown."""
    versions = ", ".join(f"{name} {v}" for name, v in machine["versions"].items())
    gpu = f"{machine['gpu']}, CUDA {machine['cuda']}; " if "gpu" in machine else ""
    return [
        f"{machine['date']}: `{machine['command']}`",
        f"{gpu}{machine['cpu']}, {machine['cores']} cores, {machine['threads']} "
        f"threads, load before {machine['load_before']}",
        f"{versions}, Python {machine['python']}, {machine['system']}",
    ]


def _command() -> str:
    """Command line of this process, with ``python -m NAME`` for a module."""
    module = getattr(sys.modules["__main__"], "__spec__", None)
    if module is None:
        return shlex.join(sys.argv)
    return shlex.join(["python", "-m", module.name, *sys.argv[1:]])


@cache
def _collect_env() -> dict:
    """MMEngine's description, cached: it starts several processes."""
    return collect_env()


def _return_freed_memory() -> None:
    """Return freed memory to the system, which glibc would keep."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)


def _read_status(field: str) -> int:
    status = Path("/proc/self/status").read_text()
    return 1024 * int(re.search(rf"{field}:\s+(\d+) kB", status)[1])


def _cpu_model() -> str:
    match = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text())
    return match[1].strip() if match else platform.machine()


def _versions(packages: Iterable[str]) -> dict[str, str]:
    versions = {}
    for name in packages:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions
