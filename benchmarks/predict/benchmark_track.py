"""Identities and time of trackers, on clips made of real photos."""

import argparse
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
from trackers.eval import evaluate_mot_sequence

from benchmarks.predict.clips import CLIPS, FRAMES, ClipFrame
from benchmarks.predict.mosaics import load_annotated
from mmyolo_mnv1.analysis.arguments import add_out_argument
from mmyolo_mnv1.analysis.machine import describe_machine, machine_notes
from mmyolo_mnv1.analysis.tables import Column, Table, check_suffixes
from mmyolo_mnv1.deploy import Detections, Detector, Tracker
from mmyolo_mnv1.deploy.runtime.frames import Frame
from mmyolo_mnv1.deploy.runtime.tracking import TRACKERS
from mmyolo_mnv1.deploy.runtime.writers import MotWriter

FPS = 25.0
TRUTH = "truth"
COLUMNS = (
    Column("clip", "clip"),
    Column("tracker", "tracker"),
    Column("detections", "detections"),
    Column("objects", "objects"),
    Column("IDF1", "IDF1", "{:.1f}".format),
    Column("IDSW", "id switches"),
    Column("MOTA", "MOTA", "{:.1f}".format),
    Column("HOTA", "HOTA", "{:.1f}".format),
    Column("detect_ms", "detection, ms a frame", "{:.1f}".format),
    Column("track_ms", "tracking, ms a frame", "{:.2f}".format),
)
NOTES = (
    f"Clips of {FRAMES} frames of 640 x 480 px from held-out photos. pan: a camera "
    "moves over a mosaic of 16 photos; the truth is their annotation. moving cells: "
    "six white cells, cut out, move over an empty background; they cross, pass behind "
    "a bar, one leaves and one enters.",
    "detections: with scores above a threshold; or the truth, for the tracker alone.",
    "An object counts while 40 % of it can be seen. IDF1, MOTA, HOTA in % and id "
    "switches as TrackEval defines them, at IoU 0.5, by the library trackers.",
)


class Watched(NamedTuple):
    """Detections in a clip.

    Args:
        frames (list[ClipFrame]): Its frames.
        detections (list[Detections]): Detections by frame.
        milliseconds (float): Median time of a detection.
    """

    frames: list[ClipFrame]
    detections: list[Detections]
    milliseconds: float


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the arguments, measure, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path, help="exported model")
    parser.add_argument("--data", type=Path, default=Path("data/BCCD"))
    parser.add_argument("--split", default="test", help="default: test")
    parser.add_argument("--trackers", nargs="+", choices=TRACKERS, default=[*TRACKERS])
    parser.add_argument("--score-thr", type=float, nargs="+", default=[0.1, 0.25])
    add_out_argument(parser)
    args = parser.parse_args(argv)
    check_suffixes(args.out)
    detector = Detector(args.model, score_threshold=min(args.score_thr), threads=1)
    photos, _ = load_annotated(args.data, args.split)
    rows = []
    for name, make in CLIPS.items():
        watched = watch(detector, make(photos))
        for score in args.score_thr:
            for kind in args.trackers:
                row = dict(clip=name, tracker=kind, detections=f"above {score:g}")
                rows.append(row | measure(watched, kind, score))
        perfect = watched._replace(detections=[*map(as_detections, watched.frames)])
        for kind in args.trackers:
            row = dict(clip=name, tracker=kind, detections="the truth")
            rows.append(row | measure(perfect, kind, 0))
    machine = describe_machine("cpu", 1)
    notes = [
        *NOTES,
        f"Photos: {args.data.name}, {args.split}.",
        *machine_notes(machine),
    ]
    table = Table(COLUMNS, rows, notes, dict(machine=machine, rows=rows))
    print(table.markdown())
    table.write(args.out)


def watch(detector: Detector, frames: Sequence[ClipFrame]) -> Watched:
    """Detect in each frame of a clip."""
    frames, detections, times = list(frames), [], []
    for frame in frames:
        start = time.perf_counter()
        detections.append(detector(frame.image))
        times.append(time.perf_counter() - start)
    return Watched(frames, detections, 1000 * float(np.median(times)))


def as_detections(frame: ClipFrame) -> Detections:
    """Ground-truth boxes of a frame as detections with a score of 1."""
    count, boxes = len(frame.ids), frame.boxes.astype(np.float32)
    scores, names = np.ones(count, np.float32), ("",) * count
    return Detections(boxes, scores, 0 * frame.ids, names, frame.ids)


def measure(watched: Watched, kind: str, score: float, **settings: float) -> dict:
    """Track a clip and compare with its truth.

    Args:
        watched (Watched): The clip.
        kind (str): Member of :data:`.TRACKERS`.
        score (float): Least score of a detection.
        settings (float): Settings of the tracker.
    """
    tracker, times, tracked = Tracker(kind, FPS, **settings), [], []
    for number, detections in enumerate(watched.detections):
        detections = detections.take(detections.scores > score)
        start = time.perf_counter()
        tracked.append(tracker(detections, number / FPS))
        times.append(time.perf_counter() - start)
    truth = map(as_detections, watched.frames)
    with TemporaryDirectory() as folder:
        paths = [
            _write_mot(Path(folder, name), rows)
            for name, rows in ((TRUTH, truth), ("tracks", tracked))
        ]
        result = evaluate_mot_sequence(*paths, metrics=["CLEAR", "HOTA", "Identity"])
    return dict(
        objects=len(set(np.concatenate([f.ids for f in watched.frames]).tolist())),
        IDF1=100 * float(result.Identity.IDF1),
        IDSW=int(result.CLEAR.IDSW),
        MOTA=100 * float(result.CLEAR.MOTA),
        HOTA=100 * float(result.HOTA.HOTA),
        detect_ms=watched.milliseconds,
        track_ms=1000 * float(np.median(times)),
    )


def _write_mot(folder: Path, tracks: Iterable[Detections]) -> Path:
    image = np.zeros((1, 1, 3), np.uint8)
    writer = MotWriter(folder, (), tracked=True)
    with writer.files:
        for number, detections in enumerate(tracks, 1):
            writer.add(Frame("", image, "clip", FPS, number), detections)
    path = folder / "tracks/clip.txt"
    if folder.name == TRUTH:  # its class has to be 1, of persons
        path.write_text(path.read_text().replace("-1,-1,-1", "1,1,1"))
    return path


if __name__ == "__main__":
    sys.exit(main())
