"""Evaluation report: numbers, curves and the worst errors of a test run on one page."""

import io
import os
from pathlib import Path

from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from mmengine.config import Config

from ..errors import InputError, check_least
from ..files import atomic_write, write_json
from .data import detect, load_truth, read_detections
from .error_crops import crop_errors, draw_crops
from .error_kinds import NEAR_IOU
from .figures import draw_figures
from .html_page import render_page
from .metrics import evaluate
from .plot_style import literal_text

CROP_TITLES = dict(
    false_positives="False positives (orange) and objects (blue): the highest scores",
    misses="Misses (blue) and detections (orange): the largest in their images",
)


def eval_report(
    cfg: Config,
    out: Path,
    checkpoint: str | Path | None = None,
    results: Path | None = None,
    score_thr: float | None = None,
    iou_thr: float = 0.5,
    worst: int = 8,
) -> dict:
    """Evaluate a detector on the test set of its config and write a report.

    Args:
        cfg (Config): Resolved config of the detector.
        out (Path): Output folder: ``report.html``, which is self-contained,
            ``report.json``, each figure as PNG and, with a checkpoint,
            ``detections.bbox.json``.
        checkpoint (str or Path, optional): Weights to detect with. Defaults to None.
        results (Path, optional): Detections of a test run, in place of a checkpoint;
            see :func:`.data.read_detections`. Defaults to None.
        score_thr (float, optional): See :func:`.metrics.evaluate`. Defaults to None.
        iou_thr (float): See :func:`.metrics.evaluate`. Defaults to 0.5.
        worst (int): See :func:`.metrics.evaluate`. Defaults to 8.

    Returns:
        dict: Content of ``report.json``: ``config``, ``source``, ``annotations`` and
        the document of :func:`.metrics.evaluate`.

    Raises:
        InputError: If an option is out of range, or the test set, the checkpoint or
            the results cannot be read or do not belong together.
    """
    if (checkpoint is None) == (results is None):
        raise InputError("give a checkpoint or --results, not both and not neither")
    _check_writable(out)
    _check_thresholds(score_thr, iou_thr)
    check_least(dict(worst=worst), worst=1)
    truth = load_truth(cfg)
    if results:
        detections = read_detections(results, truth)
    else:
        detections = detect(cfg, checkpoint, truth.ann_file)
        write_json(detections, out / "detections.bbox.json")
    report = dict(
        config=str(cfg.filename),
        source=str(results or checkpoint),
        annotations=truth.ann_file,
        **evaluate(truth, detections, score_thr, iou_thr, worst),
    )
    crops = {name: crop_errors(report[name], truth.image_paths) for name in CROP_TITLES}
    pictures = _draw(report, crops)
    page = render_page(report, crops, pictures)
    for name, data in pictures.items():
        with atomic_write(out / f"{name}.png") as temporary:
            temporary.write_bytes(data)
    write_json(report, out / "report.json")
    with atomic_write(out / "report.html") as temporary:
        temporary.write_text(page, encoding="utf-8")
    return report


def _check_writable(out: Path) -> None:
    parent = next(path for path in (out, *out.parents) if path.exists())
    if not (parent.is_dir() and os.access(parent, os.W_OK)):
        raise InputError(f"--out {out} cannot be written: name a folder that can")


def _check_thresholds(score_thr: float | None, iou_thr: float) -> None:
    if score_thr is not None and not 0 <= score_thr <= 1:
        raise InputError(f"--score-thr {score_thr}: give a number from 0 to 1")
    if not NEAR_IOU < iou_thr <= 1:
        raise InputError(
            f"--iou-thr {iou_thr}: give a number above {NEAR_IOU}, at most 1"
        )


def _draw(report: dict, crops: dict[str, dict]) -> dict[str, bytes]:
    """Draw every figure; PNG files by name."""
    with literal_text(row["name"] for row in report["classes"]):
        figures = draw_figures(report)
        for name, title in CROP_TITLES.items():
            figures[name] = draw_crops(title, crops[name])
        return {name: _to_png(figure) for name, figure in figures.items()}


def _to_png(figure: Figure) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, dpi=110, format="png")
    plt.close(figure)
    return file.getvalue()
