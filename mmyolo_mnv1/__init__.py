"""MobileNetV1-YOLO11 detectors for the OpenMMLab ecosystem.

``custom_imports = dict(imports=["mmyolo_mnv1.registration"])`` in a config registers
every class of this package. A script without a config calls :func:`register_all`.
Importing ``mmyolo_mnv1`` itself imports nothing of OpenMMLab and registers nothing.
"""

from .version import __version__

__all__ = ["__version__", "register_all"]


def register_all() -> None:
    """Register every class in MMYOLO's and MMPreTrain's registries; extend configs.

    It registers the names of weights in MMEngine too. Calling it again does nothing.
    See :mod:`mmyolo_mnv1.config` for the configs.
    """
    from . import config, datasets, engine, models  # noqa: F401
    from .converters import mmengine_loader

    config.install()
    mmengine_loader.register_names()
