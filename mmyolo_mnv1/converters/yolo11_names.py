"""Tensor names of YOLO11 in Ultralytics and in MMYOLO.

Reference: ultralytics 8.3 ``cfg/models/11/yolo11.yaml`` and ``nn/modules``.
"""

from collections.abc import Iterator
from typing import NamedTuple

from ..models.scales import SCALES, Scale
from .naming import BN_NAMES

#: Prefix of the head, of MMYOLO and of Ultralytics (layer 23 of yolo11.yaml).
HEAD = "bbox_head.head_module"
DETECT = "model.23"

Pair = tuple[str, str]  # Ultralytics' name, MMYOLO's name


class Yolo11Layer(NamedTuple):
    """A layer of yolo11.yaml that has weights.

    Args:
        index (int): Its number in yolo11.yaml.
        name (str): Its name in MMYOLO.
        kind (str): Its class in Ultralytics.
        channels (int): Nominal output channels.
        c3k (bool): Whether it has C3k blocks at every scale. Defaults to False.
    """

    index: int
    name: str
    kind: str
    channels: int
    c3k: bool = False


LAYERS = (
    Yolo11Layer(0, "backbone.stem", "Conv", 64),
    Yolo11Layer(1, "backbone.stage1.0", "Conv", 128),
    Yolo11Layer(2, "backbone.stage1.1", "C3k2", 256),
    Yolo11Layer(3, "backbone.stage2.0", "Conv", 256),
    Yolo11Layer(4, "backbone.stage2.1", "C3k2", 512),
    Yolo11Layer(5, "backbone.stage3.0", "Conv", 512),
    Yolo11Layer(6, "backbone.stage3.1", "C3k2", 512, c3k=True),
    Yolo11Layer(7, "backbone.stage4.0", "Conv", 1024),
    Yolo11Layer(8, "backbone.stage4.1", "C3k2", 1024, c3k=True),
    Yolo11Layer(9, "neck.reduce_layers.2.0", "SPPF", 1024),
    Yolo11Layer(10, "neck.reduce_layers.2.1", "C2PSA", 1024),
    Yolo11Layer(13, "neck.top_down_layers.0", "C3k2", 512),
    Yolo11Layer(16, "neck.top_down_layers.1", "C3k2", 256),
    Yolo11Layer(17, "neck.downsample_layers.0", "Conv", 256),
    Yolo11Layer(19, "neck.bottom_up_layers.0", "C3k2", 512),
    Yolo11Layer(20, "neck.downsample_layers.1", "Conv", 512),
    Yolo11Layer(22, "neck.bottom_up_layers.1", "C3k2", 1024, c3k=True),
)


def tensor_names(letter: str) -> list[Pair]:
    """Ultralytics' and MMYOLO's name of each tensor, without Conv+BN fusion.

    Args:
        letter (str): Scale: n, s, m, l or x.

    Returns:
        list[tuple[str, str]]: In Ultralytics' order.
    """
    scale = SCALES[letter]
    pairs = []
    for layer in LAYERS:
        root = (f"model.{layer.index}", layer.name)
        convs = _CONVS[layer.kind](scale, layer)
        pairs += [t for pair in convs for t in _conv_bn(_join(root, pair))]
    pairs += [t for level in range(3) for t in _box_branch(level)]
    pairs += [t for level in range(3) for t in _class_branch(level)]
    return [*pairs, (f"{DETECT}.dfl.conv.weight", f"{HEAD}.proj")]


def _join(root: Pair, pair: Pair) -> Pair:
    """Prepend ``root`` to both names; an empty name gives the root."""
    return tuple(f"{r}.{p}" if p else r for r, p in zip(root, pair, strict=True))


def _conv_bn(conv: Pair) -> list[Pair]:
    """Tensors of a convolution with BN, which have the same names in both."""
    names = ["conv.weight", *(f"bn.{name}" for name in BN_NAMES)]
    return [_join(conv, (name, name)) for name in names]


def _conv(scale: Scale, layer: Yolo11Layer) -> list[Pair]:
    return [("", "")]


def _bottleneck() -> list[Pair]:
    return [("cv1", "conv1"), ("cv2", "conv2")]


def _c3k() -> list[Pair]:
    csp = [("cv1", "main_conv"), ("cv2", "short_conv"), ("cv3", "final_conv")]
    blocks = [(f"m.{i}", f"blocks.{i}") for i in range(2)]
    return csp + [_join(block, pair) for block in blocks for pair in _bottleneck()]


def _c3k2(scale: Scale, layer: Yolo11Layer) -> list[Pair]:
    return _csp(scale, _c3k() if layer.c3k or scale.c3k else _bottleneck())


def _csp(scale: Scale, block_convs: list[Pair]) -> list[Pair]:
    """Convolutions of a CSP layer with ``scale.blocks(2)`` blocks."""
    blocks = [(f"m.{i}", f"blocks.{i}") for i in range(scale.blocks(2))]
    return [
        ("cv1", "main_conv"),
        ("cv2", "final_conv"),
        *(_join(block, pair) for block in blocks for pair in block_convs),
    ]


def _sppf(scale: Scale, layer: Yolo11Layer) -> list[Pair]:
    return [("cv1", "conv1"), ("cv2", "conv2")]


def _c2psa(scale: Scale, layer: Yolo11Layer) -> list[Pair]:
    names = ("attn.qkv", "attn.proj", "attn.pe", "ffn.0", "ffn.1")
    return _csp(scale, [(name, name) for name in names])


_CONVS = {"Conv": _conv, "C3k2": _c3k2, "SPPF": _sppf, "C2PSA": _c2psa}


def _box_branch(level: int) -> Iterator[Pair]:
    branch = (f"{DETECT}.cv2.{level}", f"{HEAD}.reg_preds.{level}")
    for i in ("0", "1"):
        yield from _conv_bn(_join(branch, (i, i)))
    yield from _last_conv(branch)


def _class_branch(level: int) -> Iterator[Pair]:
    branch = (f"{DETECT}.cv3.{level}", f"{HEAD}.cls_preds.{level}")
    for i in ("0", "1"):
        for j, part in enumerate(("depthwise_conv", "pointwise_conv")):
            yield from _conv_bn(_join(branch, (f"{i}.{j}", f"{i}.{part}")))
    yield from _last_conv(branch)


def _last_conv(branch: Pair) -> list[Pair]:
    return [_join(branch, (f"2.{name}", f"2.{name}")) for name in ("weight", "bias")]
