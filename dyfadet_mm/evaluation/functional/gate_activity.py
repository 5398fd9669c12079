"""How far gates are open: arrays in, numbers out."""
from typing import Any, Dict

import numpy as np


def gate_rows(gates: np.ndarray) -> Dict[str, Any]:
    """Gates over time, as many rows as say something.

    Args:
        gates (ndarray): As of ``TemporalGate``, (C or 1, K or 1, T).

    Returns:
        dict: ``rows`` (K or 1, T), means over the channels, and ``text``,
        what they are.

    Reference:
        Yang et al., DyFADet, ECCV 2024, Fig. 6a and 8, of the K formation.
    """
    channels, taps, _ = gates.shape
    if channels == 1:
        text = (f'K formation, {taps} taps shared by all channels'
                if taps > 1 else 'one gate for all channels and taps')
    elif taps == 1:
        text = f'C formation, mean of {channels} channels'
    else:
        text = f'CK formation, {taps} taps, mean of {channels} channels'
    return dict(rows=gates.mean(0), text=text)


def count_gates(gates: np.ndarray) -> np.ndarray:
    """What :func:`gate_activity` needs, to be added up over videos.

    Args:
        gates (ndarray): Of valid cells, not negative, any shape.

    Returns:
        ndarray: Number of gates, of open ones, above 0, and sum of all,
        (3, ) float64.
    """
    gates = np.asarray(gates)
    return np.array(
        [gates.size, (gates > 0).sum(),
         gates.sum(dtype=np.float64)])


def gate_activity(counts: np.ndarray) -> Dict[str, float]:
    """How many gates are open, and how far.

    Args:
        counts (ndarray): Sum of :func:`count_gates` over layers and videos,
            (3, ).

    Returns:
        dict: ``rate``, share of gates that are open, NaN without gates, and
        ``strength``, mean of the open ones, NaN if none is. Their product is
        the mean of all gates.

    Reference:
        Yang et al., DyFADet, ECCV 2024, Fig. 6b.
    """
    num, num_open, total = np.asarray(counts, dtype=float)
    return dict(
        rate=num_open / num if num else np.nan,
        strength=total / num_open if num_open else np.nan)
