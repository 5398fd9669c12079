"""Segment voting: refine what NMS kept with what it dropped."""
import torch
from torch import Tensor

from dyfadet_mm.structures import segment_iou
from .checks import check_candidates, check_number

# most (kept, candidate) pairs compared at once, few enough for the cache
MAX_PAIRS = 2**16


@torch.no_grad()
def segment_voting(kept: Tensor,
                   candidates: Tensor,
                   scores: Tensor,
                   iou_threshold: float,
                   by_iou: bool = False) -> Tensor:
    """Average every kept segment with the candidates it overlaps.

    Args:
        kept (Tensor): Segments NMS kept, (start, end) in any unit, (K, 2).
        candidates (Tensor): All segments before NMS, same unit, (N, 2).
        scores (Tensor): Scores of the candidates before NMS, (N, ).
        iou_threshold (float): tIoU from which a candidate takes part.
        by_iou (bool): Whether a vote weighs score times tIoU, as in
            ActionFormer, or score alone. Defaults to False.

    Returns:
        Tensor: Weighted averages of the candidates; a kept segment that
        no candidate matches stays as it is, (K, 2).

    Raises:
        ValueError: If ``candidates`` and ``scores`` differ in length,
            ``iou_threshold`` is not finite, or for what
            :func:`check_candidates` refuses.
    """
    check_number('iou_threshold', iou_threshold)
    if len(candidates) != len(scores):
        raise ValueError('scores must be as many as candidates, '
                         f'{len(candidates)}, but got {len(scores)}')
    check_candidates(candidates, scores)
    if not candidates.is_floating_point():
        candidates = candidates.float()
    scores = scores.to(candidates)
    rows = max(MAX_PAIRS // max(len(candidates), 1), 1)
    voted = [
        _vote(part, candidates, scores, iou_threshold, by_iou)
        for part in kept.split(rows)
    ]
    return torch.cat(voted)


def _vote(kept: Tensor, candidates: Tensor, scores: Tensor,
          iou_threshold: float, by_iou: bool) -> Tensor:
    """:func:`segment_voting` on few enough kept segments, (K, 2)."""
    iou = segment_iou(kept, candidates)  # (K, N)
    weights = (iou >= iou_threshold) * scores
    if by_iou:
        weights = weights * iou
    total = weights.sum(1, keepdim=True)  # (K, 1)
    mean = weights @ candidates / total  # (K, 2)
    return torch.where(total > 0, mean, kept)
