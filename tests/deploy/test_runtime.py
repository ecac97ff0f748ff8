"""The runtime without torch: its letterbox and NMS, its files, its imports."""

import json

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.structures import InstanceData
from mmyolo.registry import MODELS

from mmyolo_mnv1.config import load_config
from mmyolo_mnv1.datasets.transforms import Letterbox
from mmyolo_mnv1.deploy import Detector
from mmyolo_mnv1.deploy.runtime.engines import load_engine
from mmyolo_mnv1.deploy.runtime.metadata import NMS, Preprocessing
from mmyolo_mnv1.deploy.runtime.processing import letterbox, normalise, select, suppress
from mmyolo_mnv1.errors import InputError
from tests.deploy.conftest import SHAPE
from tests.helpers.deploy_models import image_files, photos

HEAVY = ("torch", "torchvision", "mmengine", "mmcv", "mmdet", "mmyolo")


@pytest.fixture
def model(narrow):
    """Exported files by format."""
    return narrow.files


@pytest.mark.parametrize("scale_up", [False, True])
@pytest.mark.parametrize("shape", [(640, 640), (480, 352), (96, 128)])
def test_letterbox_is_that_of_the_test_pipeline(shape, scale_up):
    generator = np.random.default_rng(0)
    sizes = [(640, 640), (480, 640), (1, 900), (97, 31), shape, shape[::-1]]
    sizes += generator.integers(2, 1500, (30, 2)).tolist()
    how = Preprocessing("rgb", (0,) * 3, (255,) * 3, 114, scale_up)
    expect = Letterbox(shape[::-1], allow_scale_up=scale_up)
    for height, width in sizes:
        if min(shape) / max(height / width, width / height) < 2:
            continue  # MMYOLO cannot: less than a pixel is left
        photo = generator.integers(0, 256, (height, width, 3), np.uint8)
        expected = expect.transform(dict(img=photo))
        found = letterbox(photo, shape, how)
        assert np.array_equal(found.image, expected["img"]), (height, width)
        assert found.scale == expected["scale_factor"]
        assert found.offset == tuple(expected["pad_param"][[2, 0]])
    assert letterbox(np.zeros((1, 5000, 3), np.uint8), shape, how).image.any()


@pytest.mark.parametrize("color", ["rgb", "bgr"])
def test_normalises_as_the_data_preprocessor(color):
    mean, std = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
    preprocess = MODELS.build(
        dict(
            type="YOLOv5DetDataPreprocessor",
            mean=mean,
            std=std,
            bgr_to_rgb=color == "rgb",
        )
    )
    images = [photo[:256, :256] for photo in photos()[:2]]
    tensors = [torch.from_numpy(i.transpose(2, 0, 1).copy()) for i in images]
    expected = preprocess(dict(inputs=tensors, data_samples=None))["inputs"].numpy()
    found = normalise(images, Preprocessing(color, mean, std))
    assert found.dtype == np.float32 and found.shape == (2, 3, 256, 256)
    assert np.abs(found - expected).max() < 1e-6 < found.std()


@pytest.mark.parametrize("multi_label", [True, False])
@pytest.mark.parametrize(("score", "iou", "most"), [(0.001, 0.7, 300), (0.3, 0.45, 9)])
def test_selects_and_suppresses_as_the_head(root, score, iou, most, multi_label):
    """The head's own post-processing of the same priors."""
    generator = torch.Generator().manual_seed(0)
    centres = 200 * torch.rand(800, 2, generator=generator)
    sizes = 20 + 60 * torch.rand(800, 2, generator=generator)
    boxes = torch.cat([centres - sizes / 2, centres + sizes / 2], 1)
    scores = torch.rand(800, 5, generator=generator) ** 4
    boxes[-2:, 2:] = boxes[-2:, :2]  # no area
    scores[-2:, 0] = 0.99
    cfg = load_config(root / "configs/yolo11_mnv1_n_a025.py")
    test_cfg = dict(
        multi_label=multi_label,
        score_thr=score,
        nms_pre=2000,
        nms=dict(type="nms", iou_threshold=iou),
        max_per_img=most,
    )
    head = MODELS.build(cfg.model).bbox_head
    values, labels = scores.max(1) if not multi_label else (scores, None)
    rows = (values > score).nonzero()
    candidates = InstanceData(
        bboxes=boxes[rows[:, 0]],
        scores=values[tuple(rows.T)],
        labels=labels[rows[:, 0]] if labels is not None else rows[:, 1],
    )
    order = candidates.scores.argsort(descending=True, stable=True)[:2000]
    expected = head._bbox_post_process(candidates[order], ConfigDict(test_cfg))
    nms = NMS(score, iou, most, multi_label, max_candidates=2000)
    found = suppress(select(boxes.numpy(), scores.numpy(), nms), nms)
    assert len(found.scores) == len(expected) > 8
    assert np.array_equal(found.boxes, expected.bboxes)
    assert np.array_equal(found.scores, expected.scores)
    assert np.array_equal(found.labels, expected.labels)


def test_nothing_found(model):
    found = Detector(model["onnx"], score_threshold=1)(photos()[0])
    assert found.boxes.shape == (0, 4) and found.names == ()
    assert found.scores.dtype == np.float32 and found.labels.dtype == np.int64


def test_detects_what_it_is_asked_for(model):
    photo = photos()[0]
    whole = Detector(model["onnx"])(photo)
    few = Detector(model["onnx"], max_detections=5)(photo)
    assert len(whole.scores) > 20 and np.array_equal(few.boxes, whole.boxes[:5])
    assert whole.names[0] == Detector(model["onnx"]).names[whole.labels[0]]
    height, width = photo.shape[:2]
    assert whole.boxes.min() >= 0 and (whole.boxes.max(0) <= [width, height] * 2).all()


def test_classes_are_chosen(model):
    """All detections of two classes, of those of every class."""
    every = Detector(model["onnx"], score_threshold=0.05)(photos()[0])
    names = [*dict.fromkeys(every.names)][:2]
    chosen = Detector(model["onnx"], score_threshold=0.05, classes=names)
    found = chosen(photos()[0])
    kept = every.take(np.array([name in names for name in every.names]))
    assert len(found.scores) and np.array_equal(found.boxes, kept.boxes)
    assert found.names == kept.names


def test_without_torch(model, python, root, tmp_path):
    """The runtime and predict.py run where neither torch nor OpenMMLab can be had."""
    (image, *_) = image_files(tmp_path)
    code = f"""
import runpy, sys
from importlib.abc import MetaPathFinder

class Absent(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {HEAVY}:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Absent())
import cv2
from mmyolo_mnv1.deploy import Detector
for file in {[str(model[f]) for f in ("onnx", "openvino", "ncnn")]}:
    assert len(Detector(file)(cv2.imread({str(image)!r})).scores) > 20
sys.argv = ["predict.py", {str(model["onnx"])!r}, {str(image)!r}, "--out", "out"]
try:
    runpy.run_path({str(root / "tools/predict.py")!r}, run_name="__main__")
except SystemExit as e:
    assert not e.code
print(sorted(set({HEAVY}) & set(sys.modules)))
"""
    done = python("-c", code, cwd=tmp_path, env={"PYTHONPATH": str(root)})
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"
    assert json.loads((tmp_path / "out/detections.json").read_text())["images"]


@pytest.mark.slow
@pytest.mark.parametrize("form", ["onnx", "openvino", "torchscript", "ncnn"])
def test_signals_after_two_detectors(model, form, python, root, tmp_path):
    """SIGINT raises KeyboardInterrupt after two detectors were deleted, older first."""
    code = f"""
import signal, sys, time
from mmyolo_mnv1.deploy import Detector
signal.signal(signal.SIGINT, signal.default_int_handler)  # background jobs ignore it
first, second = (Detector({str(model[form])!r}) for _ in range(2))
del first
del second
try:
    signal.raise_signal(signal.SIGINT)
    time.sleep(10)
except KeyboardInterrupt:
    print("interrupted")
"""
    done = python("-c", code, cwd=tmp_path, env={"PYTHONPATH": str(root)})
    assert (done.returncode, done.stdout) == (0, "interrupted\n"), done.stderr


@pytest.mark.parametrize("form", ["onnx", "openvino", "torchscript", "ncnn"])
def test_damaged_file(model, form, tmp_path):
    whole = model[form]
    for path in whole.parent.glob(f"{whole.name.partition('.')[0]}*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    damaged = tmp_path / whole.name
    damaged.write_bytes(damaged.read_bytes()[:500])
    with pytest.raises(InputError, match="is damaged or no model") as error:
        load_engine(damaged)
    assert "\n" not in str(error.value)


def test_metadata(model, tmp_path):
    import onnx

    proto = onnx.load(model["onnx"])
    props = {p.key: p.value for p in proto.metadata_props}
    assert props["format"] == "mmyolo-mnv1/1" and props["dynamic"] == "false"
    assert json.loads(props["names"])[0] == "person"
    assert json.loads(props["input_shape"]) == list(SHAPE)
    assert json.loads(props["strides"]) == [8, 16, 32]
    assert json.loads(props["preprocessing"]) == dict(
        color="rgb", mean=[0] * 3, std=[255] * 3, pad_value=114, scale_up=False
    )
    assert json.loads(props["nms"])["max_detections"] == 300
    assert proto.opset_import[0].version == 17
    assert len({load_engine(path).metadata for path in model.values()}) == 1
    path = tmp_path / "model.onnx"
    for changes, words in (
        (dict(nms="{}"), "metadata are damaged"),
        (dict(form="other"), "metadata are damaged"),
        (dict(format="mmyolo-mnv1/2"), "has format 'mmyolo-mnv1/2', expected"),
    ):
        onnx.helper.set_model_props(proto, props | changes)
        onnx.save(proto, path)
        with pytest.raises(InputError, match=words):
            Detector(path)
    del proto.metadata_props[:]
    onnx.save(proto, path)
    with pytest.raises(InputError, match="has no metadata of this package"):
        Detector(path)


def test_refuses(model, tmp_path):
    with pytest.raises(InputError, match="none.onnx not found"):
        Detector(tmp_path / "none.onnx")
    (tmp_path / "model.pt").touch()
    with pytest.raises(InputError, match="ends in .onnx, .xml"):
        Detector(tmp_path / "model.pt")
    for arguments, words in (
        (dict(shape=(64, 64)), "fixed: export with --dynamic"),
        (dict(score_threshold=1.5), "score_threshold 1.5"),
        (dict(iou_threshold=-1), "iou_threshold -1"),
        (dict(max_detections=0), "max_detections 0"),
    ):
        with pytest.raises(InputError, match=words):
            Detector(model["onnx"], **arguments)


def test_runtime_that_is_not_installed(model, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "openvino", None)
    with pytest.raises(InputError, match="pip install openvino"):
        Detector(model["openvino"])


def test_photo_turned_by_exif_is_read_as_in_training(tmp_path):
    from mmcv.transforms import LoadImageFromFile
    from PIL import Image

    from mmyolo_mnv1.deploy.runtime.images import read_image

    path = tmp_path / "turned.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(photos()[0]).save(path, exif=exif)
    expected = LoadImageFromFile()(dict(img_path=str(path)))["img"]
    assert np.array_equal(read_image(str(path)), expected)
    assert expected.shape == (600, 400, 3)
    assert cv2.imread(str(path)).shape == expected.shape
