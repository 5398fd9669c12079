"""Kinds of actions, and how well each kind is found."""
from dataclasses import dataclass
from itertools import combinations
from typing import Dict, Mapping, Optional, Sequence, Tuple, Union

import numpy as np

from .inputs import Columns
from .normalized_ap import Matches, normalized_ap, normalized_map

INF = float('inf')
#: Edges of the buckets as published, by data set. A bucket is closed on the
#: right, the first one also on the left.
EDGES = {
    'activitynet': {
        'coverage': (0, .2, .4, .6, .8, 1),
        'length': (0, 30, 60, 120, 180, INF),
        'num-instances': (-1, 1, 4, 8, INF)
    },
    'thumos14': {
        'coverage': (0, .02, .04, .06, .08, 1),
        'length': (0, 3, 6, 12, 18, INF),
        'num-instances': (-1, 1, 40, 80, INF)
    }
}
CHARACTERISTICS = ('coverage', 'length', 'num-instances')
BUCKET_NAMES = ('XS', 'S', 'M', 'L', 'XL')
# a match at less normalised precision is no find
MIN_PRECISION = 0.05

Edges = Union[str, Mapping[str, Sequence[float]], None]


@dataclass
class Buckets:
    """One characteristic of the actions, in classes.

    Args:
        names (tuple[str]): B buckets, the smallest first.
        edges (ndarray): Ascending, (B + 1, ).
        rank (ndarray): Bucket of each action, -1 outside of all, (G, ).
    """

    names: Tuple[str, ...]
    edges: np.ndarray
    rank: np.ndarray

    def sizes(self) -> Dict[str, int]:
        """Number of actions by bucket."""
        counts = np.bincount(
            self.rank[self.rank >= 0], minlength=len(self.names))
        return dict(zip(self.names, counts.tolist()))


def measure_actions(actions: Columns,
                    durations: np.ndarray) -> Dict[str, np.ndarray]:
    """Characteristics of actions.

    Args:
        actions (Columns): G rows.
        durations (ndarray): Of their videos in seconds, (G, ).

    Returns:
        dict: ``coverage`` of the video, ``length`` in seconds, and
        ``num-instances``, the actions of any class in the video, (G, ) each.
    """
    length = actions.segments[:, 1] - actions.segments[:, 0]
    number = np.bincount(actions.videos, minlength=1)
    return {
        'coverage': length / durations,
        'length': length,
        'num-instances': number[actions.videos].astype(float)
    }


def make_buckets(values: Mapping[str, np.ndarray],
                 edges: Edges) -> Dict[str, Buckets]:
    """Put actions into buckets.

    Args:
        values (Mapping): Of :func:`measure_actions`, (G, ) each.
        edges (str | Mapping | None): A key of ``EDGES``, or edges by
            characteristic; of those not given, and for None, the quintiles
            of the actions.

    Returns:
        dict: Buckets by characteristic.

    Raises:
        ValueError: If edges are unknown or do not ascend.
    """
    given = _named_edges(edges)
    buckets = {}
    for name, each in values.items():
        ends = _quintiles(each) if given.get(name) is None else _check_edges(
            name, given[name])
        rank = np.searchsorted(ends[1:], each, side='left')
        rank[(each < ends[0]) | (each > ends[-1])] = -1
        buckets[name] = Buckets(_bucket_names(ends), ends, rank)
    return buckets


def measure_sensitivity(
        matches: Matches,
        buckets: Mapping[str, Buckets]) -> Dict[str, Dict[str, float]]:
    """Average mAP_N on the actions of each bucket alone.

    Detections that match actions outside of the bucket are left out, at each
    tIoU for itself. The matches stay what they are: a detection finds what
    it found, as its rivals for it are all there.

    Args:
        matches (Matches): D detections, G actions.
        buckets (Mapping): By characteristic.

    Returns:
        dict: Fractions by characteristic and bucket; NaN without actions.
    """
    return {
        name: {
            bucket: _restricted_map(matches, each.rank == rank)
            for rank, bucket in enumerate(each.names)
        }
        for name, each in buckets.items()
    }


def find_actions(matches: Matches) -> np.ndarray:
    """Which actions are found at a normalised precision that is not tiny.

    Args:
        matches (Matches): D detections, G actions.

    Returns:
        ndarray: bool, (K, G).
    """
    precision = normalized_ap(matches)[1]  # (K, D)
    found = np.zeros((len(precision), len(matches.actions)), dtype=bool)
    row, detection = np.nonzero((matches.found >= 0)
                                & (precision > MIN_PRECISION))
    found[row, matches.found[row, detection]] = True
    return found


def count_misses(
    found: np.ndarray, buckets: Mapping[str, Buckets]
) -> Tuple[Dict[str, Dict[str, float]], Dict[Tuple[str, str], np.ndarray]]:
    """Share of actions that are not found, mean over tIoU.

    Args:
        found (ndarray): Of :func:`find_actions`, (K, G).
        buckets (Mapping): By characteristic.

    Returns:
        tuple: Shares by characteristic and bucket; and by two
        characteristics, (B1, B2). NaN without actions.
    """
    missed = 1 - found.mean(0)  # (G, )
    alone = {
        name:
        dict(
            zip(each.names,
                _mean_by(missed, each.rank, len(each.names)).tolist()))
        for name, each in buckets.items()
    }
    pairs = {}
    for first, second in combinations(buckets, 2):
        rank1, rank2 = buckets[first].rank, buckets[second].rank
        shape = len(buckets[first].names), len(buckets[second].names)
        both = np.where((rank1 < 0) | (rank2 < 0), -1,
                        rank1 * shape[1] + rank2)
        pairs[first, second] = _mean_by(missed, both,
                                        shape[0] * shape[1]).reshape(shape)
    return alone, pairs


def _named_edges(edges: Edges) -> Mapping[str, Optional[Sequence[float]]]:
    """Edges by characteristic."""
    if edges is None:
        return {}
    if isinstance(edges, str):
        if edges not in EDGES:
            raise ValueError(f'edges must be one of {sorted(EDGES)}, a dict '
                             f'or None, but got {edges!r}')
        return EDGES[edges]
    unknown = sorted(set(edges) - set(CHARACTERISTICS), key=str)
    if unknown:
        raise ValueError(f'edges must be of {list(CHARACTERISTICS)}, '
                         f'but got {unknown}')
    return edges


def _check_edges(name: str, edges: Sequence[float]) -> np.ndarray:
    """View edges as an array, 'inf' as a number."""
    ends = np.array([float(edge) for edge in edges])
    if len(ends) < 2 or not (ends[1:] > ends[:-1]).all():
        raise ValueError(f'edges of {name} must be at least two ascending '
                         f'numbers, but got {list(edges)}')
    return ends


def _quintiles(values: np.ndarray) -> np.ndarray:
    """Edges of at most five buckets of about the same number of values."""
    if not len(values):
        return np.array([0., INF])
    edges = np.unique(np.quantile(values, np.linspace(0, 1, 6)))
    return edges if len(edges) > 1 else np.repeat(edges, 2)


def _bucket_names(edges: np.ndarray) -> Tuple[str, ...]:
    """XS, S, ... as published; ranges if there are more than five."""
    number = len(edges) - 1
    if number <= len(BUCKET_NAMES):
        return BUCKET_NAMES[:number]
    return tuple(f'{a:g} to {b:g}' for a, b in zip(edges, edges[1:]))


def _restricted_map(matches: Matches, chosen: np.ndarray) -> float:
    """Average mAP_N on ``chosen`` actions, bool, (G, )."""
    # row -1, of a false positive, is the last one here
    counted = np.append(chosen, True)[matches.found]  # (K, D)
    num_gt = matches.count_actions(chosen)
    return float(normalized_map(matches, counted, num_gt).mean())


def _mean_by(values: np.ndarray, rank: np.ndarray, number: int) -> np.ndarray:
    """Means of the values of each rank from 0 on, (number, )."""
    inside = rank >= 0
    count = np.bincount(rank[inside], minlength=number)
    total = np.bincount(rank[inside], values[inside], minlength=number)
    return np.divide(
        total, count, out=np.full(number, np.nan), where=count > 0)
