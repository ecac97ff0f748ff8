"""Runner: CPU and GPU training, safe checkpoints, configs with late values."""

import copy
import logging
import os
import zipfile
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.dist import is_distributed, is_main_process
from mmengine.logging import MMLogger, print_log
from mmengine.model import BaseTTAModel, is_model_wrapper, revert_sync_batchnorm
from mmengine.optim import ZeroRedundancyOptimizer
from mmengine.runner import BaseLoop, Runner, find_latest_checkpoint
from mmyolo.registry import RUNNERS
from torch import nn
from torch.utils.data import DataLoader

from ..config import resolve
from ..converters.fit import fit_to_detector
from ..converters.loading import class_names, difference, other_order
from ..converters.mmengine_loader import checkpoint_loaders
from ..datasets import memory
from ..errors import InputError
from ..files import DISK_FULL, replacing
from ..weights import UNREADABLE, compare_tensors
from ..weights.origins import expected_part
from .accumulation import accumulate
from .checks import check_files, check_vis_backends, warn_of_lost_hooks
from .distillation import check_teacher
from .distributed import check_same_config, start_process_group
from .memory import keep_freed_memory
from .progress_hook import console, mute_console


def resume_last(cfg: Config) -> None:
    """Make a config resume from the last checkpoint of its work directory.

    Without a checkpoint the config stays as it is, ``load_from`` too.

    Args:
        cfg (Config): Changed; it has a ``work_dir``.
    """
    if find_latest_checkpoint(cfg.work_dir):
        # If load_from is set, MMEngine resumes from it, not from the last checkpoint.
        cfg.resume, cfg.load_from = True, None


@RUNNERS.register_module()
class YOLO11Runner(Runner):
    """MMEngine's runner with crash-safe checkpoints and distributed training on CPUs.

    It loads checkpoints without running code in them, reports tensors that do not
    match, writes checkpoints atomically, and resumes from the last one when torchrun
    restarts it. ``runner_type = "YOLO11Runner"`` in a config makes MMYOLO's
    ``train.py`` and ``test.py`` use it.
    """

    _loading = ""  # checkpoint that is being loaded
    _resuming = False
    _testing = False

    @classmethod
    def from_cfg(cls, cfg: Config) -> "YOLO11Runner":
        """Build a runner from a config.

        Args:
            cfg (Config): Its late values are updated in a copy.

        Raises:
            InputError: If a late value is refused, a checkpoint file of the config does
                not exist, or a visualisation backend is not installed.
        """
        cfg = resolve(copy.deepcopy(cfg))
        check_files(cfg)
        check_vis_backends(cfg)
        if int(os.environ.get("TORCHELASTIC_RESTART_COUNT", 0)):
            resume_last(cfg)
        runner = super().from_cfg(cfg)
        warn_of_lost_hooks(cfg, runner.logger)
        return runner

    @staticmethod
    def build_dataloader(dataloader: DataLoader | dict, *args, **kwargs) -> DataLoader:
        """Build a data loader, with memory that its workers will share.

        Without workers, options of workers are left out; without a GPU, pinned memory.

        Args:
            dataloader (DataLoader or dict): See the parent.
            args, kwargs: See the parent.
        """
        if isinstance(dataloader, dict) and not dataloader.get("num_workers"):
            dataloader = {**dataloader, "persistent_workers": False}
            dataloader.pop("prefetch_factor", None)
        if isinstance(dataloader, dict) and not torch.cuda.is_available():
            dataloader = {**dataloader, "pin_memory": False}
        loader = Runner.build_dataloader(dataloader, *args, **kwargs)
        if loader.num_workers:
            memory.allocate()
        return loader

    def build_logger(self, *args, **kwargs) -> MMLogger:
        """Build the logger; with ``ProgressHook`` the console shows only warnings.

        Args:
            args, kwargs: See the parent.
        """
        logger = super().build_logger(*args, **kwargs)
        hook = (self.cfg.get("default_hooks") or {}).get("logger") or {}
        if str(hook.get("type")).endswith("ProgressHook"):
            mute_console(logger)
        return logger

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

    def build_train_loop(self, loop: BaseLoop | dict) -> BaseLoop:
        """Build the training loop; ``by_epoch=True`` is a ResumableEpochLoop."""
        if isinstance(loop, dict) and "type" not in loop and loop.get("by_epoch"):
            loop = {k: v for k, v in loop.items() if k != "by_epoch"}
            loop["type"] = "mmyolo.ResumableEpochLoop"
        return super().build_train_loop(loop)

    def _init_model_weights(self) -> None:
        """Initialise the weights; ``Pretrained`` checkpoints are loaded safely."""
        with self._loaders():
            super()._init_model_weights()

    def _loaders(self) -> AbstractContextManager:
        allow_unsafe = bool(self.cfg.get("allow_unsafe_checkpoint"))
        return checkpoint_loaders(allow_unsafe, self._fit)

    def _fit(self, checkpoint: Any, address: str) -> Any:
        """Fit pretrained weights to the model; see :func:`.fit_to_detector`."""
        model = self.cfg.model
        model = model.get("module", model)
        changed = difference(checkpoint, model)
        if self._resuming or self._testing:
            changed = changed or other_order(checkpoint, self.cfg)
            if changed:
                raise InputError(f"{address} is not of {self.cfg.filename}: {changed}")
            self._warn_of_other_classes(checkpoint, address)
        elif changed:
            self.logger.warning(f"{address}: {changed}")
        return fit_to_detector(checkpoint, self._detector, model, address)

    def _warn_of_other_classes(self, checkpoint: Any, address: str) -> None:
        given, own = class_names(checkpoint), tuple(self.cfg.get("classes") or ())
        if given and own and given != own:
            self.logger.warning(
                f"{address} was trained for classes {given}, the config has {own}"
            )

    @property
    def _detector(self) -> nn.Module:
        """The model without wrappers."""
        model = self.model
        while is_model_wrapper(model) or isinstance(model, BaseTTAModel):
            model = model.module
        return model

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
        self.logger.warning(
            "the network is compiled in the first iterations: be patient"
        )

    def train(self) -> nn.Module:
        """Train, from the start or from a checkpoint.

        Raises:
            InputError: If the teacher of a distillation does not fit, or the disk is
                full; names the last good checkpoint.
        """
        check_teacher(self.cfg)
        last = Path(self.work_dir) / "last_checkpoint"
        if is_main_process() and not self._resume:
            last.unlink(missing_ok=True)  # of an earlier run
        try:
            with console(self):
                return super().train()
        except OSError as e:
            if e.errno not in DISK_FULL:
                raise
            good = last.read_text() if last.is_file() else "none"
            raise InputError(
                f"{e.filename or self.work_dir} cannot be written ({e.strerror}): make "
                f"room and --resume; the last good checkpoint is {good}"
            ) from None

    def test(self) -> dict:
        """Test the checkpoint of ``load_from``, also if the config says ``resume``.

        A config that a resumed training dumped does.
        """
        self._resume, self._testing = False, True
        with console(self):
            return super().test()

    def val(self) -> dict:
        """Validate the checkpoint of ``load_from``; see :meth:`test`."""
        self._resume = False
        with console(self):
            return super().val()

    def load_or_resume(self) -> None:
        """Load or resume; find the last checkpoint in a moved work directory too.

        If no checkpoint exists, training starts from ``pretrained``, because MMYOLO's
        ``train.py --resume`` sets ``load_from`` to None.

        Raises:
            InputError: If ``last_checkpoint`` names a file that does not exist.
        """
        if self._resume and self._load_from is None and not self._has_loaded:
            path = find_latest_checkpoint(self.work_dir)
            if path is None:
                self._resume, self._load_from = False, self.cfg.get("pretrained")
            elif "://" not in path and not Path(path).is_file():
                moved = Path(self.work_dir) / Path(path).name
                if not moved.is_file():
                    raise InputError(
                        f"{self.work_dir}/last_checkpoint names {path}, which is not "
                        "found: name a checkpoint with --resume, or remove that file"
                    )
                self._load_from = str(moved)
        super().load_or_resume()

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
        expected = expected_part(self.cfg.model)
        kwargs["meta"] = {**(kwargs.get("meta") or {}), **expected}
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
            InputError: If it contains weights only, weights of another model, or the
                state of an optimizer with other parameter groups.
        """
        self._resuming = True
        try:
            super().resume(filename, *args, **kwargs)
            _check_resumed(self.optim_wrapper)
        except KeyError as e:
            raise InputError(
                f"{filename} has no {e}: training cannot go on from it; give it as "
                "load_from to start with its weights"
            ) from None
        except InputError:  # a ValueError too
            raise
        except ValueError as e:  # of torch.optim.Optimizer.load_state_dict
            raise InputError(
                f"{filename}: {e}: resume with the optim_wrapper of its training, or "
                "give it as load_from to start with its weights"
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
        self._loading = filename
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
        return checkpoint

    def call_hook(self, fn_name: str, **kwargs) -> None:
        """Call hooks; compare a checkpoint with the model before hooks load it."""
        if fn_name == "after_load_checkpoint":
            self._compare(kwargs["checkpoint"])
        super().call_hook(fn_name, **kwargs)

    def _compare(self, checkpoint: dict) -> None:
        """Report tensors of a checkpoint that do not match the model.

        Raises:
            InputError: If none matches, or training is resumed and one does not.
        """
        given = checkpoint.get("state_dict", checkpoint)
        fits, problem = compare_tensors(given, self._detector.state_dict())
        if not problem:
            return
        message = f"{self._loading}: {problem}"
        if not fits:
            raise InputError(
                f"{message}: the checkpoint is of another model, or of another form"
            )
        if self._resuming:
            raise InputError(
                f"{message}: training cannot go on from it; give it as load_from to "
                "start with the weights that match"
            )
        print_log(message, logger="current", level=logging.WARNING)


def _check_resumed(optim_wrapper: Any) -> None:
    """Compare the options of resumed parameter groups with those of the optimizer.

    Raises:
        ValueError: If one is missing, because another type of optimizer wrote them.
    """
    optimizer = getattr(optim_wrapper, "optimizer", None)
    for group in getattr(optimizer, "param_groups", ()):
        if missing := sorted(set(optimizer.defaults) - set(group)):
            raise ValueError(
                f"the state of its optimizer has no {', '.join(missing)}, which "
                f"{type(optimizer).__name__} needs"
            )


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
