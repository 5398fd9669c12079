from dataclasses import dataclass
from functools import cached_property
from typing import Optional, Sequence, Union

import torch
from mmengine.structures import InstanceData
from torch import Tensor

from dyfadet_mm.fileio import MissingFieldError, brief
from dyfadet_mm.fileio.score_files import (VideoScores, load_scores,
                                           match_classes)
from dyfadet_mm.registry import TASK_UTILS
from dyfadet_mm.utils.checks import check_choice


@TASK_UTILS.register_module()
@dataclass(eq=False)
class ScoreFusion:
    """Label detections with the scores of a video classifier.

    Every detection is repeated for the best classes of its video, whatever
    label it had. The defaults are those of the published code; OpenTAD has,
    on HACS, ``topk=3, method='product', max_num=None, softmax=True,
    scale=2.``, and otherwise ``softmax=False, max_num=None``.

    The score file is read at the first use, so that a model can be built
    without it. ``ScoreFusionHook`` uses it at the start of a run: it makes
    the data set known by :meth:`bind`, which puts scores into the order of
    the data set by name where the file names its classes.

    Args:
        score_file (str): Scores by video id, see
            :mod:`dyfadet_mm.fileio.score_files`.
        topk (int): Classes per video. Defaults to 2.
        method (str): Score of a detection: ``'product'`` of class score and
            detection score, or its root, ``'sqrt'``. Defaults to ``'sqrt'``.
        max_num (int, optional): Best detections of a video, before they are
            repeated; None keeps all. Defaults to 200.
        softmax (bool | str, optional): Whether to take the softmax of a
            video's scores. ``'auto'``, or None, does so if one of them is
            outside [0, 1], as the published code. Defaults to ``'auto'``.
        scale (float): Factor of the scores; ranks stay. Defaults to 1.
        by_name (bool, optional): Whether to order scores by the class names
            of the file. Defaults to None: if it has names.
        backend_args (dict, optional): MMEngine's file backend. Defaults to
            None, chosen by the prefix of ``score_file``.

    Raises:
        ValueError: If an argument is none of these.

    Note:
        The paper (Sec. 6.3) multiplies the scores; the published code takes
        the root of the product, which ranks detections alike.
    """

    score_file: str
    topk: int = 2
    method: str = 'sqrt'
    max_num: Optional[int] = 200
    softmax: Union[bool, str, None] = 'auto'
    scale: float = 1.
    by_name: Optional[bool] = None
    backend_args: Optional[dict] = None

    def __post_init__(self) -> None:
        check_choice('method', self.method, ('sqrt', 'product'))
        check_choice('softmax', self.softmax, ('auto', None, True, False))
        for name in ('topk', 'max_num', 'scale'):
            value = getattr(self, name)
            if value is None and name == 'max_num':
                continue
            if value is None or not value > 0:
                raise ValueError(f'{name} must be above 0, but got {value}')
        self.score_file = str(self.score_file)
        self._columns: Optional[Tensor] = None

    @cached_property
    def content(self) -> VideoScores:
        """VideoScores: What the file holds, names only if scores go by them.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If it is not as described, or has no names for
                ``by_name=True``.
        """
        found = load_scores(self.score_file, self.backend_args)
        if self.by_name and found.classes is None:
            raise ValueError(f'score_file {self.score_file!r} must name its '
                             'classes for by_name=True, but has no names; '
                             'set by_name=False if their order is right')
        return found._replace(classes=None) if self.by_name is False else found

    def bind(self, classes: Sequence[str],
             video_ids: Sequence[str] = ()) -> None:
        """Make class names, in label order, and videos of the data set known.

        Raises:
            FileNotFoundError: If there is no score file.
            ValueError: If it is not as described, names or number of the
                classes differ, or videos are missing; all is said at once.
        """
        problems = []
        results, names = self.content
        num_scores = len(next(iter(results.values()), classes))
        if names is not None:
            try:
                self._columns = torch.from_numpy(match_classes(names, classes))
            except ValueError as error:
                problems.append(str(error))
        elif len(classes) != num_scores:
            problems.append(f'have a score for each of the {len(classes)} '
                            f'classes of the data set, but has {num_scores}')
        missing = [name for name in video_ids if name not in results]
        if missing:
            problems.append(
                f'have scores of all {len(video_ids)} videos, but lacks '
                f'{len(missing)}, such as {brief(missing[:3])}; it has '
                f'{len(results)}, such as {brief(list(results)[:3])}')
        if problems:
            raise ValueError(f'score_file {self.score_file!r} must ' +
                             '; and it must '.join(problems))

    def class_scores(self, video_id: str) -> Tensor:
        """Class scores of one video in label order, (A,).

        Raises:
            FileNotFoundError: If there is no score file.
            KeyError: If the file does not have the video.
            RuntimeError: If scores go by name, before :meth:`bind`.
        """
        results, names = self.content
        if video_id not in results:
            raise MissingFieldError(
                f'no class scores for video {brief(video_id)} in '
                f'{self.score_file!r}, which has {len(results)} videos, '
                f'such as {brief(list(results)[:3])}')
        scores = torch.from_numpy(results[video_id])
        if names is not None:
            if self._columns is None:
                raise RuntimeError(
                    f'score_file {self.score_file!r} names its classes, so '
                    'those of the data set must be known; add dict(type='
                    "'dyfadet_mm.ScoreFusionHook') to custom_hooks, call "
                    'bind(classes), or set by_name=False if the order is that '
                    'of the data set')
            scores = scores[self._columns]
        softmax = self.softmax
        if softmax in ('auto', None):
            softmax = bool(scores.max() > 1 or scores.min() < 0)
        return self.scale * (scores.softmax(0) if softmax else scores)

    def __call__(self, detections: InstanceData,
                 video_id: str) -> InstanceData:
        """Label the best ``max_num`` detections of one video, once per class.

        ``segments`` (N, 2) and ``scores`` (N,) are and stay best first.
        """
        best = detections[:self.max_num]
        class_scores = self.class_scores(video_id).to(best.scores)  # (A,)
        class_scores, classes = class_scores.topk(
            min(self.topk, len(class_scores)))
        scores = class_scores[:, None] * best.scores  # (topk, N)
        if self.method == 'sqrt':
            scores = scores.sqrt()
        labels = classes[:, None].expand_as(scores)
        segments = best.segments.expand(len(classes), -1, 2)
        scores, order = scores.flatten().sort(descending=True, stable=True)
        return InstanceData(
            segments=segments.flatten(0, 1)[order],
            scores=scores,
            labels=labels.flatten()[order])
