"""COCO metric on the annotations that the dataset reads."""

from collections.abc import Sequence
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
    matches, and one without ``iscrowd`` is an error. It counts the boxes of images that
    the dataset leaves out, gives the AP of a class to another one if category ids do
    not ascend, and prints messages of pycocotools.

    Args:
        ann_file (str, optional): COCO JSON file. Defaults to None, the dataset's
            annotations.
        ignore_classes (Sequence[str]): Categories to leave out, as in
            :class:`.CheckedCocoDataset`. Defaults to none.
        kwargs: See the parent.

    Raises:
        InputError: If the annotation file is refused.
    """

    #: COCO's table of the last evaluation.
    table = ""

    def __init__(
        self,
        ann_file: str | None = None,
        ignore_classes: Sequence[str] = (),
        **kwargs,
    ) -> None:
        super().__init__(ann_file=None, **kwargs)
        if ann_file is not None:
            self._coco_api = CheckedCOCO(ann_file, ignore_classes, quiet=True)

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Compute the metrics; the table goes to the log and to :attr:`table`.

        Args:
            results (list): See the parent. Only their images are evaluated.
        """
        if self._coco_api is not None:
            # COCOeval's order, which the parent expects in the AP of classes.
            self.cat_ids = sorted(self._label_ids())
            self.img_ids = sorted({truth["img_id"] for truth, _ in results})
        with redirect_stdout(StringIO()) as printed:
            metrics = super().compute_metrics(results)
        lines = printed.getvalue().splitlines()
        self.table = "\n".join(line for line in lines if " @[ IoU=" in line)
        if self.table:
            print_log(f"\n{self.table}", logger="current")
        return metrics

    def results2json(self, results: Sequence[dict], outfile_prefix: str) -> dict:
        """Write the predictions with the category ids of the annotation file.

        Args:
            results (Sequence[dict]): See the parent.
            outfile_prefix (str): See the parent.
        """
        ids, self.cat_ids = self.cat_ids, self._label_ids()
        written = super().results2json(results, outfile_prefix)
        self.cat_ids = ids
        return written

    def _label_ids(self) -> list[int]:
        """Category id of each label."""
        return self._coco_api.get_cat_ids(cat_names=self.dataset_meta["classes"])
