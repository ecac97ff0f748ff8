"""For tools that still call setup.py; the metadata lie in pyproject.toml."""

from setuptools import setup

setup()
