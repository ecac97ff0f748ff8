"""Build a static web page that runs an exported model in the browser."""

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from mmyolo_mnv1.deploy.runtime.engines import load_engine
from mmyolo_mnv1.errors import InputError
from mmyolo_mnv1.files import atomic_files

ROOT = Path(__file__).resolve().parents[2]
#: Sources of the page, its npm packages, and the files it needs of onnxruntime-web.
SOURCES = ("index.html", "*.css", "*.js", "*.jpg")
PACKAGES = "package*.json"
RUNTIME = ("ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm")
NPM_OPTIONS = ("--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline")


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the arguments and build the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path, help="ONNX, exported with --nms none")
    parser.add_argument("--out", type=Path, default=Path("work_dirs/page"))
    args = parser.parse_args(argv)
    build_page(args.model, args.out, ROOT / "docs/demo")
    print(
        f"serve it: python3 -m http.server --directory {args.out}\n"
        "open it: http://localhost:8000"
    )


def build_page(model: Path, out: Path, source: Path) -> None:
    """Copy the page, ONNX Runtime Web and a model into a folder for any web server.

    ONNX Runtime Web cannot read a model's metadata, so they are written beside the
    model as JSON. The finished folder needs no network.

    Args:
        model (Path): ONNX file, exported without NMS in the graph.
        out (Path): Folder to write; files of an earlier page are replaced.
        source (Path): Sources of the page, ``docs/demo`` of the repository.

    Raises:
        InputError: If the model is foreign or has NMS in its graph, npm is missing or
            fails, or the folder cannot be written.
    """
    if model.suffix != ".onnx":
        raise InputError(f"model {model}: the page runs ONNX: use --format onnx")
    metadata = load_engine(model).metadata
    if metadata.form != "raw":
        raise InputError(
            f"model {model} has NMS in its graph, which the page does itself: export "
            "with --nms none"
        )
    if not source.is_dir():
        raise InputError(f"{source} is not here: run this from the repository")
    with TemporaryDirectory() as packages:
        dist = _install_runtime(source, Path(packages))
        files = [dist / name for name in RUNTIME]
        files += [path for pattern in SOURCES for path in source.glob(pattern)]
        with atomic_files(out) as folder:
            for path in files:
                shutil.copy(path, folder)
            shutil.copy(model, folder / "model.onnx")
            document = json.dumps(metadata.dump(), ensure_ascii=False)
            (folder / "model.json").write_text(document, "utf-8")


def _install_runtime(source: Path, folder: Path) -> Path:
    """Install the pinned npm packages, from npm's cache without a network.

    Returns:
        Path: Folder of ``onnxruntime-web`` with the files for a browser.

    Raises:
        InputError: If npm is missing or fails.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise InputError("npm is not here: apt-get install npm")
    for path in source.glob(PACKAGES):
        shutil.copy(path, folder)
    done = subprocess.run(
        [npm, "ci", *NPM_OPTIONS], cwd=folder, capture_output=True, text=True
    )
    if done.returncode:
        reason = next(iter(done.stderr.splitlines()), f"status {done.returncode}")
        raise InputError(f"npm ci failed ({reason}): it needs a network, once")
    return folder / "node_modules/onnxruntime-web/dist"


if __name__ == "__main__":
    sys.exit(main())
