"""Export formats of a detector side by side: size, mAP, latency; a recommendation."""

import io
import itertools
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, redirect_stdout
from functools import partial
from pathlib import Path
from typing import NamedTuple

from mmengine.config import Config
from mmyolo.registry import DATASETS

from ..config import load_config
from ..deploy.export.formats import (
    FORMATS,
    ExportPlan,
    disk_size,
    write_detector,
)
from ..deploy.export.network import load_network
from ..deploy.export.pytorch_engine import load_pytorch
from ..deploy.runtime.detector import Detector
from ..deploy.runtime.engines import RunOptions, load_engine
from ..deploy.runtime.images import read_image
from ..errors import PREFIX, InputError, one_line
from ..evaluation.data import GroundTruth, load_truth
from .export_report import measure_precision
from .machine import describe_machine, machine_notes, set_threads
from .tables import Column, Table
from .timing import LatencyPlan, compare_times
from .worker import Runs, Worker, timed

PRECISIONS = ("fp32", "fp16", "int8")
RUNTIMES = dict(
    onnx="ONNX Runtime", openvino="OpenVINO", ncnn="ncnn", torchscript="TorchScript"
)
MEAN_PRECISION, PHOTO = "mAP", "photo"
SCORE = 0.25  # detections that are timed exceed it, as predict.py's
CLOSE = 1.05  # times of formats that count as equal
PACKAGES = ("ncnn", "pnnx", "nncf")
COLUMNS = (
    Column("format", "format"),
    Column("precision", "precision"),
    Column("file", "file"),
    Column("megabytes", "MB", "{:.2f}".format),
    Column("mAP", "mAP@[.5:.95]", "{:.4f}".format),
    Column("lost", "points of mAP lost", "{:.2f}".format),
    Column("photo_network_ms", "ms a photo", "{:.1f}".format),
    Column("photo_network_ms_low", "25 %", "{:.1f}".format),
    Column("photo_network_ms_high", "75 %", "{:.1f}".format),
    Column("photo_ratio", "PyTorch / this", "{:.2f}".format),
    Column("problem", "not measured because"),
)


class FormatJob(NamedTuple):
    """A task of a measuring process: mAP and latency of one model.

    Args:
        model (str): Exported file; or a config, with ``checkpoint``.
        truth (GroundTruth): The test set.
        threads (int): CPU threads.
        checkpoint (Path, optional): Weights of a config. Defaults to None.
        options (dict, optional): Changes of the config. Defaults to None.
    """

    model: str
    truth: GroundTruth
    threads: int
    checkpoint: Path | None = None
    options: dict | None = None

    def prepare(self) -> tuple[Runs, dict]:
        """See :meth:`.Task.prepare`."""
        set_threads(self.threads)
        if self.checkpoint:
            engine = load_pytorch(
                self.model, self.checkpoint, self.threads, self.options
            )
        else:
            engine = load_engine(self.model, RunOptions(threads=self.threads))
        photo = read_image(next(iter(self.truth.image_paths.values())))
        detect = partial(Detector(engine, SCORE), photo)
        return {
            MEAN_PRECISION: partial(measure_precision, Detector(engine), self.truth),
            PHOTO: timed(detect),
        }, {}


def benchmark_formats(
    config: str,
    checkpoint: Path,
    plan: LatencyPlan,
    models: Path,
    options: dict | None = None,
    calibration: Path | None = None,
    max_loss: float = 1.0,
) -> Table:
    """Export a detector in every format and precision, and measure each file.

    A format that is not installed, does not support the precision, or fails, has a row
    with the reason.

    Args:
        config (str): Config file of a detector with a test set.
        checkpoint (Path): Its weights.
        plan (LatencyPlan): Threads and rounds; backends are not used.
        models (Path): Folder for the exported files.
        options (dict, optional): Changes of the config, as in ``--cfg-options``.
            Defaults to None.
        calibration (Path, optional): Folder of images for INT8. Defaults to None, the
            training images of the config.
        max_loss (float): Points of mAP that the recommended file may lose.
            Defaults to 1.0.

    Returns:
        Table: A row for PyTorch, then one per format and precision; the first note is
        the recommendation.

    Raises:
        InputError: If an argument is wrong, the checkpoint belongs to another config,
            or the config has no test set in COCO format, or neither training images
            nor ``calibration``.
    """
    plan.check()
    cfg = load_config(config, options)
    with redirect_stdout(io.StringIO()):  # pycocotools prints its progress
        truth = load_truth(cfg)
    threads = plan.run_options.threads
    machine = describe_machine("cpu", threads, PACKAGES)
    rows = [dict(format="PyTorch", precision="fp32", file=str(checkpoint))]
    images = calibration or _training_images(cfg)
    rows += _export_all(cfg, checkpoint, models, images)
    ready: dict[int, Worker] = {}
    with ExitStack() as stack:
        for number, row in enumerate(rows):
            if "problem" in row:
                continue
            job = FormatJob(row["file"], truth, threads)
            if number == 0:
                job = FormatJob(config, truth, threads, checkpoint, options)
            worker = Worker(job)
            stack.callback(worker.close)
            try:
                worker.wait()
                row["mAP"] = worker.time(MEAN_PRECISION)["AP"]
            except (InputError, RuntimeError) as e:
                row["problem"] = _reason(e)
                continue
            ready[number] = worker
        if 0 not in ready:
            raise InputError(f"checkpoint {checkpoint}: {rows[0]['problem']}")
        times = plan.time({n: partial(w.time, PHOTO) for n, w in ready.items()})
    for number in ready:
        summary = compare_times(times[number], times[0])
        rows[number].update({f"{PHOTO}_{key}": v for key, v in summary.items()})
        rows[number]["lost"] = 100 * (rows[0]["mAP"] - rows[number]["mAP"])
    best, reason = recommend(rows[1:], max_loss)
    notes = [
        reason,
        "ms a photo: from the decoded photo to its boxes with scores above "
        f"{SCORE} (letterbox, network, NMS), batch 1; median and quartiles of "
        f"{plan.rounds} interleaved rounds (A B A B …), one process per file.",
        f"mAP: {len(truth.image_paths)} images of the test set.",
        *machine_notes(machine),
    ]
    document = dict(
        machine=machine, plan=plan.as_dict(), rows=rows, recommended=best, reason=reason
    )
    return Table(COLUMNS, rows, notes, document)


def recommend(rows: Sequence[dict], max_loss: float) -> tuple[str | None, str]:
    """Choose the fastest accurate file; of equally fast ones the smallest.

    Args:
        rows (Sequence[dict]): Rows of the files.
        max_loss (float): Points of mAP that it may lose.

    Returns:
        tuple[str | None, str]: File, None if none qualifies, and the reason.
    """
    good = [r for r in rows if "problem" not in r and r["lost"] <= max_loss]
    if not good:
        return None, f"No file is recommended: none loses at most {max_loss:g} points."
    least = min(row["photo_network_ms"] for row in good)
    close = [row for row in good if row["photo_network_ms"] <= CLOSE * least]
    best = min(close, key=lambda row: row["megabytes"])
    why = "the fastest"
    if len(close) > 1:
        why = f"the smallest of the {len(close)} within {CLOSE - 1:.0%} of the fastest"
    return best["file"], (
        f"Recommended: {best['format']} {best['precision']}, `{best['file']}`: {why}, "
        f"of the {len(good)} files that lose at most {max_loss:g} points of mAP "
        f"({best['photo_network_ms']:.1f} ms, {best['lost']:.2f} points lost, "
        f"{best['megabytes']:.2f} MB)."
    )


def _export_all(
    cfg: Config, checkpoint: Path, models: Path, images: Path | Sequence[str]
) -> Iterator[dict]:
    """Rows with file and size, or with the reason why there is none."""
    network = load_network(cfg, checkpoint)
    for form, precision in itertools.product(FORMATS, PRECISIONS):
        row = dict(format=RUNTIMES[form], precision=precision)
        plan = ExportPlan(
            [form],
            half=precision == "fp16",
            calibration=images if precision == "int8" else None,
        )
        try:
            plan.check()
            path = write_detector(cfg, network, models, plan)[form]
            row.update(file=str(path), megabytes=disk_size(path) / 1e6)
        except Exception as e:  # every exporter has its own exceptions
            row["problem"] = _reason(e)
        yield row


def _training_images(cfg: Config) -> list[str]:
    """Image files of the config's training set."""
    if not cfg.get("train_dataloader"):
        raise InputError(
            f"config {cfg.filename} has no train_dataloader: give --calib DIR, images "
            "for INT8"
        )
    with redirect_stdout(io.StringIO()):
        dataset = DATASETS.build(cfg.train_dataloader.dataset)
    return [dataset.get_data_info(i)["img_path"] for i in range(len(dataset))]


def _reason(error: BaseException) -> str:
    """Explain in one line why a format could not be measured."""
    if isinstance(error, InputError):
        return " ".join(str(error).split())[:160].removeprefix(PREFIX)
    return one_line(error)
