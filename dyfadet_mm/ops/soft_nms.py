"""Soft-NMS for temporal segments."""
import math
import sys
from collections import defaultdict
from numbers import Integral
from typing import Callable, Optional, Tuple

import numpy as np
import torch
from torch import Tensor

from .checks import check_candidates, check_number
from .host import to_float, to_host

Decay = Callable[[np.ndarray, np.ndarray], np.ndarray]
METHODS = ('gaussian', 'linear', 'hard')
# added to every length, as in the published code
LENGTH_EPS = 1e-6
# fewest candidates that are tried alone
FEW = 2000
# candidates of a block
BLOCK_SIZE = 200


@torch.no_grad()
def soft_nms(
        segments: Tensor,
        scores: Tensor,
        labels: Optional[Tensor] = None,
        *,
        method: str = 'gaussian',
        sigma: float = 0.5,
        iou_threshold: float = 0.1,
        min_score: float = 0.001,
        max_num: int = 200,
        class_wise: bool = True) -> Tuple[Tensor, Tensor, Optional[Tensor]]:
    """Keep the best segments and lower the score of those they overlap.

    Within a group (a class, or all candidates) the candidate with the highest
    score is output, others decay by their tIoU with it, until none is left:

    ============ ==========================================
    method       score of another candidate
    ============ ==========================================
    ``gaussian`` times ``exp(-tIoU**2 / sigma)``
    ``linear``   times ``1 - tIoU`` if tIoU >= iou_threshold
    ``hard``     removed if tIoU >= iou_threshold
    ============ ==========================================

    Lengths are taken as ``end - start + 1e-6``. A candidate that decays below
    ``min_score`` is dropped; the first one of a group never is. ``hard``
    drops scores <= ``min_score``, and those of 0, beforehand. Equal scores
    are taken in the order (original score descending, start, end, label).

    Args:
        segments (Tensor): (start, end) in any unit, (N, 2).
        scores (Tensor): Not negative, (N, ).
        labels (Tensor, optional): Classes, (N, ). None puts all candidates
            into one group. Defaults to None.
        method (str): One of the table. Defaults to ``'gaussian'``.
        sigma (float): Width of the Gaussian decay. Defaults to 0.5.
        iou_threshold (float): Least tIoU of the table. Defaults to 0.1.
        min_score (float): Lowest score kept. Defaults to 0.001.
        max_num (int): Most of a group, and of the output. Defaults to 200.
        class_wise (bool): Whether each class is a group. Defaults to True.

    Returns:
        tuple: Segments (D, 2), scores (D, ), descending, labels (D, ) or None.

    Raises:
        ValueError: If an argument is out of range, the shapes disagree, a
            score is negative or not finite, a segment is not finite or its
            length would not be, or labels are no integers.

    Reference:
        Bodla et al., Soft-NMS, ICCV 2017; over time as in ActionFormer.
    """
    sigma = check_number('sigma', sigma)
    iou_threshold = check_number('iou_threshold', iou_threshold)
    min_score = check_number('min_score', min_score)
    if not isinstance(max_num, Integral) or max_num < 1:
        raise ValueError('max_num must be a whole number of at least 1, but '
                         f'got {max_num}')
    _check_shapes(segments, scores, labels)
    has_labels = labels is not None
    if not has_labels:
        labels = torch.zeros_like(scores, dtype=torch.long)
    device = scores.device
    segments, scores, labels = to_host((segments, scores, labels))
    check_candidates(segments, scores)
    if method == 'hard':
        # what it removes falls to 0, which therefore must not be a score
        min_score = max(min_score, torch.finfo(scores.dtype).tiny)
        kept = scores > min_score
        segments, scores, labels = segments[kept], scores[kept], labels[kept]
    start, end = to_float(segments).numpy().T
    values, classes = to_float(scores).numpy(), labels.numpy()
    candidates = np.array((end - start + LENGTH_EPS, end, -start, values))
    order = best_first(values, start, end, classes)
    groups = classes[order] if class_wise else np.zeros_like(classes)
    decay = make_decay(method, sigma, iou_threshold, candidates.dtype)
    index, values = pick(candidates[:, order], groups, decay, min_score,
                         max_num)
    index = order[index]
    decayed = torch.from_numpy(values).to(scores.dtype)
    best = best_first(
        to_float(decayed).numpy(), start[index], end[index], classes[index])
    best = torch.from_numpy(best[:max_num])
    index = torch.from_numpy(index)[best]
    segments, scores, labels = (
        each.to(device, non_blocking=True)
        for each in (segments[index], decayed[best], labels[index]))
    return segments, scores, labels if has_labels else None


def pick(candidates: np.ndarray, groups: np.ndarray, decay: Decay,
         min_score: float, max_num: int) -> Tuple[np.ndarray, np.ndarray]:
    """Pick candidates, as others of their group decay, best first.

    Candidates are (length, end, -start, score), best first, (4, N), and
    groups integers, (N,). ``max_num`` is the most picks of a group, and those
    that are wanted: the best ``max_num`` of all are among the picks, of which
    indices and scores are returned, (D,) each. All of them score at least
    ``min_score``, the first of a group aside.

    As scores only fall, the best ones, a block, need no other candidate while
    they are better than the best outside, which are decayed afterwards, by all
    that was picked at once. NumPy, as an operation of PyTorch takes longer to
    start than most of these to run.
    """
    num = max(FEW, 2 * max_num)
    if num < len(groups):
        # what is better than all but these cannot become one of them
        least = np.nextafter(candidates[3, num], candidates.dtype.type(np.inf))
        picks, scores = pick(candidates[:, :num], groups[:num], decay,
                             max(float(least), min_score), max_num)
        if np.count_nonzero(scores >= least) >= max_num:
            return picks, scores
    _, first, groups = np.unique(
        groups, return_index=True, return_inverse=True)
    num_picked = np.zeros(len(first), int)
    scores = candidates[3].copy()
    floor = max(min_score, 0.)  # least score that can be output
    picked, best = [], []

    def overlaps(picks: np.ndarray,
                 others: np.ndarray) -> Tuple[np.ndarray, ...]:
        """Places (P, M), candidates and factors where two overlap."""
        _, end, start, _ = candidates
        is_near = end[others] > -start[picks, None]
        is_near &= start[others] > -end[picks, None]
        is_near &= groups[others] == groups[picks, None]
        near = np.flatnonzero(is_near)
        by, other = np.divmod(near, len(others))
        by, other = picks[by], others[other]
        return near, other, decay(candidates[:, other], candidates[:, by])

    while len(left := np.flatnonzero(scores >= floor)):
        left = left[np.argsort(-scores[left], kind='stable')]
        block, others = np.sort(left[:BLOCK_SIZE + 1]), left[BLOCK_SIZE:]
        near, _, factor = overlaps(block, block)
        factors = np.ones((len(block), len(block)), scores.dtype)
        factors.put(near, factor)
        # the best of the others ends the block when its turn comes
        last = block.searchsorted(others[:1]).tolist()
        factors[:, last] = 1
        current, picks = scores[block], []
        while ((score := current[place := current.argmax()]) >= floor
               and place not in last):
            factors[:, place] = 1  # -inf stays what it is
            current[place] = -np.inf
            current *= factors[place]
            picks.append(block[place])
            num_picked[group := groups[block[place]]] += 1
            if num_picked[group] <= max_num:
                picked.append(block[place])
                best.append(score)
                if len(best) == max_num:
                    floor = score
        scores[block] = current
        _, other, factor = overlaps(np.array(picks), others)
        np.multiply.at(scores, other, factor)
    # the first of a group is picked however low its score is
    rest = first[num_picked == 0]
    return (np.append(np.array(picked, int), rest),
            np.append(np.array(best, scores.dtype), candidates[3, rest]))


def make_decay(method: str, sigma: float, iou_threshold: float,
               dtype: np.dtype) -> Decay:
    """What picks leave of scores, as a function for numbers of a kind.

    It takes (length, end, -start, ...) of candidates and of a pick for each,
    and gives factors, (M,); the other arguments are those of :func:`soft_nms`.

    Raises:
        ValueError: If one of these is out of range.
    """
    if method not in METHODS:
        raise ValueError(
            f'method must be one of {METHODS}, but got {method!r}')
    if method == 'hard' and iou_threshold <= 0:
        raise ValueError('iou_threshold must be positive to remove segments, '
                         f'but got {iou_threshold}')
    with np.errstate(over='ignore'):
        scale = -dtype.type(sigma)
    # what is 0 as such a number would divide 0 by 0
    if not scale < 0:
        raise ValueError(f'sigma must be positive, but got {sigma} as {dtype}')

    def decay(others: np.ndarray, picks: np.ndarray) -> np.ndarray:
        inter = np.minimum(others[1], picks[1])
        inter += np.minimum(others[2], picks[2])
        np.maximum(inter, 0, out=inter)
        union = others[0] + picks[0] - inter
        iou = np.divide(inter, union, out=inter, where=inter > 0)
        if method == 'gaussian':
            iou *= iou
            iou /= scale
            # the exponential of NumPy differs in the last digit
            return torch.from_numpy(iou).exp_().numpy()
        low = 1 - iou if method == 'linear' else np.zeros_like(iou)
        return np.where(iou >= iou_threshold, low, 1)

    return decay


def soft_nms_reference(segments: Tensor, scores: Tensor, labels: Tensor, *,
                       method: str, sigma: float, iou_threshold: float,
                       min_score: float, max_num: int,
                       class_wise: bool) -> Tuple[Tensor, Tensor, Tensor]:
    """:func:`soft_nms` as it is defined: one list, one candidate at a time."""

    def decayed(other: tuple, best: tuple) -> tuple:
        start, end, score, label = other
        inter = max(min(end, best[1]) - max(start, best[0]), 0.)
        length, best_length = end - start, best[1] - best[0]
        iou = inter / (length + best_length + 2 * LENGTH_EPS - inter)
        if method == 'gaussian':
            score *= math.exp(-iou**2 / sigma)
        elif iou >= iou_threshold:
            score *= 1 - iou if method == 'linear' else 0
        return start, end, score, label

    def content(candidate: tuple) -> tuple:
        start, end, score, label = candidate
        return -score, start, end, label

    groups = defaultdict(list)
    if method == 'hard':
        min_score = max(min_score, sys.float_info.min)
    for each in zip(*segments.T.tolist(), scores.tolist(), labels.tolist()):
        if method != 'hard' or each[2] > min_score:
            groups[each[3] if class_wise else 0].append(each)
    kept = []
    for left in groups.values():
        left.sort(key=content)
        for _ in range(min(len(left), max_num)):
            if left:
                best = max(left, key=lambda each: each[2])  # the first such
                kept.append(best)
                left.remove(best)
                left = [decayed(each, best) for each in left]
                left = [each for each in left if each[2] >= min_score]
    kept = sorted(kept, key=content)[:max_num]
    kept = torch.tensor(kept, dtype=torch.double).reshape(-1, 4)
    return kept[:, :2], kept[:, 2], kept[:, 3].long()


def best_first(scores: np.ndarray, *keys: np.ndarray) -> np.ndarray:
    """Indices that sort by score, descending, then by keys, ascending.

    Where all are equal, the order stays.
    """
    order = np.argsort(-scores)  # much faster than a stable sort
    is_equal = np.diff(scores[order]) == 0
    is_tied = np.zeros(len(order), bool)
    is_tied[1:] |= is_equal
    is_tied[:-1] |= is_equal
    tied = order[is_tied]
    keys = [key[tied] for key in (-scores, *keys)]
    order[is_tied] = tied[np.lexsort((tied, *reversed(keys)))]
    return order


def _check_shapes(segments: Tensor, scores: Tensor,
                  labels: Optional[Tensor]) -> None:
    num, given = scores.numel(), (segments, scores, labels)
    shapes = [tuple(each.shape) for each in given if each is not None]
    if shapes != [(num, 2), (num, ), (num, )][:len(shapes)]:
        raise ValueError('segments, scores and labels must be of shapes '
                         f'(N, 2), (N, ) and (N, ), but got {shapes}')
    if labels is not None and labels.is_floating_point():
        raise ValueError(f'labels must be integers, but got {labels.dtype}')
