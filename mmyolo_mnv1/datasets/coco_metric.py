"""COCO metric on the annotations that the dataset reads."""

from contextlib import redirect_stdout
from io import StringIO

from mmdet.evaluation import CocoMetric
from mmengine.logging import print_log
from mmyolo.registry import METRICS

from .coco import CheckedCOCO


@METRICS.register_module()
class CheckedCocoMetric(CocoMetric):
    """``CocoMetric`` that reads its annotation file as :class:`.CheckedCOCO` does.

    MMDetection's own reads the file without repairs: an annotation with id 0 never
    matches, and one without ``iscrowd`` is an error. It also prints messages of
    pycocotools.

    Args:
        ann_file (str, optional): COCO JSON file. Defaults to None, the dataset's
            annotations.
        kwargs: See the parent.

    Raises:
        InputError: If the annotation file is refused.
    """

    #: COCO's table of the last evaluation.
    table = ""

    def __init__(self, ann_file: str | None = None, **kwargs) -> None:
        super().__init__(ann_file=None, **kwargs)
        if ann_file is not None:
            self._coco_api = CheckedCOCO(ann_file, quiet=True)

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Compute the metrics; the table goes to the log and to :attr:`table`.

        Args:
            results (list): See the parent.
        """
        with redirect_stdout(StringIO()) as printed:
            metrics = super().compute_metrics(results)
        lines = printed.getvalue().splitlines()
        self.table = "\n".join(line for line in lines if " @[ IoU=" in line)
        if self.table:
            print_log(f"\n{self.table}", logger="current")
        return metrics
