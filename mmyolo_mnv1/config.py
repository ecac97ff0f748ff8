"""Configs whose late values are in place, however MMEngine reads them.

:func:`install`, called by :func:`mmyolo_mnv1.register_all`, extends
``Config.__init__``: a config that imports this package becomes a :class:`LateConfig`,
in which :mod:`.late_values` has replaced every ``${name}``. Other configs are left as
they are.
"""

import difflib
import functools
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from mmengine.config import Config, ConfigDict, config, utils

from .config_scope import add_scope
from .errors import InputError
from .late_values import MARK, NOTES, LateValues, input_scale, put_in

__all__ = ["LateConfig", "input_scale", "input_shape", "install", "load_config"]

PACKAGE = __package__
#: Similarity (difflib's ratio) from which an unknown name counts as misspelled.
SIMILAR = 0.85
#: Whether new configs keep their placeholders.
_deferred: ContextVar[bool] = ContextVar("deferred", default=False)
#: The latest config of each file.
_latest: WeakValueDictionary[str, "LateConfig"] = WeakValueDictionary()
#: The text of the last config that was printed, by its values.
_pretty_texts: dict[str, str] = {}


class LateConfig(Config):
    """A config without placeholders, whose late values follow each change.

    ``merge_from_dict``, which ``--cfg-options`` use, and assignment of a top-level
    name put the new value in every place that follows from it. A place that was
    edited by hand keeps its value.
    """

    _late: LateValues

    def merge_from_dict(self, options: dict, allow_list_keys: bool = True) -> None:
        """See :meth:`mmengine.config.Config.merge_from_dict`.

        Raises:
            InputError: If an option is misspelled; see :func:`.late_values.put_in`.
        """
        templates, edited = self._late.take_out(self._cfg_dict)
        with defer_late_values():
            cfg = Config(templates)
            _check_names(options, cfg, self.filename)
            cfg.merge_from_dict(options, allow_list_keys)
        self._put_in(cfg._cfg_dict, edited)

    @property
    def pretty_text(self) -> str:
        """See :attr:`mmengine.config.Config.pretty_text`.

        The text of the last config is kept: YAPF needs a second for one, and MMEngine
        formats it for every checkpoint.
        """
        values = repr(self.to_dict())
        if values not in _pretty_texts:
            text = super().pretty_text
            _pretty_texts.clear()
            _pretty_texts[values] = text
        return _pretty_texts[values]

    def refresh(self) -> None:
        """Update the late values after nested values were assigned.

        Raises:
            InputError: See :func:`.late_values.put_in`.
        """
        self._put_in(*self._late.take_out(self._cfg_dict))

    def __setattr__(self, name: str, value: Any) -> None:
        """Set a value, and those that follow from it."""
        super().__setattr__(name, value)
        removed = value is None and name != "pretrained"  # a part of the config
        if name in self._late.names and not removed:
            self.refresh()

    def __setitem__(self, name: str, value: Any) -> None:
        """Set a value, and those that follow from it."""
        self.__setattr__(name, value)

    def __getstate__(self) -> tuple:
        """State for pickling."""
        return (*super().__getstate__(), self._late)

    def __setstate__(self, state: tuple) -> None:
        """Restore a pickled state."""
        super().__setstate__(state[:-1])
        object.__setattr__(self, "_late", state[-1])

    def _put_in(self, values: dict, edited: dict | None = None) -> None:
        with defer_late_values():
            late = put_in(values, self.filename, edited)
        object.__setattr__(self, "_cfg_dict", late.values)
        object.__setattr__(self, "_late", late._replace(values=ConfigDict()))


def install() -> None:
    """Make MMEngine's configs of this package :class:`LateConfig`, once per process.

    Also lets MMEngine find ``_base_ = "mmyolo_mnv1::…"``.
    """
    add_scope(config, utils)
    if hasattr(Config.__init__, "__wrapped__"):
        return
    init = Config.__init__

    @functools.wraps(init)
    def init_with_late_values(self: Config, *args: Any, **kwargs: Any) -> None:
        init(self, *args, **kwargs)
        if type(self) is Config and not _deferred.get() and _has_late_values(self):
            resolve(self)

    Config.__init__ = init_with_late_values


@contextmanager
def defer_late_values() -> Iterator[None]:
    """Leave the placeholders of configs that are created in a block."""
    token = _deferred.set(True)
    try:
        yield
    finally:
        _deferred.reset(token)


def load_config(path: str | Path, options: dict | None = None) -> Config:
    """Read a config file, apply options, and put its late values in.

    Args:
        path (str or Path): The file.
        options (dict, optional): ``--cfg-options``: values by dotted name.
            Defaults to None.

    Raises:
        InputError: If the file is missing or no config, an option is misspelled, or a
            late value is refused; see :func:`.late_values.put_in`.
    """
    install()
    if not Path(path).is_file():
        raise InputError(f"config {path} not found")
    try:  # a config is a program: any exception is possible
        with defer_late_values():
            try:
                cfg = Config.fromfile(path)
            except SystemError:  # ast.parse in CPython 3.11 (gh-106905), by chance
                cfg = Config.fromfile(path)
            _check_names(options or {}, cfg, cfg.filename)
            cfg.merge_from_dict(options or {})
    except InputError:
        raise
    except Exception as e:
        line = (str(e).splitlines() or [""])[0]
        raise InputError(f"config {path}: {type(e).__name__}: {line}") from None
    _check_imports(cfg)
    return resolve(cfg)


def _check_imports(cfg: Config) -> None:
    """Check that ``custom_imports`` of a config contain this package."""
    is_ours = str(cfg.get("runner_type")).endswith("YOLO11Runner")
    if is_ours and "custom_imports" in cfg and not _has_import(cfg):
        raise InputError(
            f"config {cfg.filename}: custom_imports replace those of its base, which "
            f'import {PACKAGE}: set imports = [*_base_.custom_imports["imports"], ...]'
        )


def _check_names(options: dict, cfg: Config, filename: str | None) -> None:
    """Refuse misspelled option names, such as ``max_epoch`` for ``max_epochs``.

    Options below a ``${name}`` placeholder are refused too.
    """
    for option in options:
        node: Any = cfg
        names = option.split(".")
        for number, name in enumerate(names):
            place = isinstance(node, str) and re.fullmatch(r"\$\{(.*)\}", node)
            if place:
                raise InputError(
                    f"--cfg-options {option}: config {filename} has {place[1]} "
                    f"there: set {'.'.join([place[1], *names[number:]])}"
                )
            if not isinstance(node, (dict, Config)):
                break
            if name not in node:
                near = difflib.get_close_matches(name, list(node.keys()), 1, SIMILAR)
                if near:
                    raise InputError(
                        f"--cfg-options {option}: config {filename} has no {name}: "
                        f"did you mean {near[0]}? A new {name} belongs in a config file"
                    )
                break
            node = node[name]


def resolve(cfg: Config) -> Config:
    """Put the late values of a config in, or update them.

    Args:
        cfg (Config): Any config; it becomes a :class:`LateConfig`.

    Returns:
        Config: The same object.

    Raises:
        InputError: See :func:`.late_values.put_in`.
    """
    if isinstance(cfg, LateConfig):
        cfg.refresh()
    else:
        object.__setattr__(cfg, "__class__", LateConfig)
        source = _latest.get(cfg.filename)
        if source is not None and source._cfg_dict == cfg._cfg_dict:
            # A copy, as mmdet.utils.replace_cfg_vals makes: it can be changed too.
            object.__setattr__(cfg, "_late", source._late)
        else:
            cfg._put_in(cfg._cfg_dict)
        if cfg.filename:
            _latest[cfg.filename] = cfg
    return cfg


def input_shape(cfg: Config) -> tuple[int, int]:
    """Height and width in pixels of the network's input.

    Args:
        cfg (Config): A config with its late values.

    Raises:
        InputError: If the config has no ``img_scale``.
    """
    if "input_scale" not in cfg:
        raise InputError(
            f"config {cfg.filename} has no img_scale: set it, or give the shape"
        )
    width, height = cfg.input_scale
    return height, width


def _has_late_values(cfg: Config) -> bool:
    """Whether a config imports this package and has placeholders or had them."""
    return _has_import(cfg) and (NOTES in cfg or MARK in str(cfg._cfg_dict))


def _has_import(cfg: Config) -> bool:
    imports = (cfg.get("custom_imports") or {}).get("imports") or ()
    imports = [imports] if isinstance(imports, str) else imports
    return any(name.split(".")[0] == PACKAGE for name in imports)
