"""Project of a dataset: its data in COCO format, and a config that the user owns."""

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

from ..annotations.any_format import FORMATS, convert, find_labels
from ..annotations.source_files import SourceFiles
from ..annotations.split_names import split_roles
from ..annotations.summary import summary
from ..errors import InputError, check_least, check_sides
from ..files import atomic_folder, atomic_write

CONFIG = """\
# {data}, by tools/quickstart.py. The file is yours: the command uses it as it is.
_base_ = "{base}"
model = dict(scale="{scale}", backbone=dict(alpha={alpha}))
img_scale = ({side}, {side})
max_epochs = {epochs}
data_root = "{root}/"
classes = {classes}
"""
BASE = "_base_/yolo11_mnv1_finetune.py"
#: File in the converted data that names their source.
SOURCE = "source.txt"


class Project(NamedTuple):
    """Names and settings of a project.

    Args:
        data (Path): Labels and photos, see :func:`.find_labels`.
        name (str): Name of config, data and work directory.
        labels (str, optional): Format of the labels. Defaults to None, found out.
        scale (str): ``n``, ``s``, ``m``, ``l`` or ``x``. Defaults to "n".
        alpha (float): Width multiplier of MobileNetV1. Defaults to 0.5.
        epochs (int): Defaults to 40.
        img_scale (int): Side of the input in pixels. Defaults to 320.
        pretrained (str, optional): Name or file of weights, or ``none``. Defaults to
            None, the weights of the base config.
        seed (int): Seed of the split. Defaults to 0.
        out (Path, optional): Work directory. Defaults to None, ``work_dirs/NAME``.
    """

    data: Path
    name: str
    labels: str | None = None
    scale: str = "n"
    alpha: float = 0.5
    epochs: int = 40
    img_scale: int = 320
    pretrained: str | None = None
    seed: int = 0
    out: Path | None = None

    def check(self) -> None:
        """Validate the settings; nothing is written.

        Raises:
            InputError: If a setting is out of range, or a file of weights is missing.
        """
        if not re.fullmatch(r"[\w.-]+", self.name):
            raise InputError(f"--name {self.name!r}: give letters, digits, _, - and .")
        check_least(self._asdict(), epochs=1)
        check_sides(f"--img-scale {self.img_scale}", [self.img_scale] * 2)
        if not 0 < self.alpha <= 4:
            raise InputError(f"--alpha {self.alpha:g}: give a number such as 0.5 or 1")
        weights = self.pretrained or "none"
        is_file = "://" not in weights and weights.lower() != "none"
        if is_file and not Path(weights).expanduser().is_file():
            raise InputError(
                f"--pretrained {weights} not found: give a file, a name such as "
                "timm://mobilenetv1_100.ra4_e3600_r224_in1k, or none"
            )

    @property
    def config(self) -> Path:
        """The config file."""
        return Path("configs") / f"{self.name}.py"

    @property
    def data_root(self) -> Path:
        """Folder of the converted data."""
        return Path("data") / self.name

    @property
    def work_dir(self) -> Path:
        """Folder of checkpoints, logs, pictures and exported files."""
        return self.out or Path("work_dirs") / self.name


def project_name(data: Path) -> str:
    """Name of a dataset: that of its folder, in letters, digits and ``_``."""
    folder = data.resolve() if data.is_dir() else data.resolve().parent
    return re.sub(r"\W+", "_", folder.name).strip("_").lower() or "data"


def prepare(project: Project) -> str:
    """Convert the data and write the config, unless they are there.

    Returns:
        str: What was done, for the console.

    Raises:
        InputError: If the data cannot be used, or a project of this name has others.
    """
    project.check()
    if project.config.exists():
        from ..config import load_config  # OpenMMLab, which bad input does not need

        cfg = load_config(project.config)
        root = cfg.data_root
        _check_source(project, Path(root))
        lines = [f"{project.config} and {root} are there: used as they are"]
        lines += _note_ignored(project, cfg) + _note_changed(project, Path(root))
        return "\n".join(lines)
    lines = []
    if project.data_root.exists():
        if not (project.data_root / SOURCE).is_file():
            raise InputError(
                f"{project.data_root} is not of this command: give another --name, or "
                "move your photos elsewhere"
            )
        _check_source(project, project.data_root)
        lines += _note_changed(project, project.data_root)
        lines.append(f"{project.data_root} is there: used as it is")
    else:
        labels = find_labels(project.data, project.labels, project.data_root)
        with atomic_folder(project.data_root) as folder:
            results = convert(labels, folder, project.seed)
            (folder / SOURCE).write_text(f"{project.data.resolve()}\n")
        lines += [f"{FORMATS[labels.kind].title} labels", summary(results)]
    with atomic_write(project.config) as temporary:
        temporary.write_text(_config_text(project), encoding="utf-8")
    return "\n".join([*lines, f"written: {project.data_root}, {project.config}"])


def _check_source(project: Project, root: Path) -> None:
    """Refuse data of the same name that came from another folder."""
    source = root / SOURCE
    given = project.data.resolve()
    known = source.read_text().strip() if source.is_file() else str(root.resolve())
    if known != str(given) and root.resolve() != given:
        raise InputError(
            f"{project.config} is for {known}, not for {given}: give another --name, "
            f"or remove {project.config} and {root}"
        )


def _note_ignored(project: Project, cfg: Any) -> list[str]:
    """Report command-line options that differ from the existing config."""
    backbone = cfg.model.get("backbone", {})
    values = dict(
        scale=cfg.model.get("scale"),
        alpha=backbone.get("alpha"),
        epochs=cfg.get("max_epochs"),
        img_scale=max(cfg.get("img_scale", (0,))),
        pretrained=cfg.get("pretrained"),
    )
    given, usual = project._asdict(), Project._field_defaults
    return [
        f"--{name.replace('_', '-')} {given[name]} is ignored: {project.config} has "
        f"{value}, edit it"
        for name, value in values.items()
        if given[name] != usual[name] and str(given[name]) != str(value).lower()
    ]


def _note_changed(project: Project, root: Path) -> list[str]:
    """Report label files that were modified after the conversion to COCO."""
    source = root / SOURCE
    if not source.is_file() or not project.data.is_dir():
        return []
    suffixes = {".txt", *(s for form in FORMATS.values() for s in form.suffixes)}
    converted = source.stat().st_mtime
    files = SourceFiles(root).find(project.data, suffixes)
    newer = [file for file in files if file.stat().st_mtime > converted]
    if not newer:
        return []
    return [
        f"{len(newer)} label files such as {newer[0]} were changed since they were "
        f"converted: to use them, remove {root}, {project.config} and "
        f"{project.work_dir}"
    ]


def _config_text(project: Project) -> str:
    """Text of the config, from the annotation files."""
    files = sorted((project.data_root / "annotations").glob("*.json"))
    documents = {file.stem: json.loads(file.read_text()) for file in files}
    roles = split_roles(documents)
    if not documents[roles["test"]]["annotations"]:  # photos without labels
        roles["test"] = roles["val"]
    categories = documents[roles["train"]]["categories"]
    classes = [json.dumps(c["name"], ensure_ascii=False) for c in categories]
    is_checkout = (project.config.parent / BASE).is_file()
    text = CONFIG.format(
        data=project.data,
        base=f"./{BASE}" if is_checkout else f"mmyolo_mnv1::{BASE}",
        scale=project.scale,
        alpha=project.alpha,
        side=project.img_scale,
        epochs=project.epochs,
        root=project.data_root.as_posix(),
        classes=f"({', '.join(classes)}{',' * (len(classes) == 1)})",
    )
    usual = dict(train="train", val="val", test="val")
    if named := {role: split for role, split in roles.items() if split != usual[role]}:
        files = [f'{role}="annotations/{split}.json"' for role, split in named.items()]
        text += f"ann_files = dict({', '.join(files)})\n"
    if project.pretrained:
        none = project.pretrained.lower() == "none"
        text += f"pretrained = {None if none else json.dumps(project.pretrained)}\n"
    return text
