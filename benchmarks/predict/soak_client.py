"""Client of the soak test: predict() on a stream, recording ages and memory as JSON.

It imports only what a user's process imports.
"""

import json
import os
import sys
import threading
import time
from pathlib import Path

import numpy as np

from benchmarks.predict.mjpeg_server import now, read_time
from mmyolo_mnv1.deploy import Detections, Detector
from mmyolo_mnv1.deploy.runtime.predict import predict
from mmyolo_mnv1.deploy.runtime.videos import StreamOptions

EVERY = 5.0  # seconds between two samples of the memory


class Recorder:
    """Detector that records when it gets each frame, and how old the frame is.

    Args:
        detector (Detector): The detector.
    """

    takes_batches = False

    def __init__(self, detector: Detector) -> None:
        self.detector, self.names = detector, detector.names
        self.arrivals: list[tuple[int, int]] = []  # time and age, in milliseconds

    def detect(self, images: list[np.ndarray]) -> list[Detections]:
        """See :meth:`.Detector.detect`."""
        for image in images:
            time_of_frame = read_time(image)
            self.arrivals.append((now(), now() - time_of_frame))
        return self.detector.detect(images)


def main() -> None:
    """Read the stream until SIGTERM and print the records."""
    model, url, out, retry = sys.argv[1:]
    recorder, memory = Recorder(Detector(model, threads=1)), []

    def watch() -> None:
        pages = os.sysconf("SC_PAGE_SIZE")
        while True:
            resident = int(Path("/proc/self/statm").read_text().split()[1])
            memory.append((now(), resident * pages))
            time.sleep(EVERY)

    threading.Thread(target=watch, daemon=True).start()
    summary = predict(
        recorder,
        [url],
        Path(out),
        ["pictures"],
        options=StreamOptions(retry=int(retry)),
    )
    document = summary._asdict() | dict(
        latencies=np.percentile(summary.latencies, [50, 95]).tolist(),
        arrivals=recorder.arrivals,
        memory=memory,
    )
    Path(out, "records.json").write_text(json.dumps(document))


if __name__ == "__main__":
    main()
