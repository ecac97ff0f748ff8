"""Write an evaluation report: eval_report.py CONFIG CKPT --out DIR."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from mmengine.config import DictAction

from mmyolo_mnv1.config import load_config
from mmyolo_mnv1.evaluation.eval_report import eval_report


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the arguments and write the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config")
    parser.add_argument("checkpoint", nargs="?")
    parser.add_argument("--out", type=Path, required=True, help="folder")
    parser.add_argument(
        "--results", type=Path, help="detections of a test run (.json, .pkl) instead"
    )
    parser.add_argument("--score-thr", type=float, help="default: where F1 is best")
    parser.add_argument("--iou-thr", type=float, default=0.5)
    parser.add_argument("--worst", type=int, default=8, help="errors of each kind")
    parser.add_argument("--cfg-options", nargs="+", action=DictAction, metavar="K=V")
    args = parser.parse_args(argv)
    report = eval_report(
        load_config(args.config, args.cfg_options),
        args.out,
        args.checkpoint,
        args.results,
        args.score_thr,
        args.iou_thr,
        args.worst,
    )
    summary = report["summary"]
    print(f"AP {summary['AP']:.3f}, AP50 {summary['AP50']:.3f}")
    print(f"written to {args.out / 'report.html'}")


if __name__ == "__main__":
    sys.exit(main())
