"""Is this environment fit to train? ``python -m mmyolo_mnv1.doctor``."""

import importlib.metadata
import platform
import subprocess
import sys
from collections.abc import Callable
from typing import NamedTuple

from .mmyolo_guard import guard_state

INSTALL = "make -B install"  # -B: even where make takes it for up to date
GUARD = f"{sys.executable} -m mmyolo_mnv1.mmyolo_guard"
PIP = f"{sys.executable} -m pip"
TIME_LIMIT = 180  # seconds for a check


class Row(NamedTuple):
    """One line of the report.

    Args:
        name (str): What was looked at.
        found (str): Version or state.
        remedy (str): Empty if ok, else what is wrong and the command that mends it.
    """

    name: str
    found: str
    remedy: str = ""


NMS = """
import torch
from torchvision.ops import nms
devices = ["cpu"] + ["cuda"] * torch.cuda.is_available()
boxes = torch.tensor([[0., 0, 10, 10], [1, 1, 10, 10], [20, 20, 30, 30]])
for device in devices:
    keep = nms(boxes.to(device), torch.tensor([.8, .9, .7], device=device), 0.5)
    assert keep.tolist() == [1, 2], keep
print("on " + " and ".join(devices))
"""
FORWARD = """
import torch, mmyolo_mnv1.registration
from mmyolo.registry import MODELS
model = MODELS.build(dict(type="mmyolo.MobileNetV1", alpha=0.25))
maps = model(torch.rand(1, 3, 64, 64))
assert [m.shape[-1] for m in maps] == [8, 4, 2] and all(
    m.isfinite().all() for m in maps)
print("MobileNetV1, strides 8, 16, 32")
"""
CUDA = """
import torch
print(torch.cuda.get_device_name() if torch.cuda.is_available()
      else "no GPU: training runs on the CPU")
"""
MMCV_OPS = """
import mmcv, torch
from mmcv.ops import nms
nms(torch.tensor([[0., 0, 1, 1]]), torch.tensor([1.]), 0.5)
print(mmcv.__version__ + ", compiled ops load")
"""


def check_python() -> Row:
    """Python's version against what the stack supports."""
    fits = (3, 10) <= sys.version_info[:2] <= (3, 12)
    remedy = "" if fits else "rm -rf .venv && make install PYTHON=/path/to/python3.11"
    return Row("Python", platform.python_version(), remedy)


def check_guard() -> Row:
    """State of mmyolo's guard against today's mmcv."""
    state = guard_state()
    remedy = "" if state == "lifted" else GUARD
    if state == "unknown":
        remedy = f"{PIP} uninstall -y mmyolo && {GUARD}"
    return Row("mmyolo guard", state, remedy)


def check_code(name: str, code: str, remedy: str = INSTALL) -> Row:
    """Run Python code in a process of its own: a crash there is a row, not the end.

    Args:
        name (str): Name of the row.
        code (str): Code that prints what it found.
        remedy (str): Command that mends a failure. Defaults to ``make -B install``.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", code],
            capture_output=True,
            text=True,
            timeout=TIME_LIMIT,
        )
    except subprocess.TimeoutExpired:
        return Row(name, "hangs", remedy)
    if done.returncode == 0:
        return Row(name, done.stdout.strip().splitlines()[-1])
    error = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
    if "libGL" in error:
        remedy = f"apt-get install libgl1 (or {INSTALL}: OpenCV without libGL)"
    return Row(name, "fails", f"{error[:90]} -> {remedy}")


def check_import(name: str, module: str) -> Row:
    """Import a module; its version."""
    code = f"import {module}; print(getattr({module}, '__version__', 'imports'))"
    return check_code(name, code)


def check_openmim() -> Row:
    """openmim needs pkg_resources, which setuptools 82 dropped."""
    try:
        version = importlib.metadata.version("openmim")
    except importlib.metadata.PackageNotFoundError:
        return Row("openmim", "absent", INSTALL)
    code = f"import pkg_resources, mim; print({version!r})"
    return check_code("openmim", code, f"{PIP} install 'setuptools>=80,<82'")


CHECKS: list[Callable[[], Row]] = [
    check_python,
    lambda: check_import("torch", "torch"),
    lambda: check_import("torchvision", "torchvision"),
    lambda: check_code("CUDA", CUDA),
    lambda: check_import("OpenCV", "cv2"),
    lambda: check_import("mmengine", "mmengine"),
    lambda: check_code("mmcv", MMCV_OPS),
    lambda: check_import("mmdet", "mmdet"),
    lambda: check_import("mmyolo", "mmyolo"),
    check_guard,
    lambda: check_import("mmpretrain", "mmpretrain"),
    check_openmim,
    lambda: check_import("mmyolo_mnv1", "mmyolo_mnv1"),
    lambda: check_code("NMS", NMS),
    lambda: check_code("model forward", FORWARD),
]


# A failure of the row on the left may come from those on the right.
NEEDS = {
    "torchvision": ["torch"],
    "CUDA": ["torch"],
    "mmengine": ["torch", "OpenCV"],
    "mmcv": ["torch", "OpenCV", "mmengine"],
    "mmdet": ["mmengine", "mmcv"],
    "mmyolo": ["mmengine", "mmcv", "mmdet"],
    "mmpretrain": ["mmengine", "mmcv"],
    "NMS": ["torch", "torchvision"],
    "model forward": ["mmengine", "mmcv", "mmdet", "mmyolo", "mmyolo_mnv1"],
}


def main() -> int:
    """Print the table; 0 if training can work, else 1."""
    failed = []
    for check in CHECKS:
        row = check()
        if row.remedy:
            first = [name for name in NEEDS.get(row.name, []) if name in failed]
            if first:
                row = row._replace(remedy=f"mend {first[0]} first")
            failed.append(row.name)
        print(f"{row.name:<14} {row.found:<34} {row.remedy or 'ok'}", flush=True)
    fit = not failed
    print("fit to train" if fit else "not fit to train: see the last column")
    return 0 if fit else 1


if __name__ == "__main__":
    sys.exit(main())
