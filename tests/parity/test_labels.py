"""Labels of a YOLO dataset: the same as Ultralytics reads."""

import numpy as np
import pytest
from PIL import Image
from skimage import data as photos

from mmyolo_mnv1.annotations.yolo import yolo_to_coco

LABELS = {
    "train/cat.txt": "0 .5 .5 .5 .4\n0 .5 .5 .5 .4\n1 .2 .3 .1 .6\n",  # a duplicate
    "train/deep/images/cup.txt": "1 .1 .2 .6 .4 .3 .8\n0 .2 .2 .9 .3 .5 .5 .1 .4\n",
    "val/empty.txt": "\n",
    "val/rocket.txt": "1 0.5 0.5 1.0 1.0\n0 .125 .75 .25 .5\n",
}


@pytest.fixture
def yolo(tmp_path):
    """A dataset with a nested folder "images", a list file, photos without labels."""
    for name, text in LABELS.items():
        head, _, tail = f"images/{name}".rpartition("images/")
        path = tmp_path / f"{head}labels/{tail}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    names = dict(
        chelsea="train/cat.jpg",
        coffee="train/deep/images/cup.png",
        camera="train/background.png",
        rocket="val/rocket.jpg",
        astronaut="val/empty.jpg",
    )
    for photo, name in names.items():
        path = tmp_path / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(getattr(photos, photo)()).save(path)
    (tmp_path / "val.txt").write_text("./images/val/rocket.jpg\n./images/val/empty.jpg")
    (tmp_path / "data.yaml").write_text(
        f"path: {tmp_path}\ntrain: images/train\nval: val.txt\nnames: [a, b]\n"
    )
    return tmp_path


@pytest.mark.parametrize("split", ["train", "val"])
def test_labels(peer, yolo, split, report):
    from ultralytics.data.dataset import YOLODataset
    from ultralytics.data.utils import check_det_dataset

    data = check_det_dataset(str(yolo / "data.yaml"), autodownload=False)
    dataset = YOLODataset(data[split], data=data, task="detect", augment=False)
    labels = {"".join(x["im_file"].rsplit("/images", 1)): x for x in dataset.labels}
    coco = yolo_to_coco(yolo / "data.yaml", yolo / "out")[split].coco
    assert len(dataset.labels) == len(coco["images"])
    for image in coco["images"]:
        label = labels[f"{yolo}/{image['file_name']}"]
        assert label["shape"] == (image["height"], image["width"])
        anns = [a for a in coco["annotations"] if a["image_id"] == image["id"]]
        rows = np.array(
            [
                [a["category_id"] - 1, x + w / 2, y + h / 2, w, h]
                for a in anns
                for x, y, w, h in [a["bbox"]]
            ]
        ).reshape(-1, 5)
        expected = np.hstack([label["cls"], label["bboxes"]])
        expected[:, 1:] *= [image["width"], image["height"]] * 2
        assert len(rows) == len(expected)
        rows, expected = (x[np.lexsort(x.round(1).T)] for x in (rows, expected))
        if len(rows):
            report("labels of a YOLO dataset, px", np.abs(rows - expected).max())
        np.testing.assert_allclose(rows, expected, atol=0.011)
