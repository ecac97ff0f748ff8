"""Lift mmyolo 0.6.0's guard ``mmcv < 2.1.0``, once, at install time.

``python -m mmyolo_mnv1.mmyolo_guard`` downloads mmyolo's published wheel (or takes one
from the command line), verifies its SHA-256, changes the one bound in
``mmyolo/__init__.py``, repacks the wheel as version ``0.6.0+mnv1`` and installs it.
pip, openmim and a later ``pip install mmyolo==0.6.0`` are content with that version.
"""

import argparse
import hashlib
import importlib.metadata
import subprocess
import sys
import tempfile
from pathlib import Path

from ..errors import InputError

VERSION = "0.6.0"
LOCAL_LABEL = "mnv1"
LIFTED_VERSION = f"{VERSION}+{LOCAL_LABEL}"
SHA256 = "fc6eac828cfecb43ad3c3b7d39f50c79cacbd894e78fe1ac9bd3c8c4eebc659d"
OLD_BOUND = "mmcv_maximum_version = '2.1.0'"
NEW_BOUND = "mmcv_maximum_version = '2.4.0'"


def guard_state() -> str:
    """State of the installed mmyolo: absent, in place, lifted or unknown.

    Reads the installed file without importing it.
    """
    try:
        distribution = importlib.metadata.distribution("mmyolo")
    except importlib.metadata.PackageNotFoundError:
        return "absent"
    init = Path(distribution.locate_file("mmyolo/__init__.py"))
    text = init.read_text(encoding="utf-8") if init.is_file() else ""
    if NEW_BOUND in text and distribution.version == LIFTED_VERSION:
        return "lifted"
    if OLD_BOUND in text and distribution.version == VERSION:
        return "in place"
    return "unknown"


def repack(wheel: Path, out: Path) -> Path:
    """Write a copy of mmyolo's wheel with the lifted bound.

    Args:
        wheel (Path): The wheel as published.
        out (Path): Folder for the new wheel.

    Returns:
        Path: The new wheel.

    Raises:
        InputError: If ``wheel`` is missing or is not mmyolo 0.6.0 as published, or the
            bound does not stand in it exactly once.
    """
    if not wheel.is_file():
        raise InputError(f"{wheel} not found: give mmyolo {VERSION}'s published wheel")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if digest != SHA256:
        raise InputError(
            f"{wheel} is not mmyolo {VERSION} as published "
            f"(sha256 {digest[:12]}… instead of {SHA256[:12]}…): "
            f"get it with `pip download --no-deps mmyolo=={VERSION}`"
        )
    with tempfile.TemporaryDirectory() as folder:
        _run("wheel", "unpack", str(wheel), "--dest", folder)
        root = Path(folder) / f"mmyolo-{VERSION}"
        _replace(root / "mmyolo" / "__init__.py", OLD_BOUND, NEW_BOUND)
        out.mkdir(parents=True, exist_ok=True)
        _run(
            *("wheel", "pack", str(root), "--local-version", LOCAL_LABEL),
            *("--dest-dir", str(out)),
        )
    return out / f"mmyolo-{LIFTED_VERSION}-py3-none-any.whl"


def lift(wheel: Path | None = None) -> str:
    """Install mmyolo with the lifted guard, unless it is installed already.

    Args:
        wheel (Path, optional): The published wheel. Defaults to None: pip gets it.

    Returns:
        str: What was done, in one line.

    Raises:
        InputError: If another mmyolo is installed, the wheel is not the published
            one, or pip fails.
    """
    state = guard_state()
    if state == "lifted":
        return f"mmyolo {LIFTED_VERSION}: guard already lifted, nothing to do"
    if state == "unknown":
        version = importlib.metadata.version("mmyolo")
        raise InputError(
            f"mmyolo {version} is installed, not {VERSION} as published: "
            "`pip uninstall mmyolo` first"
        )
    with tempfile.TemporaryDirectory() as folder:
        if wheel is None:
            _run(
                *("pip", "download", "-q", "--no-deps", "--only-binary", ":all:"),
                *(f"mmyolo=={VERSION}", "-d", folder),
            )
            wheel = Path(folder) / f"mmyolo-{VERSION}-py3-none-any.whl"
        lifted = repack(wheel, Path(folder))
        _run("pip", "install", "-q", "--no-deps", "--force-reinstall", str(lifted))
    return (
        f"mmyolo {VERSION} verified and installed as {LIFTED_VERSION}: "
        f"`{OLD_BOUND}` is now `{NEW_BOUND}`"
    )


def _replace(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    if text.count(old) != 1:
        raise InputError(
            f"{path.name}: {old!r} stands there {text.count(old)} times, not "
            f"once: this is not mmyolo {VERSION} as published"
        )
    path.write_text(text.replace(old, new), encoding="utf-8")


def _run(module: str, *args: str) -> None:
    command = [sys.executable, "-m", module, *args]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no message"]
        raise InputError(f"`{' '.join(command[1:])}` failed: {lines[-1]}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Lift mmyolo 0.6.0's guard against mmcv >= 2.1.0."
    )
    parser.add_argument(
        "wheel", type=Path, nargs="?", help="mmyolo's published wheel; default: get it"
    )
    print(lift(parser.parse_args().wheel))


if __name__ == "__main__":
    main()
