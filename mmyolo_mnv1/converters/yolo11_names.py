"""What the tensors of YOLO11 are called in Ultralytics and here.

Reference: ultralytics 8.3 ``cfg/models/11/yolo11.yaml`` and ``nn/modules``.
"""

from collections.abc import Iterator
from typing import NamedTuple

from ..models.scales import SCALES, Scale

BN_NAMES = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
HEAD = "bbox_head.head_module"

#: Number of the Detect layer in yolo11.yaml.
DETECT = 23

Pair = tuple[str, str]


class Layer(NamedTuple):
    """One layer of yolo11.yaml that has weights.

    Args:
        index (int): Its number there.
        ours (str): Its name here.
        kind (str): Its class there.
        channels (int): Nominal output channels.
        c3k (bool): Whether it has C3k blocks at every scale. Defaults to False.
    """

    index: int
    ours: str
    kind: str
    channels: int
    c3k: bool = False


LAYERS = (
    Layer(0, "backbone.stem", "Conv", 64),
    Layer(1, "backbone.stage1.0", "Conv", 128),
    Layer(2, "backbone.stage1.1", "C3k2", 256),
    Layer(3, "backbone.stage2.0", "Conv", 256),
    Layer(4, "backbone.stage2.1", "C3k2", 512),
    Layer(5, "backbone.stage3.0", "Conv", 512),
    Layer(6, "backbone.stage3.1", "C3k2", 512, c3k=True),
    Layer(7, "backbone.stage4.0", "Conv", 1024),
    Layer(8, "backbone.stage4.1", "C3k2", 1024, c3k=True),
    Layer(9, "neck.reduce_layers.2.0", "SPPF", 1024),
    Layer(10, "neck.reduce_layers.2.1", "C2PSA", 1024),
    Layer(13, "neck.top_down_layers.0", "C3k2", 512),
    Layer(16, "neck.top_down_layers.1", "C3k2", 256),
    Layer(17, "neck.downsample_layers.0", "Conv", 256),
    Layer(19, "neck.bottom_up_layers.0", "C3k2", 512),
    Layer(20, "neck.downsample_layers.1", "Conv", 512),
    Layer(22, "neck.bottom_up_layers.1", "C3k2", 1024, c3k=True),
)


def tensor_names(letter: str) -> list[Pair]:
    """Ultralytics' and our name of each tensor of YOLO11, before Conv+BN fusion.

    Args:
        letter (str): The scale, one of n, s, m, l, x.

    Returns:
        list[tuple[str, str]]: In Ultralytics' order.
    """
    scale = SCALES[letter]
    pairs = []
    for layer in LAYERS:
        root = (f"model.{layer.index}", layer.ours)
        convs = _CONVS[layer.kind](scale, layer)
        pairs += [t for pair in convs for t in _tensors(_under(root, pair))]
    head = (f"model.{DETECT}", HEAD)
    pairs += [t for level in range(3) for t in _boxes(head, level)]
    pairs += [t for level in range(3) for t in _classes(head, level)]
    return [*pairs, (f"model.{DETECT}.dfl.conv.weight", f"{HEAD}.proj")]


def _under(root: Pair, pair: Pair) -> Pair:
    """Both names of ``pair`` below ``root``; an empty name is the root itself."""
    return tuple(f"{r}.{p}" if p else r for r, p in zip(root, pair, strict=True))


def _tensors(conv: Pair) -> list[Pair]:
    """Tensors of a convolution with BN, which both sides call alike."""
    names = ["conv.weight", *(f"bn.{name}" for name in BN_NAMES)]
    return [_under(conv, (name, name)) for name in names]


def _conv(scale: Scale, layer: Layer) -> list[Pair]:
    return [("", "")]


def _bottleneck() -> list[Pair]:
    return [("cv1", "conv1"), ("cv2", "conv2")]


def _c3k() -> list[Pair]:
    csp = [("cv1", "main_conv"), ("cv2", "short_conv"), ("cv3", "final_conv")]
    blocks = [(f"m.{i}", f"blocks.{i}") for i in range(2)]
    return csp + [_under(block, pair) for block in blocks for pair in _bottleneck()]


def _c3k2(scale: Scale, layer: Layer) -> list[Pair]:
    inner = _c3k() if layer.c3k or scale.c3k else _bottleneck()
    return _csp(scale, inner)


def _csp(scale: Scale, inner: list[Pair]) -> list[Pair]:
    """Two convolutions around ``scale.blocks(2)`` blocks of ``inner`` ones."""
    blocks = [(f"m.{i}", f"blocks.{i}") for i in range(scale.blocks(2))]
    return [
        ("cv1", "main_conv"),
        ("cv2", "final_conv"),
        *(_under(block, pair) for block in blocks for pair in inner),
    ]


def _sppf(scale: Scale, layer: Layer) -> list[Pair]:
    return [("cv1", "conv1"), ("cv2", "conv2")]


def _c2psa(scale: Scale, layer: Layer) -> list[Pair]:
    names = ("attn.qkv", "attn.proj", "attn.pe", "ffn.0", "ffn.1")
    return _csp(scale, [(name, name) for name in names])


_CONVS = {"Conv": _conv, "C3k2": _c3k2, "SPPF": _sppf, "C2PSA": _c2psa}


def _boxes(head: Pair, level: int) -> Iterator[Pair]:
    """Tensors of the box branch of a level."""
    branch = _under(head, (f"cv2.{level}", f"reg_preds.{level}"))
    for i in ("0", "1"):
        yield from _tensors(_under(branch, (i, i)))
    yield from _last(branch)


def _classes(head: Pair, level: int) -> Iterator[Pair]:
    """Tensors of the class branch of a level."""
    branch = _under(head, (f"cv3.{level}", f"cls_preds.{level}"))
    for i in ("0", "1"):
        for j, part in enumerate(("depthwise_conv", "pointwise_conv")):
            yield from _tensors(_under(branch, (f"{i}.{j}", f"{i}.{part}")))
    yield from _last(branch)


def _last(branch: Pair) -> list[Pair]:
    return [_under(branch, (f"2.{name}", f"2.{name}")) for name in ("weight", "bias")]
