"""Lift mmyolo 0.6.0's guard ``mmcv < 2.1.0`` at install time.

``python -m mmyolo_mnv1.environment.mmyolo_guard [WHEEL]`` downloads mmyolo's published
wheel (unless given), verifies its SHA-256, changes the bound in ``mmyolo/__init__.py``,
repacks the wheel as version ``0.6.0+mnv1`` and installs it. pip and openmim accept this
version for ``mmyolo==0.6.0``.
"""

import argparse
import hashlib
import importlib.metadata
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ..errors import InputError

VERSION = "0.6.0"
LOCAL_LABEL = "mnv1"
LIFTED_VERSION = f"{VERSION}+{LOCAL_LABEL}"
SHA256 = "fc6eac828cfecb43ad3c3b7d39f50c79cacbd894e78fe1ac9bd3c8c4eebc659d"
OLD_BOUND = "mmcv_maximum_version = '2.1.0'"
NEW_BOUND = "mmcv_maximum_version = '2.4.0'"


def guard_state() -> str:
    """State of the guard, without importing mmyolo.

    Returns:
        str: "absent" without mmyolo; "in place" or "lifted" for mmyolo 0.6.0; "unknown"
        for anything else.
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
        wheel (Path): The published wheel.
        out (Path): Folder of the new wheel.

    Returns:
        Path: The new wheel.

    Raises:
        InputError: If ``wheel`` is missing or not the published one, or does not
            contain the bound exactly once.
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
        _replace_bound(root / "mmyolo" / "__init__.py")
        out.mkdir(parents=True, exist_ok=True)
        _run(
            *("wheel", "pack", str(root), "--local-version", LOCAL_LABEL),
            *("--dest-dir", str(out)),
        )
    return out / f"mmyolo-{LIFTED_VERSION}-py3-none-any.whl"


def lift(wheel: Path | None = None) -> str:
    """Install mmyolo with the lifted guard, unless it is installed.

    Args:
        wheel (Path, optional): The published wheel. Defaults to None, pip downloads it.

    Returns:
        str: One line that describes what was done.

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


def _replace_bound(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    if (count := text.count(OLD_BOUND)) != 1:
        raise InputError(
            f"{path.name} contains {OLD_BOUND!r} {count} times, not once: "
            f"this is not mmyolo {VERSION} as published"
        )
    path.write_text(text.replace(OLD_BOUND, NEW_BOUND), encoding="utf-8")


def _run(module: str, *args: str) -> None:
    command = [sys.executable, "-m", module, *args]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no message"]
        raise InputError(f"`{' '.join(command[1:])}` failed: {lines[-1]}")


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description="Lift mmyolo 0.6.0's guard against mmcv >= 2.1.0."
    )
    parser.add_argument(
        "wheel", type=Path, nargs="?", help="published wheel; default: download it"
    )
    print(lift(parser.parse_args(argv).wheel))


if __name__ == "__main__":
    main()
