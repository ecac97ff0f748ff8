"""Train, measure and picture a MobileNetV1-YOLO11 on the embedded digits data."""

import argparse
from pathlib import Path

from mmyolo_mnv1.demo import run_demo

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--config", type=Path, default=ROOT / "configs/yolo11_mnv1_n_digits.py"
    )
    parser.add_argument("--work-dir", type=Path, default=Path("work_dirs/demo"))
    args = parser.parse_args()
    result = run_demo(args.config, args.work_dir)
    print(
        f"\nheld-out mAP@50 {result['mAP_50']:.3f}, "
        f"mAP@[.5:.95] {result['mAP']:.3f}\n"
        f"{result['params'] / 1e6:.2f} M parameters, "
        f"{result['conv_macs'] / 1e9:.3f} G conv MACs\n"
        f"{result['ms_per_image']:.1f} ms per image (network and NMS, batch 1)\n"
        f"pictures: {args.work_dir / 'detections.png'}, {args.work_dir / 'curve.png'}"
    )


if __name__ == "__main__":
    main()
