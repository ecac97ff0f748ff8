"""Pictures of a running training: its curves, and detections in validation images."""

import json
from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure
from mmdet.structures import DetDataSample
from mmengine.dist import is_main_process
from mmengine.hooks import Hook

from ..deploy.runtime.images import read_image
from ..errors import InputError
from ..files import atomic_write
from .pictures import detections_cell, save_grid


class TrainingPicturesHook(Hook):
    """Renewal of ``curves.png`` and ``detections.png`` after each validation.

    Both are in the work directory: loss and mAP by epoch (:func:`draw_curves`), and
    the detections in the first validation images.

    Configs name the class by its module, which is above the engine
    (docs/architecture.md), so that it needs no registration.

    Args:
        images (int): Images in the grid. Defaults to 16.
    """

    priority = "LOW"  # after LoggerHook, which writes the numbers

    def __init__(self, images: int = 16) -> None:
        self.images = images
        self._samples: list[DetDataSample] = []
        self._training = False

    def before_train(self, runner) -> None:
        """Begin to draw: validation and test of a trained model are not drawn."""
        self._training = is_main_process()

    def after_val_iter(
        self,
        runner,
        batch_idx: int,
        data_batch=None,
        outputs: Sequence[DetDataSample] | None = None,
    ) -> None:
        """Keep the detections in the first images."""
        if self._training:
            found = [each for each in outputs or () if "pred_instances" in each]
            self._samples += found[: self.images - len(self._samples)]

    def after_val_epoch(self, runner, metrics: dict[str, float] | None = None) -> None:
        """Draw both pictures; a problem ends in a warning."""
        samples, self._samples = self._samples, []
        if not self._training:
            return
        work_dir = Path(runner.work_dir)
        classes = runner.val_dataloader.dataset.metainfo["classes"]
        try:
            cells = [
                detections_cell(read_image(sample.img_path), sample, classes)
                for sample in samples
            ]
            if cells:  # a classifier has none
                save_grid(cells, work_dir / "detections.png", columns=4)
            draw_curves(work_dir, work_dir / "curves.png")
        except (InputError, ValueError) as e:
            runner.logger.warning(f"no pictures of this validation: {e}")


def draw_curves(work_dir: Path, path: Path) -> None:
    """Save loss and mAP over epochs, from the scalars that MMEngine logged.

    All runs in ``work_dir`` are joined: a resumed training is one curve. Without
    logged losses nothing is written.

    Args:
        work_dir (Path): Work directory of the training.
        path (Path): PNG file.
    """
    losses: dict[int, tuple[float, float]] = {}  # epoch and loss by iteration
    precisions: dict[int, dict[str, float]] = {}  # by epoch
    for file in sorted(work_dir.glob("*/vis_data/scalars.json")):
        for line in file.read_text().splitlines():
            row = json.loads(line)
            if "loss" in row:
                losses[row["step"]] = row["step"] / row["epoch"], row["loss"]
            elif any("mAP" in name for name in row):
                precisions[row["step"]] = row
    if not losses:
        return
    per_epoch = max(length for length, _ in losses.values())
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    left = figure.subplots()
    iterations = sorted(losses)
    values = [losses[iteration][1] for iteration in iterations]
    left.plot([i / per_epoch for i in iterations], values, color="tab:blue")
    left.set_xlabel("epoch")
    left.set_ylabel("training loss (sum over the batch)", color="tab:blue")
    right = left.twinx()
    epochs = sorted(precisions)
    names = {"mAP_50": ("mAP@50", "o-"), "mAP": ("mAP@[.5:.95]", "s--")}
    for name, (label, style) in names.items():
        key = next((k for e in epochs for k in precisions[e] if k.endswith(name)), None)
        if key:
            values = [precisions[epoch].get(key) for epoch in epochs]
            right.plot(epochs, values, style, color="tab:orange", label=label)
            right.legend(loc="lower right")
    right.set_ylim(0, 1)
    right.set_ylabel("mAP on the validation images", color="tab:orange")
    with atomic_write(path) as temporary:
        figure.savefig(temporary, dpi=120)
