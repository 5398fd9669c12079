"""The weights of a checkpoint: are there any, which, and are they numbers?"""
from collections import defaultdict
from typing import Any, Dict, List, Mapping, Optional

import torch
from mmengine.runner.checkpoint import CheckpointLoader
from torch import Tensor, nn

MAX_TEXT = 300  # characters of a list of names in an error


def check_weights(checkpoint: Any, source: str) -> None:
    """Check that something loaded from a file can be loaded into a model.

    Args:
        checkpoint (Any): What the file holds.
        source (str): Path or address of the file, for the error.

    Raises:
        ValueError: If it is no dict, or no tensor lies anywhere in it.
    """
    problem = None
    if not isinstance(checkpoint, dict):
        problem = f'a {type(checkpoint).__name__}'
    elif not _has_tensor(checkpoint):
        keys = str(sorted(map(str, checkpoint)))[:MAX_TEXT]
        problem = f'no tensor, under the keys {keys}'
    if problem is not None:
        raise ValueError(f'checkpoint must hold the weights of a model, but '
                         f'{source!r} holds {problem}; give a file that '
                         'tools/train.py saved, or a state_dict')


def load_weights(module: nn.Module,
                 checkpoint: str,
                 without: Optional[str] = None) -> None:
    """Load what makes the features; a classifier on top may be another.

    Args:
        module (nn.Module): A recognizer, or what has its backbone as
            ``backbone``, or a module alone.
        checkpoint (str): Path or URL.
        without (str, optional): Part of the names of weights that are not
            loaded. Defaults to None.

    Raises:
        ValueError: If weights are missing or of another shape.
    """
    content = CheckpointLoader.load_checkpoint(checkpoint, map_location='cpu')
    check_weights(content, checkpoint)
    given = content.get('state_dict', content)
    given = {key.removeprefix('module.'): each for key, each in given.items()}
    needed = {
        key: each
        for key, each in module.state_dict().items()
        if (not hasattr(module, 'backbone') or key.startswith('backbone.'))
        and not key.endswith('num_batches_tracked') and (
            without is None or without not in key)
    }
    wrong = [
        key for key, each in needed.items()
        if key not in given or given[key].shape != each.shape
    ]
    if wrong:
        raise ValueError(
            f'checkpoint {checkpoint!r} must have the weights of the config, '
            f'but {len(wrong)} of {len(needed)} are missing or of another '
            f'shape, such as {wrong[0]!r}; take the config that it was '
            'trained with')
    module.load_state_dict({key: given[key] for key in needed}, strict=False)


def _has_tensor(value: Any) -> bool:
    """Whether a tensor lies anywhere in nested dicts."""
    seen, stack = set(), [value]
    while stack:
        value = stack.pop()
        if isinstance(value, Tensor):
            return True
        if isinstance(value, dict) and id(value) not in seen:
            seen.add(id(value))
            stack += value.values()
    return False


def raw_weights(checkpoint: Mapping[str, Any]) -> Optional[Dict[str, Tensor]]:
    """The weights that a training with averages has trained.

    ``EMAHook`` of MMEngine saves the averages in ``state_dict``, and the raw
    weights in ``ema_state_dict``.

    Args:
        checkpoint (Mapping): As loaded.

    Returns:
        dict[str, Tensor], optional: A whole ``state_dict``; None for a
        checkpoint with one copy of the weights.
    """
    other = checkpoint.get('ema_state_dict')
    if not other:
        return None
    prefix = 'module.'
    trained = {
        name[len(prefix):]: value
        for name, value in other.items() if name.startswith(prefix)
    }
    return {**checkpoint['state_dict'], **trained}


def find_not_finite(model: nn.Module) -> Optional[str]:
    """Look for a weight that is NaN or infinite.

    Args:
        model (nn.Module): Its buffers are not looked at.

    Returns:
        str, optional: Name of the first such parameter, None if all are
        finite.
    """
    # finite sums, which are quick to make, have finite terms
    sums: Dict[torch.device, List[Tensor]] = defaultdict(list)
    for weight in model.parameters():
        sums[weight.device].append(weight.detach().sum())
    if all(torch.stack(each).isfinite().all() for each in sums.values()):
        return None
    for name, weight in model.named_parameters():
        if not weight.isfinite().all():
            return name
    return None
