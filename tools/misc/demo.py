"""Train, evaluate and draw a MobileNetV1-YOLO11 on the embedded digits dataset."""

import argparse
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from mmdet.structures import DetDataSample
from mmengine.dataset import BaseDataset, pseudo_collate
from torch import nn

from mmyolo_mnv1.analysis.complexity import count_conv_macs, count_params
from mmyolo_mnv1.analysis.pictures import draw_detections, draw_training_curve
from mmyolo_mnv1.annotations.digits import make_digits
from mmyolo_mnv1.config import input_shape, load_config
from mmyolo_mnv1.engine import YOLO11Runner

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
    classes = dataset.metainfo["classes"]
    draw_detections(samples[:16], classes, work_dir / "detections.png")
    draw_training_curve(work_dir, work_dir / "curve.png")
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


if __name__ == "__main__":
    sys.exit(main())
