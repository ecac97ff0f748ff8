"""Soak test: predict.py on a stream that stalls, drops its clients, and returns."""

import argparse
import itertools
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
from skimage import data as photos

from benchmarks.harness.fresh_process import start_module
from benchmarks.predict.mjpeg_server import MjpegServer, now
from benchmarks.predict.soak_client import EVERY
from mmyolo_mnv1.analysis.tables import Column, Table, check_suffixes
from mmyolo_mnv1.errors import InputError

#: What happens every SECONDS, in turns: kind, and its duration in seconds. A stall of
#: more than the reader's timeout of 10 s ends the connection too.
EVENTS = (("stall", 3), ("drop", 0), ("down", 5), ("long stall", 14))
SECONDS = 30
#: Seconds after an event in which no frame can be new.
RECOVERY = 8
RECONNECTING = ("drop", "down", "long stall")
COLUMNS = (
    Column("minutes", "minutes", "{:.1f}".format),
    Column("frames", "frames processed"),
    Column("dropped", "frames dropped"),
    Column("losses", "events that end a connection"),
    Column("connections", "new connections, by the server"),
    Column("reconnects", "reconnects, by the client"),
    Column("age_ms", "age of a frame, ms", "{:.0f}".format),
    Column("age_p95_ms", "95 % below", "{:.0f}".format),
    Column("within", "within two frame times, %", "{:.1f}".format),
    Column("latency_ms", "capture to result, ms", "{:.0f}".format),
    Column("latency_p95_ms", "95 % below, ms", "{:.0f}".format),
    Column("recovery_s", "longest return, s", "{:.1f}".format),
    Column("memory_mb", "memory, MB", "{:.0f}".format),
    Column("growth_mb", "growth, MB", "{:.1f}".format),
    Column("video_frames", "frames in the video"),
    Column("frozen_s", "machine stood still, s", "{:.0f}".format),
)
NOTES = (
    "Every 30 s the server does one of these in turns: it stalls for 3 s; drops its "
    "client; is down for 5 s; stalls for 14 s, longer than the reader's timeout of "
    "10 s. The last three lose the connection.",
    "Age: from the time that the frame shows to the detector's start, outside the "
    "events. Capture to result: from the end of decoding. Longest return: from the "
    "moment that the server sends again to the next detection.",
    "Memory: resident, median of the last minute; growth: against the median of the "
    "fourth minute (of a shorter run: its second quarter).",
    "Stood still: gaps between samples of the memory, which are due every 5 s; events "
    "in one such gap, or before the client is back, end one connection.",
    "The run is ended by SIGTERM; the video that it wrote is then read to its end.",
)


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the arguments, run, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path, help="exported model")
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--fps", type=float, default=10, help="of the camera")
    parser.add_argument("--out", type=Path, nargs="+", default=[], metavar="FILE")
    args = parser.parse_args(argv)
    check_suffixes(args.out)
    table = soak(args.model, args.minutes, args.fps)
    print(table.markdown())
    table.write(args.out)


def soak(model: Path, minutes: float, fps: float) -> Table:
    """Run predict() in a process of its own on a stream with faults.

    Args:
        model (Path): Exported model.
        minutes (float): Duration.
        fps (float): Frames per second of the camera.

    Raises:
        InputError: If the client fails.
    """
    photo = cv2.resize(np.ascontiguousarray(photos.coffee()[..., ::-1]), (640, 480))
    with TemporaryDirectory() as out, MjpegServer(photo, fps) as server:
        client = start_module(
            "benchmarks.predict.soak_client", str(model), server.url, out, "10"
        )
        try:
            events = _disturb(server, 60 * minutes, client)
        finally:
            client.terminate()
            status = client.wait(60)
        if status:
            raise InputError(f"the client of the soak test ended with status {status}")
        records = json.loads(Path(out, "records.json").read_text())
        (video,) = Path(out).rglob("*.mp4")
        frames = _count_frames(video)
    # Imports PyTorch, whose memory the run should not share.
    from mmyolo_mnv1.analysis.machine import describe_machine, machine_notes

    machine = describe_machine("cpu", 1)
    row = _summarise(records, events, fps)
    # The first two are the look at the content type, and the start of the stream.
    row |= dict(connections=server.connections - 2, video_frames=frames)
    camera = f"Camera: 640 x 480 px, {fps:g} frames/s."
    document = dict(machine=machine, rows=[row], events=events)
    document["memory"] = records["memory"]
    return Table(COLUMNS, [row], [*NOTES, camera, *machine_notes(machine)], document)


def _disturb(server: MjpegServer, seconds: float, client) -> list[dict]:
    """Do the events until the time is over; returns kind, start and end of each."""
    end, events = time.monotonic() + seconds, []
    for kind, duration in itertools.cycle(EVENTS):
        rest = end - time.monotonic()
        if rest < SECONDS + duration + RECOVERY:
            time.sleep(max(rest, 0))
            return events
        time.sleep(SECONDS)
        if client.poll() is not None:
            return events
        start = now()
        if kind == "drop":
            server.drop()
        elif kind == "down":
            server.stop()
            time.sleep(duration)
            server.start()
        else:
            server.sending.clear()
            time.sleep(duration)
            server.sending.set()
        events.append(dict(kind=kind, start=start, end=now()))


def _summarise(records: dict, events: list[dict], fps: float) -> dict:
    times, ages = np.array(records["arrivals"]).T
    calm = np.ones(len(times), bool)
    for event in events:
        calm &= (times < event["start"]) | (times > event["end"] + 1000 * RECOVERY)
    calm &= times > times[0] + 1000 * RECOVERY
    returns = [
        (times[times > event["end"]][0] - event["end"]) / 1000 for event in events
    ]
    moments, memory = np.array(records["memory"]).T
    length = moments[-1] - moments[0]
    early = min(180_000, length / 4)
    at = moments - moments[0]
    before = np.median(memory[(at >= early) & (at < early + min(60_000, length / 4))])
    after = np.median(memory[at > length - min(60_000, length / 4)])
    return dict(
        minutes=length / 60_000,
        frames=records["images"],
        dropped=records["dropped"],
        losses=sum(event["kind"] in RECONNECTING for event in events),
        reconnects=records["reconnects"],
        age_ms=float(np.median(ages[calm])),
        age_p95_ms=float(np.percentile(ages[calm], 95)),
        within=100 * float((ages[calm] <= 2000 / fps).mean()),
        latency_ms=1000 * records["latencies"][0],
        latency_p95_ms=1000 * records["latencies"][1],
        recovery_s=float(max(returns, default=0)),
        memory_mb=float(after / 1e6),
        growth_mb=float((after - before) / 1e6),
        frozen_s=sum(gap for gap in np.diff(moments) / 1000 - EVERY if gap > EVERY),
    )


def _count_frames(path: Path) -> int:
    video, count = cv2.VideoCapture(str(path)), 0
    while video.grab():
        count += 1
    return count


if __name__ == "__main__":
    sys.exit(main())
