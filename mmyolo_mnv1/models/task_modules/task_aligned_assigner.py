"""Task-aligned assignment (TAL; TOOD, arXiv 2108.07755) as YOLO11 does it."""

from mmyolo.models.task_modules.assigners import BatchTaskAlignedAssigner
from mmyolo.models.task_modules.assigners.utils import select_candidates_in_gts
from mmyolo.registry import TASK_UTILS
from torch import Tensor


@TASK_UTILS.register_module()
class YOLO11TaskAlignedAssigner(BatchTaskAlignedAssigner):
    """MMYOLO's batched TAL, of which a prior only goes to a box it lies in.

    A prior that several boxes choose goes to the one its prediction overlaps most.
    MMYOLO's looks among all boxes of the image, and so hands a prior to a box whose
    top-k it is not in and in which it may not even lie; the reference (ultralytics 8.3
    ``utils/tal.py``) only looks among the boxes around the prior.
    """

    def get_pos_mask(
        self,
        pred_bboxes: Tensor,
        pred_scores: Tensor,
        priors: Tensor,
        gt_labels: Tensor,
        gt_bboxes: Tensor,
        pad_bbox_flag: Tensor,
        batch_size: int,
        num_gt: int,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """See the parent; overlaps are 0 where the prior is outside the box.

        Returns:
            tuple[Tensor, Tensor, Tensor]: Positive mask, alignment metrics and
            overlaps, each ``(batch_size, num_gt, num_priors)``.
        """
        pos_mask, metrics, overlaps = super().get_pos_mask(
            pred_bboxes,
            pred_scores,
            priors,
            gt_labels,
            gt_bboxes,
            pad_bbox_flag,
            batch_size,
            num_gt,
        )
        inside = select_candidates_in_gts(priors, gt_bboxes) * pad_bbox_flag
        return pos_mask, metrics, overlaps * inside
