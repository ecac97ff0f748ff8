"""The transforms on real photos."""

import copy
import random

import cv2
import numpy as np
import pytest
import torch
from mmyolo.datasets import yolov5_collate
from mmyolo.registry import DATASETS, TRANSFORMS
from skimage import data as photos

from mmyolo_mnv1.config import load_config
from mmyolo_mnv1.datasets.transforms import (
    Letterbox,
    MosaicAffine,
    channels_last_collate,
    warp,
)
from mmyolo_mnv1.errors import InputError


@pytest.fixture
def photo():
    """A photo of 451 x 300 px with one box around a third of it."""
    image = photos.chelsea()[..., ::-1].copy()
    return dict(
        img=image,
        img_shape=image.shape[:2],
        ori_shape=image.shape[:2],
        gt_bboxes=np.array([[150.0, 100, 300, 200]], np.float32),
        gt_bboxes_labels=np.array([0]),
        gt_ignore_flags=np.array([False]),
    )


def test_letterbox(photo):
    out = Letterbox(img_scale=(192, 160))(dict(photo))
    assert out["img"].shape == (160, 192, 3)
    top, _, left, _ = out["pad_param"].astype(int)
    height, width = 128, 192  # 300 x 451 px in 160 x 192
    assert (top, left) == (16, 0)
    border = np.r_[out["img"][:top], out["img"][top + height :]]
    assert (border == 114).all()  # grey in every channel
    expected = np.array([150, 100, 300, 200]) * 192 / 451 + [left, top, left, top]
    assert np.abs(out["gt_bboxes"] - expected).max() < 1
    inside = out["img"][top : top + height]
    resized = cv2.resize(photo["img"], (width, height), interpolation=cv2.INTER_AREA)
    assert np.abs(inside.astype(int) - resized).mean() < 6


@pytest.mark.parametrize(("multiplier", "side"), [(1.0, 640), (0.83, 544), (0.67, 416)])
def test_letterbox_multiplier(photo, multiplier, side):
    out = Letterbox(img_scale=(640, 640), multiplier=multiplier)(photo)
    assert out["img"].shape == (side, side, 3)


def test_batch_shape_wins(photo):
    out = Letterbox(img_scale=(192, 192))(dict(photo, batch_shape=np.array([128, 192])))
    assert out["img"].shape == (128, 192, 3)


@pytest.mark.parametrize("scale", ["${input_scale}", (100, 64), 640])
def test_sizes_are_checked(scale):
    with pytest.raises(InputError, match="img_scale is"):
        Letterbox(img_scale=scale)
    with pytest.raises(InputError, match="img_scale is"):
        MosaicAffine(img_scale=scale, pre_transform=[])


LOAD = [
    dict(type="LoadImageFromFile"),
    dict(type="LoadAnnotations", with_bbox=True),
]
FAST_LOAD = [
    dict(type="LoadAnnotations", with_bbox=True, box_type=None),
    dict(type="LoadResized", img_scale=(96, 64)),
]


@pytest.mark.parametrize("zoom", [(1.5, 0.5), (0, 1)])
def test_zoom_is_checked(zoom):
    with pytest.raises(InputError, match="scaling_ratio_range is .*smallest zoom"):
        TRANSFORMS.build(
            dict(type="LetterboxAffine", img_scale=(64, 64), scaling_ratio_range=zoom)
        )


@pytest.mark.parametrize("angle", [0.0, 20.0])
@pytest.mark.parametrize("load", [LOAD, FAST_LOAD], ids=["plain", "cached"])
def test_mosaic_affine_is_mmyolos_chain(root, digits, load, angle):
    """One transform equals two of MMYOLO with the same random numbers."""
    affine = dict(max_rotate_degree=angle, max_shear_degree=angle / 4)
    one = dict(type="MosaicAffine", img_scale=(96, 64), pre_transform=load, **affine)
    two = [
        dict(type="Mosaic", img_scale=(96, 64), pad_val=114.0, pre_transform=LOAD),
        dict(
            type="YOLOv5RandomAffine",
            border=(-48, -32),
            border_val=(114, 114, 114),
            **affine,
        ),
    ]
    results = []
    for pipeline in ([*load, one], [*LOAD, *two]):
        cfg = load_config(
            root / "configs/yolo11_mnv1_n_digits.py", dict(data_root=str(digits))
        )
        cfg.train_dataloader.dataset.pipeline = pipeline
        dataset = DATASETS.build(cfg.train_dataloader.dataset)
        np.random.seed(3)
        random.seed(3)
        results.append([dataset[i] for i in range(16)])
    boxes = 0
    for ours, reference in zip(*results, strict=True):
        assert ours["img"].shape == (64, 96, 3)
        boxes += len(reference["gt_bboxes"])
        assert np.array_equal(ours["gt_bboxes_labels"], reference["gt_bboxes_labels"])
        off = ours["gt_bboxes"] - reference["gt_bboxes"].numpy()
        assert np.abs(off).max(initial=0) <= 1e-3
        # At borders of images, a pixel may be interpolated from other neighbours.
        grey = np.abs(ours["img"].astype(int) - reference["img"]).max(-1)
        edge = cv2.dilate((grey > 8).astype(np.uint8), np.ones((3, 3))) > 0
        assert grey[~edge].mean() < 2 and (grey > 8).mean() < 0.06
    assert boxes > 30


@pytest.mark.parametrize("scales", [(0.5, 1.5), (0.05, 0.5), (1.5, 12)])
def test_a_resize_lies_where_the_warp_would(scales):
    photo = cv2.resize(photos.chelsea(), (160, 120))
    rng = np.random.default_rng(0)
    resized, offs = 0, []
    for _ in range(200):
        zoom = rng.uniform(*scales)
        x, y = rng.uniform(-80 * zoom, 96, 2)
        x1, x2 = sorted(rng.integers(0, 161, 2))
        y1, y2 = sorted(rng.integers(0, 121, 2))
        matrix = np.array([[zoom, 0, x], [0, zoom, y], [0, 0, 1]])
        sheared = matrix + np.array([[0, 1e-9, 0], [0, 0, 0], [0, 0, 0]])
        outs = [np.full((96, 96, 3), 255, np.uint8) for _ in range(2)]
        for out, each in zip(outs, (matrix, sheared), strict=True):
            warp.warp_into(out, photo, (x1, y1, x2, y2), each)
        # Pixels that depend on the crop only: at its edge the warp interpolates with
        # the destination, the resize with the next pixel of the image.
        xs, ys = ((np.arange(96) - shift) / zoom for shift in (x, y))
        inside = np.ix_(
            (ys >= y1 + 0.1) & (ys <= y2 - 1.1), (xs >= x1 + 0.1) & (xs <= x2 - 1.1)
        )
        offs.append(np.abs(outs[0].astype(int) - outs[1])[inside].ravel())
        if not np.array_equal(*outs):  # it was a resize
            beside_x = (xs < x1 - 0.5) | (xs >= x2 - 0.5)
            beside_y = (ys < y1 - 0.5) | (ys >= y2 - 0.5)
            assert (outs[0][beside_y] == 255).all()
            assert (outs[0][:, beside_x] == 255).all()
            resized += 1
    offs = np.concatenate(offs)
    assert resized > 25 and offs.size > 50_000
    assert offs.mean() < 0.5 and offs.max() <= 12


def test_hsv_is_mmyolos(photo):
    outs = []
    for kind in ("HSVRandomAug", "YOLOv5HSVRandomAug"):
        np.random.seed(1)
        outs.append(TRANSFORMS.build(dict(type=kind))(dict(photo))["img"])
    assert np.array_equal(*outs) and not np.array_equal(outs[0], photo["img"])


def test_flip_is_mmdetections(photo):
    outs = []
    for kind in ("HorizontalFlip", "mmdet.RandomFlip"):
        outs.append(TRANSFORMS.build(dict(type=kind, prob=1.0))(copy.deepcopy(photo)))
    ours, reference = outs
    assert (
        np.array_equal(ours["img"], reference["img"]) and ours["img"].flags.c_contiguous
    )
    assert np.array_equal(ours["gt_bboxes"], reference["gt_bboxes"])
    assert TRANSFORMS.build(dict(type="HorizontalFlip", prob=0.0))(photo) is photo
    with pytest.raises(InputError, match="flip_prob is 2"):
        TRANSFORMS.build(dict(type="HorizontalFlip", prob=2))


def test_last_epochs_are_mmyolos_chain(photo):
    """LetterboxAffine equals Letterbox and YOLOv5RandomAffine."""
    affine = dict(max_rotate_degree=10.0, max_shear_degree=2.0)
    chains = (
        [dict(type="LetterboxAffine", img_scale=(192, 160), **affine)],
        [
            dict(type="Letterbox", img_scale=(192, 160)),
            dict(type="YOLOv5RandomAffine", border_val=(114, 114, 114), **affine),
        ],
    )
    for seed in range(8):
        outs = []
        for chain in chains:
            np.random.seed(seed)
            out = copy.deepcopy(photo)
            for transform in chain:
                out = TRANSFORMS.build(transform)(out)
            outs.append(out)
        ours, reference = outs
        assert np.abs(ours["gt_bboxes"] - reference["gt_bboxes"]).max(initial=0) < 1
        # MMYOLO downscales by area, this package bilinearly.
        assert np.abs(ours["img"].astype(int) - reference["img"]).mean() < 5


def test_batches_lie_channels_last(root, digits):
    cfg = load_config(
        root / "configs/yolo11_mnv1_n_digits.py", dict(data_root=str(digits))
    )
    for pipeline in (cfg.train_pipeline, cfg.train_pipeline_stage2):
        dataset = DATASETS.build(dict(cfg.train_dataloader.dataset, pipeline=pipeline))
        samples = [dataset[i] for i in range(4)]
        batch = channels_last_collate(samples)
        images = batch["inputs"]
        assert images.is_contiguous(memory_format=torch.channels_last)
        plain = yolov5_collate(samples)
        assert torch.equal(images, plain["inputs"])
        truths = batch["data_samples"]["bboxes_labels"]
        assert torch.equal(truths, plain["data_samples"]["bboxes_labels"])
        assert truths.shape[1] == 6 and len(truths) > 4


def test_mosaics_of_recent_images(root, digits):
    """With enough recent images, a sample loads only its own image."""
    cfg = load_config(
        root / "configs/yolo11_mnv1_n_digits.py",
        dict(data_root=str(digits), mosaic_recent=4, image_cache_gb=0),
    )
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    mosaic = dataset.pipeline.transforms[2]
    loaded = []
    read = dataset.get_data_info
    dataset.get_data_info = lambda index: loaded.append(index) or read(index)
    for index in range(8):
        dataset[index]
    assert loaded[-5:] == [3, 4, 5, 6, 7] and len(mosaic.recent) == 4


def test_training_pipeline_is_repeatable(root, digits):
    """A seed determines the images, Albumentations' random numbers included."""
    cfg = load_config(
        root / "configs/yolo11_mnv1_n_digits.py", dict(data_root=str(digits))
    )
    albu = next(t for t in cfg.train_pipeline if t["type"] == "SeededAlbu")
    for transform in albu["transforms"]:
        transform["p"] = 0.5
    blurs = []
    for _ in range(2):
        transform = TRANSFORMS.build(albu)
        np.random.seed(0)
        rng = np.random.default_rng(0)
        image = rng.integers(0, 256, (64, 64, 3), np.uint8)
        boxes = np.array([[8.0, 8, 40, 40]], np.float32)
        blurs.append(
            [
                transform(
                    dict(
                        img=image.copy(),
                        gt_bboxes=boxes.copy(),
                        gt_bboxes_labels=np.array([0]),
                        gt_ignore_flags=np.array([False]),
                    )
                )["img"]
                for _ in range(20)
            ]
        )
    assert all(np.array_equal(a, b) for a, b in zip(*blurs, strict=True))
    # Four transforms, each drawn by itself: more than all or none of them.
    assert len({img.tobytes() for img in blurs[0]}) > 8
