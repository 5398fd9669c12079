import sys
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
from dyfadet_mm.utils.typing import OptConfigType

Levels = Sequence[Tuple[Tensor, Tensor]]
Candidates = Tuple[Tensor, Tensor, Tensor, Tensor]


@TASK_UTILS.register_module()
class SegmentPostprocessor:
    """Turn what the head says about a video into detections in seconds.

    Args:
        score_thr (float): Candidates score more than this. Defaults to 0.001.
        pre_nms_topk (int, optional): Best candidates kept; None keeps all.
            Defaults to 2000.
        topk_per_level (bool): Whether so many are kept on each level, as
            published, or of the whole pyramid, as in OpenTAD. Defaults to
            True.
        min_length (float): Candidates are longer than this, in cells of the
            feature grid; a negative value keeps all. Defaults to 0.05.
        nms (dict, optional): Arguments of :func:`soft_nms`; None keeps all
            candidates. Defaults to an empty dict.
        voting_thr (float): tIoU from which candidates vote on the boundaries
            of a kept segment; 0 turns voting off. Votes are taken only after
            class-agnostic suppression, as in the published code. Defaults
            to 0.
        voting_by_iou (bool): Whether a vote weighs score times tIoU, as in
            ActionFormer, or score alone. Defaults to False.

    Raises:
        TypeError: If :func:`soft_nms` has no such argument.
        ValueError: If a number is out of range.
    """

    def __init__(self,
                 score_thr: float = 0.001,
                 pre_nms_topk: Optional[int] = 2000,
                 topk_per_level: bool = True,
                 min_length: float = 0.05,
                 nms: OptConfigType = dict(),
                 voting_thr: float = 0.,
                 voting_by_iou: bool = False) -> None:
        if pre_nms_topk is not None and not (isinstance(
                pre_nms_topk, Integral) and 1 <= pre_nms_topk <= sys.maxsize):
            raise ValueError('pre_nms_topk must be None or a whole number of '
                             f'at least 1, but got {str(pre_nms_topk)[:80]}')
        if nms is not None:  # refuses wrong arguments now, not in a test
            with torch.device('cpu'):  # a model may be built without numbers
                none = dict(segments=torch.zeros(0, 2), scores=torch.zeros(0))
                soft_nms(**complete_cfg(nms, 'nms', self, **none, labels=None))
        self.score_thr = check_number('score_thr', score_thr)
        self.pre_nms_topk = pre_nms_topk
        self.topk_per_level = topk_per_level
        self.min_length = check_number('min_length', min_length)
        self.nms = nms
        self.voting_thr = check_number('voting_thr', voting_thr)
        self.voting_by_iou = voting_by_iou

    def __call__(self, levels: Sequence[Tuple[Tensor, Tensor]],
                 metainfo: dict) -> InstanceData:
        """Detect in one video.

        Args:
            levels (Sequence[tuple[Tensor, Tensor]]): For each level, segments
                on the feature grid, (T_l, 2) or for every class
                (T_l, A, 2), and scores (T_l, A).
            metainfo (dict): ``fps``, ``feat_stride``, ``feat_num_frames``
                and ``duration`` (seconds) of the video.

        Returns:
            InstanceData: ``segments`` (N, 2) in seconds, ``scores`` (N,) and
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
        segments, scores, labels = self._suppress(
            *self.filter(candidates, source))
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
        if segments.dim() == 2:
            segments = segments[point]
        else:  # a segment for every class
            segments = segments[point, labels]
        return segments, scores[index], labels, is_finite

    def _suppress(self, segments: Tensor, scores: Tensor,
                  labels: Tensor) -> Tuple[Tensor, Tensor, Tensor]:
        """Suppress duplicates and let the candidates vote, shapes as above."""
        if self.nms is None:
            scores, order = scores.sort(descending=True, stable=True)
            return segments[order], scores, labels[order]
        kept, kept_scores, kept_labels = soft_nms(segments, scores, labels,
                                                  **self.nms)
        return self.vote(kept, segments, scores), kept_scores, kept_labels


def _best(scores: Tensor, num: Optional[int], score_thr: float) -> Tensor:
    """Indices of the best, first of equal ones first, without waiting.

    On the CPU, of those above the threshold, which are few.
    """
    if not is_on_host(scores):
        return scores.sort(descending=True, stable=True).indices[:num]
    scores = to_float(scores).numpy()
    index = np.flatnonzero(scores > score_thr)
    if num is not None and len(index) > num:
        above = scores[index]
        index = index[above >= np.partition(above, -num)[-num]]
    return torch.from_numpy(index[best_first(scores[index])[:num]])
