import logging
from abc import abstractmethod
from typing import Any, Dict, Optional, Sequence

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log
from torch import Tensor

from ..files import check_out_file, save_predictions
from ..functional.checks import check_thresholds
from ..functional.inputs import read_video


class BaseTADMetric(BaseMetric):
    """Collects detections and ground truth for a metric to score.

    The ground truth is taken from the metainfo ``gt_segments`` (seconds) and
    ``gt_labels`` that the data pipeline leaves untouched. A video that
    arrives twice, as padding of a distributed test does, counts once. Videos
    that are not to be evaluated, such as the blocked ones of ActivityNet,
    are left out by ``exclude`` of the data set.

    Without any annotated action nothing can be evaluated: there is a warning
    and no metric, rather than zeros; ``out_file`` is written all the same.

    Args:
        tiou_thresholds (Sequence[float]): Values in (0, 1].
        out_file (str, optional): JSON file for the detections, in the layout
            of ActivityNet. A file from an earlier run is replaced, any other
            file is refused. Defaults to None, which writes nothing.
        collect_device (str): ``'cpu'`` or ``'gpu'``, where results of several
            processes meet. Defaults to ``'cpu'``.
        prefix (str, optional): Put before the names. Defaults to None, which
            means ``'tad'``.
        collect_dir (str, optional): Folder shared by the processes, for
            ``collect_device='cpu'``. Defaults to None.

    Raises:
        FileExistsError: If ``out_file`` is not ours to replace.
        WriteError: If it cannot be written.
        ValueError: If a threshold is out of range.
    """

    default_prefix = 'tad'

    def __init__(self,
                 tiou_thresholds: Sequence[float],
                 out_file: Optional[str] = None,
                 collect_device: str = 'cpu',
                 prefix: Optional[str] = None,
                 collect_dir: Optional[str] = None) -> None:
        super().__init__(collect_device, prefix, collect_dir)
        # refuses both before hours of training, not after
        check_thresholds(tiou_thresholds)
        if out_file is not None:
            check_out_file(out_file)
        self.tiou_thresholds = tuple(tiou_thresholds)
        self.out_file = out_file

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
            ValueError: If detections are not finite, or as in
                :func:`tad_map`. The video is named.
        """
        needed = ('video_id', 'pred_instances', 'gt_segments', 'gt_labels')
        for sample in data_samples:
            missing = [key for key in needed if key not in sample]
            if missing:
                raise KeyError(
                    f'data samples must have {missing} to be evaluated, but '
                    f'got {sorted(sample)}; the test pipeline must end with '
                    'PackTADInputs, on annotated videos')
            pred, video_id = sample['pred_instances'], sample['video_id']
            prediction = {
                key: _to_numpy(pred[key])
                for key in ('segments', 'scores', 'labels')
            }
            # now, rather than after all videos
            read_video(video_id, prediction, 0, 'predictions', True)
            self.results.append(
                dict(
                    video_id=video_id,
                    prediction=prediction,
                    ground_truth=dict(
                        segments=_to_numpy(sample['gt_segments']),
                        labels=_to_numpy(sample['gt_labels']))))

    def compute_metrics(self, results: list) -> Dict[str, float]:
        """Write ``out_file`` and score all videos.

        Args:
            results (list[dict]): What :meth:`process` kept, of all processes.

        Returns:
            dict: Fractions by name; empty, with a warning, if no video has
            an annotated action.
        """
        videos = {}
        for result in results:
            videos.setdefault(result['video_id'], result)
        predictions = {k: v['prediction'] for k, v in videos.items()}
        ground_truth = {k: v['ground_truth'] for k, v in videos.items()}
        try:
            self._write(predictions)
        finally:  # a disk that is full costs no table in the log
            metrics = self.score(predictions, ground_truth)
        if not metrics:
            print_log(
                f'{type(self).__name__} reports nothing: none of the '
                f'{len(videos)} evaluated videos has an annotated action',
                'current',
                level=logging.WARNING)
        return metrics

    def _write(self, predictions: Dict[str, dict]) -> None:
        """Write ``out_file``, if there is one."""
        if self.out_file is not None:
            save_predictions(self.out_file, predictions, self.classes)
            print_log(
                f'detections of {len(predictions)} videos are in '
                f'{self.out_file}', 'current')

    @abstractmethod
    def score(self, predictions: Dict[str, dict],
              ground_truth: Dict[str, dict]) -> Dict[str, float]:
        """Score all videos and log a table.

        Args:
            predictions (dict): By video id, as of :func:`tad_map`.
            ground_truth (dict): By video id.

        Returns:
            dict: Fractions by name; empty if there is no action.
        """


def _to_numpy(value: Any) -> np.ndarray:
    """Copy a tensor or array to host memory."""
    if isinstance(value, Tensor):
        value = value.detach().cpu().numpy()
    return np.array(value)
