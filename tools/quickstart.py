"""Train a detector on labelled photos, test and export it: quickstart.py DATA."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from mmyolo_mnv1.annotations.any_format import FORMATS
from mmyolo_mnv1.quickstart.command import describe, quickstart
from mmyolo_mnv1.quickstart.project import Project, project_name


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, argument_default=argparse.SUPPRESS
    )
    parser.add_argument(
        "data", type=Path, help="data.yaml, COCO JSON, or a folder of photos and labels"
    )
    parser.add_argument("--name", help="of config and work directory; default: DATA's")
    parser.add_argument("--labels", choices=FORMATS, help="if DATA has several formats")
    parser.add_argument("--scale", choices=list("nsmlx"), help="default: n")
    parser.add_argument("--alpha", type=float, help="width multiplier; default: 0.5")
    parser.add_argument("--epochs", type=int, help="default: 40")
    parser.add_argument("--img-scale", type=int, help="input in pixels; default: 320")
    parser.add_argument(
        "--pretrained", help="weights: a name, a file, or none; default: the config's"
    )
    parser.add_argument(
        "--work-dir", type=Path, dest="out", help="default: work_dirs/NAME"
    )
    parser.add_argument("--seed", type=int, help="of the split; default: 0")
    options = vars(parser.parse_args(argv))
    project = Project(**{"name": project_name(options["data"]), **options})
    print(describe(project, quickstart(project)))


if __name__ == "__main__":
    sys.exit(main())
