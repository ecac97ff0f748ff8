"""Calls :func:`mmyolo_mnv1.register_all` on import, for ``custom_imports``."""

from . import register_all

register_all()
