"""Lifting mmyolo's guard, with a small wheel of the same structure."""

import base64
import hashlib
import zipfile

import pytest

from mmyolo_mnv1.environment import mmyolo_guard as guard
from mmyolo_mnv1.errors import InputError

INIT = f"mmcv_minimum_version = '2.0.0rc4'\n{guard.OLD_BOUND}\n"
METADATA = "Metadata-Version: 2.1\nName: mmyolo\nVersion: 0.6.0\n"


@pytest.fixture
def wheel(tmp_path, monkeypatch):
    """Write a wheel that is accepted as the published one; returns its path."""

    def write(init: str = INIT):
        path = tmp_path / "mmyolo-0.6.0-py3-none-any.whl"
        info = "mmyolo-0.6.0.dist-info"
        files = {
            "mmyolo/__init__.py": init,
            f"{info}/METADATA": METADATA,
            f"{info}/WHEEL": "Wheel-Version: 1.0\nTag: py3-none-any\n",
        }
        with zipfile.ZipFile(path, "w") as archive:
            record = []
            for name, text in files.items():
                archive.writestr(name, text)
                digest = hashlib.sha256(text.encode()).digest()
                code = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
                record.append(f"{name},sha256={code},{len(text)}")
            record.append(f"{info}/RECORD,,")
            archive.writestr(f"{info}/RECORD", "\n".join(record) + "\n")
        published = hashlib.sha256(path.read_bytes()).hexdigest()
        monkeypatch.setattr(guard, "SHA256", published)
        return path

    return write


def test_repack_changes_the_bound_and_the_version(wheel, tmp_path):
    lifted = guard.repack(wheel(), tmp_path / "out")
    assert lifted.name == "mmyolo-0.6.0+mnv1-py3-none-any.whl"
    with zipfile.ZipFile(lifted) as archive:
        assert archive.testzip() is None
        init = archive.read("mmyolo/__init__.py").decode()
        metadata = archive.read("mmyolo-0.6.0+mnv1.dist-info/METADATA").decode()
    assert init == INIT.replace(guard.OLD_BOUND, guard.NEW_BOUND)
    assert "Version: 0.6.0+mnv1" in metadata


def test_refuses_another_file(wheel, tmp_path):
    path = wheel()
    path.write_bytes(path.read_bytes()[:-1])  # truncated
    with pytest.raises(InputError, match="is not mmyolo 0.6.0 as published.*sha256"):
        guard.repack(path, tmp_path / "out")
    with pytest.raises(InputError, match="none.whl not found"):
        guard.repack(tmp_path / "none.whl", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("init", ["", INIT + INIT])
def test_refuses_a_bound_that_is_missing_or_repeated(wheel, tmp_path, init):
    with pytest.raises(InputError, match="times, not once"):
        guard.repack(wheel(init), tmp_path / "out")
    assert not (tmp_path / "out").exists()


class FakeDistribution:
    def __init__(self, root, version):
        self.root, self.version = root, version

    def locate_file(self, name):
        return self.root / name


@pytest.mark.parametrize(
    ("version", "init", "state"),
    [
        ("0.6.0", guard.OLD_BOUND, "in place"),
        ("0.6.0+mnv1", guard.NEW_BOUND, "lifted"),
        ("0.6.0", guard.NEW_BOUND, "unknown"),
        ("0.5.0", guard.OLD_BOUND, "unknown"),
        ("0.6.0", None, "unknown"),
    ],
)
def test_state(tmp_path, monkeypatch, version, init, state):
    (tmp_path / "mmyolo").mkdir()
    if init is not None:
        (tmp_path / "mmyolo" / "__init__.py").write_text(init)
    fake = FakeDistribution(tmp_path, version)
    monkeypatch.setattr("importlib.metadata.distribution", lambda name: fake)
    assert guard.guard_state() == state


def test_other_version_is_refused(monkeypatch):
    monkeypatch.setattr(guard, "guard_state", lambda: "unknown")
    with pytest.raises(InputError, match="pip uninstall mmyolo"):
        guard.lift()


def test_second_run_does_nothing_in_this_environment(python):
    done = python("-m", "mmyolo_mnv1.environment.mmyolo_guard")
    assert done.returncode == 0, done.stderr
    assert "already lifted" in done.stdout
