"""What `pip install .` installs, and MIM's commands on it."""

import os
import shutil
import sys
import zipfile
from email import message_from_bytes
from email.message import Message
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from mmyolo_mnv1 import __version__
from mmyolo_mnv1.config import load_config
from mmyolo_mnv1.environment import mmyolo_guard
from mmyolo_mnv1.environment.config_scope import write_pth
from mmyolo_mnv1.errors import InputError

pytestmark = pytest.mark.slow

MIM = Path(sys.executable).with_name("mim")
PIP = ("-m", "pip", "--disable-pip-version-check")


@pytest.fixture(scope="module")
def source(root, tmp_path_factory) -> Path:
    """A copy of the repository; links stay links."""
    out = tmp_path_factory.mktemp("source") / "source"
    leave = shutil.ignore_patterns(".venv", ".git", "data", "work_dirs", "build")
    shutil.copytree(root, out, symlinks=True, ignore=leave)
    return out


@pytest.fixture(scope="module")
def build_wheel(python, tmp_path_factory):
    """Build a wheel of a source folder or archive."""

    def build(src: Path) -> Path:
        out = tmp_path_factory.mktemp("wheel")
        cwd, what = (src, ".") if src.is_dir() else (out, src)
        done = python(
            *(*PIP, "wheel", "-q", "--no-deps", "--no-build-isolation", what),
            *("-w", out),
            cwd=cwd,
        )
        assert done.returncode == 0, done.stderr
        (wheel,) = out.glob("mmyolo_mnv1-*.whl")
        return wheel

    return build


@pytest.fixture(scope="module")
def wheel(source, build_wheel) -> Path:
    return build_wheel(source)


@pytest.fixture(scope="module")
def installed(wheel, python, tmp_path_factory):
    """Run Python where the wheel is installed, and not the repository."""
    site = tmp_path_factory.mktemp("site")
    done = python(*PIP, "install", "-q", "--no-deps", "--target", site, wheel)
    assert done.returncode == 0, done.stderr

    def run(*args, cwd: Path, path: str = os.environ["PATH"]):
        env = os.environ | dict(PYTHONPATH=str(site), PATH=path)
        return python(*args, cwd=cwd, env=env)

    run.package = site / "mmyolo_mnv1"
    return run


def contents(wheel: Path) -> dict[str, int]:
    """Checksums of the files in a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return {i.filename: i.CRC for i in archive.infolist()}


def read_metadata(wheel: Path) -> Message:
    """The METADATA file of a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        return message_from_bytes(archive.read(name))


def test_wheel_has_every_module_and_the_requirements(root, wheel):
    names = set(contents(wheel))
    modules = {str(p.relative_to(root)) for p in (root / "mmyolo_mnv1").rglob("*.py")}
    assert modules and modules <= names
    assert {"mmyolo_mnv1/py.typed", "mmyolo_mnv1/evaluation/report.html.j2"} <= names
    requirements = read_metadata(wheel).get_all("Requires-Dist")
    lines = (root / "requirements" / "mminstall.txt").read_text().splitlines()
    assert {f'{x}; extra == "mim"' for x in lines if not x.startswith("#")} == {
        x for x in requirements if x.endswith('; extra == "mim"')
    }
    assert 'albumentations==2.0.8; extra == "train"' in requirements


def test_wheel_holds_nothing_of_the_repository_alone(wheel):
    """Neither benchmarks, tests and documentation, nor the peers they compare with."""
    names = set(contents(wheel))
    folders = {name.split("/")[0] for name in names}
    assert folders == {"mmyolo_mnv1", f"mmyolo_mnv1-{__version__}.dist-info"}
    assert {n.split("/")[2] for n in names if n.startswith("mmyolo_mnv1/.mim/")} == {
        *("configs", "tools", "model-index.yml", "dataset-index.yml")
    }
    assert not [n for n in names if "/misc/" in n or n.endswith("install.sh")]
    requirements = read_metadata(wheel).get_all("Requires-Dist")
    peers = ("ultralytics", "timm", "greenlet")
    assert not [x for x in requirements if x.startswith(peers)]


def test_metadata(wheel):
    metadata = read_metadata(wheel)
    assert metadata["Version"] == __version__
    assert metadata["License-Expression"] == "GPL-3.0-only"
    assert metadata["License-File"] == "LICENSE"
    assert metadata["Author"] == "mmyolo-mnv1 contributors"
    supported = SpecifierSet(metadata["Requires-Python"])
    for line in metadata.get_all("Classifier"):
        version = line.removeprefix("Programming Language :: Python :: ")
        if version.startswith("3."):
            assert supported.contains(version), line
    urls = {line.split(",")[0] for line in metadata.get_all("Project-URL")}
    assert urls == {"Homepage", "Source", "Documentation", "Changelog"}


def test_runtime_forces_no_opencv(wheel):
    """opencv-python and opencv-python-headless overwrite each other's files."""
    requirements = read_metadata(wheel).get_all("Requires-Dist")
    named = {x for x in requirements if "opencv" in x}
    assert {x.split(" extra == ")[1] for x in named} == {'"deploy-headless"'}


def test_pins_are_within_the_ranges(root, wheel):
    pins = {}
    for line in (root / "requirements/constraints.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            pin = Requirement(line)
            pins[canonicalize_name(pin.name)] = str(pin.specifier).removeprefix("==")
    optional = {"tensorboard", "mmyolo-mnv1"}
    for text in read_metadata(wheel).get_all("Requires-Dist"):
        requirement = Requirement(text)
        name = canonicalize_name(requirement.name)
        assert name in optional or requirement.specifier.contains(pins[name]), text


def test_wheel_has_the_files_behind_the_links(source, wheel):
    mim = source / "mmyolo_mnv1/.mim"
    tools = {
        path.relative_to(source)
        for path in (source / "tools").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    left_out = {p for p in tools if p.parts[1] in ("misc", "install.sh")}
    assert left_out
    links = {p.relative_to(mim) for p in (mim / "tools").rglob("*") if not p.is_dir()}
    assert links == tools - left_out
    for path in (Path("configs"), *links):
        assert (mim / path).is_symlink()
        assert (mim / path).resolve() == (source / path).resolve()
    expected = {"model-index.yml", "dataset-index.yml", *map(str, links)} | {
        str(path.relative_to(source))
        for path in (source / "configs").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert {"tools/train.py", "configs/_base_/models/yolo11.py"} <= expected
    prefix = "mmyolo_mnv1/.mim/"
    with zipfile.ZipFile(wheel) as archive:
        names = [n for n in archive.namelist() if n.startswith(prefix)]
        assert {n.removeprefix(prefix) for n in names} == expected
        for name in names:
            file = source / name.removeprefix(prefix)
            assert archive.read(name) == file.read_bytes()
        assert not [n for n in archive.namelist() if "__pycache__" in n]


def test_source_distribution_gives_the_same_wheel(
    source, wheel, build_wheel, python, tmp_path
):
    done = python("setup.py", "-q", "sdist", "-d", tmp_path, cwd=source)
    assert done.returncode == 0, done.stderr
    (archive,) = tmp_path.glob("mmyolo_mnv1-*.tar.gz")
    assert contents(build_wheel(archive)) == contents(wheel)


CHILD = """
_base_ = "mmyolo_mnv1::yolo11_mnv1_n_digits.py"
img_scale = (96, 96)
max_epochs, close_mosaic_epochs, val_interval = 1, 0, 1
loader = dict(num_workers=0, persistent_workers=False)
train_dataloader = dict(loader, batch_size=8)
val_dataloader = loader
test_dataloader = loader
"""


def test_mim_trains_and_tests_a_child_of_the_installed_config(
    installed, digits, tmp_path
):
    """By MMYOLO's scripts, which `make install` lets read `mmyolo_mnv1::`, and ours."""
    (tmp_path / "child.py").write_text(f"{CHILD}data_root = {str(digits)!r}\n")
    done = installed(MIM, "train", "mmyolo", "child.py", cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "mmyolo/.mim/tools/train.py" in done.stdout
    checkpoint = tmp_path / "work_dirs/child/epoch_1.pth"
    assert checkpoint.is_file()
    done = installed(
        *(MIM, "test", "mmyolo_mnv1", "child.py", "-C", checkpoint), cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert str(installed.package / ".mim/tools/test.py") in done.stdout
    assert "coco/bbox_mAP:" in done.stdout


def test_mim_finds_the_package(installed, tmp_path):
    def mim(*args):
        done = installed(MIM, *args, cwd=tmp_path)
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout

    assert "mmyolo-mnv1" in mim("list")
    out = mim(
        *("search", "mmyolo_mnv1", "--model", "mobilenetv1-yolo11"),
        *("--dataset", "coco", "--field", "parameters", "input_size"),
        *("--condition", "parameters<2000000,epochs==500,amp=='no'"),
    )
    assert "config id: yolo11_mnv1_n_a025\n" in out and "1881920" in out
    assert "yolo11_m\n" not in out and "digits" not in out
    config = installed.package / ".mim/configs/yolo11_mnv1_m_r080.py"
    assert "input_size = 512" in mim("run", "mmyolo-mnv1", "print_config", config)


def test_mim_says_that_there_are_no_weights(installed, tmp_path):
    done = installed(
        *(MIM, "download", "mmyolo_mnv1", "--config", "yolo11_m", "--dest", tmp_path),
        cwd=tmp_path,
    )
    assert done.returncode == 1
    assert "but got {'weight'}" in done.stderr
    assert not list(tmp_path.iterdir())


def test_mim_unpacks_coco(installed, tmp_path):
    raw = tmp_path / "data/OpenDataLab___COCO_2017/raw"
    for name, file in (
        ("Images/train2017", "train2017/000000000009.jpg"),
        ("Images/val2017", "val2017/000000000139.jpg"),
        ("Annotations/annotations_trainval2017", "annotations/instances_val2017.json"),
    ):
        archive = raw / f"{name}.zip"
        archive.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(archive, "w") as opened:
            opened.writestr(file, file)
    odl = tmp_path / "bin/odl"  # stands for OpenDataLab's client
    odl.parent.mkdir()
    odl.write_text('#!/bin/sh\necho "$@" > asked\n')
    odl.chmod(0o755)
    done = installed(
        *(MIM, "download", "mmyolo_mnv1", "--dataset", "coco2017"),
        cwd=tmp_path,
        path=f"{odl.parent}:{os.environ['PATH']}",
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert (tmp_path / "asked").read_text() == "get OpenDataLab/COCO_2017 -d data\n"
    unpacked = (tmp_path / "data/coco").rglob("*.*")
    assert {p.relative_to(tmp_path / "data/coco").as_posix() for p in unpacked} == {
        "train2017/000000000009.jpg",
        "val2017/000000000139.jpg",
        "annotations/instances_val2017.json",
    }


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        (
            "_base_/yolo11_finetune.py",
            "classes = ('cat',)\nann_files = _base_.ann_files",
        ),
        ("yolo11_mnv1_t30.py", "train_dataloader = dict(batch_size=2)"),
        ("classification/mobilenet_v1_0.5_8xb32_in1k.py", "data = _base_.data"),
    ],
)
def test_base_by_package_is_base_by_path(root, tmp_path, name, lines):
    """Both give the same config, without MMEngine's scope, from any folder."""
    path = tmp_path / "child.py"
    texts = []
    for base in (f"mmyolo_mnv1::{name}", str(root / "configs" / name)):
        path.write_text(f"_base_ = {base!r}\n{lines}\n")
        texts.append(load_config(path).pretty_text)
    assert texts[0] == texts[1]


@pytest.mark.parametrize("name", ["none.py", "_base_/none.py"])
def test_unknown_base_ends_with_one_line(tmp_path, name):
    path = tmp_path / "child.py"
    path.write_text(f"_base_ = 'mmyolo_mnv1::{name}'\n")
    with pytest.raises(InputError, match=f"configs/{name}") as error:
        load_config(path)
    assert "\n" not in str(error.value)


def test_every_process_reads_configs_by_name(python, tmp_path):
    """The file in site-packages works in a process that imports MMEngine alone."""
    path = write_pth(tmp_path)
    (tmp_path / "child.py").write_text("_base_ = 'mmyolo_mnv1::yolo11_n.py'\nrho = 0.5")
    code = """
from mmengine.config import Config
cfg = Config.fromfile("child.py")
print(cfg.input_size, Config.fromfile("child.py").model.bbox_head.type)
"""
    done = python("-c", f"import site; site.addsitedir('.')\n{code}", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "320 YOLO11Head"
    path.unlink()


def test_guard_is_for_the_pinned_mmyolo(root):
    pins = (root / "requirements" / "mminstall.txt").read_text().splitlines()
    assert f"mmyolo=={mmyolo_guard.VERSION}" in pins
