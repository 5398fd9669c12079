"""What hooks look for in a runner."""
from typing import List, Optional

from mmengine.model import is_model_wrapper
from mmengine.runner import BaseLoop, EpochBasedTrainLoop, Runner
from torch import nn
from torch.utils.data import Dataset


def built_train_loop(runner: Runner) -> Optional[BaseLoop]:
    """The training loop, if the runner has built it.

    ``runner.train_loop``, and with it ``runner.epoch`` and ``runner.iter``,
    build the loop and read the training data. In ``Runner.val()`` and
    ``Runner.test()`` nobody needs them, and they may not exist.

    Args:
        runner (Runner): A runner in training, validation or testing.

    Returns:
        BaseLoop: The loop, None outside of training.
    """
    loop = runner._train_loop
    return loop if isinstance(loop, BaseLoop) else None


def unwrap_model(model: nn.Module) -> nn.Module:
    """The model inside MMEngine's wrapper of distributed training.

    Args:
        model (nn.Module): A model, wrapped or not.

    Returns:
        nn.Module: The model itself.
    """
    return model.module if is_model_wrapper(model) else model


def unwrap_datasets(dataset: Dataset) -> List[Dataset]:
    """Find the datasets inside MMEngine's dataset wrappers.

    Args:
        dataset (Dataset): A dataset, or nested wrappers such as
            ``ConcatDataset``, ``RepeatDataset`` or ``ClassBalancedDataset``.

    Returns:
        list[Dataset]: The innermost datasets, in order.
    """
    if hasattr(dataset, 'datasets'):
        inner = list(dataset.datasets)
    elif hasattr(dataset, 'dataset'):
        inner = [dataset.dataset]
    else:
        return [dataset]
    return [found for child in inner for found in unwrap_datasets(child)]


def describe_iteration(runner: Runner, batch_idx: Optional[int] = None) -> str:
    """Where a training is, counted from 1 as in the log.

    Args:
        runner (Runner): A runner in training.
        batch_idx (int, optional): Position of the batch in its epoch.
            Defaults to None, not told.

    Returns:
        str: The epoch, with the iteration if a batch is given; the iteration
        alone in a loop without epochs.
    """
    loop = runner.train_loop
    if not isinstance(loop, EpochBasedTrainLoop):
        return f'iteration {loop.iter + 1}'
    if batch_idx is None:
        return f'epoch {loop.epoch + 1}'
    return (f'epoch {loop.epoch + 1}, iteration {batch_idx + 1} of '
            f'{len(loop.dataloader)}')
