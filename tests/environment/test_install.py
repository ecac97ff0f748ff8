"""tools/install.sh refuses what it cannot use before it changes anything."""

import os
import re
import subprocess
import sys

import pytest

#: A Python of another version, for the checks of install.sh alone.
FAKE = """#!/bin/sh
exec {python} -c 'import sys, sysconfig
sys.version_info = ({version}, 0, "final", 0)
sysconfig.get_path = lambda name: "{include}"
del sys.argv[0]
exec(sys.argv.pop(1))' "$@"
"""


@pytest.fixture
def install(root, tmp_path):
    """Run install.sh with a Python of some version; returns status and lines."""

    def run(version: tuple[int, int], include: str = "/nowhere") -> tuple[int, list]:
        python = tmp_path / "python"
        numbers = ", ".join(map(str, version))
        text = FAKE.format(python=sys.executable, version=numbers, include=include)
        python.write_text(text)
        python.chmod(0o755)
        done = subprocess.run(
            [root / "tools/install.sh", python],
            capture_output=True,
            text=True,
            env=dict(os.environ, HOME=str(tmp_path)),
            timeout=60,
        )
        return done.returncode, (done.stdout + done.stderr).splitlines()

    return run


def supported(root) -> str:
    text = (root / "pyproject.toml").read_text()
    return re.search(r'^requires-python = "(.*)"', text, re.MULTILINE)[1]


@pytest.mark.parametrize("version", [(3, 9), (3, 15), (2, 7)])
def test_other_pythons_are_refused_in_one_line(install, root, tmp_path, version):
    status, (line,) = install(version)
    assert status == 1
    assert line == (
        f"install: {tmp_path / 'python'} is not Python {supported(root)}: "
        "make install PYTHON=/path/to/python3.11"
    )


@pytest.mark.parametrize("version", [(3, 10), (3, 11), (3, 12), (3, 13)])
def test_missing_headers_are_reported_before_the_download(install, version):
    """Without them mmcv's compilation fails at its end."""
    status, (line,) = install(version)
    assert status == 1
    assert "has no Python.h" in line and line.endswith("apt-get install python3-dev")


def test_supported_pythons_are_named_everywhere(root):
    """Metadata, classifiers, CI and README name the same versions."""
    oldest, too_new = map(int, re.findall(r"3\.(\d+)", supported(root)))
    versions = [f"3.{minor}" for minor in range(oldest, too_new)]
    project = (root / "pyproject.toml").read_text()
    assert re.findall(r'"Programming Language .*:: (3\.\d+)"', project) == versions
    workflow = (root / ".github/workflows/ci.yml").read_text()
    (matrix,) = re.findall(r"^ +python: \[(.*)\]$", workflow, re.MULTILINE)
    assert re.findall(r'"(.*?)"', matrix) == versions
    readme = (root / "README.md").read_text()
    assert f"Python {versions[0]}–{versions[-1]}" in readme
