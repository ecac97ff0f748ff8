"""Check of the environment: ``python -m mmyolo_mnv1.environment.doctor``."""

import importlib.metadata
import platform
import subprocess
import sys
from typing import NamedTuple

from .mmyolo_guard import guard_state

INSTALL = "make -B install"  # -B: even if make considers it up to date
GUARD = f"{sys.executable} -m mmyolo_mnv1.environment.mmyolo_guard"
PIP = f"{sys.executable} -m pip"
PYTHON = ((3, 10), (3, 14))  # requires-python of pyproject.toml
TIME_LIMIT = 180  # seconds of each check

#: Distributions of OpenMMLab's packages in the maintained forks, and requirements of
#: upstream's stack; see docs/stack.md.
FORKS = dict(
    mmengine="onedl-mmengine",
    mmcv="onedl-mmcv",
    mmdet="onedl-mmdetection",
    mmpretrain="onedl-mmpretrain",
)
UPSTREAM = dict(
    mmengine="mmengine==0.10.7",
    mmcv="mmcv==2.0.1",
    mmdet="mmdet==3.3.0",
    mmpretrain="mmpretrain==1.2.0",
)


class Row(NamedTuple):
    """A row of the report.

    Args:
        name (str): Component.
        state (str): Its version or state.
        remedy (str): The error and the command that fixes it; empty if none.
    """

    name: str
    state: str
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
import torch, mmyolo_mnv1
from mmyolo.registry import MODELS
mmyolo_mnv1.register_all()
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
    """Check Python's version."""
    fits = PYTHON[0] <= sys.version_info[:2] < PYTHON[1]
    remedy = "" if fits else "rm -rf .venv && make install PYTHON=/path/to/python3.11"
    return Row("Python", platform.python_version(), remedy)


def check_stack() -> Row:
    """Check that OpenMMLab's packages are complete and come from one stack."""
    forks = [name for name, dist in FORKS.items() if _version(dist)]
    upstream = [name for name in UPSTREAM if _version(name)]
    if forks and upstream:
        state = f"OneDL's {', '.join(forks)}, upstream's {', '.join(upstream)}"
        if len(forks) < len(upstream):
            removed = [FORKS[name] for name in forks]
            remedy = _install_upstream(forks, "--force-reinstall --no-deps ")
        else:
            removed, remedy = upstream, INSTALL
        uninstall = f"{PIP} uninstall -y {' '.join(removed)}"
        return Row("stack", state, f"{uninstall} && {remedy}")
    missing = [name for name in FORKS if name not in forks + upstream]
    stack = "upstream" if upstream else "OneDL forks"
    if not missing:
        return Row("stack", stack)
    remedy = _install_upstream(missing) if upstream else INSTALL
    return Row("stack", f"{stack}, without {', '.join(missing)}", remedy)


def check_guard() -> Row:
    """Check that mmyolo's guard against current mmcv releases is lifted or unneeded."""
    state = guard_state()
    remedy = "" if state == "lifted" else GUARD
    mmcv = _version(FORKS["mmcv"]) or _version("mmcv")
    if state == "in place" and mmcv.startswith("2.0."):
        return Row("mmyolo guard", "in place, accepts this mmcv")
    if state == "in place" and not mmcv:
        return Row("mmyolo guard", state, "mend mmcv first")
    if state == "unknown":
        remedy = f"{PIP} uninstall -y mmyolo && {GUARD}"
    return Row("mmyolo guard", state, remedy)


def check_code(name: str, code: str, remedy: str = INSTALL) -> Row:
    """Run Python code in a new process, so that a crash does not end the doctor.

    Args:
        name (str): Name of the row.
        code (str): Code that prints the state.
        remedy (str): Command that fixes a failure. Defaults to ``make -B install``.
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


def check_import(module: str, name: str = "") -> Row:
    """Check that a module imports, and report its version."""
    code = f"import {module}; print(getattr({module}, '__version__', 'imports'))"
    return check_code(name or module, code, _remedy(module))


def check_openmim() -> Row:
    """Check openmim and pkg_resources, which it needs and setuptools 82 removed."""
    version = _version("openmim")
    if not version:  # upstream's users may do without the `mim` command
        return Row("openmim", "absent", "" if _version("mmengine") else INSTALL)
    code = f"import pkg_resources, mim; print({version!r})"
    return check_code("openmim", code, f"{PIP} install 'setuptools>=80,<82'")


#: Checks in order, each with the components that must work before it.
CHECKS: list[tuple] = [
    (check_python,),
    (lambda: check_import("torch"),),
    (lambda: check_import("torchvision"), "torch"),
    (lambda: check_code("CUDA", CUDA), "torch"),
    (lambda: check_import("cv2", "OpenCV"),),
    (check_stack,),
    (lambda: check_import("mmengine"), "torch", "OpenCV"),
    (
        lambda: check_code("mmcv", MMCV_OPS, _remedy("mmcv")),
        *("torch", "OpenCV", "mmengine"),
    ),
    (lambda: check_import("mmdet"), "mmengine", "mmcv"),
    (lambda: check_import("mmyolo"), "mmengine", "mmcv", "mmdet"),
    (check_guard,),
    (lambda: check_import("mmpretrain"), "mmengine", "mmcv"),
    (check_openmim,),
    (lambda: check_import("mmyolo_mnv1"),),
    (lambda: check_code("NMS", NMS), "torch", "torchvision"),
    (
        lambda: check_code("model forward", FORWARD),
        *("mmengine", "mmcv", "mmdet", "mmyolo", "mmyolo_mnv1"),
    ),
]


def _version(distribution: str) -> str:
    """Version of a distribution; empty if it is not installed."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _install_upstream(names: list[str], options: str = "") -> str:
    """Command that installs packages of upstream's stack."""
    requirements = " ".join(UPSTREAM[name] for name in names)
    note = " (mmcv: see docs/stack.md)" if "mmcv" in names else ""
    return f"{PIP} install {options}{requirements}{note}"


def _remedy(module: str) -> str:
    """Command that installs a module again, in the stack that provides it."""
    is_upstream = module in UPSTREAM and any(map(_version, UPSTREAM))
    return _install_upstream([module]) if is_upstream else INSTALL


def main() -> int:
    """Print the report; return 0 if all checks pass, else 1."""
    failed = []
    for check, *needs in CHECKS:
        row = check()
        if row.remedy:
            causes = [name for name in needs if name in failed]
            if causes:
                row = row._replace(remedy=f"mend {causes[0]} first")
            failed.append(row.name)
        print(f"{row.name:<14} {row.state:<34} {row.remedy or 'ok'}", flush=True)
    print("not fit to train: see the last column" if failed else "fit to train")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
