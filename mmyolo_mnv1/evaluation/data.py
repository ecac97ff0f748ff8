"""Ground truth of a test set, and detections in it from a model or a file."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from mmdet.datasets import CocoDataset
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmyolo.registry import DATASETS
from pycocotools.coco import COCO

from ..converters.loading import load_weights
from ..datasets.coco import CheckedCOCO
from ..engine import YOLO11Runner
from ..errors import InputError
from ..weights import UNREADABLE, load_results

PICKLES = (".pkl", ".pickle")


@dataclass(frozen=True)
class GroundTruth:
    """Images of a test set and the objects in them.

    Args:
        ann_file (str): The annotation file.
        coco (COCO): Its content, indexed.
        classes (tuple[str, ...]): Class names by label.
        cat_ids (list[int]): Category ids by label.
        image_paths (dict[int, str]): Image files by image id, without those that the
            dataset leaves out.
    """

    ann_file: str
    coco: COCO
    classes: tuple[str, ...]
    cat_ids: list[int]
    image_paths: dict[int, str]


def load_truth(cfg: Config) -> GroundTruth:
    """Load the ground truth of a config's test set.

    Args:
        cfg (Config): Resolved config of a detector.

    Raises:
        InputError: If the config has no test set in COCO format, the dataset's checks
            refuse it, or it has no objects.
    """
    loader = cfg.get("test_dataloader")
    if not loader:
        raise InputError(f"{cfg.filename} has no test_dataloader: add one")
    init_default_scope(cfg.get("default_scope", "mmyolo"))
    dataset = DATASETS.build(loader.dataset)
    if not isinstance(dataset, CocoDataset):
        raise InputError(
            f"{cfg.filename}: test_dataloader.dataset is a {type(dataset).__name__}: "
            "use CheckedCocoDataset"
        )
    coco = CheckedCOCO(dataset.ann_file, quiet=True)
    infos = [dataset.get_data_info(index) for index in range(len(dataset))]
    image_paths = {info["img_id"]: info["img_path"] for info in infos}
    if not coco.getAnnIds([*image_paths], dataset.cat_ids, iscrowd=False):
        raise InputError(
            f"annotation file {dataset.ann_file} has no box but crowds (iscrowd): "
            "add objects to find"
        )
    return GroundTruth(
        dataset.ann_file,
        coco,
        tuple(dataset.metainfo["classes"]),
        dataset.cat_ids,
        image_paths,
    )


def detect(cfg: Config, checkpoint: str | Path, ann_file: str) -> list[dict]:
    """Run a detector on the test set of its config.

    Args:
        cfg (Config): Resolved config of the detector.
        checkpoint (str or Path): Its weights.
        ann_file (str): Annotation file of the test set.

    Returns:
        list[dict]: Detections in COCO's results format.

    Raises:
        InputError: If the checkpoint cannot be read or is of another model.
    """
    cfg = Config(cfg._cfg_dict.to_dict(), filename=cfg.filename)
    with TemporaryDirectory() as folder:
        cfg.merge_from_dict(dict(work_dir=folder, load_from=None, resume=False))
        # A unique name: MMEngine shares loggers and visualizers between equal names.
        cfg.experiment_name, cfg.visualizer = Path(folder).name, None
        cfg.test_evaluator = dict(
            type="mmyolo.CheckedCocoMetric",
            ann_file=ann_file,
            ignore_classes=cfg.get("ignore_classes", ()),
            format_only=True,
            outfile_prefix=f"{folder}/detections",
        )
        runner = YOLO11Runner.from_cfg(cfg)
        load_weights(runner.model, checkpoint, cfg)
        runner.test()
        return json.loads(Path(folder, "detections.bbox.json").read_text())


def read_detections(path: Path, truth: GroundTruth) -> list[dict]:
    """Read the detections that a test run wrote.

    Args:
        path (Path): COCO results JSON (``mim test --json-prefix``), or the pickle of
            ``mim test --out``, which is read without running code in it.
        truth (GroundTruth): The test set.

    Returns:
        list[dict]: ``image_id``, ``category_id``, ``bbox`` (x, y, width, height in
        pixels) and ``score`` of each detection.

    Raises:
        InputError: If the file is missing, damaged, or of another test set.
    """
    if not path.is_file():
        raise InputError(f"results {path} not found: give a .json or .pkl of a test")
    try:
        if path.suffix in PICKLES:
            detections = _from_samples(load_results(path), truth.cat_ids)
        else:
            detections = json.loads(path.read_text())
        problems = [_find_problem(d, truth) for d in detections]
    except UNREADABLE as e:
        raise InputError(
            f"results {path} cannot be read ({type(e).__name__}: {e}): give COCO's "
            "result JSON or the .pkl of `mim test --out`"
        ) from None
    for number, problem in enumerate(problems):
        if problem:
            raise InputError(
                f"results {path}, detection {number}: {problem}: give results of "
                f"{truth.ann_file}"
            )
    return detections


def _find_problem(detection: dict, truth: GroundTruth) -> str:
    """Describe what makes a detection invalid; empty for a valid one."""
    if detection["image_id"] not in truth.coco.imgs:
        return f"image_id {detection['image_id']} is not in the test set"
    if detection["category_id"] not in truth.cat_ids:
        return f"category_id {detection['category_id']} is of no class"
    x, y, width, height = detection["bbox"]
    if not (math.isfinite(x + y + width + height) and min(width, height) >= 0):
        return f"bbox is {detection['bbox']}, not x, y, width, height"
    if not 0 <= detection["score"] <= 1:
        return f"score is {detection['score']}, not between 0 and 1"
    return ""


def _from_samples(samples: list[dict], cat_ids: list[int]) -> list[dict]:
    """Convert MMDetection's data samples to COCO's results format."""
    detections = []
    for sample in samples:
        instances = sample["pred_instances"]
        rows = (instances[key].tolist() for key in ("bboxes", "scores", "labels"))
        for (x1, y1, x2, y2), score, label in zip(*rows, strict=True):
            detections.append(
                dict(
                    image_id=sample["img_id"],
                    category_id=cat_ids[label],
                    bbox=[x1, y1, x2 - x1, y2 - y1],
                    score=score,
                )
            )
    return detections
