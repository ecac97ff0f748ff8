"""The doctor: fit here, and clear about what is broken elsewhere."""

import os

import pytest

from mmyolo_mnv1.environment import doctor


def test_this_environment_is_fit(python):
    done = python("-m", "mmyolo_mnv1.doctor")
    assert done.returncode == 0, done.stdout + done.stderr
    for part in ("Python", "torch", "CUDA", "mmcv", "mmyolo guard", "NMS", "openmim"):
        assert part in done.stdout
    assert "fit to train" in done.stdout.splitlines()[-1]


def test_broken_mmyolo_is_told(python, tmp_path):
    (tmp_path / "mmyolo").mkdir()
    (tmp_path / "mmyolo" / "__init__.py").write_text("assert False, 'MMCV==2.3.6'\n")
    env = dict(os.environ, PYTHONPATH=str(tmp_path))
    done = python("-m", "mmyolo_mnv1.doctor", env=env)
    assert done.returncode == 1
    row = next(x for x in done.stdout.splitlines() if x.startswith("mmyolo "))
    assert "AssertionError: MMCV==2.3.6" in row and "make -B install" in row
    assert "mend mmyolo first" in done.stdout  # the forward pass
    assert done.stdout.splitlines()[-1].startswith("not fit to train")


def test_a_crash_is_a_row():
    row = doctor.check_code("part", "import os; os.abort()", "mend it")
    assert row.found == "fails" and "mend it" in row.remedy


def test_missing_libgl_has_its_own_remedy():
    code = "raise ImportError('libGL.so.1: cannot open shared object file')"
    assert "apt-get install libgl1" in doctor.check_code("OpenCV", code).remedy


def test_a_hang_is_a_row(monkeypatch):
    monkeypatch.setattr(doctor, "TIME_LIMIT", 0.2)
    assert doctor.check_code("part", "import time; time.sleep(9)").found == "hangs"


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
