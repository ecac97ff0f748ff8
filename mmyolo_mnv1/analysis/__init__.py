"""What a model costs and what it finds."""

from .. import registration  # noqa: F401
