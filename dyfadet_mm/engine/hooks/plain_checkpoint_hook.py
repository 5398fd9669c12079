"""Checkpoints that every program can read as data."""
from collections import OrderedDict
from typing import Any, Optional

import numpy as np
import torch
from mmengine.hooks import Hook
from mmengine.logging import HistoryBuffer
from mmengine.runner import Runner

from dyfadet_mm.registry import HOOKS


@HOOKS.register_module()
class PlainCheckpointHook(Hook):
    """Saves the history of logged values as tensors, and restores it.

    MMEngine saves it as objects of its own and of NumPy, which ``torch.load``
    refuses since PyTorch 2.6 in every program that does not import this
    package, such as ``publish_model`` of MMAction2 and MMDetection.
    Checkpoints that MMEngine wrote are resumed as well.
    """

    priority = 'VERY_LOW'  # after the hooks that add to a checkpoint

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Replace the objects in a checkpoint by plain data."""
        checkpoint['message_hub'] = _plain(checkpoint['message_hub'])

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Make the objects that :meth:`before_save_checkpoint` replaced."""
        hub = checkpoint.get('message_hub')
        if isinstance(hub, dict):
            scalars = hub.get('log_scalars')
            for name, value in dict(scalars or {}).items():
                if isinstance(value, dict):
                    scalars[name] = _history(value)


def _history(value: dict) -> Optional[HistoryBuffer]:
    """Make the history of a logged value; None, which is left out, if its
    file holds something else."""
    history, count, length = (
        value.get(key)
        for key in ('log_history', 'count_history', 'max_length'))
    if (all(
            isinstance(each, torch.Tensor) and each.ndim == 1
            for each in (history, count)) and len(history) == len(count)
            and isinstance(length, int) and length > 0):
        return HistoryBuffer(history.numpy(), count.numpy(), length)
    return None


def _plain(value: Any) -> Any:
    """Replace objects of MMEngine and NumPy by tensors and numbers."""
    if isinstance(value, dict):
        return OrderedDict(
            (name, _plain(each)) for name, each in value.items())
    if isinstance(value, (list, tuple)) and type(value) in (list, tuple):
        return type(value)(map(_plain, value))
    if isinstance(value, HistoryBuffer):
        history, count = value.data
        return dict(
            log_history=torch.from_numpy(history.copy()),
            count_history=torch.from_numpy(count.copy()),
            max_length=value.max_length)
    return value.item() if isinstance(value, np.generic) else value
