from typing import Dict, Sequence

from mmengine.logging import print_log

from dyfadet_mm.registry import METRICS
from ..functional import tad_recall
from ..functional.recall import check_ks
from ..table import format_recall_table
from .base_tad_metric import BaseTADMetric


@METRICS.register_module()
class TADRecallMetric(BaseTADMetric):
    """Recall@kx of temporal action detection, as of Ego4D.

    Reports ``tad/Recall@1x@0.10``, ... and, for each k, their mean
    ``tad/average_Recall@1x`` as fractions, and logs a table in percent. See
    :func:`tad_recall` for the definition and :class:`BaseTADMetric` for what
    it reads. It stands beside ``TADMapMetric`` in the list of an evaluator.

    Args:
        ks (Sequence[int]): Detections that count, in multiples of the actions
            of their video and class. Defaults to (1, 5).
        tiou_thresholds (Sequence[float]): Values in (0, 1]. Defaults to
            (0.1, 0.2, 0.3, 0.4, 0.5).
        kwargs: ``collect_device``, ``prefix`` and ``collect_dir`` of
            :class:`BaseTADMetric`.

    Raises:
        ValueError: If a k is not a whole number of at least 1, or a threshold
            is out of range.
    """

    def __init__(self,
                 ks: Sequence[int] = (1, 5),
                 tiou_thresholds: Sequence[float] = (0.1, 0.2, 0.3, 0.4, 0.5),
                 **kwargs) -> None:
        super().__init__(tiou_thresholds, **kwargs)
        check_ks(ks)
        self.ks = tuple(ks)

    def score(self, predictions: Dict[str, dict],
              ground_truth: Dict[str, dict]) -> Dict[str, float]:
        """Compute recall and log the table.

        Args:
            predictions (dict): By video id, as of :func:`tad_map`.
            ground_truth (dict): By video id.

        Returns:
            dict: Fractions ``Recall@1x@0.10``, ...,
            ``average_Recall@1x``, ...; empty if there is no action.
        """
        result = tad_recall(predictions, ground_truth, self.tiou_thresholds,
                            self.ks)
        if not len(result['labels']):
            return {}
        table = format_recall_table(result, self.tiou_thresholds, self.ks)
        print_log(f'\n{table}', 'current')
        metrics = {}
        for k, values, mean in zip(self.ks, result['recall'],
                                   result['average_recall']):
            for threshold, value in zip(self.tiou_thresholds, values):
                metrics[f'Recall@{k}x@{threshold:.2f}'] = float(value)
            metrics[f'average_Recall@{k}x'] = float(mean)
        return metrics
