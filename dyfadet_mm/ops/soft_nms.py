"""Soft-NMS for temporal segments, in plain PyTorch."""
from numbers import Integral
from typing import Optional, Tuple

import torch
from torch import Tensor

from .checks import check_candidates, check_number
from .nms_rounds import Decay, Rounds

# added to every length, as in the published code
LENGTH_EPS = 1e-6
# more than any video has
MOST = 2**31
METHODS = ('gaussian', 'linear', 'hard')


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
    score is output and the others decay by their tIoU with it, until none is
    left:

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
    are taken in the order (original score descending, start, end, label),
    whatever the order of the input.

    Args:
        segments (Tensor): (start, end) in any unit, (N, 2).
        scores (Tensor): Not negative, (N, ).
        labels (Tensor, optional): Classes, (N, ). None puts all candidates
            into one group. Defaults to None.
        method (str): One of the table. Defaults to ``'gaussian'``.
        sigma (float): Width of the Gaussian decay. Defaults to 0.5.
        iou_threshold (float): tIoU from which ``linear`` and ``hard`` act.
            Defaults to 0.1.
        min_score (float): Lowest score kept. Defaults to 0.001.
        max_num (int): Most segments of a group, and of the output.
            Defaults to 200.
        class_wise (bool): Whether each class is a group of its own.
            Defaults to True.

    Returns:
        tuple: Segments (D, 2), decayed scores (D, ) and labels (D, ) or None,
        sorted by score, descending.

    Raises:
        ValueError: If an argument is out of range, the shapes disagree, a
            score is negative or not finite, a segment is not finite or its
            length would not be, or labels are no integers.

    Reference:
        Bodla et al., Soft-NMS, ICCV 2017; the temporal version is the one of
        ActionFormer and DyFADet.
    """
    sigma = check_number('sigma', sigma)
    iou_threshold = check_number('iou_threshold', iou_threshold)
    min_score = check_number('min_score', min_score)
    _check_options(method, sigma, iou_threshold, max_num)
    _check_candidates(segments, scores, labels)
    max_num = min(max_num, MOST)
    has_labels = labels is not None
    if not has_labels:
        labels = torch.zeros_like(scores, dtype=torch.long)
    if method == 'hard':
        # what it removes falls to 0, which therefore must not be a score
        min_score = max(min_score, torch.finfo(scores.dtype).tiny)
        kept = scores > min_score
        segments, scores, labels = segments[kept], scores[kept], labels[kept]
    order = _content_order(segments, scores, labels)
    segments, scores, labels = segments[order], scores[order], labels[order]
    start, end = segments.unbind(1)
    candidates = torch.stack((end - start + LENGTH_EPS, end, -start, scores))
    groups = labels if class_wise else torch.zeros_like(labels)
    decay = Decay(method, sigma, iou_threshold, candidates)
    rounds = Rounds(candidates, groups, decay, min_score, max_num)
    index, decayed = rounds.run()
    segments, labels = segments[index], labels[index]
    scores = decayed.to(scores)
    order = _content_order(segments, scores, labels)[:max_num]
    return (segments[order], scores[order],
            labels[order] if has_labels else None)


def _content_order(segments: Tensor, scores: Tensor, labels: Tensor) -> Tensor:
    """Indices that sort by (score descending, start, end, label), (N, )."""
    order = scores.sort(descending=True, stable=True).indices
    # the other keys matter where scores are equal only
    is_equal = scores[order[1:]] == scores[order[:-1]]
    is_tied = torch.zeros_like(order, dtype=torch.bool)
    is_tied[1:] |= is_equal
    is_tied[:-1] |= is_equal
    tied = order[is_tied]
    for key in (labels, segments[:, 1], segments[:, 0], -scores):
        tied = tied[key[tied].sort(stable=True).indices]
    order[is_tied] = tied
    return order


def _check_options(method: str, sigma: float, iou_threshold: float,
                   max_num: int) -> None:
    if method not in METHODS:
        raise ValueError(
            f'method must be one of {METHODS}, but got {method!r}')
    if sigma <= 0:
        raise ValueError(f'sigma must be positive, but got {sigma}')
    if method == 'hard' and iou_threshold <= 0:
        raise ValueError('iou_threshold must be positive to remove segments, '
                         f'but got {iou_threshold}')
    if not isinstance(max_num, Integral):
        raise ValueError(f'max_num must be a whole number, but got {max_num}')
    if max_num < 1:
        raise ValueError(f'max_num must be at least 1, but got {max_num}')


def _check_candidates(segments: Tensor, scores: Tensor,
                      labels: Optional[Tensor]) -> None:
    shapes = [tuple(segments.shape), tuple(scores.shape)]
    expected = [(scores.numel(), 2), (scores.numel(), )]
    if labels is not None:
        shapes.append(tuple(labels.shape))
        expected.append((scores.numel(), ))
    if shapes != expected:
        raise ValueError('segments, scores and labels must be of shapes '
                         f'(N, 2), (N, ) and (N, ), but got {shapes}')
    if labels is not None and labels.is_floating_point():
        raise ValueError(f'labels must be integers, but got {labels.dtype}')
    check_candidates(segments, scores)
