"""Late values of a config, computed from others, and ``${name}`` placeholders.

MMEngine evaluates a base file before its children, so a base cannot compute with a
value that a child sets. Bases therefore contain ``${name}``, and :func:`put_in`
replaces it when every file has been read.
"""

import copy
import os
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from mmdet.utils import replace_cfg_vals
from mmengine.config import Config, ConfigDict

from .config_checks import (
    check_classes,
    check_dump,
    check_paths,
    contradiction,
    count_classes,
)
from .errors import STRIDE, InputError, is_valid_size
from .weights.origins import expected_by

#: Names that are computed, each with the name that a config has to set for it.
DERIVED = dict(
    input_scale="img_scale",
    input_size="img_scale",
    num_classes="classes",
    ann_paths="ann_files",
    switch_epoch="close_mosaic_epochs",
    expected="pretrained",
)
INPUTS = {*DERIVED.values(), "rho"}

#: Start of a placeholder; no other text in a config may contain it.
MARK = "${"
#: Key under which a config notes the values that its placeholders had.
NOTES = "resolved"

Path = tuple[str | int, ...]


class Place(NamedTuple):
    """A placeholder that was replaced.

    Args:
        template (str): Text with ``${name}``.
        value (Any): Its replacement.
    """

    template: str
    value: Any


class LateValues(NamedTuple):
    """A config with its late values, and a record of what was put in.

    Args:
        values (ConfigDict): The config without placeholders.
        places (dict[Path, Place]): Replaced placeholders by their path.
        lists (dict[Path, list | tuple]): Lists that contain placeholders, by path.
        added (set[str]): Top-level names that were computed.
    """

    values: ConfigDict
    places: dict[Path, Place]
    lists: dict[Path, list | tuple]
    added: set[str]

    @property
    def names(self) -> set[str]:
        """Top-level names that other values follow from."""
        templates = " ".join(place.template for place in self.places.values())
        return INPUTS | set(re.findall(r"\$\{(\w+)", templates))

    def take_out(self, values: ConfigDict) -> tuple[dict, dict[Path, Place]]:
        """Restore the placeholders of a config.

        Args:
            values (ConfigDict): The config as it is now.

        Returns:
            tuple[dict, dict[Path, Place]]: A copy with placeholders, and the places
            where the value was changed since; they keep their value.

        Raises:
            InputError: If an item of a list that contains placeholders was moved.
        """
        for path in self.places:
            for depth, key in enumerate(path):
                if isinstance(key, int) and self._has_moved(values, path[:depth], key):
                    raise InputError(
                        f"{'.'.join(map(str, path[: depth + 1]))} was moved in its "
                        "list after the config had been read: insert or remove items "
                        "in a config file, or at the end of the list"
                    )
        edited = {}

        def restore(path: Path, node: Any) -> Any:
            place = self.places.get(path)
            if place is None:
                return node
            if node == place.value:
                return place.template
            edited[path] = place
            return node

        templates = _map(values, restore)
        for name in self.added:
            templates.pop(name, None)
        return templates, edited

    def _has_moved(self, values: ConfigDict, path: Path, index: int) -> bool:
        """Check whether a list item was moved to another index."""
        try:
            before, after = self.lists[path], list(_at(values, path))
        except (LookupError, TypeError):  # the list was removed
            return False
        item = before[index]
        if after[index : index + 1] == [item]:
            return False
        return after.count(item) >= before.count(item)


def put_in(
    values: dict, filename: str | None, edited: dict[Path, Place] | None = None
) -> LateValues:
    """Compute the values that follow from others and replace placeholders.

    - ``img_scale`` (width, height in pixels) times ``rho``, the resolution multiplier
      of MobileNets, rounded to multiples of 32, is ``input_scale``; its longer side is
      ``input_size``;
    - ``classes`` gives ``num_classes``, also to the detector;
    - ``data_root`` and ``ann_files`` give ``ann_paths``;
    - ``max_epochs`` minus ``close_mosaic_epochs`` is ``switch_epoch``;
    - ``pretrained`` gives ``expected``: the activation, BN and preprocessing that these
      weights were trained with.

    Args:
        values (dict): The config as read from files; not changed.
        filename (str, optional): Its file, for messages.
        edited (dict[Path, Place], optional): Places whose value was changed by hand.

    Returns:
        LateValues: The config and the record.

    Raises:
        InputError: If a value is out of range, the model's or a dataset's classes
            disagree with ``classes``, a placeholder names nothing, a value of a dumped
            config was changed, or an edited place would have got another value.
    """
    values = ConfigDict(_map(values, lambda _, node: node))
    given = set(values)
    check_dump(values, values.get(NOTES, {}), filename)
    _derive(values)
    model = values.get("model") or {}
    model = model.get("module", model)  # test-time augmentation wraps it
    if "num_classes" in values and str(model.get("type")).endswith("YOLO11Detector"):
        model.setdefault("default_num_classes", "${num_classes}")
    templates: dict[Path, str] = {}

    def note(path: Path, node: Any) -> Any:
        if isinstance(node, str) and MARK in node:
            templates[path] = node
        return node

    _map(values, note)
    if templates:
        wanted = set(re.findall(r"\$\{(\w+)", " ".join(templates.values())))
        values[NOTES] = {
            name: values[name]
            for name in sorted((wanted | INPUTS) - set(DERIVED))
            if name in values and MARK not in str(values[name])
        }
    for path, place in (edited or {}).items():
        if _replace(dict(values, _=place.template), filename)["_"] != place.value:
            raise InputError(
                f"config {filename}: {'.'.join(map(str, path))} was changed, and "
                f"{place.template} now has another value: change only one of them"
            )
    values = _replace(values, filename)
    check_classes(values)
    places = {
        path: Place(template, copy.deepcopy(_at(values, path)))
        for path, template in templates.items()
    }
    places = {**(edited or {}), **places}
    lists = {
        path[:depth]: copy.deepcopy(_at(values, path[:depth]))
        for path in templates
        for depth, key in enumerate(path)
        if isinstance(key, int)
    }
    return LateValues(values, places, lists, set(values) - given)


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
    if not is_valid_size(img_scale):
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


def _map(node: Any, change: Callable[[Path, Any], Any], path: Path = ()) -> Any:
    """Copy nested dicts, lists and tuples; ``change`` replaces nodes, outermost first.

    MMEngine's ``_scope_`` of no or this package is left out: no registry has it.
    """
    changed = change(path, node)
    if changed is not node:
        return changed
    if isinstance(node, dict):
        return {
            key: _map(value, change, (*path, key))
            for key, value in node.items()
            if key != "_scope_" or value not in (None, "mmyolo_mnv1")
        }
    if isinstance(node, (list, tuple)):
        return type(node)(_map(v, change, (*path, i)) for i, v in enumerate(node))
    return node


def _at(node: Any, path: Path) -> Any:
    for key in path:
        node = node[key]
    return node


def _derive(values: ConfigDict) -> None:
    """Compute the values that follow from others."""
    if "img_scale" in values:
        scale = input_scale(values.img_scale, values.get("rho", 1.0))
        _put(values, "input_scale", scale)
        _put(values, "input_size", max(scale))
    if "classes" in values:
        count = count_classes(values.classes)
        if values.setdefault("num_classes", count) != count:
            raise contradiction("num_classes", values.num_classes, count)
    if "ann_files" in values:
        check_paths(values)
        values.data_root = os.path.join(values.data_root, "")
        paths = {
            split: os.path.join(values.data_root, file)
            for split, file in values.ann_files.items()
        }
        _put(values, "ann_paths", paths)
    if "sizes" in values and values.size not in values.sizes:
        raise InputError(
            f"size is {values.size!r}: choose one of {', '.join(values.sizes)}"
        )
    if "close_mosaic_epochs" in values:
        for name in ("max_epochs", "close_mosaic_epochs"):
            if not isinstance(values[name], int) or values[name] < 0:
                raise InputError(f"{name} is {values[name]!r}: give a whole number")
        interval = values.get("val_interval", 1)
        if not isinstance(interval, int) or interval < 1:
            raise InputError(
                f"val_interval is {interval!r}: give a number of epochs, at least 1"
            )
        epoch = max(values.max_epochs - values.close_mosaic_epochs, 0)
        _put(values, "switch_epoch", epoch)
    if "pretrained" in values:
        if not isinstance(values.pretrained, (str, type(None))):
            raise InputError(
                f"pretrained is {values.pretrained!r}: give a name, an address or a "
                "file of weights, or None to train from scratch"
            )
        values.expected = expected_by(values.pretrained)


def _put(values: ConfigDict, name: str, value: Any) -> None:
    """Set a computed value.

    Raises:
        InputError: If the config gives another one.
    """
    given = values.get(name, value)
    if (tuple(given) if isinstance(given, list) else given) != value:
        raise InputError(
            f"{name} is {given!r}: it follows from {DERIVED[name]}, set that instead"
        )
    values[name] = value


def _replace(values: dict, filename: str | None) -> ConfigDict:
    """Replace placeholders, also those within replacements.

    Raises:
        InputError: If a placeholder names nothing or itself.
    """
    cfg = Config(values)
    for _ in range(5):
        if MARK not in str(cfg._cfg_dict):
            return cfg._cfg_dict
        try:
            cfg = replace_cfg_vals(cfg)
        except KeyError as e:
            name = DERIVED.get(e.args[0], e.args[0])
            raise InputError(
                f"config {filename}: ${{{name}}} is wanted: set {name}"
            ) from None
        except TypeError:
            raise InputError(
                f"config {filename}: a ${{name}} refers to a part of what is None: "
                "set it, or remove what needs it"
            ) from None
    raise InputError(f"config {filename}: a ${{name}} stands for itself")
