"""Late values: what a config says once and many places need.

MMEngine evaluates a base file before its children, so a base cannot compute with what a
child says. Bases therefore write ``${name}`` where a value is wanted, and
:func:`resolve` puts the values in when every file has been read, by MMDetection's
``replace_cfg_vals``. :class:`mmyolo_mnv1.engine.YOLO11Runner` does so before it builds
anything; the tools do so by :func:`load_config`.
"""

import os
from pathlib import Path
from typing import Any

from mmdet.utils import replace_cfg_vals
from mmengine.config import Config
from mmengine.config.utils import MODULE2PACKAGE

from .errors import InputError

#: This package, which MMEngine then knows in ``_base_ = "mmyolo_mnv1::…"``.
PACKAGE = "mmyolo_mnv1"
MODULE2PACKAGE.setdefault(PACKAGE, PACKAGE)

#: The largest stride: input sides are multiples of it.
STRIDE = 32

#: What a placeholder looks like; nothing else in a config may.
MARK = "${"


def load_config(path: str | Path, options: dict | None = None) -> Config:
    """Read a config file and put its late values in.

    Args:
        path (str or Path): The file.
        options (dict, optional): ``--cfg-options``: values by dotted name.
            Defaults to None.

    Raises:
        InputError: If the file is missing or no config, or :func:`resolve` refuses it.
    """
    if not Path(path).is_file():
        raise InputError(f"config {path} not found")
    try:
        cfg = Config.fromfile(path)
    except (OSError, SyntaxError, KeyError, TypeError, ValueError, AttributeError) as e:
        raise InputError(f"config {path}: {type(e).__name__}: {e}") from None
    cfg.merge_from_dict(options or {})
    return resolve(cfg)


def resolve(cfg: Config) -> Config:
    """Put the values that other values follow from wherever they are wanted.

    - ``img_scale`` (width, height in pixels) times ``rho``, the paper's resolution
      multiplier, rounded to multiples of 32, is ``input_scale``; its longer side is
      ``input_size``;
    - ``classes`` gives ``num_classes``, the model's too;
    - ``data_root`` and ``ann_files`` give ``ann_paths``;
    - ``max_epochs`` less ``close_mosaic_epochs`` is ``switch_epoch``.

    Then each ``${name}`` is replaced. The scope that MMEngine notes in what comes from
    ``mmyolo_mnv1::`` goes: no registry has it. Resolving twice does no harm; a config
    without these names is returned as it is.

    Args:
        cfg (Config): As read from files.

    Returns:
        Config: A new config without placeholders.

    Raises:
        InputError: If a value is out of range, the model's or a dataset's classes
            disagree with ``classes``, or a placeholder names nothing.
    """
    values = Config(_without_scope(cfg._cfg_dict.to_dict()), filename=cfg.filename)
    if "img_scale" in values:
        values.input_scale = input_scale(values.img_scale, values.get("rho", 1.0))
        values.input_size = max(values.input_scale)
    if "classes" in values:
        values.num_classes = _count_classes(values.classes)
    if "ann_files" in values:
        values.data_root = os.path.join(values.data_root, "")
        values.ann_paths = {
            split: os.path.join(values.data_root, file)
            for split, file in values.ann_files.items()
        }
    if "close_mosaic_epochs" in values:
        values.switch_epoch = max(values.max_epochs - values.close_mosaic_epochs, 0)
    values = _replace(values)
    if "num_classes" in values:
        _set_num_classes(values)
    return values


def input_scale(img_scale: tuple[int, int], rho: float) -> tuple[int, int]:
    """Input width and height: ``img_scale`` times ``rho``, in multiples of 32.

    Args:
        img_scale (tuple[int, int]): Nominal width and height in pixels, multiples
            of 32.
        rho (float): Resolution multiplier (MobileNets, arXiv 1704.04861, section
            3.4), above 0 and at most 1.

    Raises:
        InputError: If either is out of range.
    """
    if (
        not isinstance(img_scale, (tuple, list))
        or len(img_scale) != 2
        or any(not isinstance(s, int) or s <= 0 or s % STRIDE for s in img_scale)
    ):
        raise InputError(
            f"img_scale is {img_scale!r}: give (width, height) in multiples of "
            f"{STRIDE}, such as (640, 640)"
        )
    if isinstance(rho, bool) or not isinstance(rho, (int, float)) or not 0 < rho <= 1:
        raise InputError(
            f"rho is {rho!r}: give a number above 0, at most 1, such as 0.8"
        )
    scale = tuple(STRIDE * round(side * rho / STRIDE) for side in img_scale)
    if min(scale) < STRIDE:
        raise InputError(f"rho {rho} leaves less than {STRIDE} px of {img_scale}")
    return scale


def input_shape(cfg: Config) -> tuple[int, int]:
    """Height and width in pixels of the network's input.

    Args:
        cfg (Config): A resolved config.

    Raises:
        InputError: If the config does not say.
    """
    if "input_scale" not in cfg:
        raise InputError(
            f"config {cfg.filename} has no img_scale: set it, or give the shape"
        )
    width, height = cfg.input_scale
    return height, width


def _without_scope(node: Any) -> Any:
    """A copy without MMEngine's ``_scope_`` of no or this package; others stay."""
    if isinstance(node, dict):
        return {
            key: _without_scope(value)
            for key, value in node.items()
            if key != "_scope_" or value not in (None, PACKAGE)
        }
    if isinstance(node, (list, tuple)):
        return type(node)(map(_without_scope, node))
    return node


def _count_classes(classes: Any) -> int:
    if (
        not isinstance(classes, (tuple, list))
        or not classes
        or not all(isinstance(name, str) for name in classes)
    ):
        raise InputError(
            f"classes is {classes!r}: give the names in a tuple, such as ('cat', 'dog')"
        )
    twice = sorted({name for name in classes if list(classes).count(name) > 1})
    if twice:
        raise InputError(f"classes names {twice} more than once: remove the repetition")
    return len(classes)


def _replace(cfg: Config) -> Config:
    """Replace placeholders, those within the values put in as well.

    Raises:
        InputError: If one names nothing or itself.
    """
    for _ in range(5):
        if MARK not in str(cfg._cfg_dict):
            return cfg
        try:
            cfg = replace_cfg_vals(cfg)
        except KeyError as e:
            raise InputError(
                f"config {cfg.filename}: ${{{e.args[0]}}} is wanted: set {e.args[0]}"
            ) from None
    raise InputError(f"config {cfg.filename}: a ${{name}} stands for itself")


def _set_num_classes(cfg: Config) -> None:
    """Give the model the number of classes; a model that says another is refused."""
    model = cfg.get("model", {})
    model = model.get("module", model)  # test-time augmentation wraps it
    told = model.setdefault("num_classes", cfg.num_classes)
    if told != cfg.num_classes:
        raise InputError(
            f"model.num_classes is {told} and classes has {cfg.num_classes} names: "
            "leave num_classes out, it follows from classes"
        )
    for name in ("train_dataloader", "val_dataloader", "test_dataloader"):
        dataset = (cfg.get(name) or {}).get("dataset", {})
        names = dataset.get("metainfo", {}).get("classes", cfg.classes)
        if tuple(names) != tuple(cfg.classes):
            raise InputError(
                f"{name}.dataset.metainfo.classes is {tuple(names)} and classes is "
                f"{tuple(cfg.classes)}: leave metainfo out, it follows from classes"
            )
