"""What is known of a data set of a config, and what is wrong with it."""
from dataclasses import dataclass, field
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
from mmengine.config import Config

from dyfadet_mm.datasets import TADDataset
from dyfadet_mm.fileio import brief

DATA_ERRORS = (ImportError, KeyError, OSError, TypeError, ValueError)


class Finding(NamedTuple):
    """One line of the report.

    Attributes:
        severity (str): ``'error'``, ``'warning'`` or ``'note'``.
        data (str): Name of the data set, or of two.
        check (str): What was checked, in a word or two.
        message (str): What is wrong, where, and what to do.
        count (int): Videos, actions or classes concerned.
    """
    severity: str
    data: str
    check: str
    message: str
    count: int = 1


class Video(NamedTuple):
    """One video of the annotation file.

    Attributes:
        info (dict): Start of a pipeline, without actions.
        segments (ndarray): Actions in seconds, none reversed, (N, 2).
        labels (ndarray): Their classes, (N, ).
        num_reversed (int): Actions that end before they start.
    """
    info: dict
    segments: np.ndarray
    labels: np.ndarray
    num_reversed: int = 0


class Magnitude(NamedTuple):
    """How large the features of one video are.

    Attributes:
        value (float): The value x of the largest ``|x|``.
        cell (int): Its cell.
        channel (int): Its channel.
        scale (float): Median ``|x|`` of values that are not 0, NaN if these
            are few.
        constant (bool): Whether all cells are equal.
    """
    value: float
    cell: int
    channel: int
    scale: float
    constant: bool


class Reading(NamedTuple):
    """The features of one video.

    Attributes:
        problem (str): What is wrong with them, empty if nothing.
        text (str): The same as a sentence.
        shape (tuple[int]): (T, C) as read, None where that is unknown.
        digest (bytes): Equal for features that are equal bit for bit.
        num_cells (int): Cells that the model sees.
        segments (ndarray): Actions on that grid, (N, 2).
        labels (ndarray): Their classes, (N, ).
        magnitude (Magnitude): None if the values mean nothing.
    """
    problem: str = ''
    text: str = ''
    shape: Optional[Tuple[int, int]] = None
    digest: bytes = b''
    num_cells: int = 0
    segments: np.ndarray = np.zeros((0, 2))
    labels: np.ndarray = np.zeros(0, int)
    magnitude: Optional[Magnitude] = None


@dataclass
class Survey:
    """One data set: what could be read, and findings about the rest."""
    name: str
    dataset: Optional[TADDataset] = None
    classes: Tuple[str, ...] = ()
    videos: Dict[str, Video] = field(default_factory=dict)
    missing: Dict[str, str] = field(default_factory=dict)  # id: path
    readings: Dict[str, Reading] = field(default_factory=dict)
    findings: List[Finding] = field(default_factory=list)

    def add(self,
            severity: str,
            check: str,
            message: str,
            count: int = 1) -> None:
        """Note a finding about this data set."""
        self.findings.append(
            Finding(severity, self.name, check, message, count))

    @property
    def training(self) -> bool:
        """Whether training sees it."""
        return self.name.startswith('train')

    @property
    def usable(self) -> Dict[str, Reading]:
        """Readings whose length is known, by video id."""
        return {k: r for k, r in self.readings.items() if r.shape}


def text_of(error: Exception) -> str:
    """Message of an error; a KeyError would show its repr."""
    return str(error.args[0] if isinstance(error, KeyError) else error)


def some(names: Sequence[str], most: int = 3) -> str:
    """Quote the first names of a list."""
    shown = ', '.join(map(brief, names[:most]))
    return shown + (', ...' if len(names) > most else '')


def share(count: int, total: int) -> str:
    """A number of things, and their share."""
    return f'{count} of {total} ({100 * count / max(total, 1):.3g} %)'


def inner_configs(cfg: Config) -> List[Config]:
    """Configs of the datasets inside wrappers such as RepeatDataset."""
    if 'datasets' in cfg:
        return [
            found for each in cfg.datasets for found in inner_configs(each)
        ]
    return inner_configs(cfg.dataset) if 'dataset' in cfg else [cfg]


def merge_equal(findings: Sequence[Finding]) -> List[Finding]:
    """Join findings that several data sets share, as of one annotation file.

    Args:
        findings (Sequence[Finding]): In any order.

    Returns:
        list[Finding]: The same, where ``data`` may name several.
    """
    names: Dict[tuple, Dict[str, None]] = {}
    for each in findings:
        key = (each.severity, each.check, each.message, each.count)
        names.setdefault(key, {})[each.data] = None
    return [
        Finding(severity, ', '.join(data), check, message, count)
        for (severity, check, message, count), data in names.items()
    ]
