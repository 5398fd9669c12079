import logging
from collections import OrderedDict
from typing import Any, Dict, Optional, Sequence

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log
from torch import Tensor

from dyfadet_mm.registry import METRICS
from ..files import check_out_file, save_predictions
from ..functional import tad_map
from ..table import format_table


@METRICS.register_module()
class TADMapMetric(BaseMetric):
    """Mean average precision of temporal action detection.

    Reports ``tad/mAP@0.30``, ... and their mean ``tad/average_mAP`` as
    fractions, and logs a table in percent. The ground truth is taken from
    the metainfo ``gt_segments`` (seconds) and ``gt_labels`` that the data
    pipeline leaves untouched. A video that arrives twice, as padding of a
    distributed test does, counts once.

    Args:
        tiou_thresholds (Sequence[float]): Values in (0, 1]. Defaults to
            (0.3, 0.4, 0.5, 0.6, 0.7).
        out_file (str, optional): JSON file for the detections, in the layout
            of ActivityNet. A file from an earlier run is replaced, any other
            file is refused. Defaults to None, which writes nothing.
        classwise (bool): Whether the table has a row per class.
            Defaults to True.
        collect_device (str): ``'cpu'`` or ``'gpu'``, where results of several
            processes meet. Defaults to ``'cpu'``.
        prefix (str, optional): Put before the names. Defaults to None, which
            means ``'tad'``.
        collect_dir (str, optional): Folder shared by the processes, for
            ``collect_device='cpu'``. Defaults to None.

    Raises:
        FileExistsError: If ``out_file`` is not ours to replace.
    """

    default_prefix = 'tad'

    def __init__(self,
                 tiou_thresholds: Sequence[float] = (0.3, 0.4, 0.5, 0.6, 0.7),
                 out_file: Optional[str] = None,
                 classwise: bool = True,
                 collect_device: str = 'cpu',
                 prefix: Optional[str] = None,
                 collect_dir: Optional[str] = None) -> None:
        super().__init__(collect_device, prefix, collect_dir)
        # refuses bad thresholds before hours of training, not after
        tad_map({}, {}, tiou_thresholds)
        if out_file is not None:
            check_out_file(out_file)
        self.tiou_thresholds = tuple(tiou_thresholds)
        self.out_file = out_file
        self.classwise = classwise

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
        """Score all videos, log the table and write ``out_file``.

        Args:
            results (list[dict]): What :meth:`process` kept, of all processes.

        Returns:
            dict: Fractions ``mAP@0.30``, ..., ``average_mAP``; zeros if there
            is no action, with a warning.
        """
        videos = {}
        for result in results:
            videos.setdefault(result['video_id'], result)
        predictions = {k: v['prediction'] for k, v in videos.items()}
        ground_truth = {k: v['ground_truth'] for k, v in videos.items()}
        classes = (self.dataset_meta or {}).get('classes')
        if self.out_file is not None:
            save_predictions(self.out_file, predictions, classes)
            print_log(
                f'detections of {len(videos)} videos are in '
                f'{self.out_file}', 'current')
        result = tad_map(predictions, ground_truth, self.tiou_thresholds)
        if not len(result['labels']):
            print_log(
                f'mAP is 0: none of the {len(videos)} evaluated videos has '
                'an annotated action',
                'current',
                level=logging.WARNING)
        table = format_table(result, self.tiou_thresholds, classes,
                             self.classwise)
        print_log(f'\n{table}', 'current')
        metrics = OrderedDict()
        for threshold, value in zip(self.tiou_thresholds, result['mAP']):
            metrics[f'mAP@{threshold:.2f}'] = float(value)
        metrics['average_mAP'] = result['average_mAP']
        return metrics


def _to_numpy(value: Any) -> np.ndarray:
    """Copy a tensor or array to host memory."""
    if isinstance(value, Tensor):
        value = value.detach().cpu().numpy()
    return np.array(value)
