"""What was exported: the files, their sizes, and the accuracy lost."""

from collections.abc import Mapping
from pathlib import Path

from mmengine.config import Config

from ..deploy.export.formats import Plan, disk_size
from ..deploy.export.loading import PyTorchEngine, describe, load_network
from ..deploy.export.onnx_export import OPSET
from ..deploy.runtime.detector import Detector
from .export_accuracy import TestSet
from .tables import Column, Table

COLUMNS = (
    Column("format", "format"),
    Column("precision", "precision"),
    Column("file", "file"),
    Column("megabytes", "MB", "{:.2f}".format),
    Column("AP", "mAP@[.5:.95]", "{:.4f}".format),
    Column("AP50", "mAP@50", "{:.4f}".format),
    Column("lost", "points of mAP lost", "{:.2f}".format),
)


def report(
    cfg: Config, checkpoint: Path, files: Mapping[str, Path], plan: Plan, evaluate: bool
) -> Table:
    """Describe exported files.

    Args:
        cfg (Config): Resolved.
        checkpoint (Path): Weights.
        files (Mapping[str, Path]): By format, of :func:`.export_detector`.
        plan (Plan): By which they were exported.
        evaluate (bool): Whether to measure mAP on the config's test set.

    Returns:
        Table: A row for each file; the checkpoint's before them where mAP is measured.
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
        test_set = TestSet(cfg)
        network = load_network(cfg, checkpoint)
        reference = PyTorchEngine(network, describe(cfg, network, plan.shape))
        before = test_set.measure(Detector(reference), "PyTorch")
        for row, path in zip(rows, files.values(), strict=True):
            row.update(test_set.measure(Detector(path), row["format"]))
            row["lost"] = 100 * (before["AP"] - row["AP"])
        first = dict(format="PyTorch", precision="fp32", file=str(checkpoint), **before)
        rows.insert(0, first)
        notes.append(f"mAP: {len(test_set.truth.image_paths)} images of the test set.")
    return Table(COLUMNS, rows, notes, rows)
