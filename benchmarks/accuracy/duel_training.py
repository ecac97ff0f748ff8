"""Train and evaluate one side of a duel, resuming an interrupted training.

``python -m benchmarks.accuracy.duel_training FOLDER``
"""

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from mmengine.runner import Runner
from mmyolo.registry import RUNNERS

from benchmarks.accuracy.duel_folder import (
    CURVE,
    DuelTraining,
    EpochTimer,
    alone,
    checkpoint_path,
    read_curve,
    read_training,
)
from benchmarks.harness.training_config import EpochHook, train_only
from mmyolo_mnv1.analysis.machine import set_threads
from mmyolo_mnv1.engine.runner import resume_last

COCO_METRICS = {"mAP": "coco/bbox_mAP", "mAP50": "coco/bbox_mAP_50"}


def main(argv: Sequence[str] | None = None) -> None:
    """Train as far as necessary, then evaluate."""
    (folder,) = map(Path, sys.argv[1:] if argv is None else argv)
    training = read_training(folder)
    with alone(folder):
        if not checkpoint_path(folder, training.epochs()[-1]).is_file():
            if training.peer_options is None:
                train_ours(training, folder)
            else:
                from benchmarks.accuracy.ultralytics_training import train_ultralytics

                train_ultralytics(training, folder)
        evaluate(training, folder)


def train_ours(training: DuelTraining, folder: Path) -> None:
    """Train by this package's runner."""
    cfg = training.load()
    checkpoint_hook = cfg.default_hooks.checkpoint
    train_only(cfg, training.workers)
    checkpoint_hook.update(interval=training.every, max_keep_ckpts=-1, save_best=None)
    cfg.default_hooks.checkpoint = checkpoint_hook
    cfg.randomness.seed = training.seed
    cfg.work_dir = str(folder)
    resume_last(cfg)
    runner = RUNNERS.build(cfg)
    timer = EpochTimer(folder, training.threads)
    runner.register_hook(EpochHook(timer.start, lambda: timer.stop(runner.epoch + 1)))
    runner.train()


def evaluate(training: DuelTraining, folder: Path) -> None:
    """Evaluate the checkpoints, and delete all but the last.

    Both sides have the same preprocessing, thresholds of NMS and evaluator.
    """
    set_threads(training.threads)
    known, epochs = read_curve(folder), training.epochs()
    testers = {name: _build_tester(training, folder, name) for name in ("val", "test")}
    for epoch in epochs:
        path = checkpoint_path(folder, epoch)
        if epoch not in known:
            point = dict(epoch=epoch)
            for split, tester in testers.items():
                if split == "val" or epoch == epochs[-1]:
                    point.update(_evaluate_checkpoint(tester, path, split))
            with (folder / CURVE).open("a") as file:
                file.write(json.dumps(point) + "\n")
        if epoch != epochs[-1]:
            path.unlink(missing_ok=True)


def _evaluate_checkpoint(
    tester: Runner, path: Path, split: str
) -> Iterator[tuple[str, float]]:
    tester.load_checkpoint(str(path))
    metrics = tester.test()
    return ((f"{split}_{name}", metrics[key]) for name, key in COCO_METRICS.items())


def _build_tester(training: DuelTraining, folder: Path, split: str) -> Runner:
    cfg = training.load()
    if training.peer_options is not None:
        from benchmarks.accuracy.ultralytics_training import use_ultralytics_network

        use_ultralytics_network(training, cfg)
    loader, evaluator = cfg[f"{split}_dataloader"], cfg[f"{split}_evaluator"]
    train_only(cfg, 0)
    loader.update(num_workers=0, persistent_workers=False)
    cfg.update(
        test_dataloader=loader,
        test_evaluator=evaluator,
        test_cfg=dict(type="TestLoop"),
        custom_hooks=[],
        work_dir=str(folder / split),
    )
    # The data loader last: the others refer to its batch size.
    for name in ("auto_scale_lr", "param_scheduler", "optim_wrapper", "train_cfg"):
        cfg[name] = None
    cfg.train_dataloader = None
    return RUNNERS.build(cfg)


if __name__ == "__main__":
    sys.exit(main())
