"""Loops of the runner."""
from mmengine.runner import EpochBasedTrainLoop, Runner
from torch.utils.data import DataLoader

from dyfadet_mm.registry import LOOPS


@LOOPS.register_module()
class TADTrainLoop(EpochBasedTrainLoop):
    """Loop by epochs that says why a data loader gives no batch.

    MMEngine notices it while it builds the learning rate schedule, in an
    assertion about ``epoch_length``, before any hook is asked.

    Args:
        runner (Runner): The runner.
        args, kwargs: As of ``EpochBasedTrainLoop``.

    Raises:
        ValueError: If the data loader gives no batch.
    """

    def __init__(self, runner: Runner, *args, **kwargs) -> None:
        super().__init__(runner, *args, **kwargs)
        refuse_empty_loader(self.dataloader)


def refuse_empty_loader(dataloader: DataLoader) -> None:
    """End a training that would have no iteration.

    Args:
        dataloader (DataLoader): Of the training.

    Raises:
        ValueError: If it gives no batch.
    """
    if len(dataloader) > 0:
        return
    num_samples = len(dataloader.dataset)
    remedy = 'check ann_file, subset and the folder of the features'
    if num_samples:
        # with several processes, of one of them
        num_drawn = len(dataloader.sampler)
        remedy = (f'set train_dataloader.batch_size={num_drawn} or '
                  'train_dataloader.drop_last=False, or add videos')
    raise ValueError(
        'train_dataloader must give at least one batch, but got '
        f'{num_samples} samples for batch_size={dataloader.batch_size} and '
        f'drop_last={dataloader.drop_last}; {remedy}')
