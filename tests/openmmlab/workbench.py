"""Stock tools of MMYOLO and MMDetection, started on a small training.

The scripts run in this process: another interpreter would import OpenMMLab again. Each
run begins, as a new process does, without default scope, loggers and visualizers.
"""

import contextlib
import copy
import io
import json
import multiprocessing
import os
import pickle
import runpy
import sys
import warnings
from collections import Counter, OrderedDict
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from unittest.mock import patch

import matplotlib
import mmyolo
import numpy as np
import torch
from matplotlib import pyplot
from mmengine.utils import ManagerMixin

CLASSES = 10
SIDE, SMALL_SIDE = 96, 64  # input in pixels, and with RHO
RHO = "rho=0.67"
EPOCHS, BATCH = 2, 8
#: One class is taken for another, with a low score; one image has no predictions.
MISTAKEN, FOR, BLANK = 7, 1, 0


class Workbench:
    """A config, its data, a short training, and predictions for its test images.

    Args:
        root (Path): Checkout whose ``configs`` are used.
        digits (Path): Dataset of ``make_digits``.
        folder (Path): Outputs; the tools start in it.
    """

    def __init__(self, root: Path, digits: Path, folder: Path) -> None:
        self.root, self.digits, self.folder = root, digits, folder
        folder.mkdir(parents=True, exist_ok=True)

    @cached_property
    def config(self) -> Path:
        """The demo's config, for the small data and without worker processes."""
        path = self.folder / "small.py"
        path.write_text(
            f"""
_base_ = {str(self.root / "configs/yolo11_mnv1_n_digits.py")!r}
data_root = {str(self.digits)!r}
img_scale = ({SIDE}, {SIDE})
max_epochs, close_mosaic_epochs, val_interval = {EPOCHS}, 1, 1
loader = dict(num_workers=0, persistent_workers=False)
held_out = dict(loader, dataset=dict(batch_shapes_cfg=None))
train_dataloader = dict(loader, batch_size={BATCH})
val_dataloader, test_dataloader = held_out, held_out
default_hooks = dict(logger=dict(interval=1))
"""
        )
        return path

    @cached_property
    def work_dir(self) -> Path:
        """Result of MMYOLO's ``train.py``."""
        path = self.folder / "work"
        self.run(mmyolo, "train.py", self.config, "--work-dir", path)
        return path

    @property
    def checkpoint(self) -> Path:
        return self.work_dir / f"epoch_{EPOCHS}.pth"

    @property
    def log(self) -> list[dict]:
        """Lines of the training's log."""
        return [json.loads(line) for line in self.log_file.read_text().splitlines()]

    @property
    def log_file(self) -> Path:
        (path,) = self.work_dir.glob("*/vis_data/2*.json")
        return path

    @cached_property
    def predictions(self) -> list[dict]:
        """Predictions of the trained weights by MMYOLO's ``test.py --out``."""
        path = self.folder / "predictions.pkl"
        args = (self.config, self.checkpoint, "--work-dir", self.folder / "test")
        self.run(mmyolo, "test.py", *args, "--out", path)
        return pickle.loads(path.read_bytes())

    def truth(self, split: str = "val") -> dict:
        return json.loads((self.digits / f"annotations/{split}.json").read_text())

    def boxes(self, split: str = "val") -> dict[int, list[tuple[int, list[float]]]]:
        """Label and x, y, width, height of the boxes, by image id."""
        truth = self.truth(split)
        boxes = {image["id"]: [] for image in truth["images"]}
        for each in truth["annotations"]:
            boxes[each["image_id"]].append((each["category_id"] - 1, each["bbox"]))
        return boxes

    @property
    def image(self) -> Path:
        return self.digits / "val" / self.truth()["images"][0]["file_name"]

    @cached_property
    def known(self) -> Path:
        """Predictions in the form of ``test.py --out`` whose scores are known.

        The ground truth itself, but for the mistakes above.
        """
        predictions = copy.deepcopy(self.predictions)
        for index, (_, boxes) in enumerate(sorted(self.boxes().items())):
            boxes = boxes if index != BLANK else []
            found = predictions[index]["pred_instances"]
            xywh = torch.tensor([box for _, box in boxes]).reshape(-1, 4)
            labels = torch.tensor([label for label, _ in boxes], dtype=torch.long)
            wrong = labels == MISTAKEN
            found["bboxes"] = torch.cat([xywh[:, :2], xywh[:, :2] + xywh[:, 2:]], 1)
            found["labels"] = labels.masked_fill(wrong, FOR)
            found["scores"] = torch.where(wrong, 0.4, 0.9)
        path = self.folder / "known.pkl"
        path.write_bytes(pickle.dumps(predictions))
        return path

    @cached_property
    def known_json(self) -> Path:
        """The same predictions in COCO's form."""
        rows = [
            dict(
                image_id=image,
                category_id=(FOR if label == MISTAKEN else label) + 1,
                bbox=box,
                score=0.4 if label == MISTAKEN else 0.9,
            )
            for image, boxes in sorted(self.boxes().items())[BLANK + 1 :]
            for label, box in boxes
        ]
        path = self.folder / "known.json"
        path.write_text(json.dumps(rows))
        return path

    def known_precision(self) -> dict[int, float]:
        """AP of each class with boxes, with known predictions: found part of 101."""
        boxes = sorted(self.boxes().items())
        total = Counter(label for _, each in boxes for label, _ in each)
        hit = Counter(label for _, each in boxes[BLANK + 1 :] for label, _ in each)
        hit[MISTAKEN] = 0
        levels = np.linspace(0, 1, 101)
        return {
            label: float(np.mean(levels <= hit[label] / count)) if hit[label] else 0.0
            for label, count in total.items()
        }

    def run(self, package, script: str, *args: object) -> str:
        """Run a script of a package's ``tools``, as a command line would.

        Returns:
            str: Standard output. Figures stay open until the next run.

        Raises:
            Exception: What the script raises.
        """
        path = Path(package.__file__).parent / ".mim/tools" / script
        argv = [str(path), *map(str, args)]
        out, pool = io.StringIO(), multiprocessing.Pool
        with (
            fresh_process(self.folder),
            contextlib.redirect_stdout(out),
            patch.object(sys, "argv", argv),
            # One of the tools starts 48 processes.
            patch("multiprocessing.Pool", lambda processes: pool(min(processes, 2))),
        ):
            runpy.run_path(str(path), run_name="__main__")
        return out.getvalue()


@contextlib.contextmanager
def fresh_process(folder: Path) -> Iterator[None]:
    """State of OpenMMLab and of the environment as in a new process, in a block."""
    pyplot.close("all")
    matplotlib.use("Agg")
    managers = list(_subclasses(ManagerMixin))
    before = [manager._instance_dict for manager in managers]
    where, threads = Path.cwd(), torch.get_num_threads()
    with patch.dict(os.environ), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            for manager in managers:
                manager._instance_dict = OrderedDict()
            os.chdir(folder)
            torch.set_num_threads(1)  # quicker beside other processes
            yield
        finally:
            os.chdir(where)
            torch.set_num_threads(threads)
            for manager, instances in zip(managers, before, strict=True):
                manager._instance_dict = instances


def _subclasses(parent: type) -> Iterator[type]:
    for child in parent.__subclasses__():
        yield child
        yield from _subclasses(child)
