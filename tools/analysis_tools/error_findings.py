"""What a summary of errors is made of."""
from dataclasses import dataclass
from typing import Any, Dict, Sequence

from dyfadet_mm.fileio import class_name, cut

Result = Dict[str, Any]
# ends of a segment
SIDES = ('start', 'end')


@dataclass
class Finding:
    """One sentence of the summary.

    Args:
        weight (float): About which share of the actions, or of mAP_N, it
            costs; the order of the findings.
        fault (str): Its name.
        sentence (str): What is seen.
        evidence (str): The table that has the numbers.
        advice (str): What one would try.
    """

    weight: float
    fault: str
    sentence: str
    evidence: str
    advice: str


class Evidence:
    """The numbers of a model, in the forms the rules below need.

    Args:
        errors (dict): Of :func:`dyfadet_mm.evaluation.analyze_errors`.
        details (dict): Of :func:`dyfadet_mm.evaluation.detail_errors`.
        classes (Sequence[str]): Names in label order.
    """

    def __init__(self, errors: Result, details: Result,
                 classes: Sequence[str]) -> None:
        self.errors = errors
        self.details = details
        self.classes = classes
        self.num = max(errors['num_actions'], 1)
        found = sum(row['found'] for row in details['classes'])
        #: Share of the actions that any detection finds.
        self.recall = found / self.num
        #: The same at tIoU 0.1.
        self.loose_recall = len(details['boundaries']['length_s']) / self.num

    def name(self, label: int) -> str:
        """Name of a class, in quotes."""
        return f"'{cut(class_name(label, self.classes), 60)}'"


def percent(share: float) -> str:
    """A share as text."""
    return f'{100 * share:.1f} %'
