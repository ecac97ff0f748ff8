"""Archives of torch.save: PyTorch's unpickler and the one for releases before 2.7."""

import os
import zipfile
from collections import OrderedDict

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer

from mmyolo_mnv1.errors import InputError
from mmyolo_mnv1.weights import archives, load_checkpoint, load_inert


@pytest.fixture(params=[True, False], ids=["weights_only", "restricted"])
def native(request, monkeypatch):
    """PyTorch's unpickler where it may be used, and the restricted one."""
    if request.param and not archives.NATIVE:
        pytest.skip("this PyTorch has no safe weights_only with further classes")
    monkeypatch.setattr(archives, "NATIVE", request.param)


def write_pickle(path, data: bytes) -> None:
    """Write an archive of torch.save with another pickle in it."""
    torch.save(None, path)
    with zipfile.ZipFile(path) as old:
        entries = {name: old.read(name) for name in old.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as new:
        for name, content in entries.items():
            new.writestr(name, data if name.endswith("/data.pkl") else content)


def test_content_is_the_same(native, tmp_path):
    history = HistoryBuffer([1.0, 3.0], [1, 1])
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
    saved = dict(
        state_dict=model.state_dict(),
        parameter=torch.nn.Parameter(torch.ones(2)),
        tensors=[torch.arange(6).view(2, 3).t(), torch.ones(2).half()],
        arrays=[np.arange(4.0), np.float64(2)],
        plain={"set": {1, 2}, "bytes": b"\x00\xff", "dtype": torch.bfloat16},
        history=history,
    )
    torch.save(saved, tmp_path / "x.pth")
    loaded = load_checkpoint(tmp_path / "x.pth")
    assert type(loaded["state_dict"]) is OrderedDict
    assert loaded["state_dict"]._metadata == model.state_dict()._metadata
    for name, value in model.state_dict().items():
        assert torch.equal(loaded["state_dict"][name], value)
    assert isinstance(loaded["parameter"], torch.nn.Parameter)
    for old, new in zip(saved["tensors"], loaded["tensors"], strict=True):
        assert torch.equal(old, new) and old.dtype == new.dtype
        assert old.stride() == new.stride()
    for old, new in zip(saved["arrays"], loaded["arrays"], strict=True):
        assert old.dtype == new.dtype and (old == new).all()
    assert loaded["plain"] == saved["plain"]
    assert loaded["history"].mean() == 2


@pytest.mark.parametrize(
    "data",
    [
        b"\x80\x02cposix\nmkdir\nX\x04\x00\x00\x00FILE\x85R.",
        b"\x80\x04\x8c\x05posix\x8c\x05mkdir\x93\x8c\x04FILE\x85R.",
        b"\x80\x02c__builtin__\neval\nX\x01\x00\x00\x001\x85R.",
        b"\x80\x02ctorch\nload\nX\x04\x00\x00\x00FILE\x85R.",
        # Attributes of a class that is allowed, and of a function of it.
        b"\x80\x02cmmengine.logging.history_buffer\nHistoryBuffer\n"
        b"N}X\x04\x00\x00\x00meanK\x01s\x86b.",
        b"\x80\x02ccollections\nOrderedDict.fromkeys\n.",
    ],
    ids=["global", "stack global", "Python 2 name", "torch.load", "build", "dotted"],
)
def test_crafted_pickles_are_refused(native, data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_pickle(tmp_path / "x.pth", data)
    mean = HistoryBuffer.mean
    with pytest.raises(InputError, match=r"x\.pth"):
        load_checkpoint(tmp_path / "x.pth")
    with pytest.raises(InputError, match=r"x\.pth"):
        load_inert(tmp_path / "x.pth", ["os.path."])
    assert os.listdir(tmp_path) == ["x.pth"]
    assert HistoryBuffer.mean is mean


def test_programs_are_refused(native, tmp_path):
    torch.jit.script(torch.nn.Linear(2, 2)).save(str(tmp_path / "x.pth"))
    with pytest.raises(InputError, match=r"x\.pth cannot be loaded"):
        load_checkpoint(tmp_path / "x.pth")


def test_foreign_classes_are_inert(native, tmp_path):
    torch.save(dict(model=torch.nn.Conv2d(1, 2, 1)), tmp_path / "x.pth")
    with pytest.raises(InputError, match=r"refused.*torch\.nn\.modules\.conv\.Conv2d"):
        load_inert(tmp_path / "x.pth", ["numpy."])
    model = load_inert(tmp_path / "x.pth", ["torch.nn."])["model"]
    assert type(model).__name__ == "Conv2d" and not isinstance(model, torch.nn.Module)
    assert model.state["_parameters"]["weight"].shape == (2, 1, 1, 1)


@pytest.mark.parametrize("size", [3, 400])
def test_truncated(native, size, tmp_path):
    torch.save(torch.zeros(1000), tmp_path / "x.pth")
    content = (tmp_path / "x.pth").read_bytes()
    (tmp_path / "x.pth").write_bytes(content[:size])
    with pytest.raises(InputError, match=r"x\.pth"):
        load_checkpoint(tmp_path / "x.pth")
