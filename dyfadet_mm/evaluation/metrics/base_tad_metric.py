from abc import abstractmethod
from typing import Any, Dict, Optional, Sequence

import numpy as np
from mmengine.evaluator import BaseMetric
from torch import Tensor

from ..functional.inputs import check_thresholds


class BaseTADMetric(BaseMetric):
    """Collects detections and ground truth for a metric to score.

    The ground truth is taken from the metainfo ``gt_segments`` (seconds) and
    ``gt_labels`` that the data pipeline leaves untouched. A video that
    arrives twice, as padding of a distributed test does, counts once. Videos
    that are not to be evaluated, such as the blocked ones of ActivityNet,
    are left out by ``exclude`` of the data set.

    Args:
        tiou_thresholds (Sequence[float]): Values in (0, 1].
        collect_device (str): ``'cpu'`` or ``'gpu'``, where results of several
            processes meet. Defaults to ``'cpu'``.
        prefix (str, optional): Put before the names. Defaults to None, which
            means ``'tad'``.
        collect_dir (str, optional): Folder shared by the processes, for
            ``collect_device='cpu'``. Defaults to None.

    Raises:
        ValueError: If a threshold is out of range.
    """

    default_prefix = 'tad'

    def __init__(self,
                 tiou_thresholds: Sequence[float],
                 collect_device: str = 'cpu',
                 prefix: Optional[str] = None,
                 collect_dir: Optional[str] = None) -> None:
        super().__init__(collect_device, prefix, collect_dir)
        # refuses bad thresholds before hours of training, not after
        check_thresholds(tiou_thresholds)
        self.tiou_thresholds = tuple(tiou_thresholds)

    @property
    def classes(self) -> Optional[Sequence[str]]:
        """Names in label order, None if the data set has none."""
        return (self.dataset_meta or {}).get('classes')

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Keep the detections and the ground truth of one batch.

        Args:
            data_batch (Any): Not used.
            data_samples (Sequence[dict]): ``pred_instances`` with segments
                (N, 2) in seconds, scores (N, ) and labels (N, ), and the
                metainfo ``video_id``, ``gt_segments`` (M, 2) in seconds and
                ``gt_labels`` (M, ).

        Raises:
            KeyError: If one of them is missing.
        """
        needed = ('video_id', 'pred_instances', 'gt_segments', 'gt_labels')
        for sample in data_samples:
            missing = [key for key in needed if key not in sample]
            if missing:
                raise KeyError(
                    f'data samples must have {missing} to be evaluated, but '
                    f'got {sorted(sample)}; the test pipeline must end with '
                    'PackTADInputs, on annotated videos')
            pred = sample['pred_instances']
            self.results.append(
                dict(
                    video_id=sample['video_id'],
                    prediction={
                        key: _to_numpy(pred[key])
                        for key in ('segments', 'scores', 'labels')
                    },
                    ground_truth=dict(
                        segments=_to_numpy(sample['gt_segments']),
                        labels=_to_numpy(sample['gt_labels']))))

    def compute_metrics(self, results: list) -> Dict[str, float]:
        """Score all videos.

        Args:
            results (list[dict]): What :meth:`process` kept, of all processes.

        Returns:
            dict: Fractions by name.
        """
        videos = {}
        for result in results:
            videos.setdefault(result['video_id'], result)
        predictions = {k: v['prediction'] for k, v in videos.items()}
        ground_truth = {k: v['ground_truth'] for k, v in videos.items()}
        return self.score(predictions, ground_truth)

    @abstractmethod
    def score(self, predictions: Dict[str, dict],
              ground_truth: Dict[str, dict]) -> Dict[str, float]:
        """Score all videos and log a table.

        Args:
            predictions (dict): By video id, as of :func:`tad_map`.
            ground_truth (dict): By video id.

        Returns:
            dict: Fractions by name; zeros if there is no action, with a
            warning.
        """


def _to_numpy(value: Any) -> np.ndarray:
    """Copy a tensor or array to host memory."""
    if isinstance(value, Tensor):
        value = value.detach().cpu().numpy()
    return np.array(value)
