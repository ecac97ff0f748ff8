"""Time predict.py against Ultralytics', and INT8 against single precision."""

import argparse

from benchmarks.predict.benchmark_predict import benchmark_predict
from mmyolo_mnv1.analysis.arguments import add_out_argument
from mmyolo_mnv1.analysis.backends import Setting
from mmyolo_mnv1.analysis.machine import available_threads
from mmyolo_mnv1.analysis.tables import check_suffixes
from mmyolo_mnv1.analysis.timing import Plan

INT8 = [f"configs/yolo11_{name}.py" for name in ("m", "mnv1_m", "mnv1_m_relu")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "config", nargs="?", default="configs/yolo11_n.py", help="default: yolo11_n"
    )
    parser.add_argument(
        "--int8",
        nargs="+",
        default=INT8,
        metavar="CONFIG",
        help="the reference, and those that are quantised; "
        "default: yolo11_m, yolo11_mnv1_m, yolo11_mnv1_m_relu",
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
    table = benchmark_predict(args.config, args.int8, plan)
    print(table.markdown())
    table.write(args.out)


if __name__ == "__main__":
    main()
