"""Tensor names of two projects: comparison, and the names of batch normalisation."""

from collections.abc import Collection, Mapping, Sequence
from typing import TypeVar

from ..errors import InputError

#: Tensors of ``torch.nn.BatchNorm2d`` in the order of its state dict.
BN_NAMES = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")

T = TypeVar("T")


def strip_prefix(tensors: Mapping[str, T], name: str) -> dict[str, T]:
    """Remove the prefix of a wrapper, such as ``module.`` or ``model.model.``.

    Args:
        tensors (Mapping[str, T]): Tensors by name.
        name (str): Name of one of them without the prefix.

    Returns:
        dict[str, T]: The same tensors; names without the prefix are kept.
    """
    full = min((key for key in tensors if f".{key}".endswith(f".{name}")), default=name)
    prefix = full.removesuffix(name)
    return {key.removeprefix(prefix): tensor for key, tensor in tensors.items()}


def check_names(
    names: Collection[str], expected: Collection[str], subject: str
) -> None:
    """Check that a file has the expected tensors and no others.

    Args:
        names (Collection[str]): Names of the tensors in the file.
        expected (Collection[str]): Names that the conversion knows.
        subject (str): Start of the message.

    Raises:
        InputError: Listing the tensors left over and missing.
    """
    left_over = [name for name in names if name not in expected]
    missing = [name for name in expected if name not in names]
    if left_over or missing:
        raise InputError(
            f"{subject}: {count_and_list('left over', left_over)}, "
            f"{count_and_list('missing', missing)}"
        )


def count_and_list(label: str, names: Sequence[str], limit: int = 10) -> str:
    """Number of names with a label, and the first of them in brackets."""
    if not names:
        return f"0 {label}"
    more = ", …" if len(names) > limit else ""
    return f"{len(names)} {label} ({', '.join(names[:limit])}{more})"
