"""Random MobileNetV1 classifiers in the formats of TF-slim and timm."""

import numpy as np
import torch

from mmyolo_mnv1.models import MobileNetV1

DEPTHWISE = "Conv2d_{}_depthwise/depthwise_weights"
LOGITS = "MobilenetV1/Logits/Conv2d_1c_1x1"


def random_classifier(alpha: float, num_classes: int) -> dict[str, torch.Tensor]:
    """State dict of a MobileNetV1 classifier, every tensor random."""
    torch.manual_seed(0)
    shapes = {f"backbone.{k}": v for k, v in MobileNetV1(alpha).state_dict().items()}
    shapes["head.fc.weight"] = torch.empty(num_classes, int(1024 * alpha))
    shapes["head.fc.bias"] = torch.empty(num_classes)
    return {
        name: torch.rand_like(t) if t.is_floating_point() else t
        for name, t in shapes.items()
    }


def as_tf_slim(state_dict: dict) -> dict[str, np.ndarray]:
    """Weights by TF-slim's names, in its order of axes."""
    convs = [k for k in state_dict if k.endswith("conv.weight")]
    layers = ["Conv2d_0/weights"]
    for i in range(1, 14):
        layers += [DEPTHWISE.format(i), f"Conv2d_{i}_pointwise/weights"]
    variables = {}
    for conv, layer in zip(convs, layers, strict=True):
        axes = (2, 3, 0, 1) if "depthwise" in layer else (2, 3, 1, 0)
        name = f"MobilenetV1/{layer}"
        variables[name] = state_dict[conv].permute(axes).numpy()
        bn = conv.replace("conv.weight", "bn.")
        root = name.rsplit("/", 1)[0] + "/BatchNorm/"
        variables[root + "gamma"] = state_dict[bn + "weight"].numpy()
        variables[root + "beta"] = state_dict[bn + "bias"].numpy()
        variables[root + "moving_mean"] = state_dict[bn + "running_mean"].numpy()
        variables[root + "moving_variance"] = state_dict[bn + "running_var"].numpy()
    fc = state_dict["head.fc.weight"].T.numpy()
    variables[f"{LOGITS}/weights"] = fc[None, None]
    variables[f"{LOGITS}/biases"] = state_dict["head.fc.bias"].numpy()
    return variables


def as_timm(state_dict: dict) -> dict[str, torch.Tensor]:
    """Weights by timm's names."""
    renamed = {}
    for name, tensor in state_dict.items():
        *module, leaf = name.removeprefix("backbone.").split(".")
        if module[0] == "stem":
            root = "conv_stem" if module[1] == "conv" else "bn1"
        elif module[0] == "head":
            root = "classifier"
        else:
            stage, block, part, kind = module
            short = "dw" if part == "depthwise_conv" else "pw"
            bn = "bn1" if short == "dw" else "bn2"
            last = f"conv_{short}" if kind == "conv" else bn
            root = f"blocks.{int(stage[-1]) - 1}.{block}.{last}"
        renamed[f"{root}.{leaf}"] = tensor.clone()
    return renamed
