"""Late values: what a config says once and many places need.

MMEngine evaluates a base file before its children, so a base cannot compute with what a
child says. Bases therefore write ``${name}`` where a value is wanted, and
:func:`resolve` puts the values in when every file has been read, by MMDetection's
``replace_cfg_vals``. :class:`mmyolo_mnv1.engine.YOLO11Runner` does so before it builds
anything; the tools do so by :func:`load_config`.
"""

import os
import re
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

#: What is computed, and what besides it is computed from.
DERIVED = {"input_scale", "input_size", "num_classes", "ann_paths", "switch_epoch"}
INPUTS = {"img_scale", "rho", "classes", "ann_files", "close_mosaic_epochs"}

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
    try:  # a config is a program: anything may go wrong in it
        cfg = Config.fromfile(path)
        cfg.merge_from_dict(options or {})
    except Exception as e:
        line = (str(e).splitlines() or [""])[0]
        raise InputError(f"config {path}: {type(e).__name__}: {line}") from None
    return resolve(cfg)


def resolve(cfg: Config) -> Config:
    """Put the values that other values follow from wherever they are wanted.

    - ``img_scale`` (width, height in pixels) times ``rho``, the paper's resolution
      multiplier, rounded to multiples of 32, is ``input_scale``; its longer side is
      ``input_size``;
    - ``classes`` gives ``num_classes``, the model's too;
    - ``data_root`` and ``ann_files`` give ``ann_paths``;
    - ``max_epochs`` less ``close_mosaic_epochs`` is ``switch_epoch``.

    Then each ``${name}`` is replaced. What was put in is noted under ``resolved``: a
    dumped config has its values in every place, and one changed there alone would
    change nothing else. The scope that MMEngine notes in what comes from
    ``mmyolo_mnv1::`` goes: no registry has it. Resolving twice does no harm; a config
    without these names is returned as it is.

    Args:
        cfg (Config): As read from files.

    Returns:
        Config: A new config without placeholders.

    Raises:
        InputError: If a value is out of range, the model's or a dataset's classes
            disagree with ``classes``, a placeholder names nothing, or a value of a
            dumped config is changed.
    """
    values = Config(_without_scope(cfg._cfg_dict.to_dict()), filename=cfg.filename)
    if "ann_files" in values:
        _check_paths(values)
        values.data_root = os.path.join(values.data_root, "")
    _check_dump(values)
    if "img_scale" in values:
        values.input_scale = input_scale(values.img_scale, values.get("rho", 1.0))
        values.input_size = max(values.input_scale)
    if "classes" in values:
        count = _count_classes(values.classes)
        if values.setdefault("num_classes", count) != count:
            raise _contradiction("num_classes", values.num_classes, count)
    if "ann_files" in values:
        values.ann_paths = {
            split: os.path.join(values.data_root, file)
            for split, file in values.ann_files.items()
        }
    if "close_mosaic_epochs" in values:
        for name in ("max_epochs", "close_mosaic_epochs"):
            if not isinstance(values[name], int) or values[name] < 0:
                raise InputError(f"{name} is {values[name]!r}: give a whole number")
        values.switch_epoch = max(values.max_epochs - values.close_mosaic_epochs, 0)
    _note_values(values)
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


def _check_paths(cfg: Config) -> None:
    files = cfg.ann_files.values() if isinstance(cfg.ann_files, dict) else [None]
    if not all(isinstance(path, str) for path in (cfg.data_root, *files)):
        raise InputError(
            f"data_root is {cfg.data_root!r} and ann_files is {cfg.ann_files!r}: give "
            "a folder, and a file for each of train, val and test"
        )
    if isinstance(cfg.get("ignore_classes"), str):
        raise InputError(
            f"ignore_classes is {cfg.ignore_classes!r}: give the names in a tuple"
        )


def _check_dump(cfg: Config) -> None:
    """See that what was put in before is what stands there now.

    Raises:
        InputError: If a value of a dumped config was changed.
    """
    for name, value in cfg.get("resolved", {}).items():
        if cfg.get(name) != value:
            raise InputError(
                f"config {cfg.filename} is a dump, with {name} = {value!r} in every "
                f"place: set {name} = {cfg.get(name)!r} in a child of the config that "
                "was dumped"
            )


def _note_values(cfg: Config) -> None:
    """Note what is put in, for :func:`_check_dump`."""
    wanted = {*re.findall(r"\$\{(\w+)", str(cfg._cfg_dict))}
    if wanted:
        cfg.resolved = {
            name: cfg[name]
            for name in sorted((wanted | INPUTS) - DERIVED)
            if name in cfg and MARK not in str(cfg[name])
        }


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
    model = cfg.get("model") or {}
    model = model.get("module", model)  # test-time augmentation wraps it
    model.setdefault("num_classes", cfg.num_classes)
    for place in (
        "model",
        "model.bbox_head.head_module",
        "model.train_cfg.assigner",
    ):
        part = model
        for key in place.split(".")[1:]:
            part = part.get(key) or {}
        if part.get("num_classes", cfg.num_classes) != cfg.num_classes:
            raise _contradiction(
                f"{place}.num_classes", part.num_classes, cfg.num_classes
            )
    for name in ("train_dataloader", "val_dataloader", "test_dataloader"):
        dataset = (cfg.get(name) or {}).get("dataset", {})
        names = dataset.get("metainfo", {}).get("classes", cfg.classes)
        if tuple(names) != tuple(cfg.classes):
            raise InputError(
                f"{name}.dataset.metainfo.classes is {tuple(names)} and classes is "
                f"{tuple(cfg.classes)}: leave metainfo out, it follows from classes"
            )


def _contradiction(place: str, told: Any, count: int) -> InputError:
    return InputError(
        f"{place} is {told!r} and classes has {count} names: leave it out, it follows "
        "from classes"
    )
