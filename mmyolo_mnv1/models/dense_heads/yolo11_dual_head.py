"""YOLO11's head with one-to-one class branches, for detection without NMS.

Reference: YOLOv10 (arXiv 2405.14458), dual label assignment.
"""

import copy
from collections.abc import Sequence

from mmdet.models.utils import multi_apply
from mmdet.utils import OptInstanceList
from mmengine.structures import InstanceData
from mmyolo.registry import MODELS, TASK_UTILS
from torch import Tensor

from .yolo11_head import YOLO11Head


@MODELS.register_module()
class YOLO11DualHead(YOLO11Head):
    """Usual head, and one-to-one class branches beside it.

    The one-to-one branches learn to give a high score to one prior of each object; its
    box is the usual branch's. Their gradient stops at the maps of the neck, so that the
    usual head and the network below train as without them. With NMS the usual branches
    are used and the others cost nothing; with ``test_cfg.nms=None`` it is the reverse.

    The one prior of a box is the best of the usual assigner's 7 candidates, by score x
    IoU^4: the score decides more than in the usual assignment, as in POTO (arXiv
    2012.03544), so that the choice varies less from one iteration to the next.

    Args:
        kwargs: See :class:`.YOLO11Head`.
    """

    has_one_to_one = True

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.one_to_one_preds = copy.deepcopy(self.head_module.cls_preds)

    def special_init(self) -> None:
        """See the parent; builds the assigner of the one-to-one branches."""
        super().special_init()
        if self.train_cfg:
            cfg = dict(topk=7, alpha=1.0, beta=4.0, one_to_one=True)
            cfg = {**self.train_cfg.assigner, **cfg}
            self.one_to_one_assigner = TASK_UTILS.build(cfg)

    def init_weights(self) -> None:
        """Initialise; both kinds of class branches start equal."""
        super().init_weights()
        self.one_to_one_preds.load_state_dict(self.head_module.cls_preds.state_dict())

    def forward(self, x: Sequence[Tensor]) -> tuple[list[Tensor], ...]:
        """Compute the outputs of the branches that are used.

        Args:
            x (Sequence[Tensor]): Maps (N, C_i, H_i, W_i) of the neck.

        Returns:
            tuple[list[Tensor], ...]: See :class:`.YOLO11HeadModule`; in training also
            the one-to-one class logits (N, num_classes, H_i, W_i).
        """
        head = self.head_module
        if self.training:
            pairs = zip(self.one_to_one_preds, x, strict=True)
            return *head(x), [branch(level.detach()) for branch, level in pairs]
        if self.nms_free:
            return multi_apply(
                head.forward_single, x, self.one_to_one_preds, head.reg_preds
            )
        return head(x)

    def loss_by_feat(
        self,
        cls_scores: Sequence[Tensor],
        bbox_preds: Sequence[Tensor],
        bbox_dist_preds: Sequence[Tensor],
        one_to_one_scores: Sequence[Tensor],
        batch_gt_instances: Tensor | Sequence[InstanceData],
        batch_img_metas: Sequence[dict],
        batch_gt_instances_ignore: OptInstanceList = None,
    ) -> dict[str, Tensor]:
        """Compute the parent's losses and ``loss_one_to_one``, a class loss.

        Arguments are the parent's and the one-to-one class logits (N, C, H_i, W_i).
        """
        boxes, truths = (bbox_preds, bbox_dist_preds), batch_gt_instances
        losses = super().loss_by_feat(cls_scores, *boxes, truths, batch_img_metas)
        one_to_one = super().loss_by_feat(
            one_to_one_scores,
            *boxes,
            truths,
            batch_img_metas,
            assigner=self.one_to_one_assigner,
        )
        return losses | dict(loss_one_to_one=one_to_one["loss_cls"])
