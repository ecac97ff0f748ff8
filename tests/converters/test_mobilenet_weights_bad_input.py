"""Bad input of the MobileNetV1 converters: one line, no output file."""

import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from mmyolo_mnv1.errors import InputError
from mmyolo_mnv1.weights import save_checkpoint
from tests.helpers.mobilenet_layouts import (
    DEPTHWISE,
    LOGITS,
    as_tf_slim,
    as_timm,
    random_classifier,
)


class Evil:
    """Unpickling it writes a file."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return Path.touch, (self.marker,)


def _timm_files(folder: Path) -> dict[str, Path]:
    """Files in timm's format, by their fault."""
    good = as_timm(random_classifier(0.25, 11))
    bn = "blocks.0.0.bn1.weight"
    contents = {
        "extra": good | {"conv_head.weight": torch.rand(3)},
        "missing": {k: v for k, v in good.items() if k != bn},
        "misshapen": good | {bn: torch.rand(9)},
        "wide": good | {"conv_stem.weight": torch.rand(13, 3, 3, 3)},
        "scalar": good | {"conv_stem.weight": torch.tensor(1.0)},
        "list": [1, 2],
        "numbers": {"a": 1},
        "evil": good | {"x": Evil(folder / "ran")},
        "good": good,
    }
    files = {name: folder / f"{name}.pth" for name in contents}
    for name, content in contents.items():
        torch.save(content, files[name])
    return files


def _write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.fixture
def refusal(tool, tmp_path):
    """Run a converter that must fail; returns its message."""

    def run(source: Path) -> str:
        out = tmp_path / "out" / "converted.pth"
        done = tool("tools/model_converters/convert_weights.py", source, out)
        assert done.returncode == 1 and done.stdout == ""
        line = done.stderr.removesuffix("\n")
        assert line.startswith("mmyolo-mnv1: ") and "\n" not in line
        assert str(source) in line
        assert not out.parent.exists()
        assert not (tmp_path / "ran").exists()
        return line

    return run


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ("extra", "1 left over (conv_head.weight), 0 missing"),
        ("missing", "0 left over, 1 missing (blocks.0.0.bn1.weight)"),
        ("misshapen", "depthwise_conv.bn.weight (9,) instead of (8,)"),
        ("wide", "13 channels in the first convolution"),
        ("scalar", "0 channels in the first convolution"),
        ("list", "holds no state dict"),
        ("numbers", "holds no state dict"),
        ("evil", "is refused, nothing was run"),
        ("absent", "not found"),
        ("text", "is not a PyTorch checkpoint"),
        ("truncated", "is truncated"),
        ("bare pickle", "is a bare pickle, which could run code"),
    ],
)
def test_timm_bad_input(refusal, tmp_path, bad, message):
    files = _timm_files(tmp_path)
    whole = files["good"].read_bytes()
    files["absent"] = tmp_path / "absent.pth"
    files["text"] = _write(tmp_path / "text.pth", b"hello\n" * 99)
    files["truncated"] = _write(tmp_path / "cut.pth", whole[: len(whole) // 2])
    evil = pickle.dumps(Evil(tmp_path / "ran"))
    files["bare pickle"] = _write(tmp_path / "pickle.pth", evil)
    assert message in refusal(files[bad])


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ("absent", "not found"),
        ("empty", "is no safetensors file"),
        ("text", "is no safetensors file"),
        ("truncated", "is truncated or damaged"),
        ("header", "is truncated or damaged"),
        ("other", "holds no state dict of"),
    ],
)
def test_timm_bad_safetensors(refusal, tmp_path, bad, message):
    path = tmp_path / "w.safetensors"
    save_file({"a": torch.rand(3)}, path)
    whole = path.read_bytes()
    contents = dict(empty=b"", text=b"hello\n" * 99, truncated=whole[:-3])
    contents |= dict(header=whole[:20], other=whole)
    path.unlink() if bad == "absent" else path.write_bytes(contents[bad])
    assert message in refusal(path)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ("extra", "1 left over (MobilenetV1/Conv2d_14/weights), 0 missing"),
        ("missing", "0 left over, 1 missing (MobilenetV1/Conv2d_0/weights)"),
        ("misshapen", "stem.conv.weight (8, 3, 5, 5) instead of (8, 3, 3, 3)"),
        ("flat", "0.depthwise_conv.conv.weight (72,) instead of (8, 1, 3, 3)"),
        ("flat logits", "head.fc.weight (2816,) instead of (11, 256)"),
        ("integers", "head.fc.bias is of type int64"),
        ("evil", "is refused: it holds pickled objects"),
        ("absent", "not found"),
        ("text", "is no .npz file"),
        ("array", "is no .npz file"),
        ("pickle", "is no .npz file"),
        ("truncated", "is truncated"),
        ("flipped", "is damaged"),
        ("other zip", "1 left over (a.txt), 137 missing"),
    ],
)
def test_tf_slim_bad_input(refusal, tmp_path, bad, message):
    good = as_tf_slim(random_classifier(0.25, 11))
    stem, bias = "MobilenetV1/Conv2d_0/weights", f"{LOGITS}/biases"
    depthwise = f"MobilenetV1/{DEPTHWISE.format(1)}"
    changed = dict(
        extra=good | {"MobilenetV1/Conv2d_14/weights": np.zeros(3, "f4")},
        missing={k: v for k, v in good.items() if k != stem},
        misshapen=good | {stem: np.zeros((5, 5, 3, 8), "f4")},
        flat=good | {depthwise: good[depthwise].ravel()},
        integers=good | {bias: np.arange(11)},
        evil=good | {bias: np.array([Evil(tmp_path / "ran")], dtype=object)},
    )
    changed["flat logits"] = good | {
        f"{LOGITS}/weights": good[f"{LOGITS}/weights"].ravel()
    }
    path = tmp_path / "w.npz"
    np.savez(path, **changed.get(bad, good))
    whole = path.read_bytes()
    middle = len(whole) // 2
    flipped = whole[:middle] + bytes(b ^ 255 for b in whole[middle:][:64])
    contents = dict(text=b"hello\n" * 99, pickle=pickle.dumps(Evil(tmp_path / "ran")))
    contents |= dict(truncated=whole[:middle])
    contents |= dict(flipped=flipped + whole[middle + 64 :])
    if bad in contents:
        path.write_bytes(contents[bad])
    elif bad == "absent":
        path.unlink()
    elif bad == "array":
        with path.open("wb") as file:
            np.save(file, good[stem])
    elif bad == "other zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a.txt", "hello")
    assert message in refusal(path)


@pytest.mark.slow
def test_a_refused_file_ends_the_program_with_status_1(root, python, tmp_path):
    source = _timm_files(tmp_path)["evil"]
    out = tmp_path / "out.pth"
    done = python(root / "tools/model_converters/convert_weights.py", source, out)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith("mmyolo-mnv1: ") and done.stderr.count("\n") == 1
    assert not out.exists() and not (tmp_path / "ran").exists()


def test_a_failed_write_leaves_nothing(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="folder cannot be written"):
        save_checkpoint({"a": torch.ones(1)}, {}, tmp_path / "folder")
    assert [p.name for p in tmp_path.rglob("*")] == ["folder"]
