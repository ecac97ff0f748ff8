"""docs/deploy.md: every command, as it stands."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mmyolo_mnv1.analysis import benchmark_formats
from mmyolo_mnv1.config import load_config
from tests.helpers.deploy_models import write_weights


@pytest.fixture
def workplace(root, digits, tmp_path) -> Path:
    """A checkout with a config, its data, a checkpoint, and new photos."""
    for name in ("tools", "configs"):
        shutil.copytree(root / name, tmp_path / name)
    (tmp_path / ".venv").symlink_to(Path(sys.executable).parents[1])
    shutil.copytree(digits, tmp_path / "data/mine")
    shutil.copytree(digits / "train", tmp_path / "data/mine/images")
    photos = tmp_path / "photos/new"
    photos.mkdir(parents=True)
    for number, path in enumerate(sorted((digits / "val").iterdir())):
        shutil.copyfile(path, photos / f"{number}.jpg")
    config = tmp_path / "configs/mine.py"
    config.write_text(
        '_base_ = "./yolo11_mnv1_n_digits.py"\nimg_scale = (96, 96)\n'
        f"data_root = {str(tmp_path / 'data/mine')!r}\n"
    )
    checkpoint = tmp_path / "work_dirs/mine/epoch_40.pth"
    write_weights(load_config(config), checkpoint, [(96, 96)])
    return tmp_path


SHELLS = dict(bash=["bash", "-euo", "pipefail", "-c"], python=[sys.executable, "-c"])
PYTHON = ".venv/bin/python "


def split(language: str, block: str) -> list[str]:
    """Commands of a block: the lines in Bash, the whole in Python."""
    if language == "python":
        return [block]
    return block.replace("\\\n", " ").strip().splitlines()


@pytest.mark.slow
def test_every_command(root, workplace, tool, monkeypatch):
    page = (root / "docs/deploy.md").read_text()
    blocks = re.findall(r"```(bash|python)\n(.*?)```", page, re.DOTALL)
    languages = [language for language, _ in blocks]
    assert languages == ["bash"] * 4 + ["python"]
    monkeypatch.setattr(benchmark_formats, "FORMATS", ("onnx",))
    out = ""
    for language, command in [(lang, c) for lang, b in blocks for c in split(lang, b)]:
        if command.startswith(PYTHON):  # without a new interpreter
            done = tool(*shlex.split(command)[1:], cwd=workplace)
        else:
            done = subprocess.run(
                [*SHELLS[language], command],
                cwd=workplace,
                env=os.environ | dict(PYTHONPATH=str(root)),
                capture_output=True,
                text=True,
            )
        assert done.returncode == 0, f"{command}\n{done.stderr[-2000:]}"
        out += done.stdout
    assert (workplace / "work_dirs/formats.png").is_file()
    assert "points of mAP lost" in out and out.count("6 images, ") == 3
    names = {path.name for path in (workplace / "work_dirs/deploy").iterdir()}
    forms = ["", "_fp16", "_int8", "_nms"]
    assert {f"mine{form}.onnx" for form in forms} <= names
    assert {f"mine{form}.xml" for form in forms} <= names
    assert {"mine.ncnn.param", "mine_fp16.ncnn.bin", "mine.torchscript"} <= names
    results = {path.name for path in (workplace / "work_dirs/predicted").iterdir()}
    assert results == {"pictures", "labels", "detections.json", "detections.csv"}
    listed = {path.name for path in (workplace / "work_dirs/listed").iterdir()}
    assert listed == {"detections.json", "detections.csv"}
