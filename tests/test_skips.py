"""In CI a skipped test fails the run; only CUDA and tensorflow may be absent."""

import os

import pytest

MODULE = """
import pytest

def test_passes():
    pass

@pytest.mark.xfail
def test_fails_as_expected():
    assert False

def test_skips():
    pytest.skip({reason!r})
"""


@pytest.mark.parametrize(
    ("reason", "variables", "status"),
    [
        ("no browser", dict(CI="true"), 1),
        ("no browser", dict(CI="true", ALLOWED_SKIPS="no data|browser"), 0),
        ("no browser", dict(), 0),
        ("no CUDA device", dict(CI="true"), 0),
        ("tensorflow is optional", dict(CI="true"), 0),
    ],
)
def test_skip_in_ci(root, python, tmp_path, reason, variables, status):
    module = tmp_path / "test_module.py"
    module.write_text(MODULE.format(reason=reason))
    env = {k: v for k, v in os.environ.items() if k not in ("CI", "ALLOWED_SKIPS")}
    done = python(
        *("-m", "pytest", "-p", "tests.helpers.skips", "-p", "no:cacheprovider"),
        *("-c", os.devnull, "--rootdir", tmp_path, module),
        cwd=root,
        env=env | variables,
    )
    assert done.returncode == status, done.stdout + done.stderr
    assert "1 passed, 1 skipped, 1 xfailed" in done.stdout
    assert (f"test_module.py::test_skips: Skipped: {reason}" in done.stdout) == status


def test_skipped_module_fails_too(root, python, tmp_path):
    module = tmp_path / "test_module.py"
    module.write_text("import pytest\npytest.skip('why', allow_module_level=True)\n")
    done = python(
        *("-m", "pytest", "-p", "tests.helpers.skips", "-p", "no:cacheprovider"),
        *("-c", os.devnull, "--rootdir", tmp_path, module),
        cwd=root,
        env=os.environ | dict(CI="true"),
    )
    assert "test_module.py: Skipped: why" in done.stdout
    assert done.returncode
