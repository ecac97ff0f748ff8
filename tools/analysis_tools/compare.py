"""Counts, latency and mAP of models side by side.

Without CONFIG the models of the article: YOLO11m and MobileNetV1-YOLO11m, one class.
"""

import argparse
import sys
from collections.abc import Sequence

from mmyolo_mnv1.analysis.arguments import add_comparison_arguments, load_comparison
from mmyolo_mnv1.analysis.compare import compare_models
from mmyolo_mnv1.analysis.compare_figure import draw_comparison


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_comparison_arguments(parser)
    args = parser.parse_args(argv)
    table = compare_models(*load_comparison(args))
    print(table.markdown())
    table.write(args.out, lambda: draw_comparison(table))


if __name__ == "__main__":
    sys.exit(main())
