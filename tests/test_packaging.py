"""What `pip install .` installs."""

import shutil
import zipfile

from mmyolo_mnv1 import mmyolo_guard


def test_wheel_has_every_module_and_the_requirements(root, python, tmp_path):
    source = tmp_path / "source"
    shutil.copytree(
        root,
        source,
        ignore=lambda folder, names: [
            n for n in names if n in {".venv", ".git", "data", "work_dirs", "build"}
        ],
    )
    done = python(
        *("-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "."),
        *("-w", tmp_path),
        cwd=source,
    )
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("mmyolo_mnv1-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        info = next(n for n in names if n.endswith("METADATA"))
        metadata = archive.read(info).decode()
    modules = {str(p.relative_to(root)) for p in (root / "mmyolo_mnv1").rglob("*.py")}
    assert modules and modules <= names
    for line in (root / "requirements" / "mminstall.txt").read_text().splitlines():
        if not line.startswith("#"):
            assert f'Requires-Dist: {line}; extra == "mim"' in metadata
    assert "Requires-Dist: albumentations==" in metadata


def test_guard_is_for_the_pinned_mmyolo(root):
    pins = (root / "requirements" / "mminstall.txt").read_text().splitlines()
    assert f"mmyolo=={mmyolo_guard.VERSION}" in pins
