import random
from contextlib import contextmanager
from typing import Iterator, Optional

import numpy as np
import torch


class SampleRng:
    """Random numbers of samples, the same whichever worker makes them.

    They depend on the seed, the epoch and the index of a sample. Where nobody
    tells the epoch, the visits to the sample so far take its place, which is
    the same number if an epoch visits each sample once.

    Everything is in shared memory, since worker processes see what is set in
    the main one, and what the workers of the last epoch counted.
    """

    def __init__(self) -> None:
        self._seed = torch.zeros((), dtype=torch.int64)
        self._epoch = torch.tensor(-1)  # nobody has told it
        self._visits = torch.zeros(0, dtype=torch.int64)

    def count_visits(self, num_samples: int) -> None:
        """Count from now on how often each sample is made.

        Args:
            num_samples (int): Length of the data set.
        """
        self._visits = torch.zeros(
            num_samples, dtype=torch.int64).share_memory_()

    def set_epoch(self, epoch: int, seed: Optional[int] = None) -> None:
        """Choose the numbers of the samples made from now on.

        Args:
            epoch (int): Epoch, counted from 0.
            seed (int, optional): Seed. Defaults to None, the last one.

        Raises:
            ValueError: If a number is negative.
        """
        for name, value in dict(epoch=epoch, seed=seed).items():
            if value is not None and value < 0:
                raise ValueError(f'{name} must be at least 0, but got {value}')
        self._seed.share_memory_()
        if seed is not None:
            self._seed.fill_(seed)
        self._epoch.share_memory_().fill_(epoch)

    def draw(self, index: int) -> np.random.Generator:
        """Make the generator of a sample.

        Args:
            index (int): Its index.

        Returns:
            numpy.random.Generator: A new one.
        """
        epoch = int(self._epoch)
        if epoch < 0:
            epoch = self._visit(index)
        return np.random.default_rng((int(self._seed), epoch, index))

    def _visit(self, index: int) -> int:
        """Number of earlier visits, 0 where they are not counted."""
        if index >= len(self._visits):
            return 0
        self._visits[index] += 1
        return int(self._visits[index]) - 1


@contextmanager
def drawing_from(rng: np.random.Generator) -> Iterator[None]:
    """Let steps that draw from global random numbers follow a sample's.

    Those of MMCV and MMAction2 do. ``rng`` itself is not advanced, and what
    is drawn outside is not disturbed.

    Args:
        rng (numpy.random.Generator): Of the sample.
    """
    generator = torch.default_generator  # that of the CPU alone
    states = random.getstate(), np.random.get_state(), generator.get_state()
    seed = int(rng.bit_generator.seed_seq.generate_state(1)[0])
    random.seed(seed)
    np.random.seed(seed)
    generator.manual_seed(seed)
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
        generator.set_state(states[2])
