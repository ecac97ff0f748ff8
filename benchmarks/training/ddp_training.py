"""A short training whose iterations are timed; a process of ``benchmark_ddp``.

``python -m benchmarks.training.ddp_training JSON``
"""

import json
import logging
import sys
from pathlib import Path

from mmengine.dist import is_main_process
from mmyolo.registry import RUNNERS

from benchmarks.harness.training_config import train_only
from mmyolo_mnv1.analysis.machine import set_threads
from mmyolo_mnv1.config import load_config


def train(
    config: str, options: dict, iterations: int, launcher: str, work_dir: str, out: str
) -> None:
    """Train, and write the milliseconds of each iteration.

    Args:
        config (str): Config file.
        options (dict): Changes of the config, as in ``--cfg-options``.
        iterations (int): Number of iterations.
        launcher (str): ``none`` or ``pytorch``.
        work_dir (str): Work directory.
        out (str): JSON file to write.
    """
    length = dict(max_epochs=1, close_mosaic_epochs=0)
    cfg = load_config(config, {**options, **length})
    cfg.launcher, cfg.work_dir = launcher, work_dir
    train_only(cfg, workers=0)
    cfg.train_dataloader.num_batch_per_epoch = iterations
    cfg.log_level = "WARNING"
    runner = RUNNERS.build(cfg)
    runner.logger.setLevel(logging.WARNING)
    set_threads(1)
    runner.train()
    if is_main_process():
        seconds, _ = runner.message_hub.get_scalar("train/time").data
        Path(out).write_text(json.dumps([1000 * s for s in seconds.tolist()]))


if __name__ == "__main__":
    train(**json.loads(sys.argv[1]))
