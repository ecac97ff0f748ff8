"""A full disk stops training with one line and leaves the last checkpoint alone."""

import resource
import subprocess

import pytest

from tests.helpers.small_runs import Training, last_checkpoint, records, write_config

pytestmark = pytest.mark.train

MEGABYTE = 2**20


@pytest.fixture
def small_disk(tmp_path):
    """A file system with room for one checkpoint (30 MB) and not for two."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ("mount", "-t", "tmpfs", "-o", f"size={50 * MEGABYTE}", "none", folder)
    try:
        mounted = subprocess.run(mount, capture_output=True).returncode == 0
    except OSError:
        mounted = False
    if not mounted:
        pytest.skip("file systems may not be mounted here")
    yield folder
    subprocess.run(["umount", folder], check=True)


def check_stopped(training: Training, reason: str) -> None:
    assert training.finish() == 1
    line = training.output().strip().splitlines()[-1]
    good = last_checkpoint(training.work_dir)
    assert line.startswith("mmyolo-mnv1: ") and f"({reason}): make room" in line
    assert line.endswith(f"the last good checkpoint is {good}")
    assert "Traceback" not in training.output()
    assert not list(training.work_dir.glob(".*.tmp*"))


def test_no_space_left(digits, tmp_path, small_disk):
    config = write_config(tmp_path / "run.py", digits, "val_interval = 9")
    training = Training(config, small_disk / "work")
    check_stopped(training, "No space left on device")
    assert last_checkpoint(training.work_dir).name == "epoch_1.pth"


def test_file_too_large(digits, tmp_path):
    """What needs no rights: a limit, once a checkpoint is there; then it goes on."""
    config = write_config(tmp_path / "run.py", digits)
    training = Training(config, tmp_path / "work")
    training.wait_for_checkpoint("epoch_1.pth")
    resource.prlimit(training.process.pid, resource.RLIMIT_FSIZE, (MEGABYTE,) * 2)
    check_stopped(training, "File too large")
    assert last_checkpoint(training.work_dir).name == "epoch_1.pth"
    training = Training(config, tmp_path / "work")
    assert training.finish() == 0, training.output()[-2000:]
    assert "weights" in records(training.work_dir)[-1]
