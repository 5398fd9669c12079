import sys
from dataclasses import dataclass, field
from itertools import accumulate, chain
from numbers import Integral
from typing import List, Optional, Sequence, Tuple

import numpy as np
import torch
from mmengine.structures import InstanceData
from torch import Tensor

from dyfadet_mm.fileio import brief
from dyfadet_mm.ops import segment_voting, soft_nms
from dyfadet_mm.ops.checks import NotFiniteError, check_number
from dyfadet_mm.ops.host import detect_batch, is_on_host, to_float, to_host
from dyfadet_mm.ops.soft_nms import best_first
from dyfadet_mm.registry import TASK_UTILS
from dyfadet_mm.structures import grid_to_seconds
from dyfadet_mm.utils.checks import complete_cfg
from dyfadet_mm.utils.typing import Levels, OptConfigType

Candidates = Tuple[Tensor, Tensor, Tensor, Tensor]


@TASK_UTILS.register_module()
@dataclass(eq=False)
class SegmentPostprocessor:
    """Turn what the head says about a video into detections in seconds.

    Args:
        score_thr (float): Candidates score more than this. Defaults to 0.001.
        pre_nms_topk (int, optional): Best candidates kept; None keeps all.
            Defaults to 2000.
        topk_per_level (bool): Whether that is on each level, as published, or
            in the whole pyramid, as in OpenTAD. Defaults to True.
        min_length (float): Candidates are longer than this, in cells of the
            feature grid; a negative value keeps all. Defaults to 0.05.
        nms (dict, optional): Arguments of :func:`soft_nms`; None keeps all
            candidates. Defaults to an empty dict.
        voting_thr (float): tIoU from which candidates vote on the boundaries
            of a kept segment, after class-agnostic suppression only, as in
            the published code. Defaults to 0, no voting.
        voting_by_iou (bool): Whether a vote weighs score times tIoU, as in
            ActionFormer, or score alone. Defaults to False.

    Raises:
        TypeError: If :func:`soft_nms` has no such argument.
        ValueError: If a number is out of range.
    """

    score_thr: float = 0.001
    pre_nms_topk: Optional[int] = 2000
    topk_per_level: bool = True
    min_length: float = 0.05
    nms: OptConfigType = field(default_factory=dict)
    voting_thr: float = 0.
    voting_by_iou: bool = False

    def __post_init__(self) -> None:
        num = self.pre_nms_topk
        if num is not None and not (isinstance(num, Integral)
                                    and 1 <= num <= sys.maxsize):
            raise ValueError('pre_nms_topk must be None or a whole number of '
                             f'at least 1, but got {str(num)[:80]}')
        if self.nms is not None:  # refuses wrong arguments now, not in a test
            segments = torch.zeros(0, 2, device='cpu')  # not that of models
            none = dict(segments=segments, scores=segments.sum(1), labels=None)
            soft_nms(**complete_cfg(self.nms, 'nms', self, **none))
        for name in ('score_thr', 'min_length', 'voting_thr'):
            setattr(self, name, check_number(name, getattr(self, name)))

    def __call__(self, levels: Levels, metainfo: dict) -> InstanceData:
        """Detect in one video.

        Args:
            levels (Sequence[tuple[Tensor, Tensor]]): For each level, segments
                on the feature grid, (T_l, 2) or by class (T_l, A, 2), and
                scores (T_l, A).
            metainfo (dict): ``fps``, ``feat_stride``, ``feat_num_frames``
                and ``duration`` (seconds) of the video.

        Returns:
            InstanceData: ``segments`` (N, 2) in seconds, ``scores`` and
            ``labels`` (N,), best first.

        Raises:
            KeyError: If ``metainfo`` lacks one of its fields.
            NotFiniteError: If a score or a segment is not finite.
        """
        return next(detect_batch(self, [levels], [metainfo]))

    @torch.no_grad()
    def collect(self, videos: Sequence[Levels]) -> List[Candidates]:
        """Bring the candidates of a batch to the CPU, waiting once.

        These are, for every video, segments on the feature grid (M, 2),
        scores (M,), labels (M,), and whether all numbers are finite.
        """
        found = [self._select(levels) for levels in videos]
        found = iter(to_host(list(chain(*found))))
        return list(zip(found, found, found, found))

    def detect(self, candidates: Candidates, metainfo: dict) -> InstanceData:
        """Detect on the CPU, see :meth:`__call__` and :meth:`collect`."""
        for key in ('fps', 'feat_stride', 'feat_num_frames', 'duration'):
            if metainfo.get(key) is None:
                raise KeyError(
                    f"metainfo of video {metainfo.get('video_id')!r} must "
                    f'have {key!r} to place detections in seconds')
        source = f'video {brief(metainfo.get("video_id"))}'
        segments, scores, labels = self.filter(candidates, source)
        if self.nms is None:
            scores, order = scores.sort(descending=True, stable=True)
            segments, labels = segments[order], labels[order]
        else:
            kept, kept_scores, labels = soft_nms(segments, scores, labels,
                                                 **self.nms)
            segments, scores = self.vote(kept, segments, scores), kept_scores
        segments = grid_to_seconds(segments, metainfo['fps'],
                                   metainfo['feat_stride'],
                                   metainfo['feat_num_frames'],
                                   metainfo['duration'])
        return InstanceData(segments=segments, scores=scores, labels=labels)

    def filter(self, candidates: Candidates,
               source: str) -> Tuple[Tensor, Tensor, Tensor]:
        """Segments (N, 2), scores and labels that are long and sure enough.

        Raises:
            NotFiniteError: If a score or a segment is not finite; names the
                source.
        """
        segments, scores, labels, is_finite = candidates
        # NaN is above no threshold: it would be gone without a word
        if not is_finite:
            raise NotFiniteError(f'scores and segments of {source} must be '
                                 'finite, but got nan or infinity')
        keep = segments[:, 1] - segments[:, 0] > self.min_length
        keep &= scores > self.score_thr
        keep = keep.nonzero()[:, 0]
        return segments[keep], scores[keep], labels[keep]

    @property
    def votes(self) -> bool:
        """bool: Whether candidates vote on boundaries."""
        return (self.voting_thr > 0 and self.nms is not None
                and not self.nms.get('class_wise', True))

    def vote(self, kept: Tensor, segments: Tensor, scores: Tensor) -> Tensor:
        """Move kept segments, (K, 2), if candidates vote, (N, 2) and (N,)."""
        if not self.votes:
            return kept
        return segment_voting(kept, segments, scores, self.voting_thr,
                              self.voting_by_iou)

    def _select(self, levels: Levels) -> Candidates:
        """Candidates of one video, without waiting for the device."""
        segments, scores = map(torch.cat, zip(*levels))  # (P, 2), (P, A)
        # 0 times what is not finite is NaN
        is_finite = segments.mul(0).sum() + scores.mul(0).sum() == 0
        num_classes = scores.size(1)
        scores = scores.flatten()  # (P * A,)
        sizes = [len(scores)]
        if self.topk_per_level:
            sizes = [level.numel() for _, level in levels]
        index = torch.cat([
            start + _best(part, self.pre_nms_topk, self.score_thr)
            for start, part in zip(
                accumulate(sizes, initial=0), scores.split(sizes))
        ])  # (M,)
        point, labels = index // num_classes, index % num_classes
        # some heads have a segment for every class
        place = point if segments.dim() == 2 else (point, labels)
        return segments[place], scores[index], labels, is_finite


def _best(scores: Tensor, num: Optional[int], score_thr: float) -> Tensor:
    """Indices of the best, first of equal ones first, without waiting."""
    if not is_on_host(scores):
        return scores.sort(descending=True, stable=True).indices[:num]
    # those above the threshold are few
    scores = to_float(scores).numpy()
    index = np.flatnonzero(scores > score_thr)
    if num is not None and len(index) > num:
        above = scores[index]
        index = index[above >= np.partition(above, -num)[-num]]
    return torch.from_numpy(index[best_first(scores[index])[:num]])
