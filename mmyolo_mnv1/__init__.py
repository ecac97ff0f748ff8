"""MobileNetV1-YOLO11 detectors for the OpenMMLab ecosystem.

``custom_imports = dict(imports=['mmyolo_mnv1'], allow_failed_imports=False)`` in a
config registers every class of this package: MMEngine is loaded by then, and so this
module imports :mod:`mmyolo_mnv1.registration`. Without MMEngine in the process it
imports nothing, because ``python -m mmyolo_mnv1.doctor`` has to run where the stack is
broken. A script that builds models without a config imports
:mod:`mmyolo_mnv1.registration` (or ``mmyolo_mnv1.models``) itself.
"""

import sys

from .version import __version__

if "mmengine" in sys.modules:
    from . import registration  # noqa: F401

__all__ = ["__version__"]
