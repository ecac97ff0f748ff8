"""Train, evaluate and draw a MobileNetV1-YOLO11 on the embedded digits dataset."""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import cv2
import torch
from matplotlib import pyplot as plt
from mmdet.structures import DetDataSample
from mmengine.dataset import BaseDataset, pseudo_collate
from torch import nn

from mmyolo_mnv1.analysis.complexity import count_conv_macs, count_params
from mmyolo_mnv1.analysis.tables import write_figure
from mmyolo_mnv1.annotations.digits import make_digits
from mmyolo_mnv1.config import input_shape, load_config
from mmyolo_mnv1.engine import YOLO11Runner
from mmyolo_mnv1.evaluation.pictures import BoxDrawer, save_grid

ROOT = Path(__file__).resolve().parents[2]


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the arguments, run the demo, print its results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--config", type=Path, default=ROOT / "configs/yolo11_mnv1_n_digits.py"
    )
    parser.add_argument("--work-dir", type=Path, default=Path("work_dirs/demo"))
    args = parser.parse_args(argv)
    result = run_demo(args.config, args.work_dir)
    print(
        f"\nheld-out mAP@50 {result['mAP_50']:.3f}, "
        f"mAP@[.5:.95] {result['mAP']:.3f}\n"
        f"{result['params'] / 1e6:.2f} M parameters, "
        f"{result['conv_macs'] / 1e9:.3f} G conv MACs\n"
        f"{result['ms_per_image']:.1f} ms per image (network and NMS, batch 1)\n"
        f"pictures: {args.work_dir / 'detections.png'}, {args.work_dir / 'curve.png'}"
    )


def run_demo(config: Path, work_dir: Path) -> dict[str, float]:
    """Train on the digits, evaluate on held-out images, write pictures.

    A second call resumes from the last checkpoint.

    Args:
        config (Path): Config on the digits dataset.
        work_dir (Path): Folder for checkpoints, logs, ``detections.png`` and
            ``curve.png``.

    Returns:
        dict[str, float]: ``mAP``, ``mAP_50`` (0 to 1), ``params``, ``conv_macs`` and
        ``ms_per_image``.
    """
    cfg = load_config(config)
    cfg.work_dir = str(work_dir)
    cfg.resume = True  # from the last checkpoint, if any
    if make_digits(Path(cfg.data_root), size=cfg.input_size, **cfg.digits):
        print(f"wrote {cfg.data_root}")
    runner = YOLO11Runner.from_cfg(cfg)
    runner.train()
    metrics = runner.test()
    model, dataset = runner.model, runner.test_dataloader.dataset
    samples, ms_per_image = _predict(model, dataset, count=64)
    draw = BoxDrawer(dataset.metainfo["classes"])
    cells = [draw(cv2.imread(s.img_path), s, score_thr=0.3) for s in samples[:16]]
    save_grid(cells, work_dir / "detections.png", columns=4)
    _draw_training_curve(work_dir, work_dir / "curve.png")
    return dict(
        mAP=metrics["coco/bbox_mAP"],
        mAP_50=metrics["coco/bbox_mAP_50"],
        params=count_params(model),
        conv_macs=count_conv_macs(model, *input_shape(cfg)),
        ms_per_image=ms_per_image,
    )


@torch.no_grad()
def _predict(
    model: nn.Module, dataset: BaseDataset, count: int
) -> tuple[list[DetDataSample], float]:
    """Detect in the first ``count`` images, batch 1.

    Returns:
        tuple[list[DetDataSample], float]: The data samples, and the median time per
        image in milliseconds: normalisation, network and NMS, without file reading.
    """
    model.eval()
    samples, times = [], []
    for index in range(min(count, len(dataset))):
        batch = pseudo_collate([dataset[index]])
        start = time.perf_counter()
        samples += model.test_step(batch)
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        times.append(1000 * (time.perf_counter() - start))
    return samples, statistics.median(times)


def _draw_training_curve(work_dir: Path, path: Path) -> None:
    """Save loss and mAP over epochs, from the scalars that MMEngine logged.

    All runs in ``work_dir`` are joined by time: a resumed training is one curve.

    Args:
        work_dir (Path): Work directory of the training.
        path (Path): PNG file.
    """
    losses: dict[float, float] = {}
    precisions: dict[float, tuple[float, float]] = {}
    for file in sorted(work_dir.glob("*/vis_data/scalars.json")):
        for line in file.read_text().splitlines():
            row = json.loads(line)
            if "loss" in row:
                losses[row["step"]] = row["loss"]
                iters_per_epoch = row["step"] / row["epoch"]
            elif "coco/bbox_mAP" in row:
                pair = row["coco/bbox_mAP"], row["coco/bbox_mAP_50"]
                precisions[row["step"]] = pair
    if not losses:
        return
    figure, left = plt.subplots(figsize=(8, 4.5), layout="constrained")
    iterations = sorted(losses)
    left.plot(
        [i / iters_per_epoch for i in iterations],
        [losses[i] for i in iterations],
        color="tab:blue",
    )
    left.set(xlabel="epoch", title="MobileNetV1-YOLO11: training")
    left.set_ylabel("training loss (sum over the batch)", color="tab:blue")
    right = left.twinx()
    epochs = sorted(precisions)
    for column, label, style in ((1, "mAP@50", "o-"), (0, "mAP@[.5:.95]", "s--")):
        values = [precisions[e][column] for e in epochs]
        right.plot(epochs, values, style, color="tab:orange", label=label)
    right.set_ylim(0, 1)
    right.set_ylabel("held-out mAP", color="tab:orange")
    right.legend(loc="lower right")
    write_figure(figure, path, dpi=120)


if __name__ == "__main__":
    sys.exit(main())
