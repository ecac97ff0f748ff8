"""Train ours and Ultralytics' on the same data and compare accuracy and time.

Runs for hours. It can be stopped; the same command resumes it.
"""

import argparse
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import yaml
from tqdm import tqdm

from benchmarks.accuracy.duel_figure import draw_curves
from benchmarks.accuracy.duel_folder import (
    DuelTraining,
    claim_folder,
    is_finished,
    read_times,
)
from benchmarks.accuracy.duel_results import restore_results, tabulate
from benchmarks.harness.fresh_process import last_line, start_module
from benchmarks.harness.peers import (
    PACKAGES,
    ULTRALYTICS,
    has_ultralytics_model,
    ultralytics_path,
)
from mmyolo_mnv1.analysis.arguments import add_config_arguments, add_out_argument
from mmyolo_mnv1.analysis.machine import describe_machine
from mmyolo_mnv1.analysis.tables import Table, check_suffixes
from mmyolo_mnv1.config import load_config
from mmyolo_mnv1.errors import InputError, check_least

LOG = "train.log"
POLL = 1.0  # seconds


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the arguments, train, print and write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("configs", nargs="+", help="one for each training of ours")
    parser.add_argument(
        "--peer",
        nargs="*",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="Ultralytics with the first config's data and size: arguments of its "
        "trainer that differ from its defaults, such as model=yolo26n.yaml, and "
        "version=8.4.190 for a release of `make peers`; may be given several times",
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--threads", type=int, default=1, help="of each training")
    parser.add_argument("--workers", type=int, default=0, help="of each data loader")
    parser.add_argument("--every", type=int, default=2, help="epochs per evaluation")
    parser.add_argument("--jobs", type=int, default=1, help="trainings at a time")
    parser.add_argument(
        "--known",
        type=Path,
        nargs="*",
        default=[],
        help="JSON of earlier duels, whose trainings are not repeated",
    )
    parser.add_argument(
        "--no-train", action="store_true", help="tabulate what is finished"
    )
    parser.add_argument("--work-dir", type=Path, default=Path("work_dirs/duel"))
    add_config_arguments(parser)
    add_out_argument(parser, picture=True)
    args = parser.parse_args(argv)
    check_suffixes(args.out, with_picture=True)
    peers = [read_peer_options(texts) for texts in args.peer]
    jobs = 0 if args.no_train else args.jobs
    plan = DuelPlan(args.seeds, args.threads, args.workers, args.every, jobs)
    for path in args.known:
        restore_results(path, args.work_dir)
    table = duel(args.configs, plan, args.work_dir, args.cfg_options, peers)
    print(table.markdown())
    table.write(args.out, lambda: draw_curves(table))


class DuelPlan(NamedTuple):
    """Seeds, resources and evaluations of the trainings.

    Args:
        seeds (Sequence[int]): Random seeds; each contestant trains with each of them.
        threads (int): CPU threads of a training.
        workers (int): Worker processes of a data loader.
        every (int): Epochs between evaluations.
        jobs (int): Trainings at a time; 0 to tabulate what is finished.
    """

    seeds: Sequence[int] = (0, 1, 2)
    threads: int = 1
    workers: int = 0
    every: int = 2
    jobs: int = 1

    def check(self) -> None:
        """Check that the plan can be executed.

        Raises:
            InputError: If a number is out of range.
        """
        check_least(self._asdict(), threads=1, workers=0, every=1, jobs=0)
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise InputError(f"--seeds {self.seeds}: give different ones")


def duel(
    configs: Sequence[str],
    plan: DuelPlan,
    work_dir: Path,
    options: dict | None = None,
    peer_options: Sequence[dict] = (),
) -> Table:
    """Train, evaluate and compare, except what ``work_dir`` already contains.

    Args:
        configs (Sequence[str]): Config files, one per training of ours.
        plan (DuelPlan): Seeds, resources and evaluations.
        work_dir (Path): Folder for logs, checkpoints and curves.
        options (dict, optional): Changes of all configs, as in ``--cfg-options``.
            Defaults to None.
        peer_options (Sequence[dict]): One per training of Ultralytics', which follows
            the first config: arguments that differ from its defaults.

    Returns:
        Table: One row per contestant.

    Raises:
        InputError: If an argument is wrong, the folder contains trainings with other
            settings, or a training fails.
    """
    plan.check()
    contestants = _contestants(configs, options or {}, peer_options)
    settings = dict(threads=plan.threads, workers=plan.workers, every=plan.every)
    trainings = {
        work_dir / name / f"seed{seed}": DuelTraining(**each, seed=seed, **settings)
        for seed in plan.seeds
        for name, each in contestants.items()
    }
    for folder, training in trainings.items():
        claim_folder(training, folder)
    machine = describe_machine("cpu", plan.threads, PACKAGES)
    if plan.jobs:
        _run_all(trainings, plan)
    return tabulate(work_dir, list(contestants), plan.seeds, machine)


def read_peer_options(texts: Sequence[str]) -> dict:
    """Parse arguments of Ultralytics' trainer.

    Args:
        texts (Sequence[str]): ``KEY=VALUE`` each, the value in YAML.

    Raises:
        InputError: If one has another form.
    """
    options = {}
    for text in texts:
        key, sign, value = text.partition("=")
        if not key or not sign:
            raise InputError(f"--peer {text}: give KEY=VALUE, such as nbs=16")
        options[key] = yaml.safe_load(value)
    return options


def _contestants(
    configs: Sequence[str], options: dict, peer_options: Sequence[dict]
) -> dict[str, dict]:
    """Settings of each contestant's trainings, by name."""
    contestants = {}
    for config in configs:
        cfg = load_config(config, dict(options))
        if "train_dataloader" not in cfg or "classes" not in cfg:
            raise InputError(f"config {config}: give one that trains a detector")
        contestants[Path(config).stem] = dict(
            config=config, options=options, peer_options=None
        )
    for changes in peer_options:
        ultralytics_path(changes.get("version"))  # fails where it is missing
        cfg = load_config(configs[0], dict(options))
        if "model" not in changes and not has_ultralytics_model(cfg):
            raise InputError(
                f"config {configs[0]}: Ultralytics has no model with this backbone: "
                "put a baseline first, or give --peer model=yolo11n.yaml"
            )
        contestants[_peer_name(changes)] = dict(
            config=configs[0], options=options, peer_options=changes
        )
    return contestants


def _peer_name(changes: dict) -> str:
    """Name of a peer's training, such as ``ultralytics-8.4.190_yolo26n_nbs=16``."""
    changes = dict(changes)
    words = ["-".join(filter(None, [ULTRALYTICS, changes.pop("version", None)]))]
    if model := changes.pop("model", None):
        words.append(Path(model).stem)
    return "_".join([*words, *(f"{key}={value}" for key, value in changes.items())])


def _run_all(trainings: dict[Path, DuelTraining], plan: DuelPlan) -> None:
    """Run unfinished trainings, ``plan.jobs`` at a time."""
    waiting = [folder for folder in trainings if not is_finished(folder)]
    total = sum(training.epochs()[-1] for training in trainings.values())
    running: dict[Path, subprocess.Popen] = {}
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        with tqdm(total=total, desc="epochs", disable=None) as bar:
            while waiting or running:
                while waiting and len(running) < plan.jobs:
                    folder = waiting.pop(0)
                    running[folder] = _start(folder, trainings[folder])
                time.sleep(POLL)
                for folder, process in list(running.items()):
                    if process.poll() is not None:
                        del running[folder]
                        _check(folder, process.returncode)
                bar.update(sum(len(read_times(each)) for each in trainings) - bar.n)
    finally:
        for process in running.values():
            process.terminate()
        for process in running.values():
            process.wait()
        signal.signal(signal.SIGTERM, before)


def _start(folder: Path, training: DuelTraining) -> subprocess.Popen:
    """Start a training, as a user would alone; its output goes to a log."""
    peer = training.peer_options
    paths = [] if peer is None else ultralytics_path(peer.get("version"))
    with (folder / LOG).open("a") as log:
        return start_module(
            "benchmarks.accuracy.duel_training",
            str(folder),
            threads=training.threads,
            path=paths,
            stdout=log,
            stderr=subprocess.STDOUT,
        )


def _check(folder: Path, status: int) -> None:
    if status:
        line = last_line((folder / LOG).read_text())
        raise InputError(
            f"{folder}: training ended with status {status}: {line} (see {LOG} there)"
        )


if __name__ == "__main__":
    sys.exit(main())
