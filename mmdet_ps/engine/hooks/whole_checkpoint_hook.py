"""Checkpoints of which a kill or a full disk leaves a whole one."""

from __future__ import annotations

from collections import deque
from pathlib import Path

from mmdet.registry import HOOKS
from mmengine.dist import is_main_process
from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner

from mmdet_ps.utils.errors import UserError
from mmdet_ps.utils.files import remove_parts, write_text
from mmdet_ps.utils.whole_files import BACKEND
from mmdet_ps.utils.work_folder import POINTER, latest_checkpoint


@HOOKS.register_module()
class WholeCheckpointHook(CheckpointHook):
    """As mmengine's hook, in an order that survives a kill at any moment.

    A checkpoint is written beside its place, compared with what was to be
    written, and renamed; then ``last_checkpoint`` names it, and only then
    are older ones deleted. ``last_checkpoint`` holds the file's name alone,
    so that the folder can be moved.

    Args:
        **kwargs: See mmengine's ``CheckpointHook``.
    """

    def __init__(self, **kwargs) -> None:
        kwargs.setdefault('backend_args', dict(backend=BACKEND))
        super().__init__(**kwargs)

    def before_run(self, runner: Runner) -> None:
        """Find the newest whole checkpoint where none was named."""
        if runner._resume and runner._load_from is None:
            found = latest_checkpoint(
                runner.work_dir, say=runner.logger.warning
            )
            runner._load_from = found and str(found)

    def before_train(self, runner: Runner) -> None:
        """Find the checkpoints of a resumed training where they lie now."""
        super().before_train(runner)
        if is_main_process():
            remove_parts(Path(self.out_dir), '*.pth')
        if self.save_best:
            self._set_best(
                {
                    key: path and str(Path(self.out_dir) / Path(path).name)
                    for key, path in self._best().items()
                }
            )

    def _save_checkpoint_with_step(
        self, runner: Runner, step: int, meta: dict
    ) -> None:
        kept = list(self.keep_ckpt_ids) if self.max_keep_ckpts > 0 else []
        if kept[-1:] != [step]:
            kept.append(step)
        # With those about to be deleted: a run that is killed before it
        # comes to that deletes them when it is resumed.
        runner.message_hub.update_info('keep_ckpt_ids', kept)
        name = self.filename_tmpl.format(step)
        path = self.file_backend.join_path(self.out_dir, name)
        runner.message_hub.update_info('last_ckpt', path)
        runner.call_hook('gather_before_save')
        try:
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
        except OSError as error:
            last = self.last_ckpt or 'none was written yet'
            raise UserError(
                f'{path}: the checkpoint was not written ({error.strerror}); '
                f'the last good one is {last}. Free some space, then '
                'continue with --resume'
            ) from error
        self.last_ckpt = path
        if is_main_process():
            write_text(Path(runner.work_dir) / POINTER, name)
        if self.max_keep_ckpts > 0:
            for outdated in kept[: -self.max_keep_ckpts]:
                self._remove(self.filename_tmpl.format(outdated))
            kept = kept[-self.max_keep_ckpts :]
            self.keep_ckpt_ids = deque(kept, self.max_keep_ckpts)
            runner.message_hub.update_info('keep_ckpt_ids', kept)

    def _save_best_checkpoint(self, runner: Runner, metrics: dict) -> None:
        """Save a new best one, then delete the best one before it."""
        if not self.save_best:
            return
        before = self._best()
        # mmengine would delete these first.
        self._set_best(dict.fromkeys(before))
        super()._save_best_checkpoint(runner, metrics)
        after = self._best()
        for key, path in before.items():
            if path and after.get(key) and after[key] != path:
                self._remove(Path(path).name)
        self._set_best({key: after[key] or before.get(key) for key in after})

    def _best(self) -> dict[str, str | None]:
        """Path of the best checkpoint by each metric."""
        if len(self.key_indicators) == 1:
            return {self.key_indicators[0]: self.best_ckpt_path}
        return dict(self.best_ckpt_path_dict)

    def _set_best(self, paths: dict[str, str | None]) -> None:
        if len(self.key_indicators) == 1:
            (self.best_ckpt_path,) = paths.values()
        else:
            self.best_ckpt_path_dict = paths

    def _remove(self, name: str) -> None:
        path = self.file_backend.join_path(self.out_dir, name)
        if is_main_process() and self.file_backend.isfile(path):
            self.file_backend.remove(path)
