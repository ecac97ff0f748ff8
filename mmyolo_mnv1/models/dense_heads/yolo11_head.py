"""The head of YOLO11.

Reference: ultralytics 8.3 ``nn/modules/head.py`` (Detect).
"""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn as nn
from mmdet.structures.bbox import get_box_tensor
from mmdet.utils import OptInstanceList, OptMultiConfig, reduce_mean
from mmengine.config import ConfigDict
from mmengine.dist import get_dist_info
from mmengine.structures import InstanceData
from mmyolo.models.dense_heads import YOLOv8Head, YOLOv8HeadModule
from mmyolo.registry import MODELS
from torch import Tensor

from ..layers.conv import TORCH_CONV_INIT, conv3x3
from ..nms import suppress
from ..scales import get_scale
from .peaks import peak_scores


@MODELS.register_module()
class YOLO11HeadModule(YOLOv8HeadModule):
    """Decoupled head: ordinary convolutions for boxes, depthwise separable for classes.

    For each level ``(N, C_i, H_i, W_i)`` it returns class logits
    ``(N, num_classes, H_i, W_i)`` and distances ``(N, 4, H_i, W_i)`` from the prior to
    the left, top, right and bottom of the box in units of the stride; in training also
    the logits of the distance distributions ``(N, H_i * W_i, 4, reg_max)`` (DFL).

    Args:
        num_classes (int): Number of classes. Defaults to 80.
        scale (str): One of n, s, m, l, x. Defaults to 'm'.
        in_channels (Sequence[int]): Nominal channels of the input maps.
            Defaults to (256, 512, 1024).
        separable (bool): Whether the 3x3 convolutions for boxes are depthwise
            separable too. Defaults to False.
        init_cfg (dict or list[dict], optional): Initialisation. Defaults to PyTorch's
            own for Conv2d.
        kwargs: ``featmap_strides`` (by default (8, 16, 32)), ``reg_max``, the bins of
            each distance (16), ``norm_cfg`` (YOLO's BN) and ``act_cfg`` (SiLU), see
            :class:`mmyolo.models.dense_heads.YOLOv8HeadModule`.

    Raises:
        InputError: If the scale is unknown.
    """

    def __init__(
        self,
        num_classes: int = 80,
        scale: str = "m",
        in_channels: Sequence[int] = (256, 512, 1024),
        separable: bool = False,
        init_cfg: OptMultiConfig = TORCH_CONV_INIT,
        **kwargs,
    ) -> None:
        self.separable = separable
        in_channels = [get_scale(scale).channels(c) for c in in_channels]
        super().__init__(num_classes, in_channels, init_cfg=init_cfg, **kwargs)

    def _init_layers(self) -> None:
        """Build YOLOv8's branches, then replace the class branches by YOLO11's."""
        super()._init_layers()
        channels = max(self.in_channels[0], min(self.num_classes, 100))
        self.cls_preds = self._branches(channels, self.num_classes)
        if self.separable:
            channels = max(16, self.in_channels[0] // 4, 4 * self.reg_max)
            self.reg_preds = self._branches(channels, 4 * self.reg_max)
        # The reference keeps DFL's fixed bin values in a frozen convolution, whose
        # reg_max weights count as parameters; a frozen parameter counts the same.
        proj = self.proj
        del self.proj
        self.proj = nn.Parameter(proj, requires_grad=False)

    def _branches(self, channels: int, outputs: int) -> nn.ModuleList:
        """Two depthwise separable 3x3 convolutions and a 1x1 with bias per level."""
        cfg = dict(norm_cfg=self.norm_cfg, act_cfg=self.act_cfg, separable=True)
        return nn.ModuleList(
            nn.Sequential(
                conv3x3(in_channels, channels, **cfg),
                conv3x3(channels, channels, **cfg),
                nn.Conv2d(channels, outputs, 1),
            )
            for in_channels in self.in_channels
        )


@MODELS.register_module()
class YOLO11Head(YOLOv8Head):
    """Loss and post-processing of YOLO11.

    The loss is YOLOv8's (reference: ultralytics 8.3 ``utils/loss.py``), computed on the
    rows of an :class:`.Assignment`: only their priors are decoded with a gradient, and
    no step waits for the GPU.
    Post-processing is YOLOv8's with :func:`.suppress` as NMS.
    """

    @property
    def nms_free(self) -> bool:
        """Whether ``test_cfg.nms`` is None: :func:`.peak_scores` then replaces NMS."""
        return bool(self.test_cfg) and self.test_cfg.get("nms", True) is None

    def loss_by_feat(
        self,
        cls_scores: Sequence[Tensor],
        bbox_preds: Sequence[Tensor],
        bbox_dist_preds: Sequence[Tensor],
        batch_gt_instances: Tensor | Sequence[InstanceData],
        batch_img_metas: Sequence[dict],
        batch_gt_instances_ignore: OptInstanceList = None,
    ) -> dict[str, Tensor]:
        """Compute the three losses, multiplied by the number of images as in YOLOv8.

        Args:
            cls_scores (Sequence[Tensor]): Class logits (N, C, H_i, W_i).
            bbox_preds (Sequence[Tensor]): Distances (N, 4, H_i, W_i) in strides.
            bbox_dist_preds (Sequence[Tensor]): Logits of the distance distributions
                (N, H_i * W_i, 4, reg_max).
            batch_gt_instances (Tensor or Sequence[InstanceData]): (G, 6) as image
                index, label, x1, y1, x2, y2 in pixels; or the instances of each image.
            batch_img_metas (Sequence[dict]): One for each image; not used.
            batch_gt_instances_ignore (optional): Not used.

        Returns:
            dict[str, Tensor]: ``loss_cls``, ``loss_bbox`` and ``loss_dfl``.
        """
        logits = torch.cat([level.flatten(2) for level in cls_scores], 2).float()
        num_imgs, num_classes, num_priors = logits.shape
        truths = _concat_instances(batch_gt_instances).to(logits)
        image, label = truths[:, :2].long().T
        points, strides = self._priors(cls_scores)
        with torch.no_grad():
            distances = torch.cat([level.flatten(2) for level in bbox_preds], 2)
            distances = distances.transpose(1, 2).float()
            boxes = self.bbox_coder.decode(points, distances, strides)
        rows = self.assigner(boxes, logits, points, truths)
        image, label = image[rows.truths], label[rows.truths]
        weights, world = rows.weights, get_dist_info()[1]
        # DDP averages the gradients of the processes: with this mean as the divisor,
        # the average is the gradient of the loss over the images of all processes.
        total = reduce_mean(weights.sum()).clamp(min=1 / world)

        places = (image * num_classes + label) * num_priors + rows.priors
        loss_cls = self.loss_cls(logits, places, weights) / total

        dists = torch.cat(list(bbox_dist_preds), 1).flatten(0, 1)
        dists = dists.index_select(0, image * num_priors + rows.priors).float()
        points, strides = points[rows.priors], strides[rows.priors]
        points, targets = points / strides[:, None], truths[rows.truths, 2:]
        targets = targets / strides[:, None]
        distances = dists.softmax(2).matmul(self.head_module.proj)
        predicted = self.bbox_coder.decode(points, distances, torch.ones_like(strides))
        loss_bbox = self.loss_bbox(predicted, targets, reduction_override="none")
        loss_bbox = (loss_bbox * weights).sum() / total

        distances = self.bbox_coder.encode(
            points, targets, max_dis=self.head_module.reg_max - 1, eps=0.01
        )
        loss_dfl = self.loss_dfl(
            dists.flatten(0, 1),
            distances.flatten(),
            weight=weights.repeat_interleave(4),
            avg_factor=total,
        )
        losses = dict(loss_cls=loss_cls, loss_bbox=loss_bbox, loss_dfl=loss_dfl)
        return {name: loss * (num_imgs * world) for name, loss in losses.items()}

    def predict_by_feat(
        self, cls_scores: Sequence[Tensor], *args: Any, **kwargs: Any
    ) -> list[InstanceData]:
        """Decode and post-process, by :func:`.peak_scores` if NMS is disabled.

        Arguments and result are the parent's.
        """
        if self.nms_free:
            cls_scores = [scores.logit() for scores in peak_scores(cls_scores)]
        return super().predict_by_feat(cls_scores, *args, **kwargs)

    def _priors(self, levels: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Centres (P, 2) in pixels and strides (P,) of the priors, cached.

        Always float32: half precision cannot represent the centres.
        """
        key = [level.shape[2:] for level in levels], levels[0].device
        if key != self.featmap_sizes_train:
            self.featmap_sizes_train = key
            priors = self.prior_generator.grid_priors(
                key[0], device=key[1], with_stride=True
            )
            self.flatten_priors_train = torch.cat(priors)
        return self.flatten_priors_train[:, :2], self.flatten_priors_train[:, 2]

    def _bbox_post_process(
        self,
        results: InstanceData,
        cfg: ConfigDict,
        rescale: bool = False,
        with_nms: bool = True,
        img_meta: dict | None = None,
    ) -> InstanceData:
        """Rescale the boxes and apply NMS; skip NMS if ``cfg.nms`` is None.

        Arguments are the parent's; ``cfg`` needs ``max_per_img`` and ``nms``, see
        :func:`.suppress`, or None as ``nms``.

        Returns:
            InstanceData: At most ``max_per_img`` instances in descending score order.
        """
        results = super()._bbox_post_process(
            results, cfg, rescale=rescale, with_nms=False, img_meta=img_meta
        )
        if not with_nms:
            return results
        if cfg.nms is not None:
            found = results.bboxes, results.scores, results.labels
            results = results[suppress(*found, cfg.nms)]
        return results[: cfg.max_per_img]


def _concat_instances(instances: Tensor | Sequence[InstanceData]) -> Tensor:
    """Ground truths of all images, (G, 6), see :meth:`YOLO11Head.loss_by_feat`."""
    if isinstance(instances, Tensor):
        return instances
    rows = []
    for image, each in enumerate(instances):
        labels = each.labels[:, None]
        index = torch.full_like(labels, image)
        rows.append(torch.cat([index, labels, get_box_tensor(each.bboxes)], 1))
    return torch.cat(rows)
