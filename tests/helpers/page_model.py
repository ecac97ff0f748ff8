"""Photos, and an untrained detector that is robust to small changes of grey levels."""

from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image
from skimage import data as photos
from torch import nn

from mmyolo_mnv1.config import load_config
from mmyolo_mnv1.deploy.export.config_metadata import build_metadata
from mmyolo_mnv1.deploy.export.formats import ExportPlan, export_detector
from mmyolo_mnv1.deploy.export.network import DetectorNetwork
from mmyolo_mnv1.deploy.runtime.processing import letterbox, normalise
from mmyolo_mnv1.models.build import build_model
from mmyolo_mnv1.weights import save_checkpoint

SIZE = 320
SEED = 11  # gives boxes in each picture


def save_pictures(folder: Path) -> dict[str, Path]:
    """Save photos for an input of ``SIZE``, by the resizing that they need."""
    exif = Image.Exif()
    exif[0x0112] = 6  # rotated by 90 degrees
    made = dict(
        turned=("jpg", photos.chelsea(), dict(exif=exif, quality=95)),
        enlarged=("png", photos.coffee()[::3, ::3], {}),
        unchanged=("png", photos.astronaut()[:SIZE, :SIZE], {}),
        grey=("jpg", photos.camera()[:, 50:301], {}),
    )
    paths = {}
    for name, (suffix, photo, options) in made.items():
        paths[name] = folder / f"{name}.{suffix}"
        Image.fromarray(np.ascontiguousarray(photo)).save(paths[name], **options)
    return paths


def export_untrained(config: Path, pictures: Iterable[Path], folder: Path) -> Path:
    """Export a detector that finds tens of boxes in each picture, as ONNX."""
    cfg = load_config(config, dict(img_scale=(SIZE, SIZE)))
    torch.manual_seed(SEED)
    detector = build_model(cfg)
    detector.train(False)
    metadata = build_metadata(cfg, DetectorNetwork(detector))
    images = [
        letterbox(
            cv2.imread(str(path)), metadata.input_shape, metadata.preprocessing
        ).image
        for path in pictures
    ]
    set_weights(detector, torch.from_numpy(normalise(images, metadata.preprocessing)))
    weights = folder / "weights.pth"
    save_checkpoint(detector.state_dict(), {}, weights)
    return export_detector(cfg, weights, folder, ExportPlan(["onnx"]))["onnx"]


@torch.no_grad()
def set_weights(detector: nn.Module, images: torch.Tensor) -> None:
    """Set random weights that are robust to small changes of grey levels.

    Kernels are constant, activations keep their variance from layer to layer, few
    scores are high, boxes are several strides wide.
    """

    def keep_size(norm: nn.BatchNorm2d, inputs: tuple) -> None:
        norm.running_var.fill_(inputs[0].square().mean())

    def standardise(conv: nn.Conv2d, inputs: tuple, output: torch.Tensor) -> None:
        mean, std = output.mean((0, 2, 3)), output.std((0, 2, 3))
        conv.weight /= std[:, None, None, None]
        conv.bias.sub_(mean).div_(std)

    convs = [m for m in detector.modules() if isinstance(m, nn.Conv2d)]
    norms = [m for m in detector.modules() if isinstance(m, nn.BatchNorm2d)]
    head = detector.bbox_head.head_module
    scores = [branch[-1] for branch in head.cls_preds]
    sides = [branch[-1] for branch in head.reg_preds]
    for conv in convs:
        conv.weight[:] = conv.weight.mean((2, 3), keepdim=True)
    hooks = [norm.register_forward_pre_hook(keep_size) for norm in norms]
    hooks += [conv.register_forward_hook(standardise) for conv in scores + sides]
    detector(images)
    for hook in hooks:
        hook.remove()
    for conv in scores:
        conv.weight *= 1.5
        conv.bias.sub_(2).mul_(1.5)
    for conv in sides:
        conv.bias.view(4, -1)[:, 2:6] += 4  # strides
