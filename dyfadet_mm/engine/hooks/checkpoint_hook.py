import os.path as osp
from collections import deque
from typing import Any, Dict, Optional

from mmengine.dist import is_main_process
from mmengine.fileio import LocalBackend
from mmengine.hooks import CheckpointHook
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop, Runner

from dyfadet_mm.fileio import AtomicLocalBackend, atomic_path, remove_parts
from dyfadet_mm.registry import HOOKS
from ..resume_point import (LAST, check_like, check_resumable,
                            find_resume_point, name_pattern)
from ..work_dir import hold_work_dir, release_work_dir
from .runner_parts import built_train_loop


@HOOKS.register_module()
class TADCheckpointHook(CheckpointHook):
    """``CheckpointHook`` of trainings that can be killed at any moment.

    It has the arguments of MMEngine's hook and writes the same files. But

    - a file is complete or not there, and what it replaces is removed after
      it is on the disk;
    - resuming without a path goes on from the newest complete checkpoint;
    - files are named without their folder, so that a copy of the folder can
      be resumed, and nothing outside of it is removed;
    - a validation that was interrupted is made up for when resuming, so that
      the best checkpoint is that of an uninterrupted training;
    - nothing in a checkpoint is run as code;
    - two trainings do not share ``work_dir``;
    - nothing is saved in ``Runner.val()``, where nothing is trained.

    Checkpoints of MMEngine's own hook can be resumed. Folders that are no
    local ones, such as ``s3://...``, are written as MMEngine does.

    Args:
        args, kwargs: As of ``CheckpointHook``.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._is_validated = False

    def before_run(self, runner: Runner) -> None:
        """Take ``work_dir``, and look for the checkpoint to resume.

        Args:
            runner (Runner): The runner; a checkpoint is loaded later.

        Raises:
            InUseError: If another training has ``work_dir``.
            ValueError: If there are checkpoints and none can be resumed,
                or the one that was chosen cannot.
        """
        if built_train_loop(runner) is None:
            return
        folder = self._folder(runner)
        if is_main_process():
            hold_work_dir(runner.work_dir)
            if osp.isdir(folder):
                hold_work_dir(folder)
                remove_parts(folder)
        if not runner._resume:
            return
        if runner._load_from is None:
            runner._load_from = find_resume_point(runner.work_dir, folder,
                                                  self.filename_tmpl)
        else:
            check_resumable(runner._load_from)

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Leave nothing in a checkpoint that MMEngine would run or remove.

        Args:
            runner (Runner): The runner.
            checkpoint (dict): As it was read; changed in place.
        """
        meta = checkpoint.get('meta')
        if isinstance(meta, dict):
            # MMEngine would read it as a config, which is code
            meta.pop('config', None)
            self._is_validated = meta.get('is_validated') is True
        info = _runtime_info(checkpoint)
        folder = self._folder(runner)
        for key in _path_keys(info):
            if isinstance(info[key], str):
                info[key] = osp.join(folder, osp.basename(info[key]))
            else:
                del info[key]
        if runner._resume and built_train_loop(runner) is not None:
            _fit_state(runner, checkpoint)
        kept = info.get('keep_ckpt_ids')
        if isinstance(kept, list):
            info['keep_ckpt_ids'] = [i for i in kept if type(i) is int]

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Name files without their folder.

        Args:
            runner (Runner): The runner.
            checkpoint (dict): To be saved; changed in place.
        """
        info = _runtime_info(checkpoint)
        for key in _path_keys(info):
            if info[key] is not None:
                info[key] = osp.basename(info[key])

    def before_train(self, runner: Runner) -> None:
        """Choose how files are written, and make up for a validation.

        Args:
            runner (Runner): The runner, after a checkpoint was loaded.
        """
        super().before_train(runner)
        if self.backend_args is None and type(
                self.file_backend) is LocalBackend:
            self.backend_args = dict(backend=AtomicLocalBackend.__name__)
        for path in self._best.values() if self.save_best else ():
            if path and not self.file_backend.exists(path):
                runner.logger.warning(
                    f'The best checkpoint so far is not at {path}: a training '
                    'that was resumed from another folder has left it there.')
        # MMEngine would not save it again after a validation
        self.last_ckpt = runner.message_hub.runtime_info.get('last_ckpt')
        loop = runner.train_loop
        if (loop.iter > 0 and runner.val_loop is not None
                and not self._is_validated and _ends_with_validation(loop)):
            runner.logger.info('The validation that follows the checkpoint '
                               'is made before the training goes on.')
            runner.val_loop.run()

    def after_val_epoch(self, runner: Runner, metrics: Dict[str,
                                                            float]) -> None:
        """Keep the best checkpoint of a training.

        Args:
            runner (Runner): The runner of training or validation.
            metrics (dict): Metrics by name.
        """
        if built_train_loop(runner) is not None:
            self._is_validated = True
            super().after_val_epoch(runner, metrics)

    def after_run(self, runner: Runner) -> None:
        """Give ``work_dir`` back.

        Args:
            runner (Runner): The runner.
        """
        if built_train_loop(runner) is not None:
            release_work_dir(runner.work_dir)
            release_work_dir(self.out_dir)

    def _folder(self, runner: Runner) -> str:
        """Where the checkpoints are, as MMEngine has it in before_train."""
        if self.out_dir is None or hasattr(self, 'file_backend'):
            return self.out_dir or runner.work_dir
        name = osp.basename(runner.work_dir.rstrip(osp.sep))
        return osp.join(self.out_dir, name)

    def _save_checkpoint(self, runner: Runner) -> None:
        """Save what was trained; no validation has seen it."""
        self._is_validated = False
        super()._save_checkpoint(runner)

    def _save_checkpoint_with_step(self, runner: Runner, step: int,
                                   meta: dict) -> None:
        """Save a checkpoint, then remove those it replaces."""
        keep = self.max_keep_ckpts
        kept = [step]
        if keep > 0:
            kept = [i for i in self.keep_ckpt_ids if i != step] + [step]
            # those to remove are among them, for who resumes after a kill
            runner.message_hub.update_info('keep_ckpt_ids', kept)
            self.keep_ckpt_ids = deque(kept[-keep:], keep)
        name = self.filename_tmpl.format(step)
        self.last_ckpt = osp.join(self.out_dir, name)
        runner.message_hub.update_info('last_ckpt', self.last_ckpt)
        runner.save_checkpoint(
            self.out_dir,
            name,
            self.file_client_args,
            save_optimizer=self.save_optimizer,
            save_param_scheduler=self.save_param_scheduler,
            meta=dict(meta, is_validated=self._is_validated),
            by_epoch=self.by_epoch,
            backend_args=self.backend_args,
            **self.args)
        if is_main_process():
            last = osp.join(runner.work_dir, LAST)
            with atomic_path(last) as part, open(part, 'w') as file:
                file.write(name)
            for each in kept[:-keep] if keep > 0 else ():
                self._remove(self.filename_tmpl.format(each))

    def _save_best_checkpoint(self, runner: Runner, metrics: dict) -> None:
        """Save a better checkpoint, then remove those it replaces."""
        if not self.save_best:
            return
        before = self._best
        # MMEngine would remove them before the new ones are written
        self._best = dict.fromkeys(before)
        super()._save_best_checkpoint(runner, metrics)
        after = self._best
        self._best = {key: after[key] or before[key] for key in before}
        if is_main_process():
            for key, path in before.items():
                if path and after[key] and path not in after.values():
                    self._remove(osp.basename(path), f'best_{key}_')

    @property
    def _best(self) -> Dict[str, Optional[str]]:
        """Path of the best checkpoint by metric."""
        if len(self.key_indicators) == 1:
            return {self.key_indicators[0]: self.best_ckpt_path}
        return dict(self.best_ckpt_path_dict)

    @_best.setter
    def _best(self, paths: Dict[str, Optional[str]]) -> None:
        if len(self.key_indicators) == 1:
            self.best_ckpt_path, = paths.values()
        else:
            self.best_ckpt_path_dict = paths

    def _remove(self, name: str, prefix: str = '') -> None:
        """Remove a checkpoint of this training from its folder."""
        pattern = name_pattern(prefix.replace('/', '_') + self.filename_tmpl)
        path = osp.join(self.out_dir, name)
        if pattern.fullmatch(name) and self.file_backend.isfile(path):
            self.file_backend.remove(path)


def _runtime_info(checkpoint: dict) -> dict:
    """The part of a checkpoint with paths, an empty one if there is none."""
    hub = checkpoint.get('message_hub')
    info = hub.get('runtime_info') if isinstance(hub, dict) else None
    return info if isinstance(info, dict) else {}


def _fit_state(runner: Runner, checkpoint: dict) -> None:
    """Leave in a checkpoint what the parts of a runner can take over.

    Raises:
        ValueError: If something is missing or of another type.
    """
    state = _own_state(runner)
    for key, own in state.items():
        if checkpoint.get(key) is not None:
            check_like(checkpoint[key], own, f'{runner._load_from!r}: {key}')
    schedulers = state.get('param_schedulers')
    if schedulers and checkpoint.get('param_schedulers') is not None:
        # MMEngine sets every key as an attribute
        checkpoint['param_schedulers'] = [{
            name: saved[name]
            for name in own
        } for saved, own in zip(checkpoint['param_schedulers'], schedulers)]
    hub, known = checkpoint['message_hub'], runner.message_hub
    # MMEngine shows it, and makes it anew
    hub['runtime_info'].pop('eta', None)
    hub['resumed_keys'] = {  # MMEngine refuses to change its own
        key: known._resumed_keys.get(key, True)
        for key in [*hub['log_scalars'], *hub['runtime_info']]
    }


def _own_state(runner: Runner) -> dict:
    """What a resumed training takes over besides weights."""
    own = dict(optimizer=runner.optim_wrapper.state_dict())
    schedulers = runner.param_schedulers
    if isinstance(schedulers, list):
        own['param_schedulers'] = [each.state_dict() for each in schedulers]
    return own


def _path_keys(info: dict) -> list:
    """Under which keys MMEngine notes paths of checkpoints."""
    return [
        key for key in info
        if str(key).startswith('best_ckpt') or key == 'last_ckpt'
    ]


def _ends_with_validation(loop: Any) -> bool:
    """Whether a loop of MMEngine validates where it is now."""
    if isinstance(loop, EpochBasedTrainLoop):
        done, last = loop.epoch, loop.max_epochs
    elif isinstance(loop, IterBasedTrainLoop):
        done, last = loop.iter, loop.max_iters
    else:
        return False
    loop._decide_current_val_interval()
    return done >= loop.val_begin and (done % loop.val_interval == 0
                                       or done == last)
