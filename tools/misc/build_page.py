"""Make a folder with a web page that runs an exported model in the browser."""

import argparse
from pathlib import Path

from mmyolo_mnv1.deploy.page import build_page

ROOT = Path(__file__).resolve().parents[2]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path, help="ONNX, exported with --nms none")
    parser.add_argument("--out", type=Path, default=Path("work_dirs/page"))
    args = parser.parse_args()
    build_page(args.model, args.out, ROOT / "docs/demo")
    print(
        f"serve it: python3 -m http.server --directory {args.out}\n"
        "open it: http://localhost:8000"
    )


if __name__ == "__main__":
    main()
