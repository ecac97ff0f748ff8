"""Runner: CPU and GPU training, safe checkpoints, configs with late values."""

import copy
import errno
import logging
import os
import zipfile
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.dist import is_distributed, is_main_process
from mmengine.logging import print_log
from mmengine.model import BaseTTAModel, is_model_wrapper, revert_sync_batchnorm
from mmengine.optim import ZeroRedundancyOptimizer
from mmengine.runner import Runner
from mmyolo.registry import RUNNERS
from torch import nn

from ..config import resolve
from ..errors import InputError
from ..files import replacing
from ..weights import UNREADABLE, compare_tensors
from ..weights.mmengine_loader import checkpoint_loaders
from .accumulation import accumulate
from .distributed import check_same_config, start_process_group
from .memory import keep_freed_memory

#: Error numbers of a full disk: no space, quota exceeded, file too large.
DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@RUNNERS.register_module()
class YOLO11Runner(Runner):
    """MMEngine's runner with crash-safe checkpoints and distributed training on CPUs.

    It loads checkpoints without running code in them, reports tensors that do not
    match, writes checkpoints atomically, and resumes from the last one when torchrun
    restarts it. ``runner_type = "YOLO11Runner"`` in a config makes MMYOLO's
    ``train.py`` and ``test.py`` use it.
    """

    @classmethod
    def from_cfg(cls, cfg: Config) -> "YOLO11Runner":
        """Build a runner from a config.

        Args:
            cfg (Config): Its late values are updated in a copy.

        Raises:
            InputError: If a late value is refused, or a checkpoint file of the config
                does not exist.
        """
        cfg = resolve(copy.deepcopy(cfg))
        for place, path in _named_checkpoints(cfg):
            if path and "://" not in path and not Path(path).is_file():
                raise InputError(
                    f"{place} is {path}, which is not found: correct the path or "
                    "leave it out"
                )
        restarts = int(os.environ.get("TORCHELASTIC_RESTART_COUNT", 0))
        if restarts and (Path(cfg.work_dir) / "last_checkpoint").is_file():
            cfg.resume, cfg.load_from = True, None
        return super().from_cfg(cfg)

    def setup_env(self, env_cfg: dict) -> None:
        """Initialise the process group and compare the configs of its processes.

        Raises:
            InputError: If a process group cannot be initialised, or configs differ.
        """
        if self.distributed and not is_distributed():
            dist_cfg = env_cfg.get("dist_cfg", {})
            start_process_group(self.launcher, dist_cfg.get("timeout"))
        keep_freed_memory()
        super().setup_env(env_cfg)
        check_same_config(self.cfg)

    def wrap_model(self, model_wrapper_cfg: dict | None, model: nn.Module) -> nn.Module:
        """Wrap the model for DDP; on a CPU without device ids and SyncBN."""
        if self.distributed and get_device() == "cpu" and not is_model_wrapper(model):
            model = revert_sync_batchnorm(model)
            model_wrapper_cfg = {
                "broadcast_buffers": False,
                "find_unused_parameters": self.cfg.get("find_unused_parameters", False),
                **(model_wrapper_cfg or {}),
                "device_ids": None,
            }
        return super().wrap_model(model_wrapper_cfg, model)

    def build_optim_wrapper(self, optim_wrapper):
        """Build the wrapper, with gradient accumulation up to ``nominal_batch_size``.

        Raises:
            InputError: If ZeroRedundancyOptimizer is used in a single process.
        """
        nominal = self.cfg.get("nominal_batch_size")
        is_config = isinstance(optim_wrapper, dict)
        kind = is_config and optim_wrapper.get("optimizer", {}).get("type")
        if kind == "ZeroRedundancyOptimizer" and not self.distributed:
            raise InputError(f"{kind} is for several processes: tools/dist_train.sh")
        if is_config and nominal:
            batch = self._train_dataloader["batch_size"] * self.world_size
            optim_wrapper, count = accumulate(optim_wrapper, nominal, batch)
            self.logger.info(
                f"nominal batch {nominal}: an update every {count} iterations of "
                f"{batch} images"
            )
        return super().build_optim_wrapper(optim_wrapper)

    def _init_model_weights(self) -> None:
        """Initialise the weights; ``Pretrained`` checkpoints are loaded safely."""
        with self._loaders():
            super()._init_model_weights()

    def _loaders(self) -> AbstractContextManager:
        return checkpoint_loaders(bool(self.cfg.get("allow_unsafe_checkpoint")))

    def _maybe_compile(self, target: str) -> None:
        """Compile backbone, neck and head if the config has ``compile``.

        MMEngine compiles all of ``train_step`` with the optimizer, which PyTorch 2.12
        cannot trace.

        Args:
            target (str): Method that MMEngine would compile; not used.
        """
        options = self.cfg.get("compile")
        if not options:
            return
        options = {} if options is True else dict(options)
        model = self.model.module if is_model_wrapper(self.model) else self.model
        if get_device() == "cpu":
            # Inductor's C++ for the gradient of max pooling, fused with neighbours,
            # does not compile (PyTorch 2.12.1, channels last).
            for module in model.modules():
                if isinstance(module, nn.MaxPool2d):
                    module.forward = torch.compiler.disable(module.forward)
        for part in (model.backbone, model.neck, model.bbox_head.head_module):
            part.compile(**options)
        self.logger.info("the network is compiled in the first iterations: be patient")

    def train(self) -> nn.Module:
        """Train, from the start or from a checkpoint.

        Raises:
            InputError: If the disk is full; names the last good checkpoint.
        """
        last = Path(self.work_dir) / "last_checkpoint"
        if is_main_process() and not self._resume:
            last.unlink(missing_ok=True)  # of an earlier run
        try:
            return super().train()
        except OSError as e:
            if e.errno not in DISK_FULL:
                raise
            good = last.read_text() if last.is_file() else "none"
            raise InputError(
                f"{e.filename or self.work_dir} cannot be written ({e.strerror}): make "
                f"room and --resume; the last good checkpoint is {good}"
            ) from None

    def save_checkpoint(self, out_dir: str, filename: str, *args, **kwargs) -> None:
        """Write a checkpoint atomically, after verifying its checksums.

        A collective: all processes call it. MMEngine writes to a remote ``out_dir``.

        Args:
            out_dir (str): Folder.
            filename (str): Name of the file.
            args, kwargs: See the parent.
        """
        if not is_main_process():
            optimizer = getattr(self.optim_wrapper, "optimizer", None)
            if isinstance(optimizer, ZeroRedundancyOptimizer) and kwargs.get(
                "save_optimizer", True
            ):
                optimizer.state_dict()  # sends its shard to the main process
            return
        if "://" in out_dir:
            super().save_checkpoint(out_dir, filename, *args, **kwargs)
            return
        with replacing(Path(out_dir) / filename, durable=True) as temporary:
            super().save_checkpoint(out_dir, temporary.name, *args, **kwargs)
            _check_archive(temporary)

    def resume(self, filename: str, *args, **kwargs) -> None:
        """Resume training from a checkpoint.

        Args:
            filename (str): The checkpoint.
            args, kwargs: See the parent.

        Raises:
            InputError: If it contains weights only.
        """
        try:
            super().resume(filename, *args, **kwargs)
        except KeyError as e:
            raise InputError(
                f"{filename} has no {e}: training cannot go on from it; give it as "
                "load_from to start with its weights"
            ) from None

    def load_checkpoint(self, filename: str, *args, **kwargs) -> dict:
        """Load a checkpoint safely and report tensors that do not match the model.

        Args:
            filename (str): The checkpoint.
            args, kwargs: See the parent.

        Raises:
            InputError: If the file is no checkpoint, would run code, or no tensor
                matches.
        """
        try:
            with self._loaders():
                checkpoint = super().load_checkpoint(filename, *args, **kwargs)
        except InputError:
            raise
        except UNREADABLE as e:
            line = (str(e).splitlines() or [""])[0]
            raise InputError(
                f"{filename} cannot be loaded ({type(e).__name__}: {line}): give a "
                "checkpoint"
            ) from None
        model = self.model
        while is_model_wrapper(model) or isinstance(model, BaseTTAModel):
            model = model.module
        given = checkpoint.get("state_dict", checkpoint)
        fits, message = compare_tensors(given, model.state_dict())
        if not fits:
            raise InputError(
                f"{filename}: {message}: the checkpoint is of another model, or of "
                "another form"
            )
        if message:
            print_log(f"{filename}: {message}", logger="current", level=logging.WARNING)
        return checkpoint


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


def _check_archive(path: Path) -> None:
    """Read a written checkpoint back and verify its checksums.

    Raises:
        OSError: If the file differs from what was written.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
    except zipfile.BadZipFile as e:
        raise OSError(f"{path} was not written whole: {e}") from None
    if damaged:
        raise OSError(f"{path} was not written correctly: {damaged} is damaged")
