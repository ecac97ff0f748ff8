"""Draw test mAP against MACs and latency: plot_results.py DUEL.json COMPARE.json."""

import argparse
from pathlib import Path

from mmyolo_mnv1.analysis.duel_costs import draw_costs, read_detectors
from mmyolo_mnv1.analysis.tables import write_figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("trained", type=Path, help="JSON of duel.py")
    parser.add_argument("measured", type=Path, help="JSON of compare.py, same configs")
    parser.add_argument("--out", type=Path, default=Path("work_dirs/results.png"))
    args = parser.parse_args()
    write_figure(draw_costs(*read_detectors(args.trained, args.measured)), args.out)


if __name__ == "__main__":
    main()
