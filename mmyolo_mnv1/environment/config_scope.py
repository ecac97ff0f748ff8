"""Let every process of this environment read ``_base_ = "mmyolo_mnv1::NAME.py"``.

Writes a ``.pth`` file beside the installed packages; Python runs its one line at start.
To undo it, delete the file.
"""

import sysconfig
from pathlib import Path

LINE = (
    'import importlib.util as u; u.find_spec("mmyolo_mnv1") and '
    '__import__("mmyolo_mnv1.config_scope", fromlist=["watch"]).watch()\n'
)


def write_pth(folder: Path) -> Path:
    """Write the ``.pth`` file.

    Args:
        folder (Path): A folder of site packages.

    Returns:
        Path: The file.
    """
    path = folder / "mmyolo_mnv1_scope.pth"
    path.write_text(LINE)
    return path


def main() -> None:
    """Run the command line."""
    path = write_pth(Path(sysconfig.get_path("purelib")))
    print(f'wrote {path}: every process reads _base_ = "mmyolo_mnv1::…"')


if __name__ == "__main__":
    main()
