"""Crash-safe checkpoints."""

import os
import signal
import threading
from pathlib import Path

from mmengine.dist import is_main_process
from mmengine.hooks import CheckpointHook, EMAHook
from mmyolo.registry import HOOKS

from ..files import replacing
from .distributed import any_rank

#: Exit status of a process that was ended by SIGTERM.
TERMINATED = 128 + signal.SIGTERM


@HOOKS.register_module()
class SafeCheckpointHook(CheckpointHook):
    """``CheckpointHook`` that may be killed at any step without losing a checkpoint.

    A checkpoint is written atomically (:meth:`.YOLO11Runner.save_checkpoint`), then
    ``last_checkpoint`` is updated, and only then older checkpoints are removed. On
    SIGTERM it saves ``iter_N.pth`` and ends training with exit status 143; the next
    regular checkpoint replaces that file.
    """

    _terminated = False
    _has_trained = False

    def before_train(self, runner) -> None:
        """Install the SIGTERM handler."""
        super().before_train(runner)
        self._has_trained = True
        if threading.current_thread() is threading.main_thread():
            self._handler = signal.signal(signal.SIGTERM, self._on_sigterm)

    def after_train(self, runner) -> None:
        """Restore the previous SIGTERM handler."""
        super().after_train(runner)
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self._handler)

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        """Save as MMEngine does; after SIGTERM, save at the next update and exit."""
        super().after_train_iter(runner, batch_idx, data_batch, outputs)
        if any_rank(self._terminated) and runner.optim_wrapper.should_update():
            self._save_and_exit(runner, runner.iter + 1)

    def after_val_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        """After SIGTERM, save and exit; the validation is not repeated."""
        if any_rank(self._terminated):
            for hook in runner.hooks:
                if isinstance(hook, EMAHook):
                    hook.after_val_epoch(runner)  # swaps EMA and trained weights back
            self._save_and_exit(runner, runner.iter)

    def _on_sigterm(self, *_) -> None:
        self._terminated = True

    def _save_and_exit(self, runner, iteration: int) -> None:
        name = f"iter_{iteration}.pth"
        path = os.path.join(self.out_dir, name)
        runner.logger.warning(f"SIGTERM: saving {path}")
        runner.message_hub.update_info("interim_ckpt", path)
        meta = dict(epoch=runner.epoch, iter=iteration)
        self._save(runner, name, meta)
        raise SystemExit(TERMINATED)

    def _save(self, runner, name: str, meta: dict) -> None:
        """Save a checkpoint, then update ``last_checkpoint``."""
        self.last_ckpt = self.file_backend.join_path(self.out_dir, name)
        runner.message_hub.update_info("last_ckpt", self.last_ckpt)
        runner.save_checkpoint(
            self.out_dir,
            name,
            self.file_client_args,
            save_optimizer=self.save_optimizer,
            save_param_scheduler=self.save_param_scheduler,
            meta=meta,
            by_epoch=self.by_epoch,
            backend_args=self.backend_args,
            **self.args,
        )
        if is_main_process():
            path = Path(runner.work_dir) / "last_checkpoint"
            with replacing(path, durable=True) as temporary:
                temporary.write_text(self.last_ckpt)

    def _save_checkpoint_with_step(self, runner, step: int, meta: dict) -> None:
        """Save, then remove outdated checkpoints; MMEngine removes them first."""
        outdated = []
        if self.max_keep_ckpts > 0:
            steps = [*(s for s in self.keep_ckpt_ids if s != step), step]
            outdated = [
                self.filename_tmpl.format(s) for s in steps[: -self.max_keep_ckpts]
            ]
            self.keep_ckpt_ids.clear()
            self.keep_ckpt_ids.extend(steps[-self.max_keep_ckpts :])
            runner.message_hub.update_info("keep_ckpt_ids", list(self.keep_ckpt_ids))
        if interim := runner.message_hub.get_info("interim_ckpt"):
            runner.message_hub.update_info("interim_ckpt", None)
            outdated.append(interim)
        self._save(runner, self.filename_tmpl.format(step), meta)
        for name in outdated:
            self._remove(self.file_backend.join_path(self.out_dir, name))

    def _save_best_checkpoint(self, runner, metrics: dict) -> None:
        """Save the best checkpoint, then remove the previous best.

        ``Runner.val()`` saves nothing if ``Runner.train()`` was not called before.
        """
        if not self.save_best or not self._has_trained:
            return
        before = self._best_checkpoints()
        self._set_best_checkpoints([None] * len(before))
        super()._save_best_checkpoint(runner, metrics)
        after = self._best_checkpoints()
        pairs = list(zip(before, after, strict=True))
        self._set_best_checkpoints([new or old for old, new in pairs])
        for old, new in pairs:
            if old and new and old != new:
                self._remove(old)

    def _best_checkpoints(self) -> list[str | None]:
        """Paths of the best checkpoints, one for each metric."""
        if len(self.key_indicators) == 1:
            return [self.best_ckpt_path]
        return [self.best_ckpt_path_dict[key] for key in self.key_indicators]

    def _set_best_checkpoints(self, paths: list[str | None]) -> None:
        if len(paths) == 1:
            (self.best_ckpt_path,) = paths
        else:
            self.best_ckpt_path_dict = dict(
                zip(self.key_indicators, paths, strict=True)
            )

    def _remove(self, path: str) -> None:
        """Remove a checkpoint, unless it is of another run that this one resumed."""
        folder = os.path.abspath(os.path.dirname(path))
        is_own = "://" in path or folder == os.path.abspath(self.out_dir)
        if is_own and is_main_process() and self.file_backend.isfile(path):
            self.file_backend.remove(path)
