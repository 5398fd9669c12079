from typing import Dict, Optional, Sequence

from mmengine.logging import print_log

from dyfadet_mm.registry import METRICS
from ..functional import tad_average_recall
from ..table import format_proposal_table
from .base_tad_metric import BaseTADMetric

#: Average numbers of proposals that are reported, those of ActivityNet.
REPORTED = (1, 5, 10, 100)


@METRICS.register_module()
class TADProposalMetric(BaseTADMetric):
    """AR@AN of temporal action proposals, as of ActivityNet.

    Reports ``tad/AR@1``, ``tad/AR@5``, ``tad/AR@10``, ``tad/AR@100`` and
    ``tad/AUC`` as fractions, and logs a table in percent. Labels are ignored,
    so that detectors and proposal generators are measured alike. See
    :func:`tad_average_recall` for the definition and :class:`BaseTADMetric`
    for what it reads. It stands beside ``TADMapMetric`` in the list of an
    evaluator.

    Args:
        tiou_thresholds (Sequence[float]): Values in (0, 1]. Defaults to
            (0.5, 0.55, ..., 0.95).
        out_file (str, optional): As in :class:`TADMapMetric`. Defaults to
            None.
        kwargs: ``collect_device``, ``prefix`` and ``collect_dir`` of
            :class:`BaseTADMetric`.

    Raises:
        FileExistsError: If ``out_file`` is not ours to replace.
        ValueError: If a threshold is out of range.
    """

    def __init__(self,
                 tiou_thresholds: Sequence[float] = (0.5, 0.55, 0.6, 0.65, 0.7,
                                                     0.75, 0.8, 0.85, 0.9,
                                                     0.95),
                 out_file: Optional[str] = None,
                 **kwargs) -> None:
        super().__init__(tiou_thresholds, out_file, **kwargs)

    def score(self, predictions: Dict[str, dict],
              ground_truth: Dict[str, dict]) -> Dict[str, float]:
        """Compute recall and log the table.

        Args:
            predictions (dict): By video id, as of :func:`tad_map`.
            ground_truth (dict): By video id.

        Returns:
            dict: Fractions ``AR@1``, ..., ``AUC``; empty if there is no
            action.
        """
        result = tad_average_recall(predictions, ground_truth,
                                    self.tiou_thresholds)
        if not result['num_gt']:
            return {}
        table = format_proposal_table(result, self.tiou_thresholds, REPORTED)
        print_log(f'\n{table}', 'current')
        metrics = {
            f'AR@{number}': float(result['average_recall'][number - 1])
            for number in REPORTED
        }
        return dict(metrics, AUC=result['AUC'])
