"""Knowledge distillation: a detector that also learns from a trained one.

The teacher's class scores are soft targets (Hinton et al. 2015, arXiv 1503.02531), and
so are its distance distributions (localisation distillation, Zheng et al. 2022, arXiv
2102.12252). Both compare predictions, so that the backbones may differ and no layer is
added to the student.
"""

from typing import Any

import torch
from mmcv.cnn.utils import fuse_conv_bn
from mmdet.utils import reduce_mean
from mmengine.config import Config
from mmengine.dist import get_world_size
from mmyolo.registry import MODELS
from torch import Tensor, nn
from torch.nn import functional as F

from ..config import load_config
from ..converters.loading import load_weights
from ..errors import InputError
from ..models.build import build_model
from ..models.detectors import YOLO11Detector
from .checks import is_file

TEMPERATURE = 2.0  # of the distance distributions
CLS_WEIGHT, DFL_WEIGHT = 0.5, 1.5  # of YOLO11's own losses


@MODELS.register_module()
class DistilledYOLO11Detector(YOLO11Detector):
    """YOLO11 detector trained with a teacher, a detector with any backbone.

    The teacher is loaded when training starts. It is no part of the state dict, and
    testing and export do not need it.

    Args:
        teacher (str): Config file of the teacher: the same classes and strides.
        teacher_checkpoint (str): Its weights: a file, an address or a name.
        distill_weight (float): Factor of both losses of distillation. Defaults to 1.0.
        args, kwargs: See :class:`.YOLO11Detector`.
    """

    def __init__(
        self,
        *args: Any,
        teacher: str,
        teacher_checkpoint: str,
        distill_weight: float = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.teacher_files = teacher, teacher_checkpoint
        self.distill_weight = distill_weight
        self.teacher: Teacher | None = None

    def init_weights(self) -> None:
        """Initialise the student and load the teacher; training calls it once.

        Raises:
            InputError: If the teacher does not fit, see :class:`Teacher`.
        """
        super().init_weights()
        self.teacher = Teacher(*self.teacher_files, self)

    def loss(self, batch_inputs: Tensor, batch_data_samples: Any) -> dict[str, Tensor]:
        """Compute the losses of YOLO11 and of distillation.

        Args:
            batch_inputs (Tensor): Normalised images (N, 3, H, W).
            batch_data_samples (dict or list): See
                :meth:`mmyolo.models.dense_heads.YOLOv5Head.loss`.

        Returns:
            dict[str, Tensor]: Also ``loss_distill_cls`` and ``loss_distill_dfl``.
        """
        outputs: list[tuple] = []
        hook = self.bbox_head.register_forward_hook(
            lambda *call: outputs.append(call[-1])
        )
        try:
            losses = super().loss(batch_inputs, batch_data_samples)
        finally:
            hook.remove()
        distilled = distillation_losses(
            _flatten(outputs[0]), self.teacher.predict(batch_inputs)
        )
        factor = self.distill_weight * len(batch_inputs) * get_world_size()
        return losses | {name: loss * factor for name, loss in distilled.items()}


class Teacher:
    """A trained detector in evaluation mode, Conv+BN fused.

    It is no module, so that the student's parameters and state dict are its own;
    copies of the student share it.

    Args:
        config (str): Its config file.
        checkpoint (str): Its weights.
        student (YOLO11Detector): Gives the device and the preprocessing.

    Raises:
        InputError: If a file is missing, the checkpoint is not of the config, or the
            number of classes, the strides or the form of the boxes differ.
    """

    def __init__(self, config: str, checkpoint: str, student: YOLO11Detector) -> None:
        cfg = load_config(config)
        detector = build_model(cfg)
        check_same_task(detector, student, config)
        load_weights(detector, checkpoint, cfg)
        device = next(student.parameters()).device
        self.network = fuse_conv_bn(detector.eval()).to(device).requires_grad_(False)
        # The head returns distributions in training mode; its layers stay in
        # evaluation mode.
        self.network.bbox_head.head_module.training = True
        (mean, std), swaps = _statistics(detector.data_preprocessor)
        (given_mean, given_std), given_swaps = _statistics(student.data_preprocessor)
        self.swaps_channels = swaps != given_swaps
        if self.swaps_channels:
            given_mean, given_std = given_mean.flip(0), given_std.flip(0)
        self.scale = (given_std / std).to(device)
        self.shift = ((given_mean - mean) / std).to(device)

    def __deepcopy__(self, memo: dict) -> "Teacher":
        return self

    @torch.no_grad()
    def predict(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Predict from the student's images, with the teacher's preprocessing.

        Args:
            images (Tensor): Normalised for the student, (N, 3, H, W).

        Returns:
            tuple[Tensor, Tensor]: See :func:`distillation_losses`.
        """
        if self.swaps_channels:
            images = images.flip(1)
        return _flatten(self.network(images * self.scale + self.shift))


def _statistics(preprocessor: nn.Module) -> tuple[tuple[Tensor, Tensor], bool]:
    """Mean and std, (3, 1, 1) or (1,), and whether the order of channels is swapped."""
    mean = getattr(preprocessor, "mean", torch.zeros(1))
    std = getattr(preprocessor, "std", torch.ones(1))
    return (mean.cpu(), std.cpu()), bool(preprocessor._channel_conversion)


def distillation_losses(
    student: tuple[Tensor, Tensor], teacher: tuple[Tensor, Tensor]
) -> dict[str, Tensor]:
    """Compare predictions of a student with those of a teacher.

    Both are Kullback-Leibler divergences: of the class scores at every prior, and of
    the distance distributions, there weighted by the teacher's best score.

    Args:
        student (tuple[Tensor, Tensor]): Class logits (N, P, C) and logits of the
            distance distributions (N, P, 4, bins).
        teacher (tuple[Tensor, Tensor]): The same; its bins may be more or fewer.

    Returns:
        dict[str, Tensor]: ``loss_distill_cls`` and ``loss_distill_dfl``, divided by the
        sum of the teacher's best scores, as YOLO11's losses are by that of the targets.
    """
    logits, distances = student
    scores, target = teacher[0].sigmoid(), teacher[1]
    weights = scores.amax(2)
    total = reduce_mean(weights.sum()).clamp(min=1)
    cross_entropy = F.binary_cross_entropy_with_logits
    loss_cls = cross_entropy(logits, scores, reduction="sum")
    loss_cls = loss_cls - cross_entropy(teacher[0], scores, reduction="sum")
    target = _fit_bins((target / TEMPERATURE).softmax(3), distances.shape[3])
    divergence = F.kl_div(
        (distances / TEMPERATURE).log_softmax(3), target, reduction="none"
    ).sum(3)
    loss_dfl = (divergence.mean(2) * weights).sum() * TEMPERATURE**2
    return dict(
        loss_distill_cls=CLS_WEIGHT * loss_cls / total,
        loss_distill_dfl=DFL_WEIGHT * loss_dfl / total,
    )


def check_same_task(teacher: nn.Module, student: YOLO11Detector, config: str) -> None:
    """Refuse a teacher whose predictions cannot be compared with the student's.

    Raises:
        InputError: Naming what differs.
    """
    facts = []
    for detector in (teacher, student):
        module = getattr(getattr(detector, "bbox_head", None), "head_module", None)
        facts.append(
            {
                "number of classes": getattr(module, "num_classes", None),
                "strides": tuple(getattr(module, "featmap_strides", ())),
                "boxes by distributions (reg_max)": getattr(module, "reg_max", 1) > 1,
            }
        )
    for name, value in facts[0].items():
        if value != facts[1][name] or value is False:
            raise InputError(
                f"teacher {config} and student differ: {name} {value} and "
                f"{facts[1][name]}: choose a teacher of the same classes and strides"
            )


def check_teacher(cfg: Config) -> None:
    """Refuse a config whose teacher is missing or has other classes.

    Raises:
        InputError: Naming the field.
    """
    model = cfg.get("model") or {}
    if "teacher" not in model:
        return
    checkpoint = str(model.get("teacher_checkpoint"))
    if "://" not in checkpoint and not is_file(checkpoint):
        raise InputError(
            f"model.teacher_checkpoint is {checkpoint}, which is not found: name the "
            "weights of model.teacher"
        )
    classes = load_config(model.teacher).get("classes")
    if tuple(classes or ()) != tuple(cfg.get("classes") or ()):
        raise InputError(
            f"model.teacher {model.teacher} has the classes {classes} and this config "
            f"has {cfg.get('classes')}: choose a teacher of the same classes"
        )


def _fit_bins(probabilities: Tensor, bins: int) -> Tensor:
    """Distributions over the first ``bins`` strides; the last bin gets what is beyond.

    Bins are whole strides, so those of two heads mean the same distances.
    """
    given = probabilities.shape[-1]
    if given <= bins:
        return F.pad(probabilities, (0, bins - given))
    last = probabilities[..., bins - 1 :].sum(-1, keepdim=True)
    return torch.cat([probabilities[..., : bins - 1], last], -1)


def _flatten(outputs: tuple) -> tuple[Tensor, Tensor]:
    """Class logits and distributions of all levels, see :func:`distillation_losses`."""
    logits, _, distances = outputs
    logits = torch.cat([level.flatten(2) for level in logits], 2)
    return logits.transpose(1, 2).float(), torch.cat(list(distances), 1).float()
