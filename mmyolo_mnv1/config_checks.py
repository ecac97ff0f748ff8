"""Checks of a config's values against each other."""

from typing import Any

from mmengine.config import ConfigDict

from .errors import InputError


def count_classes(classes: Any) -> int:
    """Count class names.

    Raises:
        InputError: If they are no names in a tuple or list, or one is repeated.
    """
    if (
        not isinstance(classes, (tuple, list))
        or not classes
        or not all(isinstance(name, str) for name in classes)
    ):
        raise InputError(
            f"classes is {classes!r}: give the names in a tuple, such as ('cat', 'dog')"
        )
    twice = sorted({name for name in classes if list(classes).count(name) > 1})
    if twice:
        raise InputError(f"classes names {twice} more than once: remove the repetition")
    return len(classes)


def check_paths(values: ConfigDict) -> None:
    """Check ``data_root``, ``ann_files`` and ``ignore_classes``.

    Raises:
        InputError: If one has another type.
    """
    files = values.ann_files.values() if isinstance(values.ann_files, dict) else [None]
    if not all(isinstance(path, str) for path in (values.data_root, *files)):
        raise InputError(
            f"data_root is {values.data_root!r} and ann_files is "
            f"{values.ann_files!r}: give a folder, and a file for each of train, val "
            "and test"
        )
    if isinstance(values.get("ignore_classes"), str):
        raise InputError(
            f"ignore_classes is {values.ignore_classes!r}: give the names in a tuple"
        )


def check_dump(values: ConfigDict, notes: dict, filename: str | None) -> None:
    """Refuse a dumped config in which a late value was changed in one place only.

    Args:
        values (ConfigDict): The config.
        notes (dict): Late values at the time of the dump, by name.
        filename (str, optional): Its file, for the message.

    Raises:
        InputError: If a noted value differs from the config's.
    """
    for name, value in notes.items():
        if values.get(name) != value:
            raise InputError(
                f"config {filename} is a dump, with {name} = {value!r} in every "
                f"place: set {name} = {values.get(name)!r} in a child of the config "
                "that was dumped"
            )


def check_classes(values: ConfigDict) -> None:
    """Check that the classes of model and datasets agree with ``classes``.

    Raises:
        InputError: If they differ; names the place.
    """
    if "num_classes" not in values:
        return
    model = values.get("model") or {}
    model = model.get("module", model)  # test-time augmentation wraps it
    for place in ("model", "model.bbox_head.head_module", "model.train_cfg.assigner"):
        part = model
        for key in place.split(".")[1:]:
            part = part.get(key) or {}
        if part.get("num_classes", values.num_classes) != values.num_classes:
            raise contradiction(
                f"{place}.num_classes", part.num_classes, values.num_classes
            )
    for name in ("train_dataloader", "val_dataloader", "test_dataloader"):
        dataset = (values.get(name) or {}).get("dataset", {})
        classes = dataset.get("metainfo", {}).get("classes", values.classes)
        if tuple(classes) != tuple(values.classes):
            raise InputError(
                f"{name}.dataset.metainfo.classes is {tuple(classes)} and classes is "
                f"{tuple(values.classes)}: leave metainfo out, it follows from classes"
            )


def contradiction(place: str, value: Any, count: int) -> InputError:
    """Create the error for ``num_classes`` that differs from ``len(classes)``."""
    return InputError(
        f"{place} is {value!r} and classes has {count} names: leave it out, it follows "
        "from classes"
    )
