"""The head of YOLO11.

Reference: ultralytics 8.3 ``nn/modules/head.py`` (Detect).
"""

from collections.abc import Sequence

import torch
import torch.nn as nn
from mmdet.structures.bbox import get_box_tensor
from mmdet.utils import ConfigType, OptInstanceList, OptMultiConfig, reduce_mean
from mmengine.config import ConfigDict
from mmengine.dist import get_dist_info
from mmengine.structures import InstanceData
from mmyolo.models.dense_heads import YOLOv8Head, YOLOv8HeadModule
from mmyolo.registry import MODELS
from torch import Tensor
from torchvision.ops import batched_nms

from ..layers.csp import ACT_CFG, NORM_CFG
from ..layers.separable import conv3x3
from ..scales import TORCH_CONV_INIT, get_scale


@MODELS.register_module()
class YOLO11HeadModule(YOLOv8HeadModule):
    """Decoupled head: ordinary convolutions for boxes, depthwise separable for classes.

    Each level ``(N, C_i, H_i, W_i)`` gives class logits ``(N, num_classes, H_i, W_i)``
    and box distances ``(N, 4, H_i, W_i)`` in units of the stride, left, top, right,
    bottom; in training also the distance distributions ``(N, H_i * W_i, 4, reg_max)``
    (DFL).

    Args:
        num_classes (int): Number of classes. Defaults to 80.
        scale (str): One of n, s, m, l, x. Defaults to 'm'.
        in_channels (Sequence[int]): Nominal channels of the input maps.
            Defaults to (256, 512, 1024).
        featmap_strides (Sequence[int]): Strides of the input maps.
            Defaults to (8, 16, 32).
        reg_max (int): Bins of each distance. Defaults to 16.
        separable (bool): Whether the 3x3 convolutions for boxes are depthwise
            separable, as those for classes always are (the lite variants).
            Defaults to False.
        norm_cfg (dict): Normalisation. Defaults to YOLO's BN.
        act_cfg (dict): Activation. Defaults to SiLU.
        init_cfg (dict or list[dict], optional): Initialisation. Defaults to PyTorch's
            own for Conv2d.

    Raises:
        InputError: If the scale is unknown.
    """

    def __init__(
        self,
        num_classes: int = 80,
        scale: str = "m",
        in_channels: Sequence[int] = (256, 512, 1024),
        featmap_strides: Sequence[int] = (8, 16, 32),
        reg_max: int = 16,
        separable: bool = False,
        norm_cfg: ConfigType = NORM_CFG,
        act_cfg: ConfigType = ACT_CFG,
        init_cfg: OptMultiConfig = TORCH_CONV_INIT,
    ) -> None:
        self.separable = separable
        super().__init__(
            num_classes=num_classes,
            in_channels=[get_scale(scale).channels(c) for c in in_channels],
            featmap_strides=featmap_strides,
            reg_max=reg_max,
            norm_cfg=norm_cfg,
            act_cfg=act_cfg,
            init_cfg=init_cfg,
        )

    def _init_layers(self) -> None:
        """Build as YOLOv8 does, then replace the class branch by YOLO11's."""
        super()._init_layers()
        channels = max(self.in_channels[0], min(self.num_classes, 100))
        self.cls_preds = nn.ModuleList(
            self._branch(in_channels, channels, self.num_classes)
            for in_channels in self.in_channels
        )
        if self.separable:
            channels = max(16, self.in_channels[0] // 4, 4 * self.reg_max)
            self.reg_preds = nn.ModuleList(
                self._branch(in_channels, channels, 4 * self.reg_max)
                for in_channels in self.in_channels
            )
        # The reference keeps DFL's fixed bin values as a frozen convolution and counts
        # its reg_max weights among the parameters; so do we.
        proj = self.proj
        del self.proj
        self.proj = nn.Parameter(proj, requires_grad=False)

    def _branch(self, in_channels: int, channels: int, outputs: int) -> nn.Module:
        """Two depthwise separable 3x3 convolutions, then a 1x1 with bias."""
        cfg = dict(norm_cfg=self.norm_cfg, act_cfg=self.act_cfg, separable=True)
        return nn.Sequential(
            conv3x3(in_channels, channels, **cfg),
            conv3x3(channels, channels, **cfg),
            nn.Conv2d(channels, outputs, 1),
        )


@MODELS.register_module()
class YOLO11Head(YOLOv8Head):
    """Loss and post-processing of YOLO11.

    The loss is YOLOv8's (reference: ultralytics 8.3 ``utils/loss.py``), computed on the
    rows of an :class:`.Assignment`: only these are decoded with a gradient, and nothing
    has a size that a GPU must be asked for. Post-processing is YOLOv8's with
    torchvision's NMS: mmcv's fails on CUDA tensors where it was compiled without CUDA.
    """

    def loss_by_feat(
        self,
        cls_scores: Sequence[Tensor],
        bbox_preds: Sequence[Tensor],
        bbox_dist_preds: Sequence[Tensor],
        batch_gt_instances: Tensor | Sequence[InstanceData],
        batch_img_metas: Sequence[dict],
        batch_gt_instances_ignore: OptInstanceList = None,
    ) -> dict[str, Tensor]:
        """The three losses, times the number of images as YOLO's are.

        Args:
            cls_scores (Sequence[Tensor]): Class logits (N, C, H_i, W_i).
            bbox_preds (Sequence[Tensor]): Distances (N, 4, H_i, W_i) in strides.
            bbox_dist_preds (Sequence[Tensor]): Logits of the distances' distributions
                (N, H_i * W_i, 4, reg_max).
            batch_gt_instances (Tensor or Sequence[InstanceData]): (G, 6) as index of
                the image, label, x1, y1, x2, y2 in pixels; or the instances of each
                image.
            batch_img_metas (Sequence[dict]): One an image.
            batch_gt_instances_ignore (optional): Not used.

        Returns:
            dict[str, Tensor]: ``loss_cls``, ``loss_bbox`` and ``loss_dfl``.
        """
        logits = torch.cat([level.flatten(2) for level in cls_scores], 2).float()
        num_imgs, num_classes, num_priors = logits.shape
        truths = _ground_truths(batch_gt_instances).to(logits)
        image, label = truths[:, :2].long().T
        points, strides = self._priors(cls_scores)
        with torch.no_grad():
            distances = torch.cat([level.flatten(2) for level in bbox_preds], 2)
            distances = distances.transpose(1, 2).float()
            boxes = self.bbox_coder.decode(points, distances, strides)
            scores = logits[image, label].sigmoid()
        rows = self.assigner(boxes, scores, points, truths)
        image, label = image[rows.truths], label[rows.truths]
        weights, world = rows.weights, get_dist_info()[1]
        # The mean of the processes' losses is then the loss of all their images.
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
        factor = num_imgs * world
        return dict(
            loss_cls=loss_cls * factor,
            loss_bbox=loss_bbox * factor,
            loss_dfl=loss_dfl * factor,
        )

    def _priors(self, levels: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Centres (P, 2) in pixels and strides (P,) of the priors, kept between calls.

        Always float32: half precision cannot place them.
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
        """Suppress overlapping boxes class by class.

        Args:
            results (InstanceData): ``bboxes`` (n, 4) as x1, y1, x2, y2 in pixels,
                ``scores`` (n,) and ``labels`` (n,).
            cfg (ConfigDict): Uses ``nms.iou_threshold`` and ``max_per_img``.
            rescale (bool): See the parent. Defaults to False.
            with_nms (bool): Whether to suppress at all. Defaults to True.
            img_meta (dict, optional): See the parent. Defaults to None.

        Returns:
            InstanceData: At most ``max_per_img`` instances, best score first.
        """
        results = super()._bbox_post_process(
            results, cfg, rescale=rescale, with_nms=False, img_meta=img_meta
        )
        if not with_nms:
            return results
        keep = batched_nms(
            results.bboxes, results.scores, results.labels, cfg.nms.iou_threshold
        )
        return results[keep[: cfg.max_per_img]]


def _ground_truths(instances: Tensor | Sequence[InstanceData]) -> Tensor:
    """Boxes of all images in one list; see :meth:`YOLO11Head.loss_by_feat`."""
    if isinstance(instances, Tensor):
        return instances
    return torch.cat(
        [
            torch.cat(
                [
                    each.labels.new_full((len(each), 1), image),
                    each.labels[:, None],
                    get_box_tensor(each.bboxes),
                ],
                1,
            )
            for image, each in enumerate(instances)
        ]
    )
