"""What the tests share: where things are, and small real data."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from mmengine.registry import DefaultScope

import mmyolo_mnv1.registration  # noqa: F401
from mmyolo_mnv1.annotations.digits import make_digits

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"


@pytest.fixture(autouse=True)
def mmyolo_scope():
    """Types without a prefix are MMYOLO's, as in every config."""
    with DefaultScope.overwrite_default_scope("mmyolo"):
        yield


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def figures() -> dict:
    """Reference counts; see their own ``_units``."""
    path = SHARED / "reference" / "figures.json"
    if not path.is_file():
        pytest.skip("reference figures are not here")
    return json.loads(path.read_text())


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
