"""How well a deployed detector detects: COCO's mAP on the config's test set."""

import io
from collections.abc import Iterator
from contextlib import redirect_stdout

from mmengine.config import Config
from tqdm import tqdm

from ..deploy.runtime.detector import Detector
from ..deploy.runtime.sources import read_image
from ..evaluation.average_precision import AveragePrecision, index_detections
from ..evaluation.data import GroundTruth, load_truth


class TestSet:
    """The test set of a config.

    Args:
        cfg (Config): A detector's, resolved.

    Raises:
        InputError: If the config has none in COCO's form, or it has no object.
    """

    __test__ = False  # pytest

    def __init__(self, cfg: Config) -> None:
        with redirect_stdout(io.StringIO()):
            self.truth = load_truth(cfg)

    def measure(self, detector: Detector, name: str = "") -> dict[str, float | None]:
        """AP, AP50, AP75, APs, APm, APl of a detector, each from 0 to 1.

        Args:
            detector (Detector): With the classes of the config.
            name (str): For the progress bar. Defaults to "".
        """
        rows = list(_detect(detector, self.truth, name))
        with redirect_stdout(io.StringIO()):  # pycocotools tells its steps
            found = index_detections(rows, self.truth)
            return AveragePrecision(self.truth, found).table()


def _detect(detector: Detector, truth: GroundTruth, name: str) -> Iterator[dict]:
    for image_id, path in tqdm(truth.image_paths.items(), name, disable=None):
        found = detector(read_image(path))
        for box, score, label in zip(*found[:3], strict=True):
            x1, y1, x2, y2 = box.tolist()
            yield dict(
                image_id=image_id,
                category_id=truth.cat_ids[label],
                bbox=[x1, y1, x2 - x1, y2 - y1],
                score=float(score),
            )
