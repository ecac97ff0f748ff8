"""Checkpoints of ultralytics 8.4.

8.4.0 builds SPPF without an activation after its first convolution; 8.4.190 restores it
for YOLO11. The pickled module shows which. The fixture was written by 8.4.0.
"""

import lzma
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from mmyolo_mnv1.converters.ultralytics import read_ultralytics, ultralytics_to_mmyolo

FOLDER = Path(__file__).parent
FIXTURES = FOLDER / "fixtures"
NAMES = ("yolo11n_84.pt.xz", "yolo11n_84.npz")


def unpack(folder: Path, scratch: Path) -> Path:
    """Decompress the checkpoint of ``folder``."""
    path = scratch / "yolo11n.pt"
    path.write_bytes(lzma.decompress((folder / NAMES[0]).read_bytes()))
    return path


def compare(folder: Path, scratch: Path, detector, sppf_act: bool) -> float:
    """Convert the checkpoint of ``folder``; return the largest output difference."""
    path = unpack(folder, scratch)
    state_dict, meta = ultralytics_to_mmyolo(read_ultralytics(path))
    assert meta["ultralytics_version"].startswith("8.4.")
    assert meta["sppf_act"] is sppf_act
    assert meta["dataset_meta"]["classes"] == ("cat", "dog")
    saved = np.load(folder / NAMES[1])
    image = torch.from_numpy(saved["image"]).float() / 255
    neck = dict(type="YOLO11PAFPN", sppf_act=sppf_act)
    model = detector(state_dict, scale="n", num_classes=2, neck=neck)
    with torch.no_grad():
        features = model.extract_feat(image)
        head = model.bbox_head.head_module
        boxes = [m(x) for m, x in zip(head.reg_preds, features, strict=True)]
        scores = [m(x) for m, x in zip(head.cls_preds, features, strict=True)]
    parts = [torch.cat([x.flatten(2) for x in part], 2) for part in (boxes, scores)]
    expected = torch.from_numpy(saved["outputs"])
    assert expected.std() > 0.1
    return (torch.cat(parts, 1) - expected).abs().max().item()


def test_fixture(detector, report, tmp_path):
    difference = compare(FIXTURES, tmp_path, detector, sppf_act=False)
    report("yolo11n of ultralytics 8.4.0: head outputs", difference)
    assert difference <= 1e-4


def test_activation_matters(detector, tmp_path):
    path = unpack(FIXTURES, tmp_path)
    state_dict, _ = ultralytics_to_mmyolo(read_ultralytics(path))
    image = torch.from_numpy(np.load(FIXTURES / NAMES[1])["image"]).float() / 255
    with torch.no_grad():
        with_act = detector(state_dict, scale="n", num_classes=2)(image)[0][0]
        neck = dict(type="YOLO11PAFPN", sppf_act=False)
        model = detector(state_dict, scale="n", num_classes=2, neck=neck)
        assert (model(image)[0][0] - with_act).abs().max() > 1e-3


def test_converter_prints_the_line_of_the_config(tool, tmp_path):
    script = "tools/model_converters/convert_weights.py"
    done = tool(script, unpack(FIXTURES, tmp_path), tmp_path / "x.pth")
    assert done.returncode == 0, done.stderr
    assert "neck=dict(sppf_act=False)" in done.stdout
    meta = torch.load(tmp_path / "x.pth", weights_only=True)["meta"]
    assert meta["sppf_act"] is False


@pytest.mark.slow
@pytest.mark.parametrize(("version", "sppf_act"), [("8.4.0", False), ("8.4.190", True)])
def test_made_anew(detector, report, tmp_path, version, sppf_act):
    """Make the checkpoint in a temporary environment, and the fixture if missing."""
    target = tmp_path / "site"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "-q", "--no-deps"),
            *("--target", str(target), f"ultralytics=={version}"),
        ],
        capture_output=True,
        text=True,
    )
    if done.returncode:
        pytest.skip(f"ultralytics {version} cannot be installed: {done.stderr[-200:]}")
    made = tmp_path / "made"
    made.mkdir()
    env = dict(os.environ, PYTHONPATH=str(target), YOLO_OFFLINE="true")
    env["YOLO_CONFIG_DIR"] = str(tmp_path)
    subprocess.run(
        [sys.executable, str(FOLDER / "make_ultralytics84.py"), str(made)],
        check=True,
        env=env,
    )
    difference = compare(made, tmp_path, detector, sppf_act)
    report(f"yolo11n of ultralytics {version}, made anew: head outputs", difference)
    assert difference <= 1e-4
    if version != "8.4.0":
        return
    for name in NAMES:
        if not (FIXTURES / name).exists():
            (FIXTURES / name).write_bytes((made / name).read_bytes())
    kept, new = (np.load(folder / NAMES[1]) for folder in (FIXTURES, made))
    assert np.array_equal(kept["image"], new["image"])
    assert np.abs(kept["outputs"] - new["outputs"]).max() <= 1e-4
