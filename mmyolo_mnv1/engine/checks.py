"""Start-up checks of a training config."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.dist import get_world_size
from mmengine.logging import MMLogger
from torch.utils.data import DataLoader

from ..errors import STRIDE, InputError
from ..weights.download import NAME_SCHEMES, WEB_SCHEMES, local_file

#: Module that a visualisation backend of MMEngine needs, if it is not installed.
VIS_BACKENDS = dict(
    TensorboardVisBackend="tensorboard",
    WandbVisBackend="wandb",
    MLflowVisBackend="mlflow",
    ClearMLVisBackend="clearml",
    NeptuneVisBackend="neptune",
    AimVisBackend="aim",
    DVCLiveVisBackend="dvclive",
)
#: Hooks of the base configs that a child loses by setting ``custom_hooks``.
LOST = dict(
    EMAHook="the EMA of the weights is off",
    PipelineSwitchHook="mosaic stays on until the last epoch",
)


def check_files(cfg: Config) -> None:
    """Refuse a checkpoint file of the config that does not exist; download others.

    Raises:
        InputError: Naming the field and the file, or if a name or web address cannot be
            downloaded.
    """
    for place, path in _named_checkpoints(cfg):
        if path and path.startswith((*NAME_SCHEMES, *WEB_SCHEMES)):
            local_file(path)
        elif path and "://" not in path and not is_file(path):
            raise InputError(
                f"{place} is {path}, which is not found: correct the path or "
                "leave it out"
            )


def is_file(path: str) -> bool:
    """Whether a file exists, or a TensorFlow checkpoint with this prefix."""
    return any(Path(p).expanduser().is_file() for p in (path, f"{path}.index"))


def check_vis_backends(cfg: Config) -> None:
    """Refuse a visualisation backend whose package is not installed.

    Raises:
        InputError: Naming the package.
    """
    visualizer = cfg.get("visualizer") or {}
    for backend in visualizer.get("vis_backends") or ():
        kind = str(backend.get("type")).rpartition(".")[2]
        module = VIS_BACKENDS.get(kind)
        if module and not importlib.util.find_spec(module):
            raise InputError(
                f"vis_backends has {kind} and {module} is not installed: "
                f"pip install {module}, or leave it out"
            )


def check_batches(loader: DataLoader, cfg: Config) -> None:
    """Refuse a batch size that gives BN one value per channel on the coarsest map.

    Args:
        loader (DataLoader): Data loader of the training.
        cfg (Config): Config with ``input_scale``; others are not checked.

    Raises:
        InputError: Naming the batch and the remedy.
    """
    size = loader.batch_size
    if "input_scale" not in cfg or not size or get_world_size() > 1:
        return
    last = 0 if loader.drop_last else len(loader.sampler) % size
    width, height = cfg.input_scale
    if (last or size) * (width // STRIDE) * (height // STRIDE) == 1:
        raise InputError(
            f"a batch has 1 image of {width} x {height} px, of which BN gets one value "
            f"per channel: set img_scale to {2 * STRIDE} or more, or train_dataloader."
            "batch_size so that no batch has 1 image"
        )


def warn_of_lost_hooks(cfg: Config, logger: MMLogger) -> None:
    """Warn of hooks of the base config that ``custom_hooks`` of a child replaced."""
    if "switch_epoch" not in cfg:  # not a config of these bases
        return
    kinds = [str(hook.get("type")) for hook in cfg.get("custom_hooks") or ()]
    lost = [
        effect for name, effect in LOST.items() if not any(name in k for k in kinds)
    ]
    if lost:
        logger.warning(
            f"custom_hooks of {cfg.filename} replaces those of its base: "
            f"{'; '.join(lost)}; to keep them, write custom_hooks = "
            "[*_base_.custom_hooks, dict(type=...)]"
        )


def _named_checkpoints(cfg: Config) -> Iterator[tuple[str, str | None]]:
    """Fields of a config that name checkpoints, with their files or addresses."""
    yield "load_from", cfg.get("load_from")

    def walk(node: Any, place: str) -> Iterator[tuple[str, str]]:
        if isinstance(node, dict):
            if node.get("type") == "Pretrained":
                yield f"{place}.checkpoint", node.get("checkpoint")
            for key, value in node.items():
                yield from walk(value, f"{place}.{key}")

    yield from walk(cfg.model, "model")
