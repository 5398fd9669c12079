"""Segment voting: refine what NMS kept with what it dropped."""
import torch
from torch import Tensor

from dyfadet_mm.structures import segment_iou
from .checks import check_candidates, check_number
from .host import to_float, to_host

# most (kept, candidate) pairs compared at once, few enough for the cache
MAX_PAIRS = 2**16


@torch.no_grad()
def segment_voting(kept: Tensor,
                   candidates: Tensor,
                   scores: Tensor,
                   iou_threshold: float,
                   by_iou: bool = False) -> Tensor:
    """Average every kept segment with the candidates it overlaps, (K, 2).

    The average is weighted. What no candidate matches stays as it is.

    Args:
        kept (Tensor): Segments NMS kept, (start, end) in any unit, (K, 2).
        candidates (Tensor): All segments before NMS, same unit, (N, 2).
        scores (Tensor): Scores of the candidates before NMS, (N, ).
        iou_threshold (float): tIoU from which a candidate takes part.
        by_iou (bool): Whether a vote weighs score times tIoU, as in
            ActionFormer, or score alone. Defaults to False.

    Raises:
        ValueError: If ``candidates`` and ``scores`` differ in length,
            ``iou_threshold`` is not finite, or for what
            :func:`check_candidates` refuses.
    """
    check_number('iou_threshold', iou_threshold)
    if len(candidates) != len(scores):
        raise ValueError('scores must be as many as candidates, '
                         f'{len(candidates)}, but got {len(scores)}')
    device = kept.device
    kept, candidates, scores = to_host((kept, candidates, scores))
    check_candidates(candidates, scores)
    if not candidates.is_floating_point():
        candidates = candidates.float()
    kind = torch.promote_types(kept.dtype, candidates.dtype)
    kept, candidates, scores = map(to_float,
                                   (kept, candidates, scores.to(candidates)))
    rows = max(MAX_PAIRS // max(len(candidates), 1), 1)
    voted = [
        _vote(part, candidates, scores, iou_threshold, by_iou)
        for part in kept.split(rows)
    ]
    return torch.cat(voted).to(device, kind, non_blocking=True)


def _vote(kept: Tensor, candidates: Tensor, scores: Tensor,
          iou_threshold: float, by_iou: bool) -> Tensor:
    """Average segments, (K, 2), with votes (K, N) where there are any."""
    iou = segment_iou(kept, candidates)
    votes = (iou >= iou_threshold) * scores
    votes = votes * iou if by_iou else votes
    total = votes.sum(1, keepdim=True)
    return torch.where(total > 0, votes @ candidates / total, kept)
