from typing import Tuple

from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop, Runner

from dyfadet_mm.registry import HOOKS
from ..loops import refuse_empty_loader
from ..schedule_check import FULL, TINY, check_schedule, learning_rates
from .runner_parts import built_train_loop


@HOOKS.register_module()
class TrainingCheckHook(Hook):
    """Look at a training before its first iteration.

    Refused are a loader without a batch, a learning rate that never rises,
    and a resumed run that is to last longer than the schedule of its
    checkpoint, which MMEngine keeps. A line of warning is given where nothing
    is left to train, validation is never reached, a running average is longer
    than the training, or the rate is almost 0 long before the end. A training
    of a single iteration is a trial, and only warned of.
    """

    def before_run(self, runner: Runner) -> None:
        """Note where the schedule of the config ends.

        Args:
            runner (Runner): The runner; a checkpoint is loaded later.
        """
        self._planned_end = _schedule_end(runner)
        self._saved_iters = 0

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Note how long the run of a checkpoint was to last.

        Args:
            runner (Runner): The runner.
            checkpoint (dict): As it was read.
        """
        saved = checkpoint.get('message_hub') or {}
        self._saved_iters = saved.get('runtime_info', {}).get('max_iters', 0)

    def before_train(self, runner: Runner) -> None:
        """Check loader, schedule and what depends on their lengths.

        Args:
            runner (Runner): The runner of the training process.

        Raises:
            ValueError: If the training cannot go well.
        """
        loop = runner.train_loop
        refuse_empty_loader(loop.dataloader)
        if loop.iter >= loop.max_iters:
            runner.logger.warning(
                f'nothing is left to train: {_length(runner, loop.iter)} of '
                f'{_length(runner, loop.max_iters)} are done; to train '
                'longer, start anew from these weights with '
                'load_from=CHECKPOINT and without resuming')
            return
        self._check_end(runner)
        for problem in check_schedule(runner.cfg, len(loop.dataloader)):
            if problem.severity == 'error' and loop.max_iters > 1:
                raise ValueError(problem.message)
            runner.logger.warning(problem.message)

    def _check_end(self, runner: Runner) -> None:
        """The schedule must last as long as the training."""
        loop = runner.train_loop
        end = _schedule_end(runner)
        if end >= loop.max_iters:
            return
        share, rate = _rate_after(runner)
        found = (f'ends after {_length(runner, end)}, and the training after '
                 f'{_length(runner, loop.max_iters)}')
        is_cut = end < self._planned_end
        is_longer = loop.max_iters > self._saved_iters
        if loop.iter > 0 and (is_cut or is_longer and share < FULL):
            raise ValueError(
                'the schedule of a resumed run must last until its end, but '
                f'that of the checkpoint, which MMEngine keeps, {found}: the '
                'learning rate would stay where it ended; start anew from '
                'these weights with load_from=CHECKPOINT and without '
                f'resuming, or keep {_length(runner, end)}')
        if share < TINY:
            runner.logger.warning(
                f'the schedule {found}: from there on the learning rate is '
                f'{rate:.2g}; let the last of param_scheduler end with the '
                'training')


def _schedule_end(runner: Runner) -> float:
    """Iteration from which on no scheduler changes the learning rate."""
    loop = built_train_loop(runner)
    schedulers = runner.param_schedulers or []
    if isinstance(schedulers, dict):  # one list per optimizer
        schedulers = [each for group in schedulers.values() for each in group]
    ends = [
        each.end * (len(loop.dataloader) if each.by_epoch else 1)
        for each in schedulers
        if loop is not None and getattr(each, 'param_name', None) == 'lr'
    ]
    return max(ends, default=float('inf'))


def _rate_after(runner: Runner) -> Tuple[float, float]:
    """Last learning rate of the config's schedule: as a share, and itself."""
    loop = runner.train_loop
    wrapper = runner.cfg.get('optim_wrapper') or {}
    lr = (wrapper.get('optimizer') or {}).get('lr')
    if not lr or not isinstance(lr, (int, float)):
        return 1., float('nan')
    by_epoch = isinstance(loop, EpochBasedTrainLoop)
    *_, rate = learning_rates(
        runner.cfg.get('param_scheduler'), lr, len(loop.dataloader),
        loop.max_epochs if by_epoch else None,
        None if by_epoch else loop.max_iters)
    return rate / lr, rate


def _length(runner: Runner, num_iters: float) -> str:
    """A number of iterations, in epochs where the loop counts them."""
    loop = runner.train_loop
    if isinstance(loop, EpochBasedTrainLoop):
        return f'{num_iters / len(loop.dataloader):g} epochs'
    return f'{num_iters:g} iterations'
