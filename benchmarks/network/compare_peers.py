"""The headline table with Ultralytics' models of the same weights.

Without CONFIG it is the article's: YOLO11m and MobileNetV1-YOLO11m, with one class.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence

import numpy as np

from benchmarks.harness.peers import (
    PACKAGES,
    check_peer,
    check_ultralytics_model,
    has_ultralytics_model,
)
from benchmarks.network.ultralytics_job import (
    NETWORK_PEERS,
    CountJob,
    UltralyticsJob,
)
from mmyolo_mnv1.analysis.arguments import add_comparison_arguments, load_comparison
from mmyolo_mnv1.analysis.compare import ComparedModel, compare_models
from mmyolo_mnv1.analysis.compare_figure import draw_comparison
from mmyolo_mnv1.analysis.latency_job import LatencyJob
from mmyolo_mnv1.analysis.tables import Column, Table
from mmyolo_mnv1.analysis.timing import LatencyPlan
from mmyolo_mnv1.analysis.worker import Worker
from mmyolo_mnv1.errors import InputError

NOTE = (
    "this / ours: time of the peer over that of our model of the same scale, "
    "median of the rounds. Counts of YOLO26 are of the fused network, without the head "
    "that Ultralytics' export leaves out."
)


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the arguments, measure, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--peer",
        nargs="+",
        default=["ultralytics"],
        help=f"of {', '.join(NETWORK_PEERS)}; YOLO11 has the weights of ours",
    )
    add_comparison_arguments(parser)
    args = parser.parse_args(argv)
    table = compare_peers(*load_comparison(args), args.peer)
    print(table.markdown())
    table.write(args.out, lambda: draw_comparison(table))


def compare_peers(
    models: list[ComparedModel], plan: LatencyPlan, peers: Sequence[str]
) -> Table:
    """Compare models and their peers.

    Args:
        models (list[ComparedModel]): Result of :func:`.load_models`; ratios refer to
            the first.
        plan (LatencyPlan): Backends and rounds.
        peers (Sequence[str]): Keys of :data:`NETWORK_PEERS`; each gives a row for every
            model with YOLO11's own backbone.

    Returns:
        Table: One row per model; columns for each backend.

    Raises:
        InputError: If a peer is unknown, not installed, or has none of the models.
    """
    for peer in peers:
        check_peer(peer, NETWORK_PEERS)
        if family := NETWORK_PEERS[peer].family:
            check_ultralytics_model(peer, family)
    numbers = [n for n, model in enumerate(models) if has_ultralytics_model(model.cfg)]
    if peers and not numbers:
        raise InputError("--peer: no config has YOLO11's own backbone: add one")
    pairs = [(number, peer) for peer in peers for number in numbers]
    rows = models + [_peer_of(models[number], peer) for number, peer in pairs]
    table = compare_models(rows, plan, PACKAGES)
    for row, (number, peer) in zip(table.rows[len(models) :], pairs, strict=True):
        if family := NETWORK_PEERS[peer].family:
            row.update(_count(models[number].job, family))
        for name in plan.backends:
            key = f"{name}_network_ms_all"
            ratios = np.divide(row[key], table.rows[number][key])
            row[f"{name}_this_over_ours"] = float(np.median(ratios))
    columns = [*_add_columns(table.columns, plan)]
    return table._replace(columns=columns, notes=[NOTE, *table.notes])


def _peer_of(model: ComparedModel, peer: str) -> ComparedModel:
    job = UltralyticsJob(**vars(model.job), peer=peer)
    family = NETWORK_PEERS[peer].family
    name = f"{family}{model.cfg.model.scale}" if family else f"{model.name}, {peer}"
    return ComparedModel(name, model.cfg, job)


def _count(job: LatencyJob, family: str) -> dict[str, int]:
    """Count a network of another family, in a process of its own."""
    worker = Worker(CountJob(job.config, job.options, family))
    try:
        worker.wait()
    finally:
        worker.close()
    return dict(worker.facts, conv_flops=2 * worker.facts["conv_macs"], by_part=None)


def _add_columns(columns: Sequence[Column], plan: LatencyPlan) -> Iterator[Column]:
    """Insert the comparison with our model after the ratio of each backend."""
    for column in columns:
        yield column
        for name in plan.backends:
            if column.key == f"{name}_ratio":
                key, title = f"{name}_this_over_ours", f"{name}, this / ours"
                yield Column(key, title, "{:.3f}".format)


if __name__ == "__main__":
    sys.exit(main())
