"""Importing this module registers every class of the package in MMYOLO's registries."""

from . import datasets, engine, models  # noqa: F401
