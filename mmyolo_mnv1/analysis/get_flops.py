"""Tables of what models cost."""

from collections.abc import Sequence
from pathlib import Path

from mmengine.config import Config

from ..config import input_shape, load_config
from ..models.build import build_model
from .complexity import COUNTED, check_shape, count_layers, measure_complexity
from .tables import Column, Table, billions, millions

COUNTS = (
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
    """What the models of configs cost, in total and by part.

    Args:
        configs (Sequence[str]): Their files.
        shape (Sequence[int], optional): Height and width of the input in pixels.
            Defaults to None, each config's own.
        options (dict, optional): By which every config is changed. Defaults to None.

    Returns:
        Table: A row for each model and part. JSON holds an object a config (a list of
        them, if there are several): ``config``, ``input_shape`` and what
        :func:`.complexity.measure_complexity` gives.

    Raises:
        InputError: If a config has no model or input size, or the shape is odd.
    """
    found, rows = [], []
    for config in configs:
        cfg = load_config(config, options)
        size = _shape(cfg, shape)
        cost = measure_complexity(build_model(cfg), size)
        found.append(dict(config=str(config), input_shape=size, **cost))
        parts = dict(total=cost, **cost["by_part"])
        rows += [
            dict(config=Path(config).stem, input=_by(size), part=part, **counts)
            for part, counts in parts.items()
        ]
    columns = [
        Column("config", "config"),
        Column("input", "H x W"),
        Column("part", "part"),
        *COUNTS,
    ]
    return Table(columns, rows, COUNTED, found if len(found) > 1 else found[0])


def layers_table(
    config: str, shape: Sequence[int] | None = None, options: dict | None = None
) -> Table:
    """What each layer of a config's model costs, before Conv+BN fusion.

    Args:
        config (str): The file.
        shape (Sequence[int], optional): See :func:`flops_table`.
        options (dict, optional): See :func:`flops_table`.

    Raises:
        InputError: See :func:`flops_table`.
    """
    cfg = load_config(config, options)
    layers = count_layers(build_model(cfg), *_shape(cfg, shape))
    rows = [dict(layer._asdict(), output=_by(layer.output)) for layer in layers]
    return Table(LAYER_COLUMNS, rows, COUNTED, rows)


def _shape(cfg: Config, shape: Sequence[int] | None) -> tuple[int, int]:
    return check_shape(shape) if shape else input_shape(cfg)


def _by(sides: Sequence[int]) -> str:
    return " x ".join(map(str, sides))
