"""Pictures of docs/video.md: tracks, tiles and crops, on held-out photos."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from benchmarks.predict.clips import CLIPS
from benchmarks.predict.mosaics import load_annotated, make_mosaic
from mmyolo_mnv1.deploy import Detections, Detector, TiledDetector, Tracker
from mmyolo_mnv1.deploy.runtime.drawing import draw

SHOWN = (30, 55, 90)  # frames of the clip
PART = slice(480, 1200), slice(640, 1600)  # rows and columns of the mosaic


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the arguments and write the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path, help="exported model")
    parser.add_argument("--data", type=Path, default=Path("data/BCCD"))
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    args = parser.parse_args(argv)
    detector = Detector(args.model, score_threshold=0.25, threads=1)
    photos, _ = load_annotated(args.data, "test")

    tracker, pictures = Tracker(fps=25), []
    for number, frame in enumerate(CLIPS["moving cells"](photos)):
        found = tracker(detector(frame.image), number / 25)
        if number in SHOWN:
            pictures.append(draw(frame.image, found))
    write(args.out / "video_tracks.jpg", np.hstack(pictures), 0.6)

    mosaic = make_mosaic(photos[:16], 4).image
    ways = detector, TiledDetector(detector, 640, 0.2)
    pictures = [draw_part(mosaic, way(mosaic), PART) for way in ways]
    write(args.out / "video_tiles.jpg", np.hstack(pictures), 0.6)

    whites = Detector(args.model, score_threshold=0.5, threads=1, classes=["WBC"])
    crops = []
    for photo in photos:
        for box in whites(photo.image).boxes.astype(int):
            crop = photo.image[box[1] : box[3], box[0] : box[2]]
            crops.append(cv2.resize(crop, (128, 128), interpolation=cv2.INTER_AREA))
    write(args.out / "video_crops.jpg", np.hstack(crops[:8]), 1)


def draw_part(
    image: np.ndarray, found: Detections, part: tuple[slice, slice]
) -> np.ndarray:
    """Crop an image, and draw the detections whose centre lies in the crop.

    Args:
        image (np.ndarray): (H, W, 3) uint8 BGR.
        found (Detections): In the whole image.
        part (tuple[slice, slice]): Rows and columns of the crop.
    """
    start = np.array([part[1].start, part[0].start])
    end = np.array([part[1].stop, part[0].stop])
    centres = (found.boxes[:, :2] + found.boxes[:, 2:]) / 2
    shown = found.take(((centres > start) & (centres < end)).all(1))
    shown = shown._replace(boxes=shown.boxes - np.tile(start, 2))
    return draw(np.ascontiguousarray(image[part]), shown)


def write(path: Path, picture: np.ndarray, scale: float) -> None:
    """Write a reduced picture."""
    size = [round(scale * side) for side in picture.shape[1::-1]]
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(path), small, [cv2.IMWRITE_JPEG_QUALITY, 85])
    print(f"wrote {path}")


if __name__ == "__main__":
    sys.exit(main())
