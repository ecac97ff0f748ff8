"""Table and plot: accuracy of light detectors on several data sets, and latency.

Accuracy comes from trainings, latency and counts from the same networks on COCO: the
training of ``yolo11_n_bccd`` belongs to the measured ``yolo11_n``.
"""

import argparse
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.accuracy.duel_results import mean_and_deviation
from benchmarks.accuracy.plot_results import ResultPoint, draw_points, read_document
from mmyolo_mnv1.analysis.arguments import add_out_argument
from mmyolo_mnv1.analysis.tables import (
    Column,
    Table,
    billions,
    check_suffixes,
    millions,
)
from mmyolo_mnv1.errors import InputError

NOTES = (
    "Test mAP@[.5:.95], mean ± standard deviation over the seeds in brackets; mean: of "
    "the data sets, for models that have been trained on all of them.",
    "Counts and times: the network with COCO's classes at 640 px, batch 1; first / "
    "this by interleaved rounds.",
    "INT8, ms and fp32 / INT8: in another run, of both precisions, by interleaved "
    "rounds. INT8, lost: points of test mAP, maximum over data sets and formats; "
    "MB: size of the larger file.",
)


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the arguments, print and write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("costs", type=Path, help="JSON of compare_peers.py")
    parser.add_argument(
        "duels",
        type=Path,
        nargs="+",
        help="JSON of duel.py, one per data set: NAME_DATA.json for configs *_DATA",
    )
    parser.add_argument("--int8", type=Path, help="JSON of int8_accuracy.py")
    parser.add_argument("--int8-times", type=Path, help="JSON of benchmark_int8.py")
    add_out_argument(parser, picture=True)
    args = parser.parse_args(argv)
    check_suffixes(args.out, with_picture=True)
    front = read_front(args.costs, args.duels, args.int8, args.int8_times)
    table = tabulate_front(front)
    print(table.markdown())
    table.write(args.out, lambda: draw_points(front.points(), front.title))


class Front(NamedTuple):
    """Trained models and their costs.

    Args:
        backends (Sequence[str]): Backends of the latency; the picture has the first.
        title (str): Backend and threads, for the picture.
        datasets (Sequence[str]): Names of the data sets.
        costs (dict[str, dict]): Row of costs by model.
        precisions (dict[str, dict[str, list[float]]]): Test mAP of each seed, by model
            and data set.
        networks (dict[str, str]): Key of ``costs`` by model.
        int8 (dict[str, list[dict]]): Accuracy of INT8 files by model.
        int8_times (dict[str, list[dict]]): Latency of INT8 files by key of ``costs``.
    """

    backends: Sequence[str]
    title: str
    datasets: Sequence[str]
    costs: dict[str, dict]
    precisions: dict[str, dict[str, list[float]]]
    networks: dict[str, str]
    int8: dict[str, list[dict]]
    int8_times: dict[str, list[dict]]

    def mean(self, model: str) -> float | None:
        """Average a model's test mAP over the data sets; None if one is missing."""
        by_data = self.precisions[model]
        if set(by_data) != set(self.datasets):
            return None
        return statistics.mean(map(statistics.mean, by_data.values()))

    def points(self) -> list[ResultPoint]:
        """Models that have been trained on all data sets, for the picture."""
        points = []
        for model, by_data in self.precisions.items():
            if self.mean(model) is None:
                continue
            row = self.costs[self.networks[model]]
            seeds = zip(*by_data.values(), strict=False)  # as many as all have
            means = [statistics.mean(values) for values in seeds]
            cost = row["conv_macs"] / 1e9, row[f"{self.backends[0]}_network_ms"]
            points.append(ResultPoint(model, means, *cost))
        return points


def read_front(
    costs: Path,
    duels: Sequence[Path],
    int8: Path | None = None,
    int8_times: Path | None = None,
) -> Front:
    """Combine measured costs, trainings and INT8 files.

    Args:
        costs (Path): JSON of ``compare_peers.py`` or ``compare.py``.
        duels (Sequence[Path]): JSON files of ``duel.py``, ``NAME_DATA.json`` each.
        int8 (Path, optional): JSON of ``int8_accuracy.py``. Defaults to None.
        int8_times (Path, optional): JSON of ``benchmark_int8.py``. Defaults to None.

    Raises:
        InputError: If a file has another content, or a model was not measured.
    """
    measured = read_document(costs, "rows")
    rows = {row["model"]: row for row in measured["rows"]}
    precisions, networks = {}, {}
    for path in duels:
        data = path.stem.rpartition("_")[2]
        duel = read_document(path, "results")
        for name, trainings in duel["results"].items():
            model = name.removesuffix(f"_{data}")
            networks[model] = duel["configs"][name].removesuffix(f"_{data}")
            last = [each["curve"][max(each["curve"], key=int)] for each in trainings]
            values = [metrics["test_mAP"] for metrics in last]
            precisions.setdefault(model, {})[data] = values
    if missing := sorted(set(networks.values()) - rows.keys()):
        raise InputError(f"{costs} has no {', '.join(missing)}: measure them too")
    plan = measured["plan"]
    datasets = [path.stem.rpartition("_")[2] for path in duels]
    title = f"{plan['backends'][0]}, 640 px, {plan['threads']} threads"
    files = map(_read_int8, (int8, int8_times))
    return Front(plan["backends"], title, datasets, rows, precisions, networks, *files)


def _read_int8(path: Path | None) -> dict[str, list[dict]]:
    """Read the INT8 results and group them by model; no results if ``path`` is None."""
    files: dict[str, list[dict]] = {}
    for row in read_document(path, "rows")["rows"] if path else ():
        if row["precision"] == "int8":
            files.setdefault(row["model"], []).append(row)
    return files


def tabulate_front(front: Front) -> Table:
    """Tabulate models from the fastest to the slowest.

    Args:
        front (Front): See :func:`read_front`.
    """
    columns = [
        Column("model", "model"),
        Column("params", "params, M", millions),
        Column("conv_macs", "conv MACs, G", billions),
    ]
    for name in front.backends:
        columns += [
            Column(f"{name}_network_ms", f"{name}, ms", "{:.1f}".format),
            Column(f"{name}_ratio", f"{name}, first / this", "{:.2f}".format),
        ]
    columns += [Column(data, data) for data in front.datasets]
    columns += [Column("mean", "mean", "{:.3f}".format)]
    timed = [row for rows in front.int8_times.values() for row in rows]
    for name in dict.fromkeys(row["format"] for row in timed):
        columns += [
            Column(f"{name}_int8_ms", f"{name} INT8, ms", "{:.1f}".format),
            Column(f"{name}_int8_ratio", f"{name}, fp32 / INT8", "{:.2f}".format),
        ]
    columns += [
        Column("int8_lost", "INT8, lost", "{:.2f}".format),
        Column("int8_megabytes", "INT8, MB", "{:.2f}".format),
    ]
    rows = []
    for model, by_data in front.precisions.items():
        row = {**front.costs[front.networks[model]], "model": model}
        for data, values in by_data.items():
            row[data] = f"{mean_and_deviation(values)} ({len(values)})"
        row["mean"] = front.mean(model)
        if files := front.int8.get(model):
            row["int8_lost"] = max(each["lost"] for each in files)
            row["int8_megabytes"] = max(each["megabytes"] for each in files)
        for each in front.int8_times.get(front.networks[model], ()):
            row[f"{each['format']}_int8_ms"] = each["network_ms"]
            row[f"{each['format']}_int8_ratio"] = each["single"]
        rows.append(row)
    rows.sort(key=lambda row: row[f"{front.backends[0]}_network_ms"])
    document = dict(datasets=front.datasets, precisions=front.precisions)
    return Table(columns, rows, NOTES, document)


if __name__ == "__main__":
    sys.exit(main())
