"""Soft-NMS for temporal segments."""
import math
import sys
from collections import defaultdict
from numbers import Integral
from typing import Optional, Tuple

import numpy as np
import torch
from torch import Tensor

from .checks import check_candidates, check_number
from .host import to_float, to_host
from .nms_rounds import make_decay, pick

# added to every length, as in the published code
LENGTH_EPS = 1e-6


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
    if not isinstance(max_num, Integral):
        raise ValueError(f'max_num must be a whole number, but got {max_num}')
    if max_num < 1:
        raise ValueError(f'max_num must be at least 1, but got {max_num}')
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
