"""Report on exported files: sizes, and the accuracy they lose."""

import dataclasses
import io
from collections.abc import Iterator, Mapping
from contextlib import redirect_stdout
from importlib.util import find_spec
from pathlib import Path

from mmengine.config import Config
from tqdm import tqdm

from ..average_precision import AveragePrecision, index_detections
from ..deploy.export.config_metadata import build_metadata
from ..deploy.export.formats import ExportPlan, disk_size
from ..deploy.export.network import load_network
from ..deploy.export.onnx_export import OPSET
from ..deploy.export.pytorch_engine import PyTorchEngine
from ..deploy.export.quantization import AccuracyLimit
from ..deploy.runtime.detector import Detector
from ..deploy.runtime.engines import Engine
from ..deploy.runtime.images import read_image
from ..errors import InputError
from ..evaluation.data import GroundTruth, load_truth
from .tables import Column, Table

VALIDATION_IMAGES = 500  # of --max-drop at most: NNCF keeps the outputs in memory

COLUMNS = (
    Column("format", "format"),
    Column("precision", "precision"),
    Column("file", "file"),
    Column("megabytes", "MB", "{:.2f}".format),
    Column("AP", "mAP@[.5:.95]", "{:.4f}".format),
    Column("AP50", "mAP@50", "{:.4f}".format),
    Column("lost", "points of mAP lost", "{:.2f}".format),
)


def report_exports(
    cfg: Config,
    checkpoint: str | Path,
    files: Mapping[str, Path],
    plan: ExportPlan,
    evaluate: bool,
) -> Table:
    """Report on exported files.

    Args:
        cfg (Config): Config of the detector.
        checkpoint (str or Path): Its weights.
        files (Mapping[str, Path]): Result of :func:`.export_detector`.
        plan (ExportPlan): Plan of the export.
        evaluate (bool): Whether to measure mAP on the config's test set.

    Returns:
        Table: One row per file; before them, if mAP is measured, the checkpoint's.

    Raises:
        InputError: If mAP is measured and the config has no test set in COCO format, or
            it contains no object.
    """
    rows = [
        dict(
            format=name,
            precision=plan.precision,
            file=str(path),
            megabytes=disk_size(path) / 1e6,
        )
        for name, path in files.items()
    ]
    notes = [f"ONNX opset {OPSET}."] if "onnx" in files else []
    if evaluate:
        with redirect_stdout(io.StringIO()):  # pycocotools prints its progress
            truth = load_truth(cfg)
        network = load_network(cfg, checkpoint)
        engine = PyTorchEngine(network, build_metadata(cfg, network, plan.shape))
        before = measure_precision(Detector(engine), truth, "PyTorch")
        for row, path in zip(rows, files.values(), strict=True):
            row.update(measure_precision(Detector(path), truth, row["format"]))
            row["lost"] = 100 * (before["AP"] - row["AP"])
        first = dict(format="PyTorch", precision="fp32", file=str(checkpoint), **before)
        rows.insert(0, first)
        notes.append(f"mAP: {len(truth.image_paths)} images of the test set.")
    return Table(COLUMNS, rows, notes, rows)


def limit_drop(cfg: Config, points: float) -> AccuracyLimit:
    """Limit of the mAP that INT8 may lose on a config's validation set.

    Args:
        cfg (Config): Config of the detector.
        points (float): Points of mAP@[.5:.95], from 0 to 100.

    Raises:
        InputError: If the number is out of range, or the config has no validation set
            in COCO format.
    """
    if not 0 <= points <= 100:
        raise InputError(f"--max-drop {points}: give points of mAP from 0 to 100")
    missing = [name for name in ("nncf", "openvino") if not find_spec(name)]
    if missing:
        raise InputError(f"--max-drop: not installed: pip install {' '.join(missing)}")
    cfg = Config(cfg._cfg_dict.to_dict(), filename=cfg.filename)
    cfg.test_dataloader = cfg.get("val_dataloader")
    with redirect_stdout(io.StringIO()):
        truth = load_truth(cfg)
    items = list(truth.image_paths.items())
    chosen = dict(items[:: -(-len(items) // VALIDATION_IMAGES)])
    truth = dataclasses.replace(truth, image_paths=chosen)

    def measure(engine: Engine) -> float:
        return measure_precision(Detector(engine), truth, "validating")["AP"]

    return AccuracyLimit(measure, list(chosen.values()), points / 100)


def measure_precision(
    detector: Detector, truth: GroundTruth, name: str = ""
) -> dict[str, float | None]:
    """Measure AP, AP50, AP75, APs, APm and APl, from 0 to 1; None without objects.

    Args:
        detector (Detector): Detector with the classes of the test set.
        truth (GroundTruth): The test set.
        name (str): Label of the progress bar. Defaults to "".
    """
    detections = list(_detect(detector, truth, name))
    indexed, images = index_detections(detections, truth.coco), [*truth.image_paths]
    return AveragePrecision(truth.coco, indexed, truth.cat_ids, images).table()


def _detect(detector: Detector, truth: GroundTruth, name: str) -> Iterator[dict]:
    """Yield detections in COCO's results format."""
    for image_id, path in tqdm(truth.image_paths.items(), name, disable=None):
        yield from detector(read_image(path)).to_coco(image_id, truth.cat_ids)
