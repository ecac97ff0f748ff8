"""Export a trained detector for other runtimes: export.py CONFIG CHECKPOINT."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from mmyolo_mnv1.analysis.arguments import add_config_arguments
from mmyolo_mnv1.analysis.export_report import limit_drop, report_exports
from mmyolo_mnv1.config import load_config
from mmyolo_mnv1.deploy.export.formats import FORMATS, ExportPlan, export_detector
from mmyolo_mnv1.errors import InputError


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", help="config file of a detector")
    parser.add_argument("checkpoint", help="its weights: a name, address or file")
    parser.add_argument(
        "--format",
        nargs="+",
        default=["onnx"],
        metavar="FORMAT",
        help=f"of {', '.join(FORMATS)}; default: onnx",
    )
    parser.add_argument(
        "--out", type=Path, default=Path("work_dirs/deploy"), metavar="DIR"
    )
    parser.add_argument(
        "--nms",
        choices=["none", "onnx", "free"],
        default="none",
        help="onnx: NMS in the graph; free: local maxima of the scores replace NMS",
    )
    parser.add_argument(
        "--shape", type=int, nargs=2, metavar=("H", "W"), help="default: the config's"
    )
    parser.add_argument(
        "--dynamic", action="store_true", help="any batch, height and width"
    )
    parser.add_argument("--half", action="store_true", help="half precision")
    parser.add_argument("--int8", action="store_true", help="needs --calib")
    parser.add_argument("--calib", type=Path, metavar="DIR", help="images for --int8")
    parser.add_argument("--calib-images", type=int, default=300, help="default: 300")
    parser.add_argument(
        "--max-drop",
        type=float,
        metavar="POINTS",
        help="--int8: mAP on the config's validation set that may be lost, in points; "
        "layers that lose more stay in float",
    )
    parser.add_argument(
        "--eval",
        action="store_true",
        help="measure mAP on the config's test set: PyTorch's, and each file's",
    )
    add_config_arguments(parser)
    args = parser.parse_args(argv)
    if args.int8 != bool(args.calib):
        raise InputError("--int8 and --calib DIR go together: give both, or neither")
    if args.max_drop is not None and not args.int8:
        raise InputError("--max-drop needs --int8")
    cfg = load_config(args.config, args.cfg_options)
    if args.nms == "free":
        cfg.model.test_cfg.nms = None
    plan = ExportPlan(
        args.format,
        form="nms" if args.nms == "onnx" else "raw",
        shape=args.shape,
        dynamic=args.dynamic,
        half=args.half,
        calibration=args.calib,
        samples=args.calib_images,
    )
    plan.check()
    limit = None if args.max_drop is None else limit_drop(cfg, args.max_drop)
    files = export_detector(cfg, args.checkpoint, args.out, plan, limit)
    print(report_exports(cfg, args.checkpoint, files, plan, args.eval).markdown())


if __name__ == "__main__":
    sys.exit(main())
