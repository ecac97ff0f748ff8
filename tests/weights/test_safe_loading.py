"""No checkpoint runs code when it is loaded, unless the user allows it."""

import os
import pickle
import re
from pathlib import Path

import pytest
import torch
from mmengine.runner import CheckpointLoader
from mmyolo.registry import MODELS, RUNNERS

from mmyolo_mnv1.config import load_config
from mmyolo_mnv1.converters.mmengine_loader import checkpoint_loaders
from mmyolo_mnv1.errors import InputError
from mmyolo_mnv1.weights import load_checkpoint
from tests.helpers.small_runs import write_config


class Malice:
    """Makes a folder when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.fixture
def ran(tmp_path) -> Path:
    """Exists if code of the checkpoint was run."""
    return tmp_path / "ran"


@pytest.fixture(autouse=True)
def schemes():
    """MMEngine's loaders by scheme; each test has to leave them as they are."""
    registry = CheckpointLoader._schemes
    before = list(registry.items())
    yield dict(before)
    assert CheckpointLoader._schemes is registry
    assert list(registry.items()) == before


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


def test_mmengine_loads_safely_in_the_block(malicious, ran):
    with checkpoint_loaders(), pytest.raises(InputError, match="malicious.pth"):
        CheckpointLoader.load_checkpoint(str(malicious))
    assert not ran.exists()


def test_good_checkpoints_load_in_the_block(tmp_path):
    torch.save(dict(state_dict=dict(a=torch.ones(2))), tmp_path / "x.pth")
    with checkpoint_loaders():
        loaded = CheckpointLoader.load_checkpoint(str(tmp_path / "x.pth"))
    assert loaded["state_dict"]["a"].tolist() == [1, 1]


@pytest.mark.parametrize("allow_unsafe", [False, True])
def test_other_schemes_keep_their_loaders(schemes, allow_unsafe):
    ours = {"", "http://", "https://", "timm://", "ultralytics://"}
    assert len(schemes) > len(ours)
    with checkpoint_loaders(allow_unsafe):
        for scheme, loader in schemes.items():
            is_replaced = CheckpointLoader._schemes[scheme] is not loader
            assert is_replaced == (scheme in ours), scheme
        for path in ("s3://x/y.pth", "petrel:s3://x", "torchvision://resnet50"):
            assert CheckpointLoader._get_checkpoint_loader(path) in schemes.values()


def test_loaders_are_restored_after_an_error(schemes):
    with pytest.raises(ZeroDivisionError), checkpoint_loaders():
        assert CheckpointLoader._schemes != schemes
        _ = 1 / 0
    assert CheckpointLoader._schemes == schemes


def test_runner_restores_the_loaders(digits, tmp_path, schemes):
    """After loading initial weights and a checkpoint, safely or with an error."""
    cfg = load_config(write_config(tmp_path / "run.py", digits))
    cfg.work_dir, cfg.custom_hooks = str(tmp_path / "work"), []
    weights = MODELS.build(cfg.model).state_dict()
    torch.save(dict(state_dict=weights), tmp_path / "w.pth")
    cfg.model.init_cfg = dict(type="Pretrained", checkpoint=str(tmp_path / "w.pth"))
    runner = RUNNERS.build(cfg)
    runner._init_model_weights()
    assert CheckpointLoader._schemes == schemes
    runner.load_checkpoint(str(tmp_path / "w.pth"))
    assert CheckpointLoader._schemes == schemes
    with pytest.raises(InputError, match="none.pth not found"):
        runner.load_checkpoint(str(tmp_path / "none.pth"))
    assert CheckpointLoader._schemes == schemes


def test_web_address(malicious, ran, monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache"))
    cached = Path(torch.hub.get_dir()) / "checkpoints" / "127.0.0.1_9"
    cached.mkdir(parents=True, exist_ok=True)
    (cached / "malicious.pth").write_bytes(malicious.read_bytes())
    with checkpoint_loaders():
        with pytest.raises(InputError, match="cannot be downloaded"):
            CheckpointLoader.load_checkpoint("http://127.0.0.1:9/none.pth")
        with pytest.raises(InputError, match="malicious.pth"):
            CheckpointLoader.load_checkpoint("http://127.0.0.1:9/malicious.pth")
    assert not ran.exists()


def test_unsafe_on_request(ran, tmp_path, capsys):
    torch.save(Malice(ran), tmp_path / "x.pth")
    with checkpoint_loaders(allow_unsafe=True):
        CheckpointLoader.load_checkpoint(str(tmp_path / "x.pth"))
    assert ran.exists()
    output = capsys.readouterr()
    assert "--allow-unsafe-checkpoint: code in" in output.out + output.err


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
    "convert": [f"{CONVERTERS}/convert_weights.py", "FILE", "OUT"],
}


@pytest.mark.parametrize("arguments", TOOLS.values(), ids=TOOLS)
def test_tools(arguments, ran, digits, tmp_path, tool):
    malicious = tmp_path / "malicious.pth"
    checkpoint = dict(state_dict={}, meta=dict(epoch=1, iter=1, trap=Malice(ran)))
    torch.save(checkpoint, malicious)
    (tmp_path / "work_dirs/run").mkdir(parents=True)
    (tmp_path / "work_dirs/run/last_checkpoint").write_text(str(malicious))
    config = write_config(tmp_path / "run.py", digits)
    words = dict(CONFIG=config, FILE=malicious, OUT=tmp_path / "out")
    for word, value in words.items():
        arguments = [a.replace(word, str(value)) for a in arguments]
    done = tool(*arguments, cwd=tmp_path)
    assert done.returncode == 1
    assert "malicious.pth is refused, nothing was run" in done.stderr
    assert not ran.exists()


def test_resuming_needs_more_than_weights(digits, tmp_path, tool):
    config = write_config(tmp_path / "run.py", digits)
    model = MODELS.build(load_config(config).model)
    torch.save(dict(state_dict=model.state_dict()), tmp_path / "w.pth")
    weights = tmp_path / "w.pth"
    done = tool("tools/train.py", config, "--resume", weights, cwd=tmp_path)
    assert done.returncode == 1
    assert "w.pth has no 'meta': training cannot go on" in done.stderr


def test_option_allows_it(ran, digits, tmp_path, tool):
    torch.save(dict(state_dict={}, trap=Malice(ran)), tmp_path / "x.pth")
    config = write_config(tmp_path / "run.py", digits)
    arguments = config, tmp_path / "x.pth", "--allow-unsafe-checkpoint"
    done = tool("tools/test.py", *arguments, cwd=tmp_path)
    assert re.search("code in .*x.pth may be run", done.stdout)
    assert done.returncode == 1 and "0 of the model's" in done.stderr
    assert ran.exists()
