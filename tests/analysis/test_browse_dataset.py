"""What the network is fed: boxes on the right pixels, every split, repeatable."""

import cv2
import numpy as np
import pytest
import torch
from mmdet.structures import DetDataSample
from mmdet.structures.bbox import get_box_tensor
from mmengine.runner import set_random_seed
from mmengine.structures import InstanceData
from mmyolo.registry import DATASETS

from mmyolo_mnv1.analysis.browse_dataset import (
    browse_dataset,
    build_input_dataset,
    read_input,
)
from mmyolo_mnv1.annotations.voc import voc_to_coco
from mmyolo_mnv1.config import load_config
from mmyolo_mnv1.errors import InputError
from mmyolo_mnv1.evaluation.pictures import BoxDrawer, detections_cell


@pytest.fixture
def cells(root, bccd, tmp_path):
    """The config of the blood cells, with their data."""
    voc_to_coco(bccd, tmp_path / "BCCD", ["train", "val", "test"])
    config = root / "configs/yolo11_mnv1_n_bccd.py"
    return load_config(config, dict(data_root=str(tmp_path / "BCCD")))


@pytest.fixture
def signs(root, digits):
    """The config of the digits, with its data."""
    config = root / "configs/yolo11_mnv1_n_digits.py"
    return load_config(config, dict(data_root=str(digits)))


def test_boxes_of_validation_are_on_the_letterboxed_photo(cells):
    fed = build_input_dataset(cells, "val")
    plain = DATASETS.build(cells.val_dataloader.dataset)
    for index in range(5):
        image, sample = read_input(fed, index)
        original = plain[index]
        assert image.dtype == np.uint8
        assert (image == original["inputs"].permute(1, 2, 0).numpy()).all()
        truth = original["data_samples"]  # its boxes are in pixels of the photo
        top, _, left, _ = truth.pad_param
        expected = get_box_tensor(truth.gt_instances.bboxes).numpy()
        expected = expected * np.tile(truth.scale_factor, 2) + [left, top, left, top]
        found = get_box_tensor(sample.gt_instances.bboxes).numpy()
        np.testing.assert_allclose(found, expected, atol=1e-3)
        assert (sample.gt_instances.labels == truth.gt_instances.labels).all()
        assert truth.scale_factor[0] == 0.5 and top > 0 and len(found)


def test_boxes_of_training_follow_the_digits(signs):
    """Inside a box of a digit there is more contrast than the photo has elsewhere."""
    set_random_seed(0)
    fed = build_input_dataset(signs, "train", stage2=True)
    inside, everywhere = [], []
    for index in range(len(fed)):
        image, sample = read_input(fed, index)
        edges = np.abs(
            cv2.Laplacian(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.CV_32F)
        )
        everywhere.append(edges.mean())
        for x1, y1, x2, y2 in get_box_tensor(sample.gt_instances.bboxes).int().tolist():
            inside.append(edges[y1:y2, x1:x2].mean())
    assert np.mean(inside) > 1.5 * np.mean(everywhere)


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_pictures_of_every_split(signs, tmp_path, split):
    paths = browse_dataset(signs, tmp_path, split, number=5, grid=(2, 2))
    assert [path.name for path in paths] == [f"{split}_1.png", f"{split}_2.png"]
    first, second = (cv2.imread(str(path)) for path in paths)
    cell = first.shape[1] // 2 - 8  # in a frame with a caption
    assert cell >= 320  # enlarged
    assert first.shape == (2 * (cell + 32), 2 * (cell + 8), 3)
    assert second.shape == (cell + 32, 2 * (cell + 8), 3)
    right = cell + 8
    assert (second[:, right:] == 255).all() and (second[:, :right] != 255).any()
    assert not list(tmp_path.glob(".*"))


def test_no_room_is_left_below_wide_photos(cells, tmp_path):
    (path,) = browse_dataset(cells, tmp_path, "val", grid=(1, 2))
    picture = cv2.imread(str(path))
    height, width = picture.shape[0] - 32, picture.shape[1] // 2 - 8
    image, _ = read_input(build_input_dataset(cells, "val"), 0)
    assert (height, width) == image.shape[:2] and height < width


def test_boxes_are_drawn_where_they_are(signs):
    image, sample = read_input(build_input_dataset(signs, "val"), 0)
    side = 2 * max(image.shape[:2])
    drawn = BoxDrawer("0123456789", cell=side)(image, sample)
    changed = (drawn != cv2.resize(image, (side, side))).any(2)
    boxes = get_box_tensor(sample.gt_instances.bboxes)
    assert len(boxes) >= 3 and changed.mean() < 0.5
    for x1, y1, x2, y2 in (2 * boxes).round().int().clamp(1, side - 2).tolist():
        for x in (x1, x2):
            assert changed[y1:y2, x - 1 : x + 2].any(1).mean() > 0.95
        for y in (y1, y2):
            assert changed[y - 1 : y + 2, x1:x2].any(0).mean() > 0.95


@pytest.mark.parametrize("shape", [(1, 2000), (2000, 1), (1, 1)])
def test_thin_photos_have_cells(shape):
    image = np.zeros((*shape, 3), np.uint8)
    none = dict(bboxes=torch.zeros(0, 4), labels=torch.zeros(0, dtype=torch.long))
    sample = DetDataSample(gt_instances=InstanceData(**none))
    sample.pred_instances = InstanceData(scores=torch.zeros(0), **none)
    assert BoxDrawer("a", cell=64)(image, sample).shape == (64, 64, 3)
    assert detections_cell(image, sample, "a", cell=64).shape == (64, 64, 3)


def test_same_seed_same_pictures(signs, tmp_path):
    def picture(folder, **options):
        (path,) = browse_dataset(signs, tmp_path / folder, grid=(1, 2), **options)
        return path.read_bytes()

    first = picture("a")
    assert picture("b") == first
    assert picture("c", seed=1) != first
    assert picture("d", stage2=True) != first
    assert (tmp_path / "d/train_stage2_1.png").is_file()


def test_albumentations_is_seeded(signs, tmp_path):
    noise = [dict(type="GaussNoise", p=1.0)]
    pipeline = signs.train_dataloader.dataset.pipeline
    (albu,) = (t for t in pipeline if t.type == "SeededAlbu")
    albu.transforms = noise
    first, second = (
        browse_dataset(signs, tmp_path / name, grid=(1, 1))[0].read_bytes()
        for name in ("first", "second")
    )
    assert first == second


def test_photos_without_annotations(signs, tmp_path):
    dataset = signs.test_dataloader.dataset
    dataset.pipeline = [t for t in dataset.pipeline if t.type != "LoadAnnotations"]
    (path,) = browse_dataset(signs, tmp_path, "test", grid=(1, 2))
    assert cv2.imread(str(path)).std() > 10


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (dict(number=0), "--number 0 --grid 3x4: give 1 or more"),
        (dict(grid=(0, 4)), "--grid 0x4"),
        (dict(split="val", stage2=True), "val has no second pipeline"),
        (dict(split="test"), "digits.py: no test_dataloader"),
    ],
)
def test_refuses(signs, tmp_path, options, words):
    signs.test_dataloader = None
    with pytest.raises(InputError, match=words):
        browse_dataset(signs, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_command_line(root, digits, tmp_path, tool):
    script = "tools/analysis_tools/browse_dataset.py"
    config = root / "configs/yolo11_mnv1_n_digits.py"
    options = [f"data_root={digits}", "--grid", "1x2"]
    arguments = [script, config, "--out", tmp_path, "--cfg-options", *options]
    done = tool(*arguments)
    assert done.returncode == 0, done.stderr
    assert f"wrote {tmp_path / 'train_1.png'}" in done.stdout
    done = tool(script, config, "--split", "val", "--stage2", "--out", tmp_path)
    assert done.returncode == 1
    assert "val has no second pipeline" in done.stderr.splitlines()[-1]
