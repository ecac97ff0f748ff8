"""No checkpoint that is loaded runs code, unless it is allowed to."""

import os
import pickle
import runpy
import sys
from pathlib import Path

import pytest
import torch
from mmengine.runner import CheckpointLoader
from mmyolo.registry import MODELS
from tests.helpers.small_runs import ROOT, write_config

from mmyolo_mnv1.config import load_config
from mmyolo_mnv1.errors import InputError
from mmyolo_mnv1.weights import (
    load_checkpoint,
    load_checkpoint_unsafely,
    use_loader,
)


class Malice:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.fixture
def ran(tmp_path) -> Path:
    """What is there if code of the checkpoint was run."""
    return tmp_path / "ran"


@pytest.fixture(params=["zip", "legacy", "pickle"])
def malicious(request, ran, tmp_path) -> Path:
    path = tmp_path / "malicious.pth"
    checkpoint = dict(state_dict={}, meta=dict(epoch=1, iter=1, trap=Malice(ran)))
    if request.param == "pickle":
        path.write_bytes(pickle.dumps(checkpoint))
    else:
        zipped = request.param == "zip"
        torch.save(checkpoint, path, _use_new_zipfile_serialization=zipped)
    return path


def test_nothing_runs(malicious, ran):
    with pytest.raises(InputError, match="malicious.pth") as error:
        load_checkpoint(malicious)
    assert "\n" not in str(error.value)
    assert not ran.exists()


def test_line_names_what_would_run(ran, tmp_path):
    torch.save(Malice(ran), tmp_path / "x.pth")
    words = r"x.pth is refused, nothing was run: loading it would call \w+.mkdir,"
    with pytest.raises(InputError, match=words):
        load_checkpoint(tmp_path / "x.pth")


@pytest.mark.parametrize("name", ["__class__", "__init__", "__dict__", "numpy"])
def test_getattr_gives_nothing_else(name, tmp_path):
    """MMEngine's histories need it, for their own methods."""

    class Reach:
        def __reduce__(self):
            return getattr, (torch.Tensor, name)

    torch.save([Reach()], tmp_path / "x.pth")
    with pytest.raises(InputError, match="x.pth"):
        load_checkpoint(tmp_path / "x.pth")


@pytest.fixture
def restored():
    """The safe loader, whatever a test makes MMEngine use."""
    yield
    use_loader(load_checkpoint)


def test_mmengine_loads_by_it(malicious, ran, restored):
    use_loader(load_checkpoint)
    with pytest.raises(InputError):
        CheckpointLoader.load_checkpoint(str(malicious))
    for place in ("s3://x/y.pth", "torchvision://resnet50", "mmcls://x", "pavi://x"):
        with pytest.raises(InputError, match="only files and http"):
            CheckpointLoader.load_checkpoint(place)
    assert not ran.exists()


def test_web_address(malicious, ran, restored, monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache"))
    use_loader(load_checkpoint)
    with pytest.raises(InputError, match="cannot be downloaded"):
        CheckpointLoader.load_checkpoint("http://127.0.0.1:9/none.pth")
    cached = Path(torch.hub.get_dir()) / "checkpoints"
    cached.mkdir(parents=True, exist_ok=True)
    (cached / "malicious.pth").write_bytes(malicious.read_bytes())
    with pytest.raises(InputError, match="malicious.pth"):
        CheckpointLoader.load_checkpoint("http://127.0.0.1:9/malicious.pth")
    assert not ran.exists()


def test_unsafe_on_request(ran, restored, tmp_path):
    torch.save(Malice(ran), tmp_path / "x.pth")
    use_loader(load_checkpoint_unsafely)
    with pytest.warns(UserWarning, match="--allow-unsafe-checkpoint"):
        CheckpointLoader.load_checkpoint(str(tmp_path / "x.pth"))
    assert ran.exists()


TRAIN, TEST = ["tools/train.py", "CONFIG"], ["tools/test.py", "CONFIG"]
ANALYSIS, CONVERTERS = "tools/analysis_tools", "tools/model_converters"
TOOLS = {
    "resume": [*TRAIN, "--resume", "FILE"],
    "resume the last": [*TRAIN, "--resume"],
    "load_from": [*TRAIN, "--cfg-options", "load_from=FILE"],
    "pretrained": [
        *TRAIN,
        *("--cfg-options", "model.backbone.init_cfg.type=Pretrained"),
        "model.backbone.init_cfg.checkpoint=FILE",
    ],
    "test": [*TEST, "FILE"],
    "report": [f"{ANALYSIS}/eval_report.py", "CONFIG", "FILE", "--out", "OUT"],
    "export": ["tools/deploy/export.py", "CONFIG", "FILE", "--out", "OUT"],
    "predict": ["tools/predict.py", "CONFIG", "x.jpg", "--checkpoint", "FILE"],
    "to ultralytics": [f"{CONVERTERS}/mmyolo_to_ultralytics.py", "FILE", "OUT"],
    "from ultralytics": [f"{CONVERTERS}/ultralytics_to_mmyolo.py", "FILE", "OUT"],
    "from timm": [f"{CONVERTERS}/timm_to_mmyolo.py", "FILE", "OUT"],
}


@pytest.mark.parametrize("arguments", TOOLS.values(), ids=TOOLS)
def test_tools(arguments, ran, digits, tmp_path, monkeypatch, restored):
    malicious = tmp_path / "malicious.pth"
    checkpoint = dict(state_dict={}, meta=dict(epoch=1, iter=1, trap=Malice(ran)))
    torch.save(checkpoint, malicious)
    (tmp_path / "work_dirs/run").mkdir(parents=True)
    (tmp_path / "work_dirs/run/last_checkpoint").write_text(str(malicious))
    config = write_config(tmp_path / "run.py", digits)
    words = dict(CONFIG=config, FILE=malicious, OUT=tmp_path / "out")
    tool, *arguments = arguments
    for word, value in words.items():
        arguments = [a.replace(word, str(value)) for a in arguments]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [tool, *arguments])
    with pytest.raises(InputError, match="malicious.pth is refused, nothing was run"):
        runpy.run_path(str(ROOT / tool), run_name="__main__")
    assert not ran.exists()


def test_weights_are_nothing_to_resume(digits, tmp_path, monkeypatch, restored):
    config = write_config(tmp_path / "run.py", digits)
    model = MODELS.build(load_config(config).model)
    torch.save(dict(state_dict=model.state_dict()), tmp_path / "w.pth")
    monkeypatch.chdir(tmp_path)
    arguments = ["train.py", str(config), "--resume", str(tmp_path / "w.pth")]
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(InputError, match="w.pth has no 'meta': training cannot go on"):
        runpy.run_path(str(ROOT / "tools/train.py"), run_name="__main__")


def test_option_allows_it(ran, digits, tmp_path, monkeypatch, restored):
    torch.save(dict(state_dict={}, trap=Malice(ran)), tmp_path / "x.pth")
    config = write_config(tmp_path / "run.py", digits)
    arguments = [config, tmp_path / "x.pth", "--allow-unsafe-checkpoint"]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["test.py", *map(str, arguments)])
    with (
        pytest.raises(InputError, match="0 of the model's"),
        pytest.warns(UserWarning, match="code in .*x.pth may be run"),
    ):
        runpy.run_path(str(ROOT / "tools/test.py"), run_name="__main__")
    assert ran.exists()
