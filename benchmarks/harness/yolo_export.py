"""Writing a COCO-format split as Ultralytics reads it."""

import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path


def write_yolo_split(
    annotations: Path, images: Path, classes: Sequence[str], out: Path, split: str
) -> Path:
    """Link the images and write the labels of a split.

    Boxes are clipped to their image; those of a crowd, of another class, or below one
    pixel are left out, as MMDetection leaves them out.

    Args:
        annotations (Path): COCO JSON file.
        images (Path): Folder of its images.
        classes (Sequence[str]): Names in the order of the labels.
        out (Path): Folder of the dataset: gets ``images/<split>`` and
            ``labels/<split>``.
        split (str): Name.

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
