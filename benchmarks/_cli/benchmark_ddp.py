"""Time training with several processes against one: benchmark_ddp.py CONFIG."""

import argparse

from benchmarks.training.benchmark_ddp import DDPPlan, benchmark_ddp
from mmyolo_mnv1.analysis.arguments import add_config_arguments, add_out_argument
from mmyolo_mnv1.analysis.tables import check_suffixes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", help="on the digits, such as yolo11_mnv1_n_digits.py")
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--iterations", type=int, default=6, help="of each round")
    parser.add_argument("--warmup", type=int, default=2, help="iterations not counted")
    add_config_arguments(parser)
    add_out_argument(parser)
    args = parser.parse_args()
    check_suffixes(args.out)
    plan = DDPPlan(args.processes, args.rounds, args.iterations, args.warmup)
    table = benchmark_ddp(args.config, plan, args.cfg_options)
    print(table.markdown())
    table.write(args.out)


if __name__ == "__main__":
    main()
