"""All that is known of the errors of a model, also as JSON."""
import math
from typing import Any, Dict, List, NamedTuple, Sequence

import numpy as np
from error_findings import Finding


class Report(NamedTuple):
    """All that is known of one model.

    Args:
        name (str): Of the model.
        errors (dict): Of :func:`dyfadet_mm.evaluation.analyze_errors`.
        details (dict): Of :func:`dyfadet_mm.evaluation.detail_errors`.
        overview (str): One sentence.
        findings (list[Finding]): The summary.
        num_aside (int): Detections that could not be scored.
    """

    name: str
    errors: Dict[str, Any]
    details: Dict[str, Any]
    overview: str
    findings: List[Finding]
    num_aside: int


def to_json(reports: Sequence[Report], classes: Sequence[str],
            tiou: Sequence[float], detail_tiou: float) -> Dict[str, Any]:
    """All numbers for JSON, which knows neither NaN nor infinity.

    Args:
        reports (Sequence[Report]): Of every model.
        classes (Sequence[str]): Names in label order.
        tiou (Sequence[float]): Thresholds.
        detail_tiou (float): That of the details.

    Returns:
        dict: ``tiou_thresholds``, ``detail_tiou``, ``classes``, and
        ``models``, by their names.
    """
    return plain(
        dict(
            tiou_thresholds=list(tiou),
            detail_tiou=detail_tiou,
            classes=list(classes),
            models={
                report.name:
                dict(
                    overview=report.overview,
                    summary=[vars(each) for each in report.findings],
                    num_unreadable=report.num_aside,
                    **report.errors,
                    **dict(report.details, confusion=_sparse(report)))
                for report in reports
            }))


def _sparse(report: Report) -> Dict[str, Any]:
    """The confusion of classes; thousands of classes have few pairs."""
    labels, counts = report.details['confusion'].values()
    return dict(
        labels=labels,
        cells=[(i, j, counts[i, j]) for i, j in np.argwhere(counts)])


def plain(value: Any) -> Any:
    """Nested lists, dicts with text as keys, and numbers; NaN is None."""
    if isinstance(value, dict):
        return {
            ' x '.join(k) if isinstance(k, tuple) else str(k): plain(v)
            for k, v in value.items()
        }
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value
