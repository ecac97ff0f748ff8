"""``_base_ = "mmyolo_mnv1::NAME.py"``: configs of this package by name.

MMEngine reads the bases of a config before its ``custom_imports``, and knows only the
scopes of OpenMMLab's packages. :func:`mmyolo_mnv1.register_all` adds this one, which is
too late for a script that first reads such a config, as MMYOLO's ``train.py`` does.
``python -m mmyolo_mnv1.environment.config_scope`` lets every process of an environment
find it. This module is imported at the start of such a process: it imports little.
"""

import sys
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

SCOPE = __package__
UTILS = "mmengine.config.utils"


def add_scope(*modules: ModuleType) -> None:
    """Let MMEngine find ``mmyolo_mnv1::NAME``, with or without a folder in NAME.

    Args:
        modules (ModuleType): ``mmengine.config.utils``, and ``mmengine.config.config``
            where it is imported. Calling it again does nothing.
    """
    for module in modules:
        find = module._get_package_and_cfg_path
        if find.__module__ != __name__:
            module._get_package_and_cfg_path = _with_this_scope(find)


def watch() -> None:
    """Add the scope as soon as this process imports MMEngine's configs."""
    if UTILS not in sys.modules:
        sys.meta_path.insert(0, _Finder())


class _Finder:
    """Import finder that adds the scope to MMEngine's module of config utilities."""

    def find_spec(self, name: str, path=None, target=None) -> ModuleSpec | None:
        if name != UTILS:
            return None
        sys.meta_path.remove(self)
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None:
            execute = spec.loader.exec_module

            def exec_module(module: ModuleType) -> None:
                execute(module)
                add_scope(module)

            spec.loader.exec_module = exec_module
        return spec


def _with_this_scope(find):
    """Extend ``_get_package_and_cfg_path``, which takes ``scope::folder/name``."""

    def find_base(path: str) -> tuple[str, str]:
        scope, _, name = path.partition("::")
        return (SCOPE, name) if scope == SCOPE else find(path)

    return find_base
