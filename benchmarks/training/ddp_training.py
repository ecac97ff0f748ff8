"""One of the processes that :mod:`.ddp_benchmark` trains with."""

import json
import logging
import sys
from pathlib import Path

from mmengine.dist import is_main_process
from mmyolo.registry import RUNNERS

from mmyolo_mnv1.analysis.machine import set_threads
from mmyolo_mnv1.config import load_config

from .side_ours import train_only


def train(job: dict) -> None:
    """Train, and write down how long each iteration took, in milliseconds.

    Args:
        job (dict): ``config``, ``options``, ``iterations``, ``launcher``, ``work_dir``
            and ``out``.
    """
    length = dict(max_epochs=1, close_mosaic_epochs=0)
    cfg = load_config(job["config"], {**job["options"], **length})
    cfg.launcher, cfg.work_dir = job["launcher"], job["work_dir"]
    train_only(cfg, workers=0)
    cfg.train_dataloader.num_batch_per_epoch = job["iterations"]
    cfg.log_level = "WARNING"
    runner = RUNNERS.build(cfg)
    runner.logger.setLevel(logging.WARNING)
    set_threads(1)
    runner.train()
    if is_main_process():
        seconds, _ = runner.message_hub.get_scalar("train/time").data
        Path(job["out"]).write_text(json.dumps([1000 * s for s in seconds.tolist()]))


if __name__ == "__main__":
    train(json.loads(sys.argv[1]))
