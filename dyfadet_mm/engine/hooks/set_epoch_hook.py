from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop, Runner

from dyfadet_mm.registry import HOOKS
from .wrapped_datasets import unwrap_datasets


@HOOKS.register_module()
class SetEpochHook(Hook):
    """Tell the training datasets the epoch and the seed of the run.

    With both, a dataset draws the same augmentation for a video whatever the
    number of worker processes, and another one in the next epoch. It acts on
    every dataset that has ``set_epoch``, inside dataset wrappers too.

    Note:
        A loop that counts iterations never restarts its worker processes, so
        that they take notice of the next epoch a few batches early or late;
        the hook warns then. ``RepeatDataset`` repeats the augmentation of a
        video within an epoch.
    """

    def before_train(self, runner: Runner) -> None:
        """Warn where the loop does not count epochs.

        Args:
            runner (Runner): The runner of the training process.
        """
        self._by_epoch = isinstance(runner.train_loop, EpochBasedTrainLoop)
        if not self._by_epoch and runner.train_dataloader.num_workers > 0:
            runner.logger.warning(
                'train_cfg must be dict(by_epoch=True, ...) for augmentation '
                'that does not depend on num_workers, but got the '
                f'{type(runner.train_loop).__name__}')

    def before_train_epoch(self, runner: Runner) -> None:
        """Set epoch and seed before the workers of the epoch start.

        Args:
            runner (Runner): The runner of the training process.
        """
        self._set_epoch(runner, runner.epoch)

    def before_train_iter(self,
                          runner: Runner,
                          batch_idx: int,
                          data_batch: Any = None) -> None:
        """Count epochs where the loop does not.

        Args:
            runner (Runner): The runner of the training process.
            batch_idx (int): Position of the batch.
            data_batch (Any): The batch, unused. Defaults to None.
        """
        if not self._by_epoch:
            # the batch after this one is the next to be made
            self._set_epoch(runner,
                            (runner.iter + 1) // len(runner.train_dataloader))

    def _set_epoch(self, runner: Runner, epoch: int) -> None:
        """Set epoch and seed of every dataset inside the wrappers."""
        for dataset in unwrap_datasets(runner.train_dataloader.dataset):
            if hasattr(dataset, 'set_epoch'):
                dataset.set_epoch(epoch, runner.seed)
