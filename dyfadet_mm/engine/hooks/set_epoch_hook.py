from typing import Any

import numpy as np
import torch
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop, Runner, set_random_seed

from dyfadet_mm.registry import HOOKS
from .runner_parts import unwrap_datasets


@HOOKS.register_module()
class SetEpochHook(Hook):
    """Let the random numbers depend on the seed and the epoch alone.

    Every epoch starts with random numbers of its own, for drop path and the
    noise of the input among others. A run that was interrupted and resumed so
    gives the weights of one that was not, bit by bit. (On a GPU as far as its
    kernels are deterministic.)

    The training datasets are told both. A dataset draws the same augmentation
    for a video whatever the number of worker processes, and another one in
    the next epoch. The hook acts on every dataset that has ``set_epoch``,
    inside dataset wrappers too.

    Note:
        A loop that counts iterations starts new numbers in each of them.
        A loop that counts iterations never restarts its worker processes, so
        that they take notice of the next epoch a few batches early or late;
        the hook warns then. ``RepeatDataset`` repeats the augmentation of a
        video within an epoch.
    """

    def before_train(self, runner: Runner) -> None:
        """Shuffle by the seed of the run, and warn of loops without epochs.

        MMEngine builds the sampler before it resumes the seed.

        Args:
            runner (Runner): The runner of the training process.
        """
        sampler = runner.train_dataloader.sampler
        loader = runner.cfg.get('train_dataloader') or {}
        if (isinstance(getattr(sampler, 'seed', None), int)
                and 'seed' not in (loader.get('sampler') or {})):
            # the same in every process
            is_own = runner._randomness_cfg.get('diff_rank_seed', False)
            sampler.seed = runner.seed - (get_rank() if is_own else 0)
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
        epoch = runner.epoch
        if not self._by_epoch:  # the whole training is one epoch to the loop
            epoch = runner.iter // len(runner.train_dataloader)
        self._set_epoch(runner, epoch)
        _start_random_numbers(runner, epoch)

    def before_train_iter(self,
                          runner: Runner,
                          batch_idx: int,
                          data_batch: Any = None) -> None:
        """Start the numbers again, and count epochs where the loop does not.

        A loader draws one number when its iterator is made. Where workers
        persist, that is in the first epoch of a training and of one that was
        resumed, but not in the next ones. Here every epoch begins behind it.

        Args:
            runner (Runner): The runner of the training process.
            batch_idx (int): Position of the batch.
            data_batch (Any): The batch, unused. Defaults to None.
        """
        if self._by_epoch and batch_idx == 0:
            _start_random_numbers(runner, runner.epoch)
            torch.empty((), dtype=torch.int64).random_()
        if not self._by_epoch:
            # the batch after this one is the next to be made
            self._set_epoch(runner,
                            (runner.iter + 1) // len(runner.train_dataloader))
            _start_random_numbers(runner, runner.iter)

    def _set_epoch(self, runner: Runner, epoch: int) -> None:
        """Set epoch and seed of every dataset inside the wrappers."""
        for dataset in unwrap_datasets(runner.train_dataloader.dataset):
            if hasattr(dataset, 'set_epoch'):
                dataset.set_epoch(epoch, runner.seed)


def _start_random_numbers(runner: Runner, step: int) -> None:
    """Seed all generators anew, for an epoch or an iteration."""
    words = np.random.SeedSequence([runner.seed, step])
    set_random_seed(int(words.generate_state(1)[0]))
