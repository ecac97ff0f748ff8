"""Time predict.py against Ultralytics', and INT8 against single precision."""

import argparse

from mmyolo_mnv1.analysis.arguments import add_out_argument
from mmyolo_mnv1.analysis.backends import Setting
from mmyolo_mnv1.analysis.latency import Plan
from mmyolo_mnv1.analysis.predict_benchmark import benchmark_predict
from mmyolo_mnv1.analysis.process import available_threads
from mmyolo_mnv1.analysis.tables import check_suffixes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "config", nargs="?", default="configs/yolo11_n.py", help="default: yolo11_n"
    )
    parser.add_argument(
        "--int8",
        nargs=2,
        default=("configs/yolo11_m.py", "configs/yolo11_mnv1_m.py"),
        metavar=("REFERENCE", "QUANTISED"),
        help="default: yolo11_m, yolo11_mnv1_m",
    )
    parser.add_argument(
        "--threads", type=int, default=available_threads(), help="default: all cores"
    )
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--warmup", type=int, default=3, help="rounds not counted")
    add_out_argument(parser)
    args = parser.parse_args()
    check_suffixes(args.out)
    setting = Setting(threads=args.threads)
    plan = Plan(setting=setting, rounds=args.rounds, warmup=args.warmup)
    plan.check()
    table = benchmark_predict(args.config, tuple(args.int8), plan)
    print(table.markdown())
    table.write(args.out)


if __name__ == "__main__":
    main()
