"""Zehaos/MobileNet's variables, converted, against a forward pass in NumPy."""

import numpy as np
import pytest
import torch

from mmyolo_mnv1.converters.tf_slim import tf_slim_to_mmyolo
from mmyolo_mnv1.errors import InputError
from mmyolo_mnv1.models import MobileNetV1

CLASSES = 7
#: Stride and output channels of conv_ds_2 to conv_ds_14 (paper, table 1).
BLOCKS = (
    *((1, 64), (2, 128), (1, 128), (2, 256), (1, 256), (2, 512)),
    *((1, 512),) * 5,
    *((2, 1024), (1, 1024)),
)


def random_variables() -> dict[str, np.ndarray]:
    """Variables as ``nets/mobilenet.py`` creates them, every one random."""
    rng = np.random.default_rng(0)
    variables = {}

    def conv(scope: str, weights: str, shape: tuple, norm: str, width: int) -> None:
        fan_in = np.prod(shape[:3]) if weights == "weights" else 9
        values = rng.normal(0, (2 / fan_in) ** 0.5, shape)
        variables[f"MobileNet/{scope}/{weights}"] = values
        variables[f"MobileNet/{scope}/biases"] = rng.normal(0, 0.5, width)
        variables[f"MobileNet/{norm}/beta"] = rng.normal(0.3, 0.3, width)
        variables[f"MobileNet/{norm}/moving_mean"] = rng.normal(0, 0.5, width)
        variables[f"MobileNet/{norm}/moving_variance"] = rng.uniform(0.5, 2, width)

    conv("conv_1", "weights", (3, 3, 3, 32), "conv_1/batch_norm", 32)
    width = 32
    for i, (_, out) in enumerate(BLOCKS, 2):
        root = f"conv_ds_{i}"
        depthwise = ("depthwise_weights", (3, 3, width, 1), f"{root}/dw_batch_norm")
        conv(f"{root}/depthwise_conv", *depthwise, width)
        pointwise = ("weights", (1, 1, width, out), f"{root}/pw_batch_norm")
        conv(f"{root}/pointwise_conv", *pointwise, out)
        width = out
    variables["MobileNet/fc_16/weights"] = rng.normal(0, 0.05, (width, CLASSES))
    variables["MobileNet/fc_16/biases"] = rng.normal(0, 1, CLASSES)
    return {name: value.astype(np.float32) for name, value in variables.items()}


def windows(x: np.ndarray, stride: int) -> np.ndarray:
    """3 x 3 windows (H, W, C, 3, 3) of a map (H, W, C), padded as TensorFlow's SAME."""
    pads = []
    for size in x.shape[:2]:
        total = max((-(-size // stride) - 1) * stride + 3 - size, 0)
        pads.append((total // 2, total - total // 2))
    padded = np.pad(x, [*pads, (0, 0)])
    view = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(0, 1))
    return view[::stride, ::stride]


def forward(variables: dict[str, np.ndarray], image: np.ndarray) -> np.ndarray:
    """Logits of an image (H, W, RGB) from -1 to 1, in float64."""

    def norm(x: np.ndarray, conv: str, scope: str) -> np.ndarray:
        get = {k: variables[f"MobileNet/{scope}/{k}"] for k in ("beta", "moving_mean")}
        variance = variables[f"MobileNet/{scope}/moving_variance"]
        x = x + variables[f"MobileNet/{conv}/biases"] - get["moving_mean"]
        return np.maximum(x / np.sqrt(variance + 1e-3) + get["beta"], 0)

    kernel = variables["MobileNet/conv_1/weights"]
    x = np.einsum("hwcij,ijco->hwo", windows(image.astype(float), 2), kernel)
    x = norm(x, "conv_1", "conv_1/batch_norm")
    for i, (stride, _) in enumerate(BLOCKS, 2):
        root = f"conv_ds_{i}"
        kernel = variables[f"MobileNet/{root}/depthwise_conv/depthwise_weights"]
        x = np.einsum("hwcij,ijc->hwc", windows(x, stride), kernel[..., 0])
        x = norm(x, f"{root}/depthwise_conv", f"{root}/dw_batch_norm")
        x = x @ variables[f"MobileNet/{root}/pointwise_conv/weights"][0, 0]
        x = norm(x, f"{root}/pointwise_conv", f"{root}/pw_batch_norm")
    weights = variables["MobileNet/fc_16/weights"]
    return x.mean((0, 1)) @ weights + variables["MobileNet/fc_16/biases"]


@torch.no_grad()
def test_logits(tmp_path):
    variables = random_variables()
    training = {"global_step": np.array(3), "MobileNet/fc_16/biases/RMSProp_1": 0}
    np.savez(tmp_path / "w.npz", **variables, **training)
    state_dict, meta = tf_slim_to_mmyolo(tmp_path / "w.npz")
    assert meta["num_classes"] == CLASSES and meta["source"] == "Zehaos/MobileNet"

    image = np.random.default_rng(1).uniform(-1, 1, (64, 96, 3))
    expected = forward(variables, image)
    backbone = MobileNetV1(
        **{k: v for k, v in meta["backbone"].items() if k != "type"}, out_indices=(5,)
    )
    fc = {k: state_dict.pop(f"head.fc.{k}") for k in ("weight", "bias")}
    backbone.load_state_dict(
        {k.removeprefix("backbone."): t for k, t in state_dict.items()}
    )
    backbone.train(False)
    (features,) = backbone(torch.from_numpy(image).float().permute(2, 0, 1)[None])
    logits = features.mean((2, 3)) @ fc["weight"].T + fc["bias"]
    assert expected.std() > 0.3
    np.testing.assert_allclose(logits[0].numpy(), expected, atol=1e-4)


def test_lists_variables_that_do_not_fit(tmp_path):
    variables = random_variables()
    del variables["MobileNet/conv_ds_7/pw_batch_norm/beta"]
    np.savez(tmp_path / "w.npz", **variables, extra=np.ones(1))
    words = r"1 left over \(extra\), 1 missing \(MobileNet/conv_ds_7/pw_batch_norm/beta"
    with pytest.raises(InputError, match=words):
        tf_slim_to_mmyolo(tmp_path / "w.npz")
