"""Write the metafiles and the table of configs/README.md from the configs."""

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch
import yaml
from mmengine.config import Config

from mmyolo_mnv1.analysis.complexity import count_conv_macs, count_params
from mmyolo_mnv1.config import input_shape, load_config
from mmyolo_mnv1.errors import InputError
from mmyolo_mnv1.files import atomic_write
from mmyolo_mnv1.models.build import build_model
from mmyolo_mnv1.version import __version__

ROOT = Path(__file__).resolve().parents[2]
TOOL = "tools/misc/generate_metafiles.py"
README = Path("configs/README.md")
BEGIN, END = f"<!-- begin: {TOOL} -->\n", "<!-- end -->\n"

WRITTEN = f"# Written by {TOOL} from the configs.\n"
UNITS = """\
# FLOPs: 2 x the multiply-accumulates of the convolutions, for one image of Input Size
# (width x height). Parameters: before Conv+BN fusion.
"""

_DETECTOR = "mmyolo_mnv1/models/detectors/yolo11_detector.py"
_MOBILENETS = dict(
    URL="https://arxiv.org/abs/1704.04861",
    Title="MobileNets: Efficient Convolutional Neural Networks for Mobile Vision "
    "Applications",
)
_MOBILENET_V2 = dict(
    URL="https://arxiv.org/abs/1801.04381",
    Title="MobileNetV2: Inverted Residuals and Linear Bottlenecks",
)

#: Fields of a collection by type of the detector (or classifier) and the backbone.
COLLECTIONS = {
    ("YOLO11Detector", "YOLO11CSPDarknet"): dict(Name="YOLO11", Code=_DETECTOR),
    ("YOLO11Detector", "MobileNetV1"): dict(
        Name="MobileNetV1-YOLO11", Code=_DETECTOR, Paper=_MOBILENETS
    ),
    ("YOLO11Detector", "mmpretrain.MobileNetV2"): dict(
        Name="MobileNetV2-YOLO11", Code=_DETECTOR, Paper=_MOBILENET_V2
    ),
    ("ImageClassifier", "MobileNetV1"): dict(
        Name="MobileNetV1",
        Code="mmyolo_mnv1/models/backbones/mobilenet_v1.py",
        Paper=_MOBILENETS,
    ),
}

#: Names of datasets by ``data_root``.
DATASETS = {
    "data/coco/": "COCO",
    "data/VOC/": "Pascal VOC",
    "data/BCCD/": "BCCD",
    "data/cards/": "Playing cards",
    "data/groceries/": "Groceries",
    "data/digits/": "Digits",
    "data/imagenet/": "ImageNet-1k",
}

#: Datasets of ``mim download mmyolo_mnv1 --dataset``.
DATASET_INDEX = dict(
    coco2017=dict(
        dataset="OpenDataLab/COCO_2017",
        download_root="data",
        data_root="data/coco",
        script="tools/dataset_converters/scripts/preprocess_coco2017.sh",
    )
)


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the arguments; write or check the generated files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail if a file is stale"
    )
    args = parser.parse_args(argv)
    differing = " ".join(map(str, generate_metafiles(ROOT, args.check)))
    if args.check and differing:
        raise InputError(f"stale: {differing}: run {TOOL}")
    print(f"wrote {differing}" if differing else "all up to date")


def config_files(root: Path) -> list[Path]:
    """List the runnable configs below ``root``, without ``_base_`` files."""
    files = sorted((root / "configs").rglob("*.py"))
    return [path for path in files if "_base_" not in path.parts]


def metafile_entry(path: Path, root: Path) -> dict:
    """Build a config's entry in a metafile, without parameters and FLOPs.

    Args:
        path (Path): The config.
        root (Path): Root of the repository.

    Raises:
        InputError: If :data:`COLLECTIONS` or :data:`DATASETS` lacks its model or data.
    """
    cfg = load_config(path)
    name = path.relative_to(root).as_posix()
    height, width = _input_shape(cfg)
    parts = (cfg.model.get(part) for part in ("backbone", "neck", "bbox_head", "head"))
    metadata = {
        "Architecture": [part.type.split(".")[-1] for part in parts if part],
        "Training Data": _look_up(DATASETS, _data_root(cfg), name),
        "Input Size": f"{width}x{height}",
        "Epochs": cfg.train_cfg.max_epochs,
        "Batch Size per GPU": cfg.train_dataloader.batch_size,
        "SyncBN": _yes_no("sync_bn" in cfg or "'SyncBN'" in str(cfg.model)),
        "AMP": _yes_no(cfg.optim_wrapper.get("type") == "AmpOptimWrapper"),
    }
    return {
        "Name": path.stem,
        "In Collection": _look_up(COLLECTIONS, _kind(cfg), name)["Name"],
        "Config": name,
        "Metadata": metadata,
    }


def metafile_counts(path: Path) -> dict[str, int]:
    """Count parameters and FLOPs of a config's model, on PyTorch's meta device.

    Args:
        path (Path): The config.
    """
    cfg = load_config(path)
    with torch.device("meta"):
        model = build_model(cfg)
    macs = count_conv_macs(model, *_input_shape(cfg))
    return dict(Parameters=count_params(model), FLOPs=2 * macs)


def _input_shape(cfg: Config) -> tuple[int, int]:
    """Height and width in pixels; classifiers' configs have one ``resolution``."""
    return (cfg.resolution,) * 2 if "resolution" in cfg else input_shape(cfg)


def _kind(cfg: Config) -> tuple[str, str]:
    """Get the key in :data:`COLLECTIONS`; distilled detectors have the student's."""
    return cfg.model.type.removeprefix("Distilled"), cfg.model.backbone.type


def _data_root(cfg: Config) -> str:
    return cfg.train_dataloader.dataset.data_root


def _yes_no(value: bool) -> str:
    """Words, because conditions of ``mim search`` cannot express booleans."""
    return "yes" if value else "no"


def _look_up(table: dict, key: object, config: str) -> object:
    if key not in table:
        raise InputError(f"{config}: {key} is unknown: add it to {TOOL}")
    return table[key]


def render_files(models: Iterable[dict], readme: str) -> dict[Path, str]:
    """Render all generated files.

    Args:
        models (Iterable[dict]): Results of :func:`metafile_entry` with those of
            :func:`metafile_counts` in their ``Metadata``.
        readme (str): Text of ``configs/README.md``.

    Returns:
        dict[Path, str]: Text by path below the root of the repository.

    Raises:
        InputError: If the README lacks the lines that enclose the table.
    """
    folders: dict[Path, list[dict]] = {}
    for model in models:
        folders.setdefault(Path(model["Config"]).parent, []).append(model)
    texts = {
        folder / "metafile.yml": _metafile(entries)
        for folder, entries in folders.items()
    }
    index = dict(Import=[path.as_posix() for path in texts])
    texts[Path("model-index.yml")] = WRITTEN + _yaml(index)
    texts[Path("dataset-index.yml")] = WRITTEN + _yaml(DATASET_INDEX)
    texts[README] = _with_table(readme, _table(m for f in folders.values() for m in f))
    return texts


def _metafile(models: list[dict]) -> str:
    used = {model["In Collection"] for model in models}
    collections = [
        collection
        | dict(
            README=README.as_posix(),
            Code=dict(URL=collection["Code"], Version=f"v{__version__}"),
        )
        for collection in COLLECTIONS.values()
        if collection["Name"] in used
    ]
    return WRITTEN + UNITS + _yaml(dict(Collections=collections, Models=models))


def _yaml(document: dict) -> str:
    return yaml.safe_dump(document, sort_keys=False, width=88)


def _table(models: Iterable[dict]) -> str:
    """Markdown table of the configs."""
    lines = [
        "| file | data | input, px | parameters, M | conv MACs, G |",
        "| --- | --- | ---: | ---: | ---: |",
    ]
    for model in models:
        data = model["Metadata"]
        path = Path(model["Config"]).relative_to(README.parent).as_posix()
        cells = (
            f"[`{path}`]({path})",
            data["Training Data"],
            data["Input Size"].replace("x", " × "),
            f"{data['Parameters'] / 1e6:.3f}",
            f"{data['FLOPs'] / 2e9:.3f}",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _with_table(readme: str, table: str) -> str:
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise InputError(f"{README}: the lines {BEGIN.strip()} and {END.strip()} lack")
    return f"{before}{begin}\n{table}\n{end}{after}"


def generate_metafiles(root: Path, check: bool = False) -> list[Path]:
    """Write every generated file that differs.

    Args:
        root (Path): Root of the repository.
        check (bool): Whether to compare only, without writing. Defaults to False.

    Returns:
        list[Path]: Files below ``root`` that differed.

    Raises:
        InputError: See :func:`metafile_entry` and :func:`render_files`.
    """
    models = []
    for path in config_files(root):
        model = metafile_entry(path, root)
        model["Metadata"] |= metafile_counts(path)
        models.append(model)
        print(model["Config"], flush=True)
    texts = render_files(models, (root / README).read_text(encoding="utf-8"))
    differing = [path for path in texts if _read(root / path) != texts[path]]
    for path in () if check else differing:
        with atomic_write(root / path) as temporary:
            temporary.write_text(texts[path], encoding="utf-8")
    return differing


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


if __name__ == "__main__":
    sys.exit(main())
