import sys
import time
from datetime import timedelta
from typing import Any, Dict, Optional, Sequence

import torch
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.logging import MMLogger
from mmengine.runner import EpochBasedTrainLoop, Runner

from dyfadet_mm.registry import HOOKS
from .runner_parts import built_train_loop

BAR_WIDTH = 24
UPDATE_S = 0.2  # seconds between two drawings of the bar


@HOOKS.register_module()
class ProgressHook(Hook):
    """Show a run in one line per epoch, and a bar where it is now.

    The bar tells iteration, loss and remaining time of the training, and is
    drawn on a terminal only; the lines of finished epochs, with the results
    of their validation, are written to files and pipes too. Use it with
    :class:`ProgressRunner`, which keeps the log off the terminal.

    Args:
        max_metrics (int): Results shown per line, the last ones of the
            metric, where the mean stands. Defaults to 6.
    """

    priority = 'LOW'  # after the timer, which estimates the remaining time

    def __init__(self, max_metrics: int = 6) -> None:
        self.max_metrics = max_metrics
        self._pending = ''  # a finished epoch that waits for its validation
        self._loss_sum, self._num_losses = 0.0, 0

    def before_run(self, runner: Runner) -> None:
        """Name the log file, and keep the bar and the log apart.

        Args:
            runner (Runner): The runner.
        """
        self._is_main = is_main_process()
        self._has_bar = self._is_main and sys.stdout.isatty()
        self._drawn_at = 0.0
        self._keep_apart(runner.logger)
        self._write(f'Log file: {runner.logger.log_file}')

    def before_train_epoch(self, runner: Runner) -> None:
        """Start an epoch, or the only one of a loop by iterations."""
        self._flush()
        self._loss_sum, self._num_losses = 0.0, 0
        self._started_at = time.time()

    def after_train_iter(self,
                         runner: Runner,
                         batch_idx: int,
                         data_batch: Any = None,
                         outputs: Optional[dict] = None) -> None:
        """Draw the bar.

        Args:
            runner (Runner): The runner of the training.
            batch_idx (int): Batches before this one in the epoch.
            data_batch (Any): Not used.
            outputs (dict, optional): What ``train_step`` returned.
        """
        if outputs and 'loss' in outputs:
            # a tensor with its graph, or a number
            self._loss_sum += torch.as_tensor(outputs['loss']).item()
            self._num_losses += 1
        if self._by_epoch(runner):
            done, total = batch_idx + 1, len(runner.train_dataloader)
        else:
            done, total = runner.iter + 1, runner.max_iters
        eta = runner.message_hub.get_info('eta', 0)
        self._draw(
            self._place(runner), done, total,
            f'{self._loss()}  ETA {timedelta(seconds=int(eta))}')

    def after_train_epoch(self, runner: Runner) -> None:
        """Sum the epoch up; a validation may follow.

        Args:
            runner (Runner): The runner of the training.
        """
        elapsed = timedelta(seconds=int(time.time() - self._started_at))
        self._pending = f'{self._place(runner)}{self._loss()}  time {elapsed}'

    def after_train(self, runner: Runner) -> None:
        """Write an epoch that was not validated."""
        self._flush()

    def after_val_iter(self,
                       runner: Runner,
                       batch_idx: int,
                       data_batch: Any = None,
                       outputs: Optional[Sequence] = None) -> None:
        """Draw the bar of the validation."""
        self._draw('validation', batch_idx + 1, len(runner.val_dataloader))

    def after_val_epoch(self,
                        runner: Runner,
                        metrics: Optional[Dict[str, float]] = None) -> None:
        """Write the results, on the line of their epoch.

        Args:
            runner (Runner): The runner.
            metrics (dict, optional): Results of the validation.
        """
        place = self._pending
        if not place:
            # runner.val(), or a loop that counts iterations
            loop = built_train_loop(runner)
            place = 'validation' if loop is None else (
                f'iteration {loop.iter}/{loop.max_iters}{self._loss()}')
        self._pending = ''
        self._write(place + self._results(metrics))

    def after_test_iter(self,
                        runner: Runner,
                        batch_idx: int,
                        data_batch: Any = None,
                        outputs: Optional[Sequence] = None) -> None:
        """Draw the bar of the test."""
        self._draw('test', batch_idx + 1, len(runner.test_dataloader))

    def after_test_epoch(self,
                         runner: Runner,
                         metrics: Optional[Dict[str, float]] = None) -> None:
        """Write the results.

        Args:
            runner (Runner): The runner.
            metrics (dict, optional): Results of the test.
        """
        self._write('test' + self._results(metrics))

    @staticmethod
    def _by_epoch(runner: Runner) -> bool:
        """Whether the training loop counts epochs."""
        return isinstance(runner.train_loop, EpochBasedTrainLoop)

    def _place(self, runner: Runner) -> str:
        """Where the training is, as in ``epoch  3/10``."""
        if not self._by_epoch(runner):
            return 'training'
        total = str(runner.max_epochs)
        return f'epoch {runner.epoch + 1:{len(total)}}/{total}'

    def _loss(self) -> str:
        """Mean loss of the epoch so far."""
        if not self._num_losses:
            return ''
        return f'  loss {self._loss_sum / self._num_losses:.4f}'

    def _results(self, metrics: Optional[Dict[str, float]]) -> str:
        """The last results that are numbers."""
        shown = []
        for name, value in (metrics or {}).items():
            if isinstance(value, (int, float)):
                number = value if isinstance(value, int) else f'{value:.4f}'
                shown.append(f'  {name} {number}')
        return ''.join(shown[-self.max_metrics:])

    def _draw(self, place: str, done: int, total: int, text: str = '') -> None:
        """Draw the bar over itself, not too often."""
        now = time.time()
        if not self._has_bar or now - self._drawn_at < UPDATE_S:
            return
        self._drawn_at = now
        bar = '#' * (BAR_WIDTH * done // total)
        self._clear()
        sys.stdout.write(f'{place} [{bar:-<{BAR_WIDTH}}] {done}/{total}{text}')
        sys.stdout.flush()

    def _write(self, line: str) -> None:
        """Write a line that stays."""
        if self._is_main:
            self._clear()
            print(line, flush=True)

    def _flush(self) -> None:
        """Write an epoch whose validation did not come."""
        if self._pending:
            self._write(self._pending)
        self._pending = ''

    def _clear(self, record: Any = None) -> bool:
        """Remove the bar; a filter of logs that lets everything pass."""
        if self._has_bar:
            sys.stdout.write('\r\x1b[K')
        return True

    def _keep_apart(self, logger: MMLogger) -> None:
        """Remove the bar before a warning is written."""
        for handler in logger.handlers:
            if getattr(handler, 'stream', None) is sys.stdout:
                handler.addFilter(self._clear)
