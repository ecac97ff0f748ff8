"""Tracking of objects from frame to frame, by the library ``trackers``."""

import math

import numpy as np

from ...errors import InputError
from .detections import Detections
from .extras import import_extra

#: Classes of the library by name, and our settings of them. The library's thresholds
#: are for detectors of crowds: with 0.7 a weaker detector starts hardly any track.
TRACKERS = dict(
    bytetrack=(
        "ByteTrackTracker",
        dict(
            track_activation_threshold=0.25,
            high_conf_det_threshold=0.25,
            minimum_iou_threshold=0.2,
        ),
    ),
    ocsort=("OCSORTTracker", dict(high_conf_det_threshold=0.25)),
    sort=("SORTTracker", {}),
)


class Tracker:
    """Multi-object tracker: gives each object in consecutive frames one number.

    An object gets its number in the second or third frame that shows it.

    Args:
        kind (str): Member of :data:`TRACKERS`. Defaults to "bytetrack".
        fps (float): Frames per second. Defaults to 30.
        settings (float): Settings of the library's class, in place of ours.

    Raises:
        InputError: If the library is not installed or has no such tracker or setting.
    """

    def __init__(
        self, kind: str = "bytetrack", fps: float = 30.0, **settings: float
    ) -> None:
        if kind not in TRACKERS:
            raise InputError(f"tracker {kind!r}: give one of {', '.join(TRACKERS)}")
        library = import_extra("trackers", "tracking")
        name, ours = TRACKERS[kind]
        # lost_track_buffer: frames, at 30 Hz, until a lost track ends. Below 1 Hz the
        # default of 30 is less than one frame.
        buffer = dict(lost_track_buffer=math.ceil(30 / fps)) if fps < 1 else {}
        settings = {**ours, **buffer, **settings}
        try:
            self._tracker = getattr(library, name)(frame_rate=fps, **settings)
        except TypeError as e:
            raise InputError(
                f"tracker {kind}: {e}: see trackers' documentation"
            ) from None

    def __call__(
        self, detections: Detections, seconds: float | None = None
    ) -> Detections:
        """Add numbers of tracks to the detections of the next frame.

        Args:
            detections (Detections): Boxes in the frame.
            seconds (float, optional): Time of the frame, later than the one before; for
                frames at uneven times. Defaults to None: ``fps`` holds.

        Returns:
            Detections: The same, with ``ids``.
        """
        boxes = detections._replace(ids=None).to_supervision()
        boxes.data["row"] = np.arange(len(boxes))
        found = self._tracker.update(boxes, timestamp=seconds)
        ids = np.zeros(len(boxes), np.int64)
        if len(found):
            ids[found.data["row"]] = found.tracker_id + 1  # the library's none is -1
        return detections._replace(ids=ids)
