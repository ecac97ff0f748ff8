"""Draw test mAP against MACs and latency: plot_results.py COSTS.json DUEL.json."""

import argparse
from pathlib import Path

from benchmarks.accuracy.plot_results import draw_costs, read_detectors
from mmyolo_mnv1.analysis.tables import write_figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("measured", type=Path, help="JSON of compare.py")
    parser.add_argument(
        "trained", type=Path, nargs="+", help="JSON of duel.py, same configs"
    )
    parser.add_argument("--out", type=Path, default=Path("work_dirs/results.png"))
    args = parser.parse_args()
    write_figure(draw_costs(*read_detectors(args.measured, args.trained)), args.out)


if __name__ == "__main__":
    main()
