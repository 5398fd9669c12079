"""Refuses numbers that no detection can have."""
import sys
from numbers import Real
from typing import Any

import torch
from torch import Tensor


class NotFiniteError(ValueError):
    """The output of a model is NaN or infinite."""


def check_number(name: str, value: Any) -> float:
    """A value as a number.

    Raises:
        ValueError: If it is none, NaN or infinite; says its name.
    """
    if (not isinstance(value, Real) or isinstance(value, bool)
            or not abs(value) <= sys.float_info.max):
        raise ValueError(f'{name} must be a finite number, but got '
                         f'{str(value)[:80]}')
    return float(value)


def check_candidates(segments: Tensor, scores: Tensor) -> None:
    """Refuse segments (N, 2) and scores (N, ) that are no candidates.

    Raises:
        ValueError: If a score is negative or not finite, or a segment is not
            finite or its length, or the sum of two, would not be.
    """
    is_score = (scores >= 0) & scores.isfinite()
    if not is_score.all():
        raise ValueError('scores must be numbers >= 0, and finite, but got '
                         f'{scores[~is_score][:3].tolist()}')
    kind = segments if segments.is_floating_point() else torch.ones(())
    most = torch.finfo(kind.dtype).max / 8
    is_time = segments.abs() <= most
    if not is_time.all():
        raise ValueError(f'segments must be finite, at most {most:.3g}, but '
                         f'got {segments[~is_time][:3].tolist()}')
