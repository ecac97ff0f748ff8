"""The doctor: this environment passes, and failures are rows with a remedy."""

import re
import sys

import pytest

from mmyolo_mnv1.environment import doctor


@pytest.mark.slow
def test_this_environment_is_fit(python):
    done = python("-m", "mmyolo_mnv1.environment.doctor")
    assert done.returncode == 0, done.stdout + done.stderr
    for part in ("Python", "torch", "CUDA", "stack", "mmcv", "mmyolo guard", "NMS"):
        assert part in done.stdout
    assert "openmim" in done.stdout
    assert "fit to train" in done.stdout.splitlines()[-1]


@pytest.mark.slow
def test_broken_mmyolo_is_reported(monkeypatch, capsys, tmp_path):
    (tmp_path / "mmyolo").mkdir()
    (tmp_path / "mmyolo" / "__init__.py").write_text("assert False, 'MMCV==2.3.6'\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    mmyolo, forward = doctor.CHECKS[9], doctor.CHECKS[-1]
    monkeypatch.setattr(doctor, "CHECKS", [mmyolo, forward])
    assert doctor.main() == 1
    lines = capsys.readouterr().out.splitlines()
    row = next(line for line in lines if line.startswith("mmyolo "))
    assert "AssertionError: MMCV==2.3.6" in row and "make -B install" in row
    assert any(line.endswith("mend mmyolo first") for line in lines)  # model forward
    assert lines[-1].startswith("not fit to train")


def test_a_crash_is_a_row():
    row = doctor.check_code("part", "import os; os.abort()", "mend it")
    assert row.state == "fails" and "mend it" in row.remedy


def test_missing_libgl_has_its_own_remedy():
    code = "raise ImportError('libGL.so.1: cannot open shared object file')"
    assert "apt-get install libgl1" in doctor.check_code("OpenCV", code).remedy


def test_a_hang_is_a_row(monkeypatch):
    monkeypatch.setattr(doctor, "TIME_LIMIT", 0.2)
    assert doctor.check_code("part", "import time; time.sleep(9)").state == "hangs"


@pytest.mark.parametrize(
    ("state", "remedy"),
    [
        ("in place", doctor.GUARD),
        ("unknown", f"{doctor.PIP} uninstall -y mmyolo && {doctor.GUARD}"),
    ],
)
def test_guard_row(monkeypatch, state, remedy):
    monkeypatch.setattr(doctor, "guard_state", lambda: state)
    assert doctor.check_guard() == ("mmyolo guard", state, remedy)


ONEDL = [*doctor.FORKS.values()]


@pytest.mark.parametrize(
    ("installed", "state", "remedy"),
    [
        (ONEDL, "OneDL forks", ""),
        ([*doctor.UPSTREAM], "upstream", ""),
        ([], "OneDL forks, without mmengine, mmcv, mmdet, mmpretrain", doctor.INSTALL),
        (ONEDL[:3], "OneDL forks, without mmpretrain", doctor.INSTALL),
        (
            ["mmengine", "mmcv", "mmpretrain"],
            "upstream, without mmdet",
            f"{doctor.PIP} install mmdet==3.3.0",
        ),
        (
            ["mmengine", "mmdet", "mmpretrain"],
            "upstream, without mmcv",
            f"{doctor.PIP} install mmcv==2.0.1 (mmcv: see docs/stack.md)",
        ),
        (
            [*ONEDL, "mmengine"],
            "OneDL's mmengine, mmcv, mmdet, mmpretrain, upstream's mmengine",
            f"{doctor.PIP} uninstall -y mmengine && {doctor.INSTALL}",
        ),
        (
            ["onedl-mmengine", "mmcv", "mmdet", "mmpretrain"],
            "OneDL's mmengine, upstream's mmcv, mmdet, mmpretrain",
            f"{doctor.PIP} uninstall -y onedl-mmengine && {doctor.PIP} install "
            "--force-reinstall --no-deps mmengine==0.10.7",
        ),
    ],
)
def test_stack_row(monkeypatch, installed, state, remedy):
    monkeypatch.setattr(doctor, "_version", lambda name: "1" * (name in installed))
    assert doctor.check_stack() == ("stack", state, remedy)


@pytest.mark.parametrize(
    ("mmcv", "remedy"),
    [("2.0.1", ""), ("2.1.0", doctor.GUARD), ("", "mend mmcv first")],
)
def test_guard_of_upstream(monkeypatch, mmcv, remedy):
    """mmcv 2.0.1, with which upstream's users run mmyolo, passes it."""
    monkeypatch.setattr(doctor, "guard_state", lambda: "in place")
    versions = dict(mmcv=mmcv)
    monkeypatch.setattr(doctor, "_version", lambda name: versions.get(name, ""))
    assert doctor.check_guard().remedy == remedy


def test_upstream_is_mended_by_upstream(monkeypatch):
    versions = dict(mmdet="3.3.0")
    monkeypatch.setattr(doctor, "_version", lambda name: versions.get(name, ""))
    monkeypatch.setattr(doctor, "check_code", lambda name, code, remedy: remedy)
    assert doctor.check_import("mmdet") == f"{doctor.PIP} install mmdet==3.3.0"
    assert doctor.check_import("mmyolo") == doctor.INSTALL


@pytest.mark.parametrize("upstream", [False, True])
def test_openmim_is_needed_by_the_forks(monkeypatch, upstream):
    versions = dict(mmengine="0.10.7") if upstream else {}
    monkeypatch.setattr(doctor, "_version", lambda name: versions.get(name, ""))
    assert doctor.check_openmim().remedy == ("" if upstream else doctor.INSTALL)


@pytest.mark.parametrize(
    ("version", "supported"),
    [((3, 9, 7), False), ((3, 10, 0), True), ((3, 13, 9), True), ((3, 14, 0), False)],
)
def test_python_row(monkeypatch, version, supported):
    with monkeypatch.context() as patch:
        patch.setattr(sys, "version_info", version)
        row = doctor.check_python()
    assert (row.remedy == "") is supported


def test_supported_python_is_that_of_the_metadata(root):
    text = (root / "pyproject.toml").read_text()
    (required,) = re.findall(r'^requires-python = "(.*)"', text, re.MULTILINE)
    oldest, too_new = (".".join(map(str, version)) for version in doctor.PYTHON)
    assert required == f">={oldest},<{too_new}"
