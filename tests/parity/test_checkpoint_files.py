"""Files other than YOLO11 checkpoints: refused in one line, without output."""

import pickle
import zipfile

import pytest
import torch

from mmyolo_mnv1.converters.ultralytics import read_ultralytics, ultralytics_to_mmyolo
from mmyolo_mnv1.errors import InputError


class Evil:
    """Unpickling it writes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return exec, (f"open({str(self.path)!r}, 'w').close()",)


class Sneaky:
    """Unpickling it writes a file by a function of Ultralytics, an allowed name."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        from ultralytics.utils.patches import torch_save

        return torch_save, ({}, str(self.path))


def refused(path, *words):
    with pytest.raises(InputError) as error:
        ultralytics_to_mmyolo(read_ultralytics(path))
    message = str(error.value)
    assert "\n" not in message and len(message) < 1000
    for word in words:
        assert word in message, message


@pytest.mark.parametrize("content", [b"", b"no checkpoint at all", b"\xff\xd8\xff\xe0"])
def test_not_a_checkpoint(tmp_path, content):
    path = tmp_path / "x.pt"
    path.write_bytes(content)
    refused(path, "x.pt is not a PyTorch checkpoint")


def test_missing(tmp_path):
    refused(tmp_path / "x.pt", "x.pt not found")


def test_another_zip(tmp_path):
    path = tmp_path / "x.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "hello")
    refused(path, "x.pt is not a PyTorch checkpoint")


@pytest.mark.parametrize("keep", [0.2, 0.9, 0.999])
def test_truncated(reference, tmp_path, keep):
    path = tmp_path / "x.pt"
    torch.save(dict(model=reference("n", 1)), path)
    content = path.read_bytes()
    path.write_bytes(content[: int(keep * len(content))])
    refused(path, "x.pt is truncated")


@pytest.mark.parametrize("field", ["names", "optimizer"])
def test_malicious(reference, tmp_path, field):
    written, path = tmp_path / "written", tmp_path / "x.pt"
    save_with(reference("n", 1), field, Evil(written), path)
    refused(path, "is refused, nothing was run", "exec")
    assert not written.exists()
    torch.load(path, weights_only=False)  # unpickling does write the file
    assert written.exists()


def test_functions_of_ultralytics_are_not_called(reference, tmp_path):
    written, path = tmp_path / "written", tmp_path / "x.pt"
    save_with(reference("n", 1), "optimizer", Sneaky(written), path)
    assert read_ultralytics(path).classes == ("class 0",)
    assert not written.exists()
    torch.load(path, weights_only=False)
    assert written.exists()


def save_with(model, field, value, path):
    """Save a checkpoint with ``value`` as names of the model or as optimizer."""
    checkpoint = dict(model=model, optimizer=value)
    if field == "names":
        model.names, checkpoint["optimizer"] = value, None
    torch.save(checkpoint, path)


def test_bare_pickle(tmp_path):
    path, written = tmp_path / "x.pt", tmp_path / "written"
    path.write_bytes(pickle.dumps(Evil(written)))
    refused(path, "bare pickle", "refused, nothing was run")
    assert not written.exists()


@pytest.mark.parametrize(
    ("yaml", "kind", "words"),
    [
        ("yolo11n-seg.yaml", "SegmentationModel", "model for segmentation: only"),
        ("yolo11n-cls.yaml", "ClassificationModel", "model for classification"),
        ("yolo11n-pose.yaml", "PoseModel", "model for pose"),
        ("yolo11n-obb.yaml", "OBBModel", "model for oriented boxes"),
        ("yolov8n.yaml", "DetectionModel", "holds YOLOv8, not YOLO11"),
        ("yolov5n.yaml", "DetectionModel", "holds YOLOv5, not YOLO11"),
        ("yolov10n.yaml", "DetectionModel", "holds YOLOv10, not YOLO11"),
        ("yolo12n.yaml", "DetectionModel", "holds YOLO12, not YOLO11"),
    ],
)
def test_another_model(peer, tmp_path, yaml, kind, words):
    from ultralytics.nn import tasks

    path = tmp_path / "x.pt"
    torch.save(dict(model=getattr(tasks, kind)(yaml, verbose=False)), path)
    refused(path, words)


def test_tensor_left_over_or_missing(reference, tmp_path):
    tensors = dict(reference("n", 1).state_dict())
    tensors["model.3.extra.weight"] = torch.ones(1)
    del tensors["model.5.conv.weight"]
    path = tmp_path / "x.pt"
    torch.save(tensors, path)
    refused(path, "1 left over (model.3.extra.weight)", "1 missing (model.5.conv")


def test_another_width(reference, tmp_path):
    tensors = dict(reference("n", 1).state_dict())
    tensors["model.5.conv.weight"] = tensors["model.5.conv.weight"][:-8]
    path = tmp_path / "x.pt"
    torch.save(tensors, path)
    refused(path, "model.5.conv.weight has 120 channels instead of 128")


def test_other_objects(tmp_path):
    path = tmp_path / "x.pt"
    for content in ({"epoch": 3}, [1, 2], torch.ones(3), {"model": None}):
        torch.save(content, path)
        refused(path, "holds no YOLO11")


def test_command_line_leaves_no_file(tmp_path, tool):
    (tmp_path / "x.pt").write_bytes(b"nothing")
    script = "tools/model_converters/convert_weights.py"
    done = tool(script, tmp_path / "x.pt", tmp_path / "y.pth")
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1
    assert [p.name for p in tmp_path.iterdir()] == ["x.pt"]


@pytest.mark.slow
def test_runs_without_ultralytics(reference, tmp_path, python):
    torch.save(dict(model=reference("n", 1)), tmp_path / "x.pt")
    code = (
        "import sys; sys.modules['ultralytics'] = None\n"  # importing it fails
        "from pathlib import Path\n"
        "from mmyolo_mnv1.converters.ultralytics import *\n"
        "source = read_ultralytics(Path(sys.argv[1]))\n"
        "state_dict, meta = ultralytics_to_mmyolo(source)\n"
        "print(len(state_dict))"
    )
    done = python("-c", code, tmp_path / "x.pt")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-1] == "499"
