"""COCO metric on the annotations that the dataset reads."""

from mmdet.evaluation import CocoMetric
from mmyolo.registry import METRICS

from .coco import CheckedCOCO


@METRICS.register_module()
class CheckedCocoMetric(CocoMetric):
    """``CocoMetric`` that reads its annotation file as :class:`.CheckedCOCO` does.

    MMDetection's own reads the file without repairs: an annotation with id 0 never
    matches, and one without ``iscrowd`` is an error.

    Args:
        ann_file (str, optional): COCO JSON file. Defaults to None, the dataset's
            annotations.
        kwargs: See the parent.

    Raises:
        InputError: If the annotation file is refused.
    """

    def __init__(self, ann_file: str | None = None, **kwargs) -> None:
        super().__init__(ann_file=None, **kwargs)
        if ann_file is not None:
            self._coco_api = CheckedCOCO(ann_file, quiet=True)
