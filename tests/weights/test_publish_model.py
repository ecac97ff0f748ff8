"""Published checkpoints: averaged weights alone, which everything loads."""

import hashlib
import re
from pathlib import Path
from typing import NamedTuple

import cv2
import pytest
import torch
from mmdet.apis import DetInferencer
from mmengine.hooks import EMAHook
from mmengine.registry import DefaultScope
from mmyolo.registry import RUNNERS

from mmyolo_mnv1.config import load_config
from mmyolo_mnv1.errors import InputError
from mmyolo_mnv1.models.build import build_model
from mmyolo_mnv1.weights import load_checkpoint, save
from mmyolo_mnv1.weights.publish import publish_checkpoint
from tests.helpers.small_runs import write_config

pytestmark = pytest.mark.train

TOOL = "tools/model_converters/publish_model.py"


class Trained(NamedTuple):
    """A training of one epoch."""

    config: Path
    checkpoint: Path
    averaged: dict
    image: Path


@pytest.fixture(scope="module")
def trained(digits, tmp_path_factory) -> Trained:
    folder = tmp_path_factory.mktemp("trained")
    config = write_config(
        folder / "small.py", digits, "train_dataloader.update(batch_size=8)"
    )
    cfg = load_config(config, dict(max_epochs=1, work_dir=str(folder / "work")))
    with DefaultScope.overwrite_default_scope("mmyolo"):
        runner = RUNNERS.build(cfg)
        runner.train()
    (hook,) = [hook for hook in runner.hooks if isinstance(hook, EMAHook)]
    averaged = hook.ema_model.module.state_dict()
    image = next((digits / "val").iterdir())
    return Trained(config, folder / "work/epoch_1.pth", averaged, image)


@pytest.fixture(scope="module", params=["single", "half"])
def published(request, trained, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp(request.param) / "digits.pth"
    return publish_checkpoint(trained.checkpoint, out, half=request.param == "half")


def test_averaged_weights_alone(trained, tool, tmp_path):
    done = tool(TOOL, trained.checkpoint, tmp_path / "deep/digits.pth")
    assert done.returncode == 0, done.stderr
    (path,) = (tmp_path / "deep").iterdir()
    assert done.stdout == f"{path}\n"
    whole, alone = load_checkpoint(trained.checkpoint), load_checkpoint(path)
    assert alone.keys() == {"meta", "state_dict"}
    assert alone["state_dict"].keys() == trained.averaged.keys()
    for name, tensor in alone["state_dict"].items():
        assert torch.equal(tensor, trained.averaged[name])
    copy = whole["ema_state_dict"]
    assert any(
        not torch.equal(tensor, copy[f"module.{name}"])
        for name, tensor in alone["state_dict"].items()
    )
    assert alone["meta"]["epoch"] == 1
    for name in ("cfg", "dataset_meta"):
        assert alone["meta"][name] == whole["meta"][name]
    assert path.stat().st_size < trained.checkpoint.stat().st_size / 3


def test_name_has_the_hash(trained, published, tmp_path):
    """As PyTorch's hub verifies it; equal weights give equal files."""
    digest = torch.hub.HASH_REGEX.search(published.name)[1]
    assert re.fullmatch("[0-9a-f]{8}", digest)
    assert hashlib.sha256(published.read_bytes()).hexdigest().startswith(digest)
    load = torch.hub.load_state_dict_from_url
    loaded = load(published.as_uri(), str(tmp_path / "hub"), check_hash=True)
    assert loaded["meta"] == load_checkpoint(published)["meta"]
    half = "half" in str(published.parent)
    again = publish_checkpoint(trained.checkpoint, tmp_path / "other.name", half)
    assert again.name == f"other.name-{digest}.pth"
    copy = publish_checkpoint(published, tmp_path / "copy.pth")
    assert copy.read_bytes() == published.read_bytes()
    assert len(list(tmp_path.glob("*.pth"))) == 2


def test_half_precision(trained, tmp_path):
    single = publish_checkpoint(trained.checkpoint, tmp_path / "single.pth")
    half = publish_checkpoint(trained.checkpoint, tmp_path / "half.pth", half=True)
    assert half.stat().st_size < 0.65 * single.stat().st_size
    original = load_checkpoint(single)["state_dict"]
    for name, tensor in load_checkpoint(half)["state_dict"].items():
        expected = original[name]
        if expected.is_floating_point():
            assert tensor.dtype is torch.half
            torch.testing.assert_close(tensor.float(), expected, rtol=1e-3, atol=1e-7)
        else:
            assert torch.equal(tensor, expected)


def test_numbers_beyond_half_precision(tmp_path):
    weights = dict(small=torch.ones(2), large=torch.tensor([1.0, 1e5]))
    save(dict(state_dict=weights, meta={}), tmp_path / "in.pth")
    path = publish_checkpoint(tmp_path / "in.pth", tmp_path / "out.pth", half=True)
    tensors = load_checkpoint(path)["state_dict"]
    assert tensors["small"].dtype is torch.half
    assert torch.equal(tensors["large"], weights["large"])


def test_test_loads_it(trained, published, tool, tmp_path):
    args = (trained.config, published, "--work-dir", tmp_path)
    assert tool("tools/test.py", *args).returncode == 0
    assert list(tmp_path.glob("*/2*.json"))


def test_training_starts_from_it(trained, published, tmp_path):
    options = dict(load_from=str(published), work_dir=str(tmp_path))
    runner = RUNNERS.build(load_config(trained.config, options))
    runner.call_hook("before_run")
    runner.load_or_resume()
    tolerance = dict(rtol=1e-3, atol=1e-7) if "half" in str(published.parent) else {}
    for name, tensor in runner.model.state_dict().items():
        torch.testing.assert_close(tensor, trained.averaged[name], **tolerance)


def test_training_starts_from_a_bare_state_dict(trained, tmp_path):
    torch.save(trained.averaged, tmp_path / "bare.pth")
    options = dict(load_from=str(tmp_path / "bare.pth"), work_dir=str(tmp_path))
    runner = RUNNERS.build(load_config(trained.config, options))
    runner.call_hook("before_run")
    runner.load_or_resume()
    for name, tensor in runner.model.state_dict().items():
        torch.testing.assert_close(tensor, trained.averaged[name], rtol=0, atol=0)


def test_it_cannot_be_resumed(trained, published, tool, tmp_path):
    args = (trained.config, "--work-dir", tmp_path, "--resume", published)
    done = tool("tools/train.py", *args)
    assert done.returncode == 1
    line = done.stderr.strip().splitlines()[-1]
    assert "training cannot go on from it; give it as load_from" in line


def test_export_and_prediction_load_it(trained, published, tool, tmp_path):
    args = (trained.config, published, "--out", tmp_path)
    done = tool("tools/deploy/export.py", *args)
    assert done.returncode == 0, done.stderr
    (model,) = tmp_path.glob("*.onnx")
    scores = ["--save", "coco", "--score-thr", "0.001"]
    for source in ((trained.config, "--checkpoint", published), (model,)):
        out = tmp_path / source[0].suffix[1:]
        args = (source[0], trained.image, *source[1:], "--out", out, *scores)
        done = tool("tools/predict.py", *args)
        assert done.returncode == 0, done.stderr
        assert (out / "detections.json").stat().st_size > 200


def test_inferencer_needs_nothing_else(trained, published):
    inferencer = DetInferencer(
        weights=str(published), device="cpu", show_progress=False
    )
    result = inferencer(cv2.imread(str(trained.image)))
    assert inferencer.model.dataset_meta["classes"] == tuple("0123456789")
    assert len(result["predictions"][0]["scores"]) > 0


@pytest.mark.parametrize("half", [False, True])
def test_conversion_to_ultralytics(root, tool, tmp_path, half):
    cfg = load_config(root / "configs/yolo11_n_digits.py")
    weights = build_model(cfg).state_dict()
    copy = {f"module.{name}": torch.zeros_like(t) for name, t in weights.items()}
    checkpoint = dict(state_dict=weights, ema_state_dict=copy, meta={}, optimizer={})
    save(checkpoint, tmp_path / "in.pth")
    path = publish_checkpoint(tmp_path / "in.pth", tmp_path / "out.pth", half)
    script = "tools/model_converters/mmyolo_to_ultralytics.py"
    done = tool(script, path, tmp_path / "yolo11n.pt")
    assert done.returncode == 0, done.stderr
    converted = load_checkpoint(tmp_path / "yolo11n.pt")
    stem = converted["model.0.conv.weight"].float()
    torch.testing.assert_close(
        stem, weights["backbone.stem.conv.weight"], rtol=1e-3, atol=1e-7
    )


def bad_inputs(folder: Path) -> dict[str, tuple[Path, Path, str]]:
    """Checkpoint, output and words of the message, by name."""
    good, out = folder / "good.pth", folder / "out.pth"
    save(dict(state_dict=dict(a=torch.ones(1)), meta={}), good)
    save(dict(a=torch.ones(1)), folder / "bare.pth")
    save([1], folder / "list.pth")
    save(dict(state_dict=dict(a="text"), meta={}), folder / "text.pth")
    (folder / "file").write_text("")
    (folder / "cut.pth").write_bytes(good.read_bytes()[:100])
    return dict(
        missing=(folder / "none.pth", out, "none.pth not found"),
        bare=(folder / "bare.pth", out, "bare.pth has no state_dict and meta"),
        list=(folder / "list.pth", out, "list.pth has no state_dict"),
        text=(folder / "text.pth", out, "text.pth has no state_dict"),
        cut=(folder / "cut.pth", out, "cut.pth is truncated"),
        folder=(good, folder / "file/out.pth", "cannot be written"),
        hash=(good, folder / "net-1.0.pth", "would read '1' as the hash"),
    )


@pytest.mark.parametrize(
    "name", ["missing", "bare", "list", "text", "cut", "folder", "hash"]
)
def test_bad_input(tmp_path, tool, name):
    src, dst, words = bad_inputs(tmp_path)[name]
    before = sorted(tmp_path.iterdir())
    with pytest.raises(InputError) as error:
        publish_checkpoint(src, dst)
    assert words in str(error.value) and "\n" not in str(error.value)
    done = tool(TOOL, src, dst)
    assert done.returncode == 1 and len(done.stderr.strip().splitlines()) == 1
    assert sorted(tmp_path.iterdir()) == before
