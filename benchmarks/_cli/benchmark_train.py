"""Time training against other projects, from a sample to an epoch."""

import argparse

from benchmarks.training.benchmark_train import PEERS, TrainPlan, benchmark_training
from benchmarks.training.train_job import KINDS
from mmyolo_mnv1.analysis.arguments import add_config_arguments, add_out_argument
from mmyolo_mnv1.analysis.machine import available_threads
from mmyolo_mnv1.analysis.tables import check_suffixes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config")
    parser.add_argument(
        *("--peer", "--peers"),
        nargs="+",
        default=[],
        help=f"of {', '.join(PEERS)}; mmyolo has data only",
    )
    parser.add_argument(
        "--what",
        nargs="+",
        default=KINDS,
        help=f"of {', '.join(KINDS)}; default: all",
    )
    parser.add_argument("--workers", type=int, default=2, help="of the data loaders")
    parser.add_argument(
        "--threads", type=int, default=available_threads(), help="default: all cores"
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--warmup", type=int, default=1, help="rounds not counted")
    parser.add_argument("--samples", type=int, default=200, help="a turn, of the data")
    parser.add_argument("--boxes", type=int, default=20, help="an image, in step")
    add_config_arguments(parser)
    add_out_argument(parser)
    args = parser.parse_args()
    check_suffixes(args.out)
    plan = TrainPlan(
        args.what,
        args.peer,
        args.workers,
        args.threads,
        args.rounds,
        args.warmup,
        args.samples,
        args.boxes,
    )
    table = benchmark_training(args.config, plan, args.cfg_options)
    print(table.markdown())
    table.write(args.out)


if __name__ == "__main__":
    main()
