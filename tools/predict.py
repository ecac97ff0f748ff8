"""Detect in images, videos, cameras or streams: predict.py MODEL SOURCE ..."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from mmyolo_mnv1.deploy import Detector, TiledDetector
from mmyolo_mnv1.deploy.runtime.choice import parse_thresholds
from mmyolo_mnv1.deploy.runtime.evaluate import evaluate
from mmyolo_mnv1.deploy.runtime.predict import predict
from mmyolo_mnv1.deploy.runtime.tracking import TRACKERS
from mmyolo_mnv1.deploy.runtime.videos import StreamOptions
from mmyolo_mnv1.deploy.runtime.writers import WRITERS
from mmyolo_mnv1.errors import InputError

SCORE = "0.25"


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add(
        "model",
        help="of tools/deploy/export.py: .onnx, .xml, .ncnn.param, .torchscript; or a "
        "config, with --checkpoint",
    )
    add(
        "source",
        nargs="+",
        help="image, folder, glob, video, number of a camera, URL of a photo or "
        "stream, or - for a list of images on standard input",
    )
    add("--checkpoint", help="weights of a config: a name or file")
    add("--shape", type=int, nargs=2, metavar=("H", "W"), help="of a dynamic model")
    add(
        "--threads",
        type=int,
        help="CPU threads; default: OMP_NUM_THREADS, or the runtime's choice",
    )

    add = parser.add_argument_group("what is detected").add_argument
    add(
        "--score-thr",
        nargs="+",
        metavar="[CLASS=]SCORE",
        help=f"default: {SCORE}; with --eval, the config's",
    )
    add("--iou-thr", type=float, help="default: the config's")
    add("--classes", nargs="+", metavar="CLASS", help="default: all")
    add("--agnostic", action="store_true", help="NMS between classes too")
    add("--tile", type=int, metavar="PIXELS", help="look at tiles of this side too")
    add("--overlap", type=float, default=0.2, help="of the tiles; default: 0.2")

    add = parser.add_argument_group("videos and live sources").add_argument
    add(
        "--track", nargs="?", const="bytetrack", choices=TRACKERS, help="number objects"
    )
    add("--stride", type=int, default=1, metavar="N", help="take every N-th frame")
    add(
        "--every-frame",
        action="store_true",
        help="of live sources; default: the newest, older ones are dropped",
    )
    add("--retry", type=int, default=5, help="attempts to open a lost source")

    add = parser.add_argument_group("output").add_argument
    add("--out", type=Path, metavar="DIR", help="default: no output")
    add(
        "--save",
        nargs="+",
        choices=WRITERS,
        help="default: all but crops; mot with --track only",
    )
    add("--show", action="store_true", help="on the screen")
    add("--batch", type=int, default=1, metavar="N", help="images at once")
    add("--eval", type=Path, metavar="JSON", help="COCO annotations: print mAP")
    args = parser.parse_args(argv)

    model = args.model
    if args.checkpoint:
        from mmyolo_mnv1.deploy.export.pytorch_engine import load_pytorch

        model = load_pytorch(args.model, args.checkpoint, args.threads)
    elif args.model.endswith(".py"):
        raise InputError(f"model {args.model} is a config: give --checkpoint too")
    default = [] if args.eval else [SCORE]
    score, by_class = parse_thresholds([*default, *(args.score_thr or ())])
    detector = Detector(
        model,
        score_threshold=score,
        class_thresholds=by_class,
        iou_threshold=args.iou_thr,
        shape=args.shape,
        threads=args.threads,
        classes=args.classes,
        class_agnostic=args.agnostic,
    )
    if args.tile is not None:
        detector = TiledDetector(detector, args.tile, args.overlap)
    if args.eval:
        print(evaluate(detector, args.source, args.eval))
        return 0
    summary = predict(
        detector,
        args.source,
        args.out,
        args.save,
        args.show,
        options=StreamOptions(args.stride, args.every_frame, args.retry),
        track=args.track,
        batch=args.batch,
    )
    print(summary)
    return 1 if summary.skipped else 0


if __name__ == "__main__":
    sys.exit(main())
