"""Soft-NMS for temporal segments, in plain PyTorch.

One round takes the best candidate of every group (class) at once, so that a
video costs as many rounds as its busiest class has detections.
"""
from typing import Optional, Tuple

import torch
from torch import Tensor

# added to every length, as in the published code
LENGTH_EPS = 1e-6
# rounds between two clearings of candidates that can no longer be output
ROUNDS_PER_CLEARING = 16
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
    drops scores <= ``min_score`` beforehand. Equal scores are taken in the
    order (original score descending, start, end, label), whatever the order
    of the input.

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
            score is negative or NaN, or a segment is not finite.

    Reference:
        Bodla et al., Soft-NMS, ICCV 2017; the temporal version is the one of
        ActionFormer and DyFADet.
    """
    _check_options(method, sigma, max_num)
    _check_candidates(segments, scores, labels)
    if method == 'hard':
        # its scores never change, so they are filtered once
        kept = scores > min_score if min_score > 0 else scores >= 0
        segments, scores = segments[kept], scores[kept]
        labels = None if labels is None else labels[kept]
        min_score = 0.
    order = _content_order(segments, scores, labels)
    segments, scores = segments[order], scores[order]
    labels = None if labels is None else labels[order]
    groups = _Groups(segments, scores, labels if class_wise else None)
    picks = _Picks(scores, min_score, max_num)
    for round_ in range(max_num):
        if round_ and round_ % ROUNDS_PER_CLEARING == 0:
            groups.clear(picks.settle())
        if groups.is_empty:
            break
        picks.add(*groups.pick(method, sigma, iou_threshold))
    picks.settle()
    segments, scores = segments[picks.indices], picks.scores
    labels = None if labels is None else labels[picks.indices]
    order = _content_order(segments, scores, labels)[:max_num]
    return (segments[order], scores[order],
            None if labels is None else labels[order])


class _Groups:
    """Candidates still in play, one row per group, best first.

    A candidate that is out has score -inf; a taken one also starts at +inf,
    where it overlaps nothing.
    """

    def __init__(self, segments: Tensor, scores: Tensor,
                 labels: Optional[Tensor]) -> None:
        if labels is None:
            rows = torch.zeros(
                len(scores), dtype=torch.long, device=scores.device)
        else:
            rows = labels.unique(return_inverse=True)[1]
        start, end = segments.unbind(1)
        fields = torch.stack((start, end, end - start + LENGTH_EPS))  # (3, N)
        indices = torch.arange(len(scores), device=scores.device)
        order = rows.sort(stable=True).indices
        self._pack(rows[order], fields[:, order], scores[order],
                   indices[order])

    @property
    def is_empty(self) -> bool:
        """Whether no candidate is in play."""
        return self.scores.numel() == 0

    def _pack(self, rows: Tensor, fields: Tensor, scores: Tensor,
              indices: Tensor) -> None:
        """Lay candidates out as (G, M), given sorted by their row."""
        rows, counts = rows.unique_consecutive(
            return_inverse=True, return_counts=True)[1:]
        first = counts.cumsum(0) - counts  # (G, )
        columns = torch.arange(len(rows), device=rows.device) - first[rows]
        shape = (len(counts), int(counts.max()) if len(counts) else 0)
        self.fields = fields.new_ones((3, *shape))  # start, end, length
        self.fields[0] = float('inf')
        self.fields[:, rows, columns] = fields
        self.scores = scores.new_full(shape, float('-inf'))
        self.scores[rows, columns] = scores
        self.indices = indices.new_zeros(shape)
        self.indices[rows, columns] = indices

    def clear(self, floor: float) -> None:
        """Forget the candidates whose score is below ``floor``."""
        rows, columns = (self.scores >= floor).nonzero(as_tuple=True)
        self._pack(rows, self.fields[:, rows, columns],
                   self.scores[rows, columns], self.indices[rows, columns])

    def pick(self, method: str, sigma: float,
             iou_threshold: float) -> Tuple[Tensor, Tensor]:
        """Take the best candidate of every group and decay the others.

        Returns:
            tuple: Scores (G, ), -inf where a group is used up, and indices
            (G, ) of the candidates.
        """
        best, column = self.scores.max(1, keepdim=True)  # (G, 1)
        index = self.indices.gather(1, column)
        start, end, length = self.fields.gather(2, column.expand(
            3, -1, -1)).unbind()  # (G, 1) each
        self.scores.scatter_(1, column, float('-inf'))
        self.fields[0].scatter_(1, column, float('inf'))
        starts, ends, lengths = self.fields  # (G, M) each
        inter = torch.minimum(ends, end).sub_(torch.maximum(starts, start))
        inter.clamp_(min=0)
        iou = inter / (lengths + length).sub_(inter)
        if method == 'gaussian':
            self.scores.mul_(iou.square_().div_(-sigma).exp_())
        elif method == 'linear':
            self.scores.mul_(torch.where(iou >= iou_threshold, 1 - iou, 1.))
        else:
            self.scores.masked_fill_(iou >= iou_threshold, float('-inf'))
        return best[:, 0], index[:, 0]


class _Picks:
    """What has been taken, and the score below which nothing matters."""

    def __init__(self, scores: Tensor, min_score: float, max_num: int) -> None:
        self.floor, self.max_num = max(min_score, 0.), max_num
        self.scores = scores[:0]
        self.indices = torch.arange(0, device=scores.device)
        self._recent = []

    def add(self, scores: Tensor, indices: Tensor) -> None:
        """Note the picks of one round, (G, ) each."""
        if len(self.scores):
            self._recent.append((scores, indices))
        else:
            # the first of a group is output however low its score is
            self.scores, self.indices = scores, indices

    def settle(self) -> float:
        """Merge the noted picks.

        Returns:
            float: Score a candidate needs to be output: ``min_score``, or the
            worst of the ``max_num`` best picks, as scores never rise.
        """
        if self._recent:
            scores, indices = map(torch.cat, zip(*self._recent))
            kept = scores >= self.floor
            self.scores = torch.cat((self.scores, scores[kept]))
            self.indices = torch.cat((self.indices, indices[kept]))
            self._recent = []
        if len(self.scores) >= self.max_num:
            worst = self.scores.topk(self.max_num).values[-1]
            self.floor = max(self.floor, float(worst))
        return self.floor


def _content_order(segments: Tensor, scores: Tensor,
                   labels: Optional[Tensor]) -> Tensor:
    """Indices that sort by (score descending, start, end, label), (N, )."""
    order = torch.arange(len(scores), device=scores.device)
    keys = [segments[:, 1], segments[:, 0], -scores]
    for key in keys if labels is None else [labels, *keys]:
        order = order[key[order].sort(stable=True).indices]
    return order


def _check_options(method: str, sigma: float, max_num: int) -> None:
    if method not in METHODS:
        raise ValueError(
            f'method must be one of {METHODS}, but got {method!r}')
    if sigma <= 0:
        raise ValueError(f'sigma must be positive, but got {sigma}')
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
    if not (scores >= 0).all():
        raise ValueError('scores must be numbers >= 0, but got '
                         f'{scores[~(scores >= 0)][:3].tolist()}')
    if not segments.isfinite().all():
        raise ValueError('segments must be finite, but got '
                         f'{segments[~segments.isfinite()][:3].tolist()}')
