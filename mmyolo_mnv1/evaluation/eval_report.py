"""A test run as one page: numbers, curves, and the worst errors."""

import io
import json
import os
from pathlib import Path

from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from mmengine.config import Config

from ..errors import InputError
from ..files import atomic_write
from .cases import cut_out, draw_cases
from .data import detect, load_truth, read_detections
from .error_kinds import NEAR_IOU
from .figures import draw_figures
from .html_page import render_page
from .metrics import evaluate

CASE_TITLES = dict(
    false_positives="False positives (orange) and objects (blue): the highest scores",
    misses="Misses (blue) and detections (orange): the largest in their photos",
)


def eval_report(
    cfg: Config,
    out: Path,
    checkpoint: Path | None = None,
    results: Path | None = None,
    score_thr: float | None = None,
    iou_thr: float = 0.5,
    worst: int = 8,
) -> dict:
    """Evaluate on a config's test set and write a report.

    Args:
        cfg (Config): A detector's config, resolved.
        out (Path): Folder for ``report.html``, which needs no other file,
            ``report.json``, each figure as PNG and, with a checkpoint,
            ``detections.bbox.json``.
        checkpoint (Path, optional): Weights to detect with. Defaults to None.
        results (Path, optional): In place of a checkpoint, the detections of a test
            run; see :func:`.eval_data.read_detections`. Defaults to None.
        score_thr, iou_thr, worst: See :func:`.eval_numbers.evaluate`.

    Returns:
        dict: What ``report.json`` says: ``config``, ``source``, ``annotations`` and
        what :func:`.eval_numbers.evaluate` returns.

    Raises:
        InputError: If an option is out of range, or the test set, the checkpoint or
            the results cannot be read or do not fit.
    """
    _check_options(out, checkpoint, results, score_thr, iou_thr, worst)
    truth = load_truth(cfg)
    if results:
        detections = read_detections(results, truth)
    else:
        detections = detect(cfg, checkpoint, truth.ann_file)
        _write_json(detections, out / "detections.bbox.json")
    report = dict(
        config=str(cfg.filename),
        source=str(results or checkpoint),
        annotations=truth.ann_file,
        **evaluate(truth, detections, score_thr, iou_thr, worst),
    )
    cases = {name: cut_out(report[name], truth.image_paths) for name in CASE_TITLES}
    pictures = _draw(report, cases)
    page = render_page(report, cases, pictures)
    for name, data in pictures.items():
        with atomic_write(out / f"{name}.png") as temporary:
            temporary.write_bytes(data)
    _write_json(report, out / "report.json")
    with atomic_write(out / "report.html") as temporary:
        temporary.write_text(page, encoding="utf-8")
    return report


def _check_options(
    out: Path,
    checkpoint: Path | None,
    results: Path | None,
    score_thr: float | None,
    iou_thr: float,
    worst: int,
) -> None:
    if (checkpoint is None) == (results is None):
        raise InputError("give a checkpoint or --results, not both and not neither")
    parent = next(path for path in (out, *out.parents) if path.exists())
    if not (parent.is_dir() and os.access(parent, os.W_OK)):
        raise InputError(f"--out {out} cannot be written: name a folder that can")
    if score_thr is not None and not 0 <= score_thr <= 1:
        raise InputError(f"--score-thr {score_thr}: give a number from 0 to 1")
    if not NEAR_IOU < iou_thr <= 1:
        raise InputError(
            f"--iou-thr {iou_thr}: give a number above {NEAR_IOU}, at most 1"
        )
    if worst < 1:
        raise InputError(f"--worst {worst}: give 1 or more")


def _draw(report: dict, cases: dict[str, dict]) -> dict[str, bytes]:
    """Every figure as a PNG file, by name."""
    with plt.rc_context({"text.parse_math": False}):  # a $ in a name is a $
        figures = draw_figures(report)
        for name, title in CASE_TITLES.items():
            figures[name] = draw_cases(title, cases[name])
        return {name: _to_png(figure) for name, figure in figures.items()}


def _to_png(figure: Figure) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, dpi=110, format="png")
    plt.close(figure)
    return file.getvalue()


def _write_json(content: dict | list, path: Path) -> None:
    with atomic_write(path) as temporary:
        temporary.write_text(json.dumps(content, allow_nan=False), encoding="utf-8")
