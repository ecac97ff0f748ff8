"""What surrounds a measurement: threads, memory, and a description of the machine."""

import ctypes
import datetime
import gc
import importlib.metadata
import os
import platform
import re
import shlex
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import cv2
import torch

from ..errors import InputError
from ..version import __version__

#: Distributions whose versions belong to a result, where they are installed.
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
    "ultralytics",
)


def check_device(device: str) -> None:
    """Refuse a device that is not here.

    Raises:
        InputError: If it is neither ``cpu`` nor ``cuda``, or there is no CUDA device.
    """
    if device not in ("cpu", "cuda"):
        raise InputError(f"--device {device}: choose cpu or cuda")
    if device == "cuda" and not torch.cuda.is_available():
        raise InputError("--device cuda: there is no CUDA device here: choose cpu")


def check_least(numbers: Mapping[str, int], **least: int) -> None:
    """Refuse numbers that are too small.

    Args:
        numbers (Mapping[str, int]): By the name of their argument.
        least (int): The smallest that each may be.

    Raises:
        InputError: If one is smaller.
    """
    for name, minimum in least.items():
        if numbers[name] < minimum:
            raise InputError(f"--{name} {numbers[name]}: give {minimum} or more")


def available_threads() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0))


def set_threads(threads: int) -> None:
    """Give PyTorch and OpenCV so many threads."""
    torch.set_num_threads(threads)
    cv2.setNumThreads(threads)


class Memory:
    """What something takes, beyond what the process had when this was made.

    Args:
        device (str): ``cpu``: resident memory without code; ``cuda``: what PyTorch
            allocated there.
    """

    def __init__(self, device: str) -> None:
        self.cuda = device == "cuda"
        _return_freed_memory()
        self.before = 0 if self.cuda else _status("RssAnon")

    def peak(self, run: Callable[[], object]) -> int:
        """Most bytes while ``run`` runs, with all that is still held."""
        _return_freed_memory()
        if self.cuda:
            torch.cuda.reset_peak_memory_stats()
            run()
            torch.cuda.synchronize()
            return torch.cuda.max_memory_allocated()
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
        run()
        return _status("VmHWM") - _status("RssFile") - self.before


def describe_machine(device: str, threads: int) -> dict:
    """When, by which command, on what and with what a measurement is made.

    Args:
        device (str): ``cpu`` or ``cuda``.
        threads (int): Of every backend.
    """
    described = dict(
        command=shlex.join(sys.argv),
        date=datetime.datetime.now().astimezone().isoformat(timespec="minutes"),
        cpu=_cpu_model(),
        cores=available_threads(),
        threads=threads,
        load_before=round(os.getloadavg()[0], 2),
        system=platform.platform(),
        python=platform.python_version(),
        versions={"mmyolo-mnv1": __version__, **_versions()},
    )
    if device == "cuda":
        described.update(gpu=torch.cuda.get_device_name(), cuda=torch.version.cuda)
    return described


def machine_notes(machine: dict) -> list[str]:
    """The description as lines of Markdown."""
    versions = ", ".join(f"{name} {v}" for name, v in machine["versions"].items())
    gpu = f"{machine['gpu']}, CUDA {machine['cuda']}; " if "gpu" in machine else ""
    return [
        f"{machine['date']}: `{machine['command']}`",
        f"{gpu}{machine['cpu']}, {machine['cores']} cores, {machine['threads']} "
        f"threads, load before {machine['load_before']}",
        f"{versions}, Python {machine['python']}, {machine['system']}",
    ]


def _return_freed_memory() -> None:
    """Have what is free go back to the system; glibc would keep it."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)


def _status(field: str) -> int:
    status = Path("/proc/self/status").read_text()
    return 1024 * int(re.search(rf"{field}:\s+(\d+) kB", status)[1])


def _cpu_model() -> str:
    match = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text())
    return match[1].strip() if match else platform.machine()


def _versions() -> dict[str, str]:
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions
