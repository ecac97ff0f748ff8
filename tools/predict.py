"""Detect in images, videos or a camera: predict.py MODEL SOURCE ..."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from mmyolo_mnv1.deploy import Detector
from mmyolo_mnv1.deploy.runtime.predict import predict
from mmyolo_mnv1.deploy.runtime.writers import WRITERS
from mmyolo_mnv1.errors import InputError


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "model",
        help="of tools/deploy/export.py: .onnx, .xml, .ncnn.param, .torchscript; or a "
        "config, with --checkpoint",
    )
    parser.add_argument(
        "source",
        nargs="+",
        help="image, folder, glob, video, number of a camera, or - for a list of "
        "images on standard input",
    )
    parser.add_argument("--checkpoint", help="weights of a config: a name or file")
    parser.add_argument("--out", type=Path, metavar="DIR", help="default: no output")
    parser.add_argument(
        "--save",
        nargs="+",
        choices=WRITERS,
        default=list(WRITERS),
        help="output formats; default: all",
    )
    parser.add_argument("--score-thr", type=float, default=0.25, help="default: 0.25")
    parser.add_argument("--iou-thr", type=float, help="default: the config's")
    parser.add_argument(
        "--shape",
        type=int,
        nargs=2,
        metavar=("H", "W"),
        help="input of a dynamic model",
    )
    parser.add_argument("--threads", type=int, help="CPU threads")
    parser.add_argument("--show", action="store_true", help="on the screen")
    args = parser.parse_args(argv)
    model = args.model
    if args.checkpoint:
        from mmyolo_mnv1.deploy.export.pytorch_engine import load_pytorch

        model = load_pytorch(args.model, args.checkpoint, args.threads)
    elif args.model.endswith(".py"):
        raise InputError(f"model {args.model} is a config: give --checkpoint too")
    detector = Detector(
        model,
        score_threshold=args.score_thr,
        iou_threshold=args.iou_thr,
        shape=args.shape,
        threads=args.threads,
    )
    summary = predict(detector, args.source, args.out, args.save, args.show)
    print(summary)
    return 1 if summary.skipped else 0


if __name__ == "__main__":
    sys.exit(main())
