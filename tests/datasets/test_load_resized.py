"""Loading for training: image formats, bad images, and the shared cache."""

import os
import pickle
import shutil
import traceback

import cv2
import numpy as np
import pytest
from mmyolo.registry import DATASETS
from PIL import Image
from skimage import data as photos
from torch.utils.data import DataLoader

from mmyolo_mnv1.config import load_config
from mmyolo_mnv1.datasets.memory.image_cache import ImageCache
from mmyolo_mnv1.datasets.transforms import LoadResized
from mmyolo_mnv1.errors import InputError

SCALE = (96, 64)


@pytest.fixture(scope="module")
def photo() -> Image.Image:
    """451 x 300 px, RGB."""
    return Image.fromarray(photos.chelsea())


def load(path, cache_gb=0, **kwargs):
    return LoadResized(SCALE, cache_gb=cache_gb, **kwargs)(dict(img_path=str(path)))


def save_16_bit(image, path):
    cv2.imwrite(str(path), np.asarray(image)[..., ::-1].astype(np.uint16) * 257)


@pytest.mark.parametrize(
    ("name", "save"),
    [
        ("grey.jpg", lambda im, path: im.convert("L").save(path)),
        ("cmyk.jpg", lambda im, path: im.convert("CMYK").save(path)),
        ("rgba.png", lambda im, path: im.convert("RGBA").save(path)),
        ("palette.png", lambda im, path: im.quantize(64).save(path)),
        ("sixteen.png", save_16_bit),
    ],
)
def test_every_kind_of_image_becomes_three_channels(photo, tmp_path, name, save):
    save(photo, tmp_path / name)
    out = load(tmp_path / name)
    assert out["img"].shape == (63, 96, 3) and out["img"].dtype == np.uint8
    assert out["ori_shape"] == (300, 451)
    expected = photo.convert("L").convert("RGB") if "grey" in name else photo
    expected = cv2.resize(np.asarray(expected)[..., ::-1], (96, 63))
    assert np.abs(out["img"].astype(int) - expected).mean() < 8


def test_exif_rotation(photo, tmp_path):
    """The image is rotated; annotations of the unrotated one are refused."""
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees
    photo.save(tmp_path / "a.jpg", exif=exif)
    info = dict(img_path=str(tmp_path / "a.jpg"), height=451, width=300)
    out = LoadResized(SCALE, cache_gb=0)(dict(info))
    assert out["img"].shape == (64, 42, 3)
    info.update(height=300, width=451)
    with pytest.raises(InputError, match="a.jpg is 300 x 451 px, .* say 451 x 300"):
        LoadResized(SCALE, cache_gb=0)(dict(info))


def test_one_pixel(tmp_path):
    Image.new("RGB", (1, 1), (10, 20, 30)).save(tmp_path / "a.png")
    out = load(tmp_path / "a.png")
    assert out["img"].shape == (64, 64, 3) and (out["img"] == (30, 20, 10)).all()


def test_boxes_are_scaled(photo, tmp_path):
    photo.save(tmp_path / "a.png")
    boxes = np.array([[10, 20, 30, 40]], np.float32)
    info = dict(img_path=str(tmp_path / "a.png"), gt_bboxes=boxes)
    out = LoadResized(SCALE)(info)
    assert np.allclose(out["gt_bboxes"], boxes * 96 / 451)
    assert out["scale_factor"] == (96 / 451, 96 / 451)


@pytest.mark.parametrize("content", [b"", b"not an image", None])
def test_bad_images(photo, tmp_path, content, caplog):
    path = tmp_path / "bad.jpg"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match="bad.jpg cannot be decoded .* bad_images"):
        load(path)
    assert load(path, on_bad_image="skip") is None
    with pytest.raises(InputError, match="bad_images"):
        load(path, on_bad_image="ignore")


@pytest.mark.parametrize("size", [-1, float("inf")])
def test_size_of_the_cache(size):
    with pytest.raises(InputError, match="image_cache_gb in a config"):
        LoadResized(SCALE, cache_gb=size)


def dataset_of(root, digits, **options):
    cfg = load_config(
        root / "configs/yolo11_mnv1_n_digits.py",
        dict(data_root=str(digits), img_scale=SCALE, **options),
    )
    # The start-up check would refuse the bad image.
    return DATASETS.build(dict(cfg.train_dataloader.dataset, verify_images=False))


@pytest.fixture
def one_bad(digits, tmp_path):
    """The digits with one image that does not decode."""
    out = tmp_path / "digits"
    shutil.copytree(digits, out)
    (out / "train" / "000003.jpg").write_bytes(b"\xff\xd8 no more\xff\xd9")
    return out


@pytest.mark.parametrize("workers", [0, 2])
def test_training_stops_in_one_line(root, one_bad, workers):
    loader = DataLoader(
        dataset_of(root, one_bad), 4, num_workers=workers, collate_fn=len
    )
    with pytest.raises(InputError) as e:
        list(loader)
    traceback.clear_frames(e.tb)  # it refers to the workers: end them now
    line = str(e.value)
    assert line.startswith("mmyolo-mnv1: ") and "\n" not in line
    assert "000003.jpg cannot be decoded" in line


def test_training_goes_on_without_it(root, one_bad, caplog):
    dataset = dataset_of(root, one_bad, bad_images="skip")
    np.random.seed(0)
    loader = DataLoader(dataset, 4, num_workers=2, collate_fn=len)
    assert sum(loader) == len(dataset) == 16


def test_cache_is_bounded_and_shared():
    """A forked child reads the parent's images, and the parent the child's."""
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (60, 80 + i, 3), np.uint8) for i in range(5)]
    room = sum(image.nbytes for image in images[:3])
    cache = ImageCache(room)
    assert cache.put("0", images[0], (600, 800))
    child = os.fork()
    if not child:
        seen = np.array_equal(cache.get("0").image, images[0])
        os._exit(not (seen and cache.put("1", images[1], (1, 2))))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    cached = cache.get("1")
    assert np.array_equal(cached.image, images[1]) and cached.ori_shape == (1, 2)
    assert cache.put("2", images[2], (3, 4)) and cache.put("2", images[2], (3, 4))
    assert not cache.put("3", images[3], (5, 6)) and cache.get("3") is None
    assert len(cache) == 3 and cache.get("0").ori_shape == (600, 800)
    with pytest.raises(ValueError, match="read-only"):
        cached.image[0] = 0
    assert len(pickle.loads(pickle.dumps(cache))) == 0
    assert not ImageCache(0).put("0", images[0], (1, 1))


def test_cache_takes_many_small_images():
    cache = ImageCache(10_000_000)
    image = np.zeros((2, 2, 3), np.uint8)
    kept = [cache.put(str(i), image + i % 256, (2, 2)) for i in range(4000)]
    assert 2000 < sum(kept) == len(cache) < 4000
    assert all(kept[i] == (cache.get(str(i)) is not None) for i in range(4000))
    assert all((cache.get(str(i)).image == i % 256).all() for i in range(len(cache)))


def test_second_load_comes_from_memory(photo, tmp_path):
    path = tmp_path / "a.png"
    photo.save(path)
    first = load(path, cache_gb=0.1)["img"]
    path.unlink()
    assert np.array_equal(load(path, cache_gb=0.1)["img"], first)
