"""Training that is killed goes on from its last checkpoint as if nothing had been."""

import random
import signal
import zipfile

import pytest
import torch

from mmyolo_mnv1.weights import load_checkpoint
from tests.helpers.small_runs import Training, last_checkpoint, records, write_config

pytestmark = pytest.mark.train

ITERATIONS = 4  # an epoch
TEMPORARY = ".*.tmp*"


@pytest.fixture(scope="module")
def uninterrupted(digits, tmp_path_factory):
    """Digest of the weights of a run by its extra config lines; each is run once."""
    done = {}

    def run(extra: str) -> str:
        if extra not in done:
            folder = tmp_path_factory.mktemp("uninterrupted")
            config = write_config(folder / "run.py", digits, extra)
            training = Training(config, folder / "work")
            assert training.finish() == 0, training.output()[-2000:]
            done[extra] = records(training.work_dir)[-1]["weights"]
        return done[extra]

    return run


def check_last_checkpoint(work_dir) -> int:
    """Whole, loadable, and no more than an epoch behind; its iterations."""
    path = last_checkpoint(work_dir)
    done = max((r["iter"] + 1 for r in records(work_dir) if "iter" in r), default=0)
    if path is None:
        assert done <= ITERATIONS
        return 0
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
    saved = load_checkpoint(path)["meta"]["iter"]
    assert done - ITERATIONS <= saved <= done
    return saved


@pytest.mark.slow
def test_thirty_kills(digits, tmp_path, uninterrupted):
    """SIGKILL at random moments, half of them while a file is being written."""
    extra = "max_epochs = 50\nval_interval = 7"
    config = write_config(tmp_path / "run.py", digits, extra)
    work_dir = tmp_path / "work"
    moments = random.Random(0)
    torn = 0
    for number in range(30):
        training = Training(config, work_dir)
        training.wait_for_iterations(moments.randint(1, 6))
        if number % 2:
            training.wait_for(lambda: list(work_dir.glob(TEMPORARY)))
            delay = moments.uniform(0, 0.02)
        else:
            delay = moments.uniform(0, 0.2)
        training.process.join(delay)
        assert training.kill() == -signal.SIGKILL, training.output()[-2000:]
        torn += bool(list(work_dir.glob(TEMPORARY)))
        saved = check_last_checkpoint(work_dir)
    assert torn >= 3  # were within a write
    training = Training(config, work_dir)
    assert training.finish() == 0, training.output()[-2000:]
    starts = [r["start"] for r in records(work_dir) if "start" in r]
    assert len(starts) == 31 and starts[-1] == saved
    assert starts == sorted(starts)
    assert records(work_dir)[-1]["weights"] == uninterrupted(extra)
    assert not list(work_dir.glob(TEMPORARY))
    assert len(list(work_dir.glob("epoch_*.pth"))) == 2  # max_keep_ckpts
    assert len(list(work_dir.glob("best_*.pth"))) == 1


@pytest.mark.parametrize("workers", [0, 2])
def test_killed_between_epochs(digits, tmp_path, uninterrupted, workers):
    """Bit for bit, with workers that outlive an epoch, over the switch of pipelines."""
    persistent = bool(workers)
    extra = (
        f"train_dataloader.update(num_workers={workers}, "
        f"persistent_workers={persistent})"
    )
    config = write_config(tmp_path / "run.py", digits, extra)
    work_dir = tmp_path / "work"
    for epoch in (1, 2):
        training = Training(config, work_dir)
        training.wait_for_checkpoint(f"epoch_{epoch}.pth")
        assert training.kill() == -signal.SIGKILL, training.output()[-2000:]
    training = Training(config, work_dir)
    assert training.finish() == 0, training.output()[-2000:]
    starts = [r["start"] for r in records(work_dir) if "start" in r]
    assert starts == [0, ITERATIONS, 2 * ITERATIONS]
    assert records(work_dir)[-1]["weights"] == uninterrupted(extra)


@pytest.mark.parametrize("workers", [0, 2])
def test_sigterm_saves_first(digits, tmp_path, uninterrupted, workers):
    """Within an epoch, which a resumed run then finishes; workers get it as well."""
    extra = f"train_dataloader.update(num_workers={workers})"
    config = write_config(tmp_path / "run.py", digits, extra)
    work_dir = tmp_path / "work"
    training = Training(config, work_dir)
    training.wait_for_iterations(2)
    assert training.kill(signal.SIGTERM) == 143, training.output()[-2000:]
    path = last_checkpoint(work_dir)
    saved = torch.load(path, weights_only=False)["meta"]["iter"]
    assert path.name == f"iter_{saved}.pth" and 2 <= saved < ITERATIONS

    training = Training(config, work_dir)
    assert training.finish() == 0, training.output()[-2000:]
    assert f"passing over {saved} iterations" in training.log()
    assert not list(work_dir.glob("iter_*.pth"))
    assert records(work_dir)[-1]["weights"] == uninterrupted(extra)


def test_sigterm_while_validating(digits, tmp_path, uninterrupted):
    """The weights that are trained are saved, not the averaged ones."""
    extra = "val_batch_size = 1"
    config = write_config(tmp_path / "run.py", digits, extra)
    work_dir = tmp_path / "work"
    training = Training(config, work_dir)
    training.wait_for(lambda: "Epoch(val) [1]" in training.log())
    assert training.kill(signal.SIGTERM) == 143, training.output()[-2000:]
    assert last_checkpoint(work_dir).name == f"iter_{ITERATIONS}.pth"
    training = Training(config, work_dir)
    assert training.finish() == 0, training.output()[-2000:]
    assert records(work_dir)[-1]["weights"] == uninterrupted(extra)
