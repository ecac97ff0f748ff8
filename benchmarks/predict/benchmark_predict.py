"""Deployed detectors against each other: JPEG file to boxes, and INT8."""

import importlib
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import cv2
import numpy as np
import torch
from skimage import data as photos

from mmyolo_mnv1.analysis.machine import describe_machine, machine_notes
from mmyolo_mnv1.analysis.subject import Subject
from mmyolo_mnv1.analysis.tables import Column, Table
from mmyolo_mnv1.analysis.timing import Plan, spread
from mmyolo_mnv1.config import load_config
from mmyolo_mnv1.converters.ultralytics import mmyolo_to_ultralytics
from mmyolo_mnv1.deploy.export.formats import Plan as ExportPlan
from mmyolo_mnv1.deploy.export.formats import disk_size, export_detector
from mmyolo_mnv1.deploy.export.loading import describe
from mmyolo_mnv1.deploy.runtime.processing import letterbox, normalise
from mmyolo_mnv1.deploy.runtime.sources import find_images, read_image
from mmyolo_mnv1.weights import save_checkpoint

from ..harness.peers import be_quiet, check_peer
from .timing import NETWORK, OURS, PEER, SCORE

IMAGES = 10  # in a run
CANDIDATES = 100  # priors times classes that reach it: some objects in view
COLUMNS = (
    Column("what", "what"),
    Column("model", "model"),
    Column("runtime", "by"),
    Column("precision", "precision"),
    Column("megabytes", "file, MB", "{:.2f}".format),
    Column("ms", "ms an image", "{:.1f}".format),
    Column("ms_low", "25 %", "{:.1f}".format),
    Column("ms_high", "75 %", "{:.1f}".format),
    Column("outside_ms", "outside the network, ms", "{:.1f}".format),
    Column("images_per_second", "images/s", "{:.1f}".format),
    Column("ratio", "reference / this", "{:.2f}".format),
    Column("ratio_low", "ratio 25 %", "{:.2f}".format),
    Column("ratio_high", "ratio 75 %", "{:.2f}".format),
)
NOTES = (
    "Medians and quartiles of interleaved rounds (A B A B …), each in a process of its "
    "own. reference / this: round by round; the reference is the row whose ratio is 1.",
    f"JPEG to boxes: a folder with {IMAGES} copies of a photo of 640 x 480 px, scores "
    f"above {SCORE}, nothing written; the same weights, each its own ONNX file, ONNX "
    f"Runtime. {OURS} reads one image ahead; outside the network: reading, letterbox, "
    "normalisation, NMS, measured image by image without that.",
    "default threads: as installed. equal threads: ONNX Runtime, OpenCV and PyTorch "
    "each as many as there are cores.",
    "network: the exported graph alone, its decoding included.",
    "Untrained weights, BN statistics of a photo, biases such that a hundred "
    "candidates for NMS are found.",
)


class Job(NamedTuple):
    """What a process times; see :mod:`.deploy.timing`.

    Args:
        kind (str): :data:`.OURS`, :data:`.PEER` or :data:`.NETWORK`.
        model (Path): Exported file.
        images (Path): Folder of JPEGs.
        threads (int, optional): None for what is default.
    """

    kind: str
    model: Path
    images: Path
    threads: int | None = None


class Contestant:
    """A process that does a job, run by run.

    Args:
        job (Job): The job.
    """

    def __init__(self, job: Job) -> None:
        command = [sys.executable, "-m", "mmyolo_mnv1.deploy.timing"]
        command += [str(value) for value in job if value is not None]
        pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._process = subprocess.Popen(command, text=True, **pipes)
        #: Milliseconds outside the network, of the rounds so far.
        self.outside: list[float] = []
        self._answer()

    def time(self) -> float:
        """Milliseconds an image of a run."""
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        total, outside = map(float, self._answer().split())
        self.outside.append(outside)
        return total

    def close(self) -> None:
        """End the process."""
        self._process.stdin.close()
        self._process.wait()

    def _answer(self) -> str:
        answer = self._process.stdout.readline()
        if not answer:
            status = self._process.wait()
            raise RuntimeError(f"a measuring process ended with status {status}")
        return answer


def benchmark_predict(detector: str, models: Sequence[str], plan: Plan) -> Table:
    """Measure ``predict.py`` against Ultralytics', and INT8 against single precision.

    Args:
        detector (str): Config of a YOLO11, for the first.
        models (Sequence[str]): Configs for the second: the reference, in single
            precision, and those that are quantised.
        plan (Plan): Rounds and threads; its backends are not used.

    Returns:
        Table: A row for each way.

    Raises:
        InputError: If a config is none, or a package is not installed.
    """
    check_peer("ultralytics")
    be_quiet()
    machine = describe_machine("cpu", plan.setting.threads)
    with TemporaryDirectory() as folder:
        folder = Path(folder)
        images = _write_photos(folder / "photos")
        rows = _compare_predict(detector, images, folder, plan)
        rows += _compare_int8(models, images, folder, plan)
    how = f"{plan.rounds} rounds after {plan.warmup} of warm-up."
    notes = [*NOTES, how, *machine_notes(machine)]
    document = dict(machine=machine, plan=plan.describe(), rows=rows)
    return Table(COLUMNS, rows, notes, document)


def _compare_predict(config: str, images: Path, folder: Path, plan: Plan) -> list[dict]:
    weights, state_dict = _write_weights(config, images, folder)
    cfg = load_config(config)
    ours = export_detector(cfg, weights, folder, ExportPlan(["onnx"]))["onnx"]
    peer = export_peer(state_dict, cfg.model.scale, folder / "peer")
    rows = []
    for words, threads in (("default", None), ("equal", plan.setting.threads)):
        jobs = {
            PEER: Job(PEER, peer, images, threads),
            OURS: Job(OURS, ours, images, threads),
        }
        rows += _race(f"JPEG to boxes, {words} threads", jobs, PEER, plan)
    return rows


def _compare_int8(
    models: Sequence[str], images: Path, folder: Path, plan: Plan
) -> list[dict]:
    formats, rows = ["onnx", "openvino"], []
    files = {}
    for number, config in enumerate(models):
        weights, _ = _write_weights(config, images, folder)
        cfg, name = load_config(config), Path(config).stem
        files[name, "fp32"] = export_detector(cfg, weights, folder, ExportPlan(formats))
        if number > 0:
            quantised = ExportPlan(formats, calibration=images)
            files[name, "int8"] = export_detector(cfg, weights, folder, quantised)
    for form in formats:
        jobs = {
            key: Job(NETWORK, paths[form], images, plan.setting.threads)
            for key, paths in files.items()
        }
        rows += _race(NETWORK, jobs, next(iter(jobs)), plan)
    return rows


def _race(what: str, jobs: Mapping, reference: object, plan: Plan) -> list[dict]:
    """Time jobs in turn; a row for each."""
    contestants = {key: Contestant(job) for key, job in jobs.items()}
    try:
        times = plan.time({key: each.time for key, each in contestants.items()})
    finally:
        for each in contestants.values():
            each.close()
    runtimes = {".onnx": "ONNX Runtime", ".xml": "OpenVINO"}
    rows = []
    for key, job in jobs.items():
        name, precision = key if isinstance(key, tuple) else (job.model.stem, "fp32")
        runtime = runtimes[job.model.suffix]
        pairs = zip(times[reference], times[key], strict=True)
        row = dict(
            what=what,
            model=name,
            runtime=runtime if job.kind == NETWORK else job.kind,
            precision=precision,
            megabytes=disk_size(job.model) / 1e6,
            **spread("ms", times[key]),
            **spread("ratio", [a / b for a, b in pairs]),
            all_ms=[round(t, 3) for t in times[key]],
        )
        row["images_per_second"] = 1000 / row["ms"]
        if job.kind != NETWORK:
            outside = contestants[key].outside[-plan.rounds :]
            row["outside_ms"] = float(np.median(outside))
        rows.append(row)
    return rows


def export_peer(state_dict: dict, scale: str, folder: Path) -> Path:
    """Ultralytics' own ONNX file of the same weights, as its export makes it.

    Args:
        state_dict (dict[str, Tensor]): Of our YOLO11.
        scale (str): Its scale.
        folder (Path): Where it is written.
    """
    folder.mkdir()
    before = Path.cwd()
    os.chdir(folder)  # where it writes
    try:
        yolo = importlib.import_module("ultralytics").YOLO
        model = yolo(f"yolo11{scale}.yaml", task="detect")
        model.model.load_state_dict(mmyolo_to_ultralytics(state_dict), strict=True)
        return folder / model.export(format="onnx", verbose=False)
    finally:
        os.chdir(before)


def _write_weights(config: str, images: Path, folder: Path) -> tuple[Path, dict]:
    """Untrained weights, but with candidates for NMS in the photo."""
    subject = Subject(load_config(config))
    how = describe(subject.cfg, subject.network).preprocessing
    boxed = letterbox(read_image(find_images(images)[0]), subject.shape, how)
    with torch.inference_mode():
        inputs = torch.from_numpy(normalise([boxed.image], how))
        _, scores = subject.network(inputs)
    last = scores.flatten().topk(CANDIDATES).values[-1]
    shift = torch.logit(torch.tensor(SCORE)) - torch.logit(last)
    for branch in subject.detector.bbox_head.head_module.cls_preds:
        branch[-1].bias.data += shift
    weights, path = subject.detector.state_dict(), folder / f"{subject.name}.pth"
    save_checkpoint(weights, {}, path)
    return path, weights


def _write_photos(folder: Path) -> Path:
    folder.mkdir()
    photo = cv2.resize(photos.rocket()[..., ::-1], (640, 480))
    for number in range(IMAGES):
        path = folder / f"{number}.jpg"
        cv2.imwrite(str(path), photo, [cv2.IMWRITE_JPEG_QUALITY, 95])
    return folder
