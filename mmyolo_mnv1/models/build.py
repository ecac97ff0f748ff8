"""Build the model of a config."""

from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope
from torch import nn

from ..errors import InputError


def build_model(cfg: Config) -> nn.Module:
    """Build the model of a config; its weights are those of the constructors.

    Args:
        cfg (Config): A config without placeholders.

    Raises:
        InputError: If the config has no model, or it cannot be built.
    """
    if not cfg.get("model"):
        raise InputError(f"config {cfg.filename} has no model: give one of a detector")
    with DefaultScope.overwrite_default_scope(cfg.get("default_scope", "mmyolo")):
        try:
            return MODELS.build(cfg.model)
        except (KeyError, TypeError, AttributeError) as e:
            reason = str(e.args[0]).partition(". ")[0]
            raise InputError(f"config {cfg.filename}: model: {reason}") from None
