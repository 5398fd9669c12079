"""Segment voting: refine what NMS kept with what it dropped."""
import numpy as np
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
        _average(part, candidates,
                 _votes(part, candidates, scores, iou_threshold, by_iou))
        for part in kept.split(rows)
    ]
    return torch.cat(voted).to(device, kind, non_blocking=True)


def segment_voting_reference(kept: Tensor, candidates: Tensor, scores: Tensor,
                             iou_threshold: float, by_iou: bool) -> Tensor:
    """:func:`segment_voting` as it is defined, on all pairs."""
    iou = segment_iou(kept, candidates)  # (K, N)
    votes = (iou >= iou_threshold) * scores
    return _average(kept, candidates, votes * iou if by_iou else votes)


def _average(kept: Tensor, candidates: Tensor, votes: Tensor) -> Tensor:
    """Average with votes (K, N) as weights, where there are any."""
    total = votes.sum(1, keepdim=True)  # (K, 1)
    return torch.where(total > 0, votes @ candidates / total, kept)


def _votes(kept: Tensor, candidates: Tensor, scores: Tensor,
           iou_threshold: float, by_iou: bool) -> Tensor:
    """Votes on kept segments, (K, N), computed where segments overlap."""
    votes = scores.new_zeros(len(kept), len(candidates))
    if iou_threshold <= 0 and not by_iou:
        votes += scores
    kept, candidates = kept.numpy(), candidates.numpy()
    is_near = candidates[:, 1] > kept[:, :1]  # (K, N)
    is_near &= candidates[:, 0] < kept[:, 1:]
    near = np.flatnonzero(is_near)
    row, column = np.divmod(near, len(candidates))
    (start1, end1), (start2, end2) = kept[row].T, candidates[column].T
    inter = np.minimum(end1, end2) - np.maximum(start1, start2)
    union = (end1 - start1) + (end2 - start2) - inter
    iou = np.divide(inter, union, out=np.zeros_like(union), where=inter > 0)
    weight = (iou >= iou_threshold) * scores.numpy()[column]
    votes.numpy().put(near, weight * iou if by_iou else weight)
    return votes
