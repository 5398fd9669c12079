from collections import OrderedDict
from typing import Dict, Optional, Sequence

from mmengine.logging import print_log

from dyfadet_mm.registry import METRICS
from ..functional import tad_map
from ..table import format_table
from .base_tad_metric import BaseTADMetric


@METRICS.register_module()
class TADMapMetric(BaseTADMetric):
    """Mean average precision of temporal action detection.

    Reports ``tad/mAP@0.30``, ... and their mean ``tad/average_mAP`` as
    fractions, and logs a table in percent. See :class:`BaseTADMetric` for
    what it reads.

    Args:
        tiou_thresholds (Sequence[float]): Values in (0, 1]. Defaults to
            (0.3, 0.4, 0.5, 0.6, 0.7).
        out_file (str, optional): JSON file for the detections, see
            :class:`BaseTADMetric`. Defaults to None, which writes nothing.
        classwise (bool): Whether the table has a row per class.
            Defaults to True.
        raw_ids (bool): Treat detections of a class without any action as the
            published code does, see :func:`tad_map`. Defaults to False.
        kwargs: ``collect_device``, ``prefix`` and ``collect_dir`` of
            :class:`BaseTADMetric`.

    Raises:
        FileExistsError: If ``out_file`` is not ours to replace.
        ValueError: If a threshold is out of range.
    """

    def __init__(self,
                 tiou_thresholds: Sequence[float] = (0.3, 0.4, 0.5, 0.6, 0.7),
                 out_file: Optional[str] = None,
                 classwise: bool = True,
                 raw_ids: bool = False,
                 **kwargs) -> None:
        super().__init__(tiou_thresholds, out_file, **kwargs)
        self.classwise = classwise
        self.raw_ids = raw_ids

    def score(self, predictions: Dict[str, dict],
              ground_truth: Dict[str, dict]) -> Dict[str, float]:
        """Compute mAP and log the table.

        Args:
            predictions (dict): By video id, as of :func:`tad_map`.
            ground_truth (dict): By video id.

        Returns:
            dict: Fractions ``mAP@0.30``, ..., ``average_mAP``; empty if there
            is no action.
        """
        result = tad_map(
            predictions,
            ground_truth,
            self.tiou_thresholds,
            raw_ids=self.raw_ids)
        if not len(result['labels']):
            return {}
        table = format_table(result, self.tiou_thresholds, self.classes,
                             self.classwise)
        print_log(f'\n{table}', 'current')
        metrics = OrderedDict()
        for threshold, value in zip(self.tiou_thresholds, result['mAP']):
            metrics[f'mAP@{threshold:.2f}'] = float(value)
        metrics['average_mAP'] = result['average_mAP']
        return metrics
