"""A page that runs an exported model in the browser, as one folder."""

import json
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from ..errors import InputError
from ..files import renamed_together
from .runtime.engines import load_engine

#: Sources of the page, and what it needs of ``onnxruntime-web``.
SOURCES = ("index.html", "*.css", "*.js", "*.jpg")
PACKAGES = "package*.json"
RUNTIME = ("ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm")
NPM_OPTIONS = ("--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline")


def build_page(model: Path, out: Path, source: Path) -> None:
    """Put the page, ONNX Runtime Web and a model into a folder for any web server.

    The browser's runtime cannot read a model's metadata, so these go beside it, as
    they do for ncnn. The folder needs no network afterwards.

    Args:
        model (Path): ONNX, exported in raw form.
        out (Path): Folder to write; files of an earlier page are replaced.
        source (Path): The page's sources, ``docs/demo`` of the repository.

    Raises:
        InputError: If the model is not ours or of another form, npm is missing or
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
        dist = _install(source, Path(packages))
        files = [dist / name for name in RUNTIME]
        files += [path for pattern in SOURCES for path in source.glob(pattern)]
        with renamed_together(out) as folder:
            for path in files:
                shutil.copy(path, folder)
            shutil.copy(model, folder / "model.onnx")
            document = json.dumps(metadata.dump(), ensure_ascii=False)
            (folder / "model.json").write_text(document, "utf-8")


def _install(source: Path, folder: Path) -> Path:
    """Fetch the pinned packages, those that npm has kept without a network.

    Returns:
        Path: The folder of ``onnxruntime-web`` with what a browser loads.

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
