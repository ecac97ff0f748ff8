"""YOLO11 checkpoints of Ultralytics in the forms that people have."""

import lzma

import pytest
import torch

from mmyolo_mnv1.converters.timm import timm_to_mmyolo
from mmyolo_mnv1.converters.ultralytics import read_ultralytics, ultralytics_to_mmyolo
from mmyolo_mnv1.errors import InputError
from tests.helpers.mobilenet_layouts import as_timm, random_classifier

FIXTURE = "tests/parity/fixtures/yolo11n_84.pt.xz"


@pytest.fixture(scope="module")
def tensors(tmp_path_factory, root):
    """State dict of a YOLO11n with two classes, by Ultralytics' names."""
    path = tmp_path_factory.mktemp("fixture") / "yolo11n.pt"
    path.write_bytes(lzma.decompress((root / FIXTURE).read_bytes()))
    return read_ultralytics(path).tensors


def convert(tmp_path, document):
    path = tmp_path / "x.pt"
    torch.save(document, path)
    return ultralytics_to_mmyolo(read_ultralytics(path))


@pytest.mark.parametrize(
    "prefix", ["module.", "model.", "model.model.", "module.model.", "_orig_mod.", None]
)
@pytest.mark.parametrize(
    "keys", [(), ("state_dict",), ("model",), ("ema",), ("model", "state_dict")]
)
def test_weights_with_prefixes_and_inside_dicts(tmp_path, tensors, prefix, keys):
    expected, _ = convert(tmp_path, tensors)
    if prefix is None:  # of the list of layers
        document = {k.removeprefix("model."): t for k, t in tensors.items()}
    else:
        document = {prefix + k: t for k, t in tensors.items()}
    for key in reversed(keys):
        document = {key: document, "epoch": 3, "version": "8.3.0"}
    state_dict, meta = convert(tmp_path, document)
    assert state_dict.keys() == expected.keys()
    assert all(torch.equal(state_dict[k], expected[k]) for k in expected)
    assert meta["num_classes"] == 2
    assert meta["ultralytics_version"] == ("8.3.0" if keys else None)


@pytest.mark.parametrize("channels", [1, 4])
def test_weights_for_other_than_three_channels_are_refused(tmp_path, tensors, channels):
    stem = tensors["model.0.conv.weight"][:, :1].repeat(1, channels, 1, 1)
    with pytest.raises(InputError, match=rf"has {channels} input channel\(s\): only"):
        convert(tmp_path, tensors | {"model.0.conv.weight": stem})


@pytest.mark.parametrize("document", [{"state_dict": {}}, {"model": None}, {"a": 1}])
def test_dicts_without_yolo11_are_refused(tmp_path, document):
    with pytest.raises(InputError, match="holds no YOLO11"):
        convert(tmp_path, document)


def test_a_prefix_on_some_tensors_only_is_refused(tmp_path, tensors):
    document = {"module." + k: t for k, t in tensors.items()}
    document["other.0.conv.weight"] = document.pop("module.model.0.conv.weight")
    with pytest.raises(InputError):
        convert(tmp_path, document)


@pytest.mark.parametrize("prefix", ["module.", "model.", "model.model."])
def test_timm_weights_with_prefixes(tmp_path, prefix):
    original = random_classifier(0.25, 5)
    document = {prefix + k: t for k, t in as_timm(original).items()}
    torch.save({"state_dict": document}, tmp_path / "w.pth")
    converted, _ = timm_to_mmyolo(tmp_path / "w.pth")
    assert all(torch.equal(converted[k], original[k]) for k in original)
