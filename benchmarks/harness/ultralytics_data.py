"""A config in Ultralytics' form: arguments of its trainer, and its dataset."""

import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import yaml
from mmengine.config import Config

from mmyolo_mnv1.config import input_shape


def trainer_arguments(cfg: Config) -> dict:
    """Translate a config to arguments of Ultralytics' trainer.

    Args:
        cfg (Config): Resolved YOLO11 config.
    """
    low, high = cfg.scaling_ratio_range
    return dict(
        model=f"yolo11{cfg.model.scale}.yaml",
        imgsz=input_shape(cfg)[0],
        batch=cfg.train_dataloader.batch_size,
        scale=max(1 - low, high - 1),
        fliplr=cfg.flip_prob,
        optimizer=cfg.optim_wrapper.optimizer.type,
        device="cpu",
        amp=False,
        plots=False,
        verbose=False,
        exist_ok=True,
    )


def write_dataset(cfg: Config, out: Path) -> Path:
    """Write the training and validation data of a config in Ultralytics' format.

    Args:
        cfg (Config): Resolved config. Without validation data the training data replace
            them: Ultralytics requires both.
        out (Path): New folder.

    Returns:
        Path: Its data.yaml.
    """
    data = dict(names=dict(enumerate(cfg.classes)))
    for split in ("train", "val"):
        if not cfg.get(f"{split}_dataloader"):
            continue
        dataset = cfg[f"{split}_dataloader"].dataset
        root = Path(dataset.data_root)
        annotations, images = root / dataset.ann_file, root / dataset.data_prefix.img
        folder = write_yolo_split(annotations, images, cfg.classes, out, split)
        data[split] = str(folder.resolve())
    data.setdefault("val", data["train"])
    path = out / "data.yaml"
    path.write_text(yaml.safe_dump(data))
    return path


def write_yolo_split(
    annotations: Path, images: Path, classes: Sequence[str], out: Path, split: str
) -> Path:
    """Link the images and write the YOLO labels of a split.

    Boxes are clipped to their image; crowds, other classes and boxes below one pixel
    are left out, as MMDetection does.

    Args:
        annotations (Path): COCO JSON file.
        images (Path): Folder of its images.
        classes (Sequence[str]): Class names by label.
        out (Path): Folder of the dataset, for ``images/<split>`` and
            ``labels/<split>``.
        split (str): Name of the split.

    Returns:
        Path: The folder of the images.
    """
    document = json.loads(annotations.read_text())
    names = {each["id"]: each["name"] for each in document["categories"]}
    sizes = {each["id"]: (each["width"], each["height"]) for each in document["images"]}
    lines = defaultdict(list)
    for each in document["annotations"]:
        name = names[each["category_id"]]
        x, y, w, h = each["bbox"]
        width, height = sizes[each["image_id"]]
        left, top = max(x, 0), max(y, 0)
        w, h = min(x + w, width) - left, min(y + h, height) - top
        if name in classes and not each.get("iscrowd") and w >= 1 and h >= 1:
            centre = (left + w / 2) / width, (top + h / 2) / height
            values = (classes.index(name), *centre, w / width, h / height)
            lines[each["image_id"]].append(" ".join(map(str, values)))
    folders = [out / part / split for part in ("images", "labels")]
    for folder in folders:
        folder.mkdir(parents=True)
    for each in document["images"]:
        path = images / each["file_name"]
        name = f"{each['id']}_{path.stem}"
        (folders[0] / name).with_suffix(path.suffix).symlink_to(path.resolve())
        text = "\n".join(lines[each["id"]])
        (folders[1] / f"{name}.txt").write_text(text)
    return folders[0]
