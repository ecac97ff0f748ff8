"""Accuracy and time of tiles, on mosaics of held-out photos."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.predict.mosaics import load_annotated, make_mosaic, write_coco
from mmyolo_mnv1.analysis.arguments import add_out_argument
from mmyolo_mnv1.analysis.machine import describe_machine, machine_notes
from mmyolo_mnv1.analysis.tables import Column, Table, check_suffixes
from mmyolo_mnv1.deploy import Detector, TiledDetector
from mmyolo_mnv1.deploy.runtime.evaluate import FIGURES, evaluate
from mmyolo_mnv1.errors import InputError

SIDE = 4  # photos in a row and in a column of a mosaic


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the arguments, measure, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path, help="exported model")
    parser.add_argument("--data", type=Path, default=Path("data/BCCD"))
    parser.add_argument("--split", default="test", help="default: test")
    parser.add_argument("--tile", type=int, nargs="+", default=[640])
    parser.add_argument("--overlap", type=float, nargs="+", default=[0.2])
    parser.add_argument("--threads", type=int, default=1)
    add_out_argument(parser)
    args = parser.parse_args(argv)
    check_suffixes(args.out)
    detector = Detector(args.model, threads=args.threads)
    table = benchmark_tiles(detector, args.data, args.split, args.tile, args.overlap)
    print(table.markdown())
    table.write(args.out)


def benchmark_tiles(
    detector: Detector,
    data: Path,
    split: str,
    tiles: Sequence[int],
    overlaps: Sequence[float],
) -> Table:
    """Evaluate a detector on mosaics without and with tiles, and on single photos.

    Args:
        detector (Detector): The detector.
        data (Path): COCO data set with photos of one size.
        split (str): Its split.
        tiles (Sequence[int]): Sides of tiles in pixels.
        overlaps (Sequence[float]): Overlaps of tiles, from 0 to 0.9.

    Raises:
        InputError: If there are too few photos for a mosaic.
    """
    photos, categories = load_annotated(data, split)
    shape = photos[0].image.shape
    photos = [photo for photo in photos if photo.image.shape == shape]
    count = SIDE * SIDE
    photos = photos[: len(photos) // count * count]
    if not photos:
        raise InputError(f"{data}, {split}: fewer than {count} photos of one size")
    groups = [photos[start : start + count] for start in range(0, len(photos), count)]
    mosaics = [make_mosaic(group, SIDE) for group in groups]
    ways = {"whole mosaic": detector}
    for tile in tiles:
        for overlap in overlaps:
            name = f"tiles of {tile} px, overlap {overlap:g}, and whole"
            ways[name] = TiledDetector(detector, tile, overlap)
    with TemporaryDirectory() as folder:
        truth = write_coco(mosaics, categories, Path(folder))
        results = {way: evaluate(d, [folder], truth) for way, d in ways.items()}
    with TemporaryDirectory() as folder:
        truth = write_coco(photos, categories, Path(folder))
        results["each photo alone"] = evaluate(detector, [folder], truth)
    rows = [
        dict(way=way, images=r.images, ms=r.milliseconds, **r.figures)
        for way, r in results.items()
    ]
    figures = [*FIGURES, *detector.names]
    columns = [
        Column("way", "detection in"),
        *(Column(name, name, "{:.4f}".format) for name in figures),
        Column("ms", "ms an image", "{:.0f}".format),
        Column("images", "images"),
    ]
    height, width = mosaics[0].image.shape[:2]
    machine = describe_machine("cpu", 1)
    notes = [
        f"Mosaics of {SIDE} x {SIDE} photos of {data.name}, {split}: {width} x "
        f"{height} px, shown to a network of {detector.shape[1]} x "
        f"{detector.shape[0]} px. The last row is the same photos, one by one.",
        "s, m, l: boxes below 32², below 96², and above, in pixels of the mosaic; then "
        "AP of each class. Up to 300 boxes count in the whole mosaic and in each tile.",
        *machine_notes(machine),
    ]
    return Table(columns, rows, notes, dict(machine=machine, rows=rows))


if __name__ == "__main__":
    sys.exit(main())
