"""Train ours and Ultralytics' on the same data and compare accuracy and time.

Runs for hours: stop it at will, and give the same command again to go on.
"""

import argparse
from pathlib import Path

from benchmarks.accuracy.duel import DuelPlan, duel, read_peer_options
from benchmarks.accuracy.duel_figure import draw_curves
from mmyolo_mnv1.analysis.arguments import add_config_arguments, add_out_argument
from mmyolo_mnv1.analysis.tables import check_suffixes


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("configs", nargs="+", help="one for each training of ours")
    parser.add_argument(
        "--peer",
        nargs="*",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="Ultralytics with the first config's data and size; arguments of its "
        "trainer that differ from its defaults; may be given several times",
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--threads", type=int, default=1, help="of each training")
    parser.add_argument("--workers", type=int, default=0, help="of each data loader")
    parser.add_argument("--every", type=int, default=2, help="epochs an evaluation")
    parser.add_argument("--jobs", type=int, default=1, help="trainings at a time")
    parser.add_argument("--work-dir", type=Path, default=Path("work_dirs/duel"))
    add_config_arguments(parser)
    add_out_argument(parser, picture=True)
    args = parser.parse_args()
    check_suffixes(args.out, with_picture=True)
    peers = [read_peer_options(texts) for texts in args.peer]
    plan = DuelPlan(args.seeds, args.threads, args.workers, args.every, args.jobs)
    table = duel(args.configs, plan, args.work_dir, args.cfg_options, peers)
    print(table.markdown())
    table.write(args.out, lambda: draw_curves(table))


if __name__ == "__main__":
    main()
