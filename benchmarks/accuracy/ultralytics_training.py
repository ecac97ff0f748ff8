"""Ultralytics' side of a duel: its own trainer, and its network for the evaluation."""

from pathlib import Path

from mmengine.config import Config
from mmengine.device import get_device

from benchmarks.accuracy.duel_folder import DuelTraining, EpochTimer, checkpoint_path
from benchmarks.harness.ultralytics_api import DetectionTrainer
from benchmarks.harness.ultralytics_data import trainer_arguments, write_dataset
from benchmarks.harness.ultralytics_detector import UltralyticsDetector
from mmyolo_mnv1.weights import save_checkpoint


def train_ultralytics(training: DuelTraining, folder: Path) -> None:
    """Train, resuming if possible; checkpoints are of :class:`UltralyticsDetector`."""
    cfg = training.load()
    last = folder / "ultralytics" / "weights" / "last.pt"
    if last.is_file():
        overrides = dict(resume=str(last))
    else:
        data = folder / "data" / "data.yaml"
        if not data.is_file():
            write_dataset(cfg, data.parent)
        overrides = {
            **_arguments(training, cfg),
            "data": str(data),
            "epochs": cfg.train_cfg.max_epochs,
            "seed": training.seed,
            "project": str(folder.resolve()),
            "name": "ultralytics",
            "val": False,  # we evaluate; Ultralytics still does after the last epoch
        }
    trainer = DetectionTrainer(overrides=overrides)
    trainer.args.workers = training.workers  # 0 on the CPU otherwise
    timer = EpochTimer(folder, training.threads)
    epochs = set(training.epochs())
    meta = dict(dataset_meta=dict(classes=cfg.classes))

    def keep_weights(trainer: DetectionTrainer) -> None:
        if (epoch := trainer.epoch + 1) in epochs:
            state = trainer.ema.ema.state_dict()
            weights = {f"network.{name}": value for name, value in state.items()}
            save_checkpoint(weights, meta, checkpoint_path(folder, epoch))

    trainer.add_callback("on_train_epoch_start", lambda _: timer.start())
    trainer.add_callback("on_train_epoch_end", lambda t: timer.stop(t.epoch + 1))
    trainer.add_callback("on_model_save", keep_weights)
    trainer.train()


def use_ultralytics_network(training: DuelTraining, cfg: Config) -> None:
    """Put Ultralytics' network in place of the model of a config."""
    cfg.model = dict(
        type=UltralyticsDetector.__name__,
        network=_arguments(training, cfg)["model"],
        num_classes=len(cfg.classes),
        test_cfg=cfg.model.test_cfg,
        data_preprocessor=cfg.model.data_preprocessor,
    )


def _arguments(training: DuelTraining, cfg: Config) -> dict:
    changes = {k: v for k, v in training.peer_options.items() if k != "version"}
    device = "cpu" if get_device() == "cpu" else 0
    return {**trainer_arguments(cfg), "optimizer": "auto", "device": device, **changes}
