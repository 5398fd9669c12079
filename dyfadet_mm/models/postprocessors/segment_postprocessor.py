import sys
from numbers import Integral
from typing import Optional, Sequence, Tuple

import torch
from mmengine.structures import InstanceData
from torch import Tensor

from dyfadet_mm.fileio import brief
from dyfadet_mm.ops import segment_voting, soft_nms
from dyfadet_mm.ops.checks import NotFiniteError, check_number
from dyfadet_mm.registry import TASK_UTILS
from dyfadet_mm.structures import grid_to_seconds
from dyfadet_mm.utils.typing import OptConfigType


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
                soft_nms(torch.zeros(0, 2), torch.zeros(0), **nms)
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
        for key in ('fps', 'feat_stride', 'feat_num_frames', 'duration'):
            if metainfo.get(key) is None:
                raise KeyError(
                    f"metainfo of video {metainfo.get('video_id')!r} must "
                    f'have {key!r} to place detections in seconds')
        # NaN is above no threshold: it would be gone without a word
        if not _all_finite(levels):
            raise NotFiniteError('scores and segments of video '
                                 f'{brief(metainfo.get("video_id"))} must be '
                                 'finite, but got nan or infinity')
        if not self.topk_per_level:
            levels = [tuple(map(torch.cat, zip(*levels)))]
        candidates = [self._select(*level) for level in levels]
        segments, scores, labels = (torch.cat(x) for x in zip(*candidates))
        segments, scores, labels = self._suppress(segments, scores, labels)
        segments = grid_to_seconds(segments, metainfo['fps'],
                                   metainfo['feat_stride'],
                                   metainfo['feat_num_frames'],
                                   metainfo['duration'])
        return InstanceData(segments=segments, scores=scores, labels=labels)

    def _select(self, segments: Tensor,
                scores: Tensor) -> Tuple[Tensor, Tensor, Tensor]:
        """Candidates of one level or of all: score, number and length.

        Args:
            segments (Tensor): Segments on the feature grid, (T_l, 2) or
                (T_l, A, 2).
            scores (Tensor): Class scores, (T_l, A).

        Returns:
            tuple[Tensor, Tensor, Tensor]: Segments (M, 2), scores (M,) and
            labels (M,).
        """
        num_classes = scores.size(1)
        scores = scores.flatten()  # (T_l * A,)
        index = (scores > self.score_thr).nonzero()[:, 0]
        scores, order = scores[index].sort(descending=True, stable=True)
        index = index[order[:self.pre_nms_topk]]
        scores = scores[:self.pre_nms_topk]
        point, labels = index // num_classes, index % num_classes
        if segments.dim() == 2:
            segments = segments[point]
        else:
            segments = segments[point, labels]
        keep = segments[:, 1] - segments[:, 0] > self.min_length
        return segments[keep], scores[keep], labels[keep]

    def _suppress(self, segments: Tensor, scores: Tensor,
                  labels: Tensor) -> Tuple[Tensor, Tensor, Tensor]:
        """Suppress duplicates and let the candidates vote, shapes as above."""
        if self.nms is None:
            scores, order = scores.sort(descending=True, stable=True)
            return segments[order], scores, labels[order]
        kept, kept_scores, kept_labels = soft_nms(segments, scores, labels,
                                                  **self.nms)
        if self.voting_thr > 0 and not self.nms.get('class_wise', True):
            kept = segment_voting(kept, segments, scores, self.voting_thr,
                                  self.voting_by_iou)
        return kept, kept_scores, kept_labels


def _all_finite(levels: Sequence[Tuple[Tensor, Tensor]]) -> bool:
    """Whether all numbers of a video are finite, asking the device once."""
    return bool(
        torch.stack([x.isfinite().all() for level in levels
                     for x in level]).all())
