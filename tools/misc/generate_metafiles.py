"""Write the metafiles and the table of configs/README.md from the configs."""

import argparse
from pathlib import Path

from mmyolo_mnv1.analysis.metadata import generate

from mmyolo_mnv1.errors import InputError

ROOT = Path(__file__).resolve().parents[2]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail if a file is stale"
    )
    args = parser.parse_args()
    differing = " ".join(str(path) for path in generate(ROOT, args.check))
    if args.check and differing:
        raise InputError(f"stale: {differing}: run tools/misc/generate_metafiles.py")
    print(f"wrote {differing}" if differing else "all up to date")


if __name__ == "__main__":
    main()
