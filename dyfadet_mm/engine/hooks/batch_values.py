from typing import Any, Dict, List

import torch
from torch import Tensor

#: Keys of the metainfo that name a sample, the first that it has.
NAMES = ('video_id', 'video_name', 'filename', 'img_path')
#: A value is huge from so many times the typical one, and from this one on.
HUGE_RATIO, HUGE = 1e3, 1e6


def names_of(data_batch: Any) -> List[str]:
    """Names of the samples of a batch.

    Args:
        data_batch (Any): As a data loader gives it, usually a dict of lists
            ``inputs`` and ``data_samples``.

    Returns:
        list[str]: Names such as video ids, quoted; positions for samples
        without one; empty for a batch of another kind.
    """
    if not isinstance(data_batch, dict):
        return []
    samples = data_batch.get('data_samples')
    if not isinstance(samples, (list, tuple)):
        samples = [None] * len(data_batch.get('inputs', ()))
    names = []
    for index, sample in enumerate(samples):
        metainfo = getattr(sample, 'metainfo', {})
        found = [metainfo[key] for key in NAMES if key in metainfo]
        names.append(repr(found[0]) if found else f'number {index}')
    return names


def largest_values(data_batch: Any) -> Dict[str, float]:
    """Largest absolute value of every input of a batch.

    Args:
        data_batch (Any): As of :func:`names_of`.

    Returns:
        dict[str, float]: By name; NaN where an input holds one.
    """
    return {
        name: float(values.abs().max())
        for name, values in _inputs_of(data_batch).items()
    }


def find_huge_inputs(data_batch: Any) -> Dict[str, float]:
    """Inputs of a batch with values far outside of the rest.

    Args:
        data_batch (Any): As of :func:`names_of`.

    Returns:
        dict[str, float]: Largest absolute value by name, of the inputs that
        are not finite, have a value of 1e6, or one that is 1000 times the
        median of the batch.
    """
    inputs = _inputs_of(data_batch)
    if not inputs:
        return {}
    values = torch.cat([value.flatten() for value in inputs.values()]).abs()
    values = values[values.isfinite() & (values > 0)]
    limit = HUGE
    if len(values):
        limit = min(HUGE, HUGE_RATIO * float(values.median()))
    # a comparison with NaN is false
    return {
        name: value
        for name, value in largest_values(data_batch).items()
        if not value < limit
    }


def _inputs_of(data_batch: Any) -> Dict[str, Tensor]:
    """Inputs that are tensors, by name."""
    names = names_of(data_batch)
    inputs = data_batch.get('inputs', ()) if names else ()
    return {
        name: value.float()
        for name, value in zip(names, inputs)
        if isinstance(value, Tensor) and value.numel()
    }
