from typing import Optional

import torch
from mmengine.fileio import load
from mmengine.structures import InstanceData
from torch import Tensor

from dyfadet_mm.registry import TASK_UTILS


@TASK_UTILS.register_module()
class ScoreFusion:
    """Label class-agnostic detections with scores of a video classifier.

    Every detection is repeated for the best classes of its video; its score
    becomes the square root of class score times detection score.

    Args:
        score_file (str): JSON file that maps video ids to class scores (A,),
            at the top level or under ``results``.
        topk (int): Classes per video. Defaults to 2.
        max_num (int): Detections per video before they are repeated. Defaults
            to 200.
        softmax (bool, optional): Whether the file holds logits. Defaults to
            None: those scores that leave [0, 1] are taken as logits, as in
            the published code.

    Raises:
        ValueError: If ``score_file`` is not a JSON file of such a mapping.

    Note:
        The paper (Sec. 6.3) multiplies the scores; the published code takes
        the root of the product, which ranks detections alike.
    """

    def __init__(self,
                 score_file: str,
                 topk: int = 2,
                 max_num: int = 200,
                 softmax: Optional[bool] = None) -> None:
        if not str(score_file).endswith('.json'):
            raise ValueError('score_file must be a .json file, but got '
                             f'{score_file!r}; pickles are not read')
        results = load(score_file)
        if isinstance(results, dict) and 'results' in results:
            results = results['results']
        if not isinstance(results, dict):
            raise ValueError(f'score_file {score_file!r} must map video ids '
                             f'to class scores, but holds {type(results)}')
        self.score_file = score_file
        self.results = results
        self.topk = topk
        self.max_num = max_num
        self.softmax = softmax

    def class_scores(self, video_id: str) -> Tensor:
        """Class scores of one video.

        Args:
            video_id (str): Id of the video in the annotations.

        Returns:
            Tensor: Probabilities, (A,).

        Raises:
            KeyError: If the file does not have the video.
        """
        if video_id not in self.results:
            raise KeyError(f'no class scores for video {video_id!r} in '
                           f'{self.score_file!r}')
        scores = torch.tensor(self.results[video_id]).float().flatten()
        softmax = self.softmax
        if softmax is None:
            softmax = bool(scores.max() > 1 or scores.min() < 0)
        return scores.softmax(0) if softmax else scores

    def __call__(self, detections: InstanceData,
                 video_id: str) -> InstanceData:
        """Label the detections of one video.

        Args:
            detections (InstanceData): ``segments`` (N, 2), ``scores`` (N,),
                best first.
            video_id (str): Id of the video.

        Returns:
            InstanceData: The best ``max_num`` detections once per class,
            best first.
        """
        best = detections[:self.max_num]
        class_scores = self.class_scores(video_id).to(best.scores)  # (A,)
        class_scores, classes = class_scores.topk(
            min(self.topk, len(class_scores)))
        scores = (class_scores[:, None] * best.scores).sqrt()  # (topk, N)
        labels = classes[:, None].expand_as(scores)
        segments = best.segments.expand(len(classes), -1, 2)
        scores, order = scores.flatten().sort(descending=True, stable=True)
        return InstanceData(
            segments=segments.flatten(0, 1)[order],
            scores=scores,
            labels=labels.flatten()[order])
