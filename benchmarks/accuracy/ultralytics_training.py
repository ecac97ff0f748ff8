"""Ultralytics' side of a duel, by its own trainer."""

from pathlib import Path

from mmengine.device import get_device

from benchmarks.accuracy.duel_folder import DuelTraining, EpochTimer, checkpoint_path
from benchmarks.harness.ultralytics_api import DetectionTrainer
from benchmarks.harness.ultralytics_data import trainer_arguments, write_dataset
from mmyolo_mnv1.converters.ultralytics import read_ultralytics, ultralytics_to_mmyolo
from mmyolo_mnv1.weights import save_checkpoint


def train_ultralytics(training: DuelTraining, folder: Path) -> None:
    """Train, resuming if possible; checkpoints are converted to MMEngine's format."""
    cfg = training.load()
    last = folder / "ultralytics" / "weights" / "last.pt"
    if last.is_file():
        overrides = dict(resume=str(last))
    else:
        data = folder / "data" / "data.yaml"
        if not data.is_file():
            write_dataset(cfg, data.parent)
        overrides = {
            **trainer_arguments(cfg),
            "optimizer": "auto",
            "device": "cpu" if get_device() == "cpu" else 0,
            "data": str(data),
            "epochs": cfg.train_cfg.max_epochs,
            "seed": training.seed,
            "project": str(folder.resolve()),
            "name": "ultralytics",
            "val": False,  # we evaluate; Ultralytics still does after the last epoch
            **training.peer_options,
        }
    trainer = DetectionTrainer(overrides=overrides)
    trainer.args.workers = training.workers  # 0 on the CPU otherwise
    timer = EpochTimer(folder, training.threads)
    epochs = set(training.epochs())

    def keep_weights(trainer: DetectionTrainer) -> None:
        if (epoch := trainer.epoch + 1) in epochs:
            weights, meta = ultralytics_to_mmyolo(read_ultralytics(trainer.last))
            save_checkpoint(weights, meta, checkpoint_path(folder, epoch))

    trainer.add_callback("on_train_epoch_start", lambda _: timer.start())
    trainer.add_callback("on_train_epoch_end", lambda t: timer.stop(t.epoch + 1))
    trainer.add_callback("on_model_save", keep_weights)
    trainer.train()
