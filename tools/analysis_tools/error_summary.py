"""What goes wrong, in plain words, and what one would try."""
from typing import List, Sequence

from error_faults import FAULTS
from error_findings import Evidence, Finding, Result, percent
from error_weaknesses import WEAKNESSES

# findings that are worth less than this are left out
MIN_WEIGHT = 0.01


def summarize(errors: Result, details: Result,
              classes: Sequence[str]) -> List[Finding]:
    """Name the faults of a model, the most expensive first.

    Args:
        errors (dict): Of :func:`dyfadet_mm.evaluation.analyze_errors`.
        details (dict): Of :func:`dyfadet_mm.evaluation.detail_errors`.
        classes (Sequence[str]): Names in label order.

    Returns:
        list[Finding]: Those of some weight.
    """
    evidence = Evidence(errors, details, classes)
    found = [
        each for rule in (*FAULTS, *WEAKNESSES) for each in rule(evidence)
    ]
    found = [each for each in found if each.weight >= MIN_WEIGHT]
    return sorted(found, key=lambda each: -each.weight)


def overview(errors: Result, details: Result) -> str:
    """One sentence on how good the detections are.

    Args:
        errors (dict): Of :func:`dyfadet_mm.evaluation.analyze_errors`.
        details (dict): Of :func:`dyfadet_mm.evaluation.detail_errors`.

    Returns:
        str: The sentence.
    """
    num = errors['num_actions']
    found = sum(row['found'] for row in details['classes'])
    return (f'Average mAP_N is {percent(errors["average_mAP_N"])}; '
            f'{errors["num_detections"]} detections find {found} of {num} '
            f'actions ({percent(found / max(num, 1))}).')
