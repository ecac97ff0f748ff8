"""Tables of parameters, MACs and FLOPs."""

from collections.abc import Sequence
from pathlib import Path

from mmengine.config import Config

from ..config import input_shape, load_config
from ..errors import check_sides
from .complexity import COUNTED, build_meta_model, count_layers, measure_complexity
from .tables import Column, Table, billions, millions

COLUMNS = (
    Column("config", "config"),
    Column("input", "H x W"),
    Column("part", "part"),
    Column("params", "params, M", millions),
    Column("params_fused", "fused, M", millions),
    Column("conv_macs", "conv MACs, G", billions),
    Column("macs", "MACs, G", billions),
    Column("flops", "FLOPs, G", billions),
    Column("activations", "activations, M", millions),
)
LAYER_COLUMNS = (
    Column("name", "layer"),
    Column("kind", "kind"),
    Column("output", "output"),
    Column("params", "params", "{:,}".format),
    Column("conv_macs", "conv MACs, M", millions),
    Column("macs", "MACs, M", millions),
    Column("activations", "activations", "{:,}".format),
)


def flops_table(
    configs: Sequence[str],
    shape: Sequence[int] | None = None,
    options: dict | None = None,
) -> Table:
    """Count the models of configs, in total and by part.

    Args:
        configs (Sequence[str]): Config files.
        shape (Sequence[int], optional): Height and width of the input in pixels.
            Defaults to None, each config's own.
        options (dict, optional): Changes of every config, as in ``--cfg-options``.
            Defaults to None.

    Returns:
        Table: One row per model and part. Its JSON document is a list with, for each
        config, ``config``, ``input_shape`` and the result of
        :func:`.measure_complexity`; for a single config it is this object.

    Raises:
        InputError: If a config has no model or no input size, or the shape is not a
            multiple of 32.
    """
    document, rows = [], []
    for config in configs:
        cfg = load_config(config, options)
        size = _input_shape(cfg, shape)
        cost = measure_complexity(build_meta_model(cfg), size)
        document.append(dict(config=str(config), input_shape=size, **cost))
        parts = dict(total=cost, **cost["by_part"])
        rows += [
            dict(config=Path(config).stem, input=_join(size), part=part, **counts)
            for part, counts in parts.items()
        ]
    return Table(COLUMNS, rows, COUNTED, document if len(document) > 1 else document[0])


def layers_table(
    config: str, shape: Sequence[int] | None = None, options: dict | None = None
) -> Table:
    """Count each layer of a config's model, before Conv+BN fusion.

    Args:
        config (str): Config file.
        shape (Sequence[int], optional): See :func:`flops_table`.
        options (dict, optional): See :func:`flops_table`.

    Raises:
        InputError: See :func:`flops_table`.
    """
    cfg = load_config(config, options)
    layers = count_layers(build_meta_model(cfg), *_input_shape(cfg, shape))
    rows = [dict(layer._asdict(), output=_join(layer.output)) for layer in layers]
    return Table(LAYER_COLUMNS, rows, COUNTED, rows)


def _input_shape(cfg: Config, shape: Sequence[int] | None) -> tuple[int, int]:
    if not shape:
        return input_shape(cfg)
    check_sides(f"shape {_join(shape)}", shape)
    return tuple(shape)


def _join(sides: Sequence[int]) -> str:
    return " x ".join(map(str, sides))
