"""Fixtures of all tests: paths, small real data, ways to run a tool."""

import contextlib
import importlib.util
import io
import json
import os
import subprocess
import sys
import traceback
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest
from mmengine.logging import MMLogger
from mmengine.registry import DefaultScope
from mmengine.visualization import Visualizer

import mmyolo_mnv1.registration  # noqa: F401
from mmyolo_mnv1.annotations.digits import make_digits

pytest_plugins = ["tests.helpers.order", "tests.helpers.skips"]

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"


@pytest.fixture(autouse=True)
def mmyolo_scope():
    """Types without a prefix are MMYOLO's, as in every config."""
    with DefaultScope.overwrite_default_scope("mmyolo"):
        yield


@pytest.fixture(autouse=True)
def launcher_variables():
    """Variables of launchers, which tools set in this process, end with the test."""
    names = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
    before = {name: os.environ.get(name) for name in names}
    yield
    for name, value in before.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value


@pytest.fixture(autouse=True)
def loggers_and_visualizers():
    """Remove what MMEngine keeps by name, with the folder that it writes to."""
    yield
    classes = [Visualizer, MMLogger]
    for cls in classes:
        cls._instance_dict.clear()
        classes += cls.__subclasses__()


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def figures() -> dict:
    """Reference counts; see their own ``_units``."""
    return json.loads((ROOT / "tests/reference/figures.json").read_text())


@pytest.fixture(scope="session")
def bccd() -> Path:
    """The BCCD dataset in Pascal VOC form."""
    path = SHARED / "data" / "BCCD"
    if not path.is_dir():
        pytest.skip("BCCD is not here")
    return path


@pytest.fixture(scope="session")
def digits(tmp_path_factory) -> Path:
    """A small digits dataset: 16 training and 6 held-out images of 96 px."""
    out = tmp_path_factory.mktemp("data") / "digits"
    make_digits(out, num_train=16, num_val=6, size=96)
    return out


@pytest.fixture(scope="session")
def python():
    """Run this Python with arguments; returns the finished process."""

    def run(*args: object, **kwargs) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, *map(str, args)],
            capture_output=True,
            text=True,
            timeout=600,
            **kwargs,
        )

    return run


@cache
def _load_tool(path: Path) -> ModuleType:
    """Import a script once, under a name that no package has."""
    name = "tool_" + "_".join(path.relative_to(ROOT).with_suffix("").parts)
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def tool(monkeypatch) -> Callable[..., subprocess.CompletedProcess]:
    """Call ``main(argv)`` of a script in this process, as if it had been started.

    ``tool("tools/get_flops.py", config, cwd=folder)`` returns a finished process:
    exit status, standard output and standard error. An InputError is one line on
    standard error and exit status 1, as in a process of its own.
    """

    def run(script: str | Path, *args: object, cwd: Path | None = None):
        module = _load_tool(ROOT / script)
        argv = [str(arg) for arg in args]
        out, err = io.StringIO(), io.StringIO()
        with monkeypatch.context() as patch:
            patch.setattr(sys, "argv", [str(script), *argv])
            if cwd:
                patch.chdir(cwd)
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                try:
                    status = module.main(argv)
                except SystemExit as e:
                    status = e.code
                    if isinstance(status, str):
                        print(status, file=sys.stderr)
                        status = 1
                except Exception:
                    traceback.print_exc()
                    status = 1
        return subprocess.CompletedProcess(
            [script, *argv], status or 0, out.getvalue(), err.getvalue()
        )

    return run
